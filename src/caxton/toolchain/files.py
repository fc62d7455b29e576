"""Files of a project: found within bounds, written whole, with the modes that a new file gets."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caxton.errors import HostError
from caxton.text import safe_name
from caxton.toolchain.errors import failed

MOST: Final = 20_000
"""Files and folders that are looked at when sources are sought."""


OUTPUT_SIZE: Final = 512 << 20
"""Bytes that a compiler's module may have. Whether an agent may be so large is for the host's limits to say."""

_MAGIC: Final = b"\0asm"

MAP_SIZE: Final = 64 << 20
"""Bytes that a source map may have."""


def beside(place: Path) -> Path:
    """A name that nothing has, in the folder of ``place``: to write to before it is moved there."""
    return place.with_name(f".caxton-{secrets.token_hex(8)}")


def write(place: Path, data: bytes, *, executable: bool = False) -> None:
    """Writes a new file.

    Raises:
        OSError: it cannot be written, or is there already.
    """
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777 if executable else 0o666)
    with open(descriptor, "wb") as file:
        file.write(data)


def write_whole(place: Path, data: bytes) -> None:
    """Writes a file, in the place of an older one: complete or not at all. A link there is replaced, not followed.

    Raises:
        HostError: ``storage.failed``.
    """
    aside = beside(place)
    try:
        try:
            write(aside, data)
            os.replace(aside, place)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise HostError("storage.failed", f"{safe_name(str(place))} cannot be written: {why}") from None


def find(folder: Path, suffixes: tuple[str, ...], skipped: frozenset[str] = frozenset()) -> list[Path]:
    """The files below a folder whose names end so, sorted. Hidden ones are left out, and links to folders not followed.

    Args:
        skipped: names of folders that are not looked into.

    Raises:
        HostError: ``config.invalid``, there are too many files.
    """
    found = []
    for path in _walk(folder, skipped):
        if path.name.endswith(suffixes) and path.is_file():
            found.append(path)
    return sorted(found)


def _walk(folder: Path, skipped: frozenset[str]) -> Iterator[Path]:
    seen = 0
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in skipped)
        seen += len(folders) + len(files)
        if seen > MOST:
            raise HostError("config.invalid", f"{safe_name(str(folder))} has more than {MOST:,} files")
        for name in files:
            if not name.startswith("."):
                yield Path(root, name)


def read_output(path: Path, what: str) -> bytes:
    """The module that ``what`` (a toolchain) has left at a path.

    Raises:
        ToolchainError: ``toolchain.failed``, it has left none, or one of more than 512 MiB.
    """
    data = read_bounded(path, OUTPUT_SIZE, what)
    if not data.startswith(_MAGIC):
        raise failed(what, "has written something that is no WebAssembly")
    return data


def read_bounded(path: Path, most: int, what: str) -> bytes:
    """A file that ``what`` has left.

    Raises:
        ToolchainError: ``toolchain.failed``, there is none, or one of more than ``most`` bytes.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except OSError:
        raise failed(what, "has written no file") from None
    if len(data) > most:
        raise failed(what, f"has written more than {most >> 20} MiB")
    return data
