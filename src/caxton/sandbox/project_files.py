"""Reading a file that a module names: only inside the project, never through a link, and at most so much of it.

What names the file (debug information, a source map) was written by whoever made the module, and may name anything.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

PROJECT_FILE: Final = "agent.toml"
"""What a project's folder has."""

_MOST_LEVELS: Final = 4
_MAX_PATH: Final = 1024
_FOLDER: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class NotReadable(Exception):
    """The file is not read; the message says why, without its name. ``missing``: it is not there."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


class Project:
    """The folder that a module belongs to: the nearest one above it with an ``agent.toml``, or else its own.

    ``root``: that folder; ``place``: where the module's own folder lies below it, as parts of a path.
    """

    def __init__(self, module: str | os.PathLike[str]) -> None:
        folder = Path(os.path.abspath(os.fspath(module))).parent
        self.root = next((one for one in (folder, *list(folder.parents)[:_MOST_LEVELS]) if _is_project(one)), folder)
        self.place = folder.relative_to(self.root).parts

    def inside(self, name: str, base: tuple[str, ...] | None = None) -> tuple[str, ...] | None:
        """Where a file of that name lies below the root; None where that is outside, or no path at all.

        A relative name counts from ``base``, by default from the module's folder. Nothing is looked up for it.
        """
        if not name or len(name) > _MAX_PATH or "\0" in name or "\\" in name or _has_scheme(name):
            return None
        if name.startswith("/"):
            parts: list[str] = []
            found = _below(os.path.normpath(name), (self.root, Path(os.path.realpath(self.root))))
            if found is None:
                return None
            steps = found
        else:
            parts = list(self.place if base is None else base)
            steps = tuple(name.split("/"))
        for step in steps:
            if step == "..":
                if not parts:
                    return None
                parts.pop()
            elif step not in ("", "."):
                parts.append(step)
        return tuple(parts) or None

    def read(self, parts: tuple[str, ...], most: int) -> bytes:
        """The content of a file below the root.

        Raises:
            NotReadable: it is not there, is no plain file, is or lies behind a link, or has more than ``most`` bytes.
        """
        try:
            return self._read(parts, most)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise NotReadable(why, missing=isinstance(error, FileNotFoundError)) from None

    def _read(self, parts: tuple[str, ...], most: int) -> bytes:
        with contextlib.ExitStack() as stack:
            folder = _open(self.root, _FOLDER & ~os.O_NOFOLLOW, None, stack)  # where the user has it
            for part in parts[:-1]:
                folder = _open(part, _FOLDER, folder, stack)
            file = _open(parts[-1], _FILE, folder, stack)
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise NotReadable("no plain file")
            if found.st_size > most:
                raise NotReadable(f"more than {most:,} bytes")
            return _content(file, most)


def _open(name: str | Path, flags: int, folder: int | None, stack: contextlib.ExitStack) -> int:
    found = os.open(name, flags, dir_fd=folder)
    stack.callback(os.close, found)
    return found


def _content(file: int, most: int) -> bytes:
    chunks, left = [], most
    while left > 0 and (chunk := os.read(file, min(left, 1 << 20))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _below(name: str, roots: tuple[Path, ...]) -> tuple[str, ...] | None:
    return next((Path(name).relative_to(root).parts for root in roots if Path(name).is_relative_to(root)), None)


def _is_project(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISREG(os.lstat(folder / PROJECT_FILE).st_mode)
    return False


def _has_scheme(name: str) -> bool:
    """Whether a name is a URL (``file:``, ``https:``, ``data:``), and no path."""
    scheme, colon, _ = name.partition(":")
    return bool(colon) and "/" not in scheme
