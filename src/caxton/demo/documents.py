"""The text that the demo works on: the user's files, or the project's own documents.

A file is hostile too: it may hold any bytes, have no end, or be no file. So only regular files are read, and no more
than ``MOST_BYTES`` of them all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.demo.errors import DemoError
from caxton.text import safe_name

MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes that the demo reads in all; what lies beyond is left out, and the result says so."""

MOST_DOCUMENTS: Final = 1000
"""Files that may be named."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_CHECKOUT: Final = _PACKAGE.parents[1]
_TEXT_SUFFIXES: Final = frozenset({".md", ".rst", ".txt"})
_SOURCE_SUFFIXES: Final = frozenset({".py", ".c", ".h", ".zig", ".wat", ".wit"})


@dataclass(frozen=True, slots=True)
class Document:
    """One text: how it is called, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Library:
    """All texts of one run; ``left_out`` counts the bytes known to lie beyond ``MOST_BYTES``: not read."""

    documents: tuple[Document, ...]
    left_out: int

    @property
    def size(self) -> int:
        """Bytes of all documents."""
        return sum(len(document.data) for document in self.documents)


def read_library(files: Sequence[str | os.PathLike[str]] = ()) -> Library:
    """Reads ``files``, or, when there are none, the project's own documents.

    Raises:
        DemoError: a file is missing, cannot be read, or is not a regular file; or there are more than
            ``MOST_DOCUMENTS``.
    """
    named = [Path(file) for file in files] or own_documents()
    if len(named) > MOST_DOCUMENTS:
        raise DemoError(f"{len(named)} files are too many: the demo takes at most {MOST_DOCUMENTS}")
    documents: list[Document] = []
    room, left_out = MOST_BYTES, 0
    for path in named:
        data, size = _read(path, room)
        room -= len(data)
        left_out += max(size - len(data), 0)
        if data or not size:
            documents.append(Document(_display_name(path), data))
    return Library(tuple(documents), left_out)


def own_documents() -> list[Path]:
    """README, changelog and docs/ of the checkout that this package lies in; without one, the package's own sources."""
    if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "README.md").is_file():
        top = [path for path in _files_in(_CHECKOUT.glob("*")) if path.suffix in _TEXT_SUFFIXES]
        return top + [path for path in _files_in((_CHECKOUT / "docs").rglob("*")) if path.suffix in _TEXT_SUFFIXES]
    sources = [path for path in _files_in(_PACKAGE.rglob("*")) if path.suffix in _SOURCE_SUFFIXES]
    return sources[:MOST_DOCUMENTS]


def _files_in(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file())


def _display_name(path: Path) -> str:
    for base in (Path.cwd(), _CHECKOUT, _PACKAGE.parent):
        if path.is_absolute() and path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


def _read(path: Path, room: int) -> tuple[bytes, int]:
    """At most ``room`` bytes of the file, and how many it says it has."""
    try:
        # Without blocking: a named pipe would keep us waiting for its writer before we could see what it is.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise DemoError(f"{safe_name(str(path))} is not a regular file")
            data = file.read(room)
    except OSError as error:
        raise DemoError(f"cannot read {safe_name(str(path))}: {error.strerror or error}") from None
    except ValueError as error:  # a name with a NUL in it
        raise DemoError(f"cannot read {safe_name(str(path))}: {error}") from None
    return data, max(found.st_size, len(data))
