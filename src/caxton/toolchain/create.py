"""``caxton new``: a project from a language's template, with the SDK's files copied into it."""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caxton.errors import HostError
from caxton.messages import agent_name
from caxton.text import safe_name
from caxton.toolchain import files
from caxton.toolchain.language import Language
from caxton.toolchain.places import sdk_folder

PLACEHOLDER: Final = re.compile(r"\{\{(name|identifier)\}\}")
_NOT_COPIED: Final = frozenset({"__pycache__", "node_modules", "target", ".git"})
_IGNORED: Final = "/{name}.wasm\n/{name}.wasm.map\nnode_modules/\n__pycache__/\n/target/\n"
"""What of a project is made, and for git to leave out."""

_NO_IDENTIFIER: Final = re.compile(r"[^a-z0-9_]")


def create_project(
    found: Language, folder: Path, *, template: str = "template", sdk: Path | None = None, name: str | None = None
) -> Path:
    """Makes a project in a folder that is not there yet, or is empty; all of it, or nothing. Answers the folder.

    Args:
        folder: the project's; its last part is the agent's name, if ``name`` is none.
        template: which folder of ``sdk/LANG`` it is made from: ``template``, or ``conformance``.
        sdk: the folder of all SDKs, if not the one that comes with Caxton.

    Raises:
        AgentError: ``agent.bad-name``, the name can be no agent's.
        HostError: ``config.invalid``, there is something in the folder already; ``storage.failed``, it cannot be made.
        ToolchainError: ``toolchain.missing``, the language's SDK is not there.
    """
    called = agent_name(folder.name if name is None else name)
    _check_free(folder)
    sdks = sdk_folder() if sdk is None else sdk
    source = sdks / found.name / template
    if not source.is_dir():
        raise HostError("config.invalid", f"there is no {template} for {found.title} in this installation")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = files.beside(folder)
        aside.mkdir()
        try:
            _fill(aside, source, found, sdks, called)
            aside.rename(folder)  # onto an empty folder as well (rename(2))
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise HostError("storage.failed", f"{safe_name(str(folder))} cannot be made: {why}") from None
    return folder


def identifier(name: str) -> str:
    """An agent's name as an identifier of most languages: what has no place in one becomes ``_``."""
    found = _NO_IDENTIFIER.sub("_", name)
    return found if found[0].isalpha() else f"agent_{found}"


def _check_free(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise HostError("config.invalid", f"{safe_name(str(folder))} is there already, and is no folder")
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise HostError("config.invalid", f"{safe_name(str(folder))} is there already, and is not empty")


def _fill(aside: Path, source: Path, found: Language, sdks: Path, name: str) -> None:
    files.write(aside / ".gitignore", _IGNORED.format(name=name).encode())
    for path, place in _files(source):
        _write(path, aside / _named(place, name), name)
    for place, path in found.sdk_files(sdks).items():
        if path.is_dir():
            for inner, below in _files(path):
                _write(inner, aside / place / below)
        else:
            _write(path, aside / place)


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files below a folder, and their places in it, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and not _NOT_COPIED & set(place.parts) and path.suffix not in (".pyc", ".wasm"):
            yield path, str(place)


def _named(text: str, name: str) -> str:
    return PLACEHOLDER.sub(lambda match: name if match[1] == "name" else identifier(name), text)


def _write(source: Path, place: Path, name: str | None = None) -> None:
    """Copies a file; with a name, its placeholders become it. Executable files stay so; no other mode is kept."""
    data = source.read_bytes()
    if name is not None:
        with contextlib.suppress(UnicodeDecodeError):
            data = _named(data.decode("utf-8"), name).encode()
    place.parent.mkdir(parents=True, exist_ok=True)
    files.write(place, data, executable=bool(source.stat().st_mode & stat.S_IXUSR))
