"""Runs a page's examples, in order, in one directory.

- A block with ``file=NAME`` is written there. WAT must then be a module that a host takes.
- A ``python`` block with a name is for a command to run. Of the others one that calls ``asyncio.run`` is a program; any
  other is a piece of a coroutine in which ``host`` runs, and shares its names with the pieces before it.
- A comment behind ``print(...)`` is what it prints: several lines are joined by a comma and a space.
- In a ``console`` block a line after ``$`` is a command, which must end with status 0; the lines below are what a
  terminal then shows. ``...`` stands for a part of a line, and a line ``...`` for any number of lines.
- A ``json`` block must be JSON, a ``toml`` block TOML.

Blocks of other languages are not run.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import CodeType
from typing import Any, Final

import caxton
from tests.docs.pages import Block, Page

COMMAND_SECONDS: Final = 300
COMPILED: Final = frozenset({"c", "cpp", "zig", "rust", "go", "typescript", "javascript"})
_PRINTED: Final = re.compile(r"\bprint\(.*\)\s+# (.*)$")


class Printer:
    """Stands in for ``print`` and remembers which line of a block has printed what."""

    def __init__(self, block: Block) -> None:
        self._expected = {
            number: match[1]
            for number, line in enumerate(block.text.splitlines(), 1)
            if (match := _PRINTED.search(line))
        }
        self._printed: dict[int, list[str]] = {}

    def __call__(self, *values: object) -> None:
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        self._printed.setdefault(frame.f_back.f_lineno, []).append(" ".join(map(str, values)))

    def check(self, where: str) -> None:
        """Compares what was printed with what the comments say."""
        printed = {number: ", ".join(lines) for number, lines in self._printed.items()}
        assert printed == self._expected, f"{where}: printed {printed}, not {self._expected} (by line of the block)"


def _is_program(block: Block) -> bool:
    return "asyncio.run(" in block.text


def _compiled(block: Block, where: str) -> CodeType:
    flags = 0 if _is_program(block) else ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(block.text, where, "exec", flags=flags)
    return code


def _run_program(block: Block, where: str) -> None:
    printer = Printer(block)
    exec(_compiled(block, where), {"__name__": "__main__", "print": printer})  # noqa: S102 - our own pages
    printer.check(where)


async def _run_pieces(pieces: list[tuple[Block, str]]) -> None:
    names: dict[str, Any] = {"asyncio": asyncio, "caxton": caxton}
    async with caxton.Host() as host:
        names["host"] = host
        for block, where in pieces:
            printer = Printer(block)
            names["print"] = printer
            outcome = eval(_compiled(block, where), names)  # noqa: S307 - our own pages
            if isinstance(outcome, Coroutine):
                await outcome
            printer.check(where)


async def _spawn(path: Path) -> None:
    async with caxton.Host() as host:
        await host.spawn("page", path)


def _run_console(block: Block, where: str, environment: dict[str, str]) -> None:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        status, shown = _on_terminal(command, environment)
        pattern = re.escape(expected).replace(re.escape("...\n"), "(.*\n)*").replace(re.escape("..."), ".*")
        assert status == 0, f"{where}: $ {command}\nexit status {status}\n{shown}"
        assert re.fullmatch(pattern, shown), f"{where}: $ {command}\n{shown}"


def _on_terminal(command: str, environment: dict[str, str]) -> tuple[int, str]:
    """Runs a command and answers its exit status and what a person would see."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        timer = threading.Timer(COMMAND_SECONDS, process.kill)
        timer.start()
        try:
            shown = b"".join(_chunks(ours))
            # Tables are padded with blanks, which no page can show.
            return process.wait(), re.sub(r" *\r\n", "\n", shown.decode("utf-8", "replace"))
        finally:
            timer.cancel()
            os.close(ours)


def _chunks(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # EIO: nobody writes to it any more
        while chunk := os.read(terminal, 65_536):
            yield chunk


def _environment() -> dict[str, str]:
    """That of this process, with its own interpreter and its scripts found first."""
    scripts = str(Path(sys.executable).parent)
    path = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    return os.environ | {"PATH": path, "TERM": "dumb", "NO_COLOR": "1"}


def run(page: Page) -> None:
    """Runs every example of a page; the current directory is where its files go."""
    environment = _environment()
    pieces: list[tuple[Block, str]] = []
    for block in page.blocks:
        where = f"{page.name}:{block.line}"
        if "file" in block.options:
            Path(block.options["file"]).parent.mkdir(parents=True, exist_ok=True)
            Path(block.options["file"]).write_text(block.text)
        if block.language == "wat":
            asyncio.run(_spawn(Path(block.options["file"])))
        elif block.language == "console":
            _run_console(block, where, environment)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "python" and "file" in block.options:
            compile(block.text, where, "exec")
        elif block.language == "python" and _is_program(block):
            _run_program(block, where)
        elif block.language == "python":
            pieces.append((block, where))
    if pieces:
        asyncio.run(_run_pieces(pieces))


def sources_without_a_build(page: Page) -> list[str]:
    """Named sources of compiled languages that no command of the page compiles: by their name, or as a project's."""
    lines = [line for block in page.blocks if block.language == "console" for line in block.text.splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("$ ")]
    built = {word for words in commands for word in words}
    projects = {words[2] for words in commands if words[:2] == ["caxton", "build"]}
    named = [block.options["file"] for block in page.blocks if block.language in COMPILED and "file" in block.options]
    return [name for name in named if name not in built and not projects & {str(one) for one in Path(name).parents}]
