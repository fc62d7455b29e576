"""Reading a configuration file: whatever the path names, it takes bounded time and memory."""

from __future__ import annotations

import ast
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from caxton.config.locate import Lines, Refused, locate
from caxton.config.problems import Problems, key_text

SIZE_LIMIT: Final = 1 << 20
"""Bytes that a configuration file may have."""

_CHUNK: Final = 1 << 16
_KEY: Final = re.compile(r"\((?=['\"]).*\)", re.DOTALL)
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """A file that has been read: its values, and on which line each stands."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: Lines = field(default_factory=lambda: Lines({}))


class _NoFile(Exception):
    """The file cannot be a configuration; the message says why."""


def read(path: Path, problems: Problems) -> Document | None:
    """The file's values; None where there are none, and a problem that says why."""
    try:
        data = _bytes(path)
    except (OSError, ValueError, _NoFile) as error:
        problems.add(None, "", getattr(error, "strerror", None) or str(error))
        return None
    return parse(data, problems)


def _bytes(path: Path) -> bytes:
    # A pipe without a writer would block for ever here: not waiting costs a regular file nothing.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise _NoFile("it is a directory")
        if not stat.S_ISREG(found.st_mode):
            raise _NoFile("it is not a regular file")
        data = b""
        while len(data) <= SIZE_LIMIT:
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                return data
            data += chunk
        raise _NoFile(f"it has more than {SIZE_LIMIT >> 20} MiB")
    finally:
        os.close(descriptor)


def parse(data: bytes, problems: Problems) -> Document | None:
    """The values of a file's bytes; None where they are no TOML, and a problem that says where."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.add(data.count(b"\n", 0, error.start) + 1, "", "not UTF-8")
        return None
    if text.startswith("\ufeff"):
        problems.add(1, "", "begins with a byte order mark; save it as UTF-8 without one")
        return None
    try:
        lines = locate(text)
        return Document(tomllib.loads(text), lines)
    except Refused as error:
        problems.add(error.line, "", str(error))
    except RecursionError:
        problems.add(None, "", "nested too deeply")
    except ValueError as error:  # tomllib's own
        problems.add(*_mistake(str(error), text))
    return None


def _mistake(message: str, text: str) -> tuple[int | None, str, str]:
    """The line and the words of an error of Python's reader."""
    place = _PLACE.search(message)
    if place is None:
        return None, "", f"not TOML: {message}"
    line = int(place[1]) if place[1] else text.count("\n") + (not text.endswith("\n"))
    words = _KEY.sub(lambda match: _named(match[0]), message[: place.start()])
    return max(line, 1), "", f"not TOML: {words[:1].lower()}{words[1:]}"


def _named(key: str) -> str:
    """A key that the reader has shown as Python would."""
    try:
        return key_text(ast.literal_eval(key))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return "a key"
