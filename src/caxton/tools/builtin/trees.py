"""A directory that nothing leaves.

A path is walked one name at a time, each relative to the open directory before it, and no symbolic link is followed:
there is no moment between checking a path and using it. Nothing but directories and regular files is touched.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

from caxton.errors import LimitError, ToolError
from caxton.text import quoted, safe_name

MAX_ENTRIES: Final = 10_000
"""Files and directories that a tree may have."""

MAX_DEPTH: Final = 32
MAX_NAME: Final = 255
LISTED: Final = 1000
"""Entries that one listing has at most."""

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OURS: Final = b".caxton-"
"""How names begin of files that are being written."""

Path = tuple[bytes, ...]


class Usage(NamedTuple):
    """What a tree holds: bytes of its files, and entries of any kind."""

    size: int
    entries: int


def split(path: str) -> Path:
    """The names of a path; none for the tree's own directory. ``.`` and empty names count for nothing.

    Raises:
        ToolError: ``grant.denied``, it is absolute or goes up; ``tool.bad-arguments``, it is no path.
    """
    if path.startswith("/") or ".." in path.split("/"):
        raise ToolError("grant.denied", f"{quoted(path)} leaves the agent's directory")
    # Control and invisible characters, and lone surrogates, which stand for bytes that are no text.
    if not path.isprintable() or "\\" in path:
        raise ToolError("tool.bad-arguments", "path: a control character or a backslash")
    names = tuple(name.encode("utf-8") for name in path.split("/") if name not in ("", "."))
    if len(names) > MAX_DEPTH or any(len(name) > MAX_NAME for name in names):
        raise ToolError(
            "tool.bad-arguments", f"path: more than {MAX_DEPTH} names, or one of more than {MAX_NAME} bytes"
        )
    if any(name.startswith(_OURS) for name in names):
        raise ToolError("tool.bad-arguments", f"path: names beginning {_OURS.decode()} are the host's")
    return names


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns the operating system's errors into the contract's.

    Raises:
        ToolError: ``tool.failed``; ``grant.denied`` where a symbolic link stands.
        LimitError: ``limit.budget``, the file system is full.
    """
    shown = safe_name(b"/".join(path).decode("utf-8", "replace") or ".")
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ToolError("grant.denied", f"{shown}: a symbolic link") from None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LimitError("limit.budget", f"{shown}: the file system is full") from None
        raise ToolError("tool.failed", f"{shown}: {os.strerror(error.errno or 0)}") from None


@contextmanager
def directory(root: int, path: Path, *, create: bool = False) -> Iterator[int]:
    """The open directory at ``path`` below the open directory ``root``; with ``create`` what is not there is made.

    Raises:
        OSError: it cannot be opened; ``ELOOP`` where a symbolic link is in the way.
    """
    here = os.dup(root)
    try:
        for name in path:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=here)
            _refuse_links(name, here)
            below = os.open(name, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _refuse_links(name: bytes, where: int) -> os.stat_result:
    """What is there. Only for the better word: the open that follows refuses links by itself."""
    found = os.stat(name, dir_fd=where, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return found


def open_file(where: int, name: bytes, flags: int) -> int:
    """Opens a regular file.

    Raises:
        OSError: it cannot be opened.
        ToolError: ``grant.denied``, it is a device, a pipe or a socket.
    """
    # Looked at first, since opening a device may already do something; and again, since it may be another by now.
    _require_regular(_refuse_links(name, where))
    found = os.open(name, flags | _FILE, dir_fd=where)
    try:
        _require_regular(os.fstat(found))
    except BaseException:
        os.close(found)
        raise
    return found


def size(where: int, name: bytes) -> int:
    """Bytes of a regular file.

    Raises:
        OSError: there is none of that name.
        ToolError: ``grant.denied``, as from ``open_file``.
    """
    found = _refuse_links(name, where)
    _require_regular(found)
    return found.st_size


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise ToolError("grant.denied", "neither a file nor a directory")


def usage(root: int) -> Usage:
    """Counts a tree.

    Raises:
        LimitError: ``limit.budget``, it has more than ``MAX_ENTRIES`` entries, or is deeper than any path may be.
    """
    size, entries = 0, 0
    waiting: list[Path] = [()]
    while waiting:
        path = waiting.pop()
        with directory(root, path) as here, os.scandir(here) as found:
            for entry in found:
                entries += 1
                if entries > MAX_ENTRIES or len(path) > MAX_DEPTH:
                    raise LimitError(
                        "limit.budget", f"the directory has more than {MAX_ENTRIES} entries, or is too deep"
                    )
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(about.st_mode):
                    waiting.append((*path, os.fsencode(entry.name)))
                elif stat.S_ISREG(about.st_mode):
                    size += about.st_size
    return Usage(size, entries)


def listing(where: int) -> tuple[list[dict[str, Any]], bool]:
    """What is in a directory, by name, and whether there is more than is told."""
    found: list[dict[str, Any]] = []
    with os.scandir(where) as entries:
        for entry in entries:
            if len(found) > MAX_ENTRIES:
                break
            raw = os.fsencode(entry.name)
            if not raw.startswith(_OURS):
                about = entry.stat(follow_symlinks=False)
                found.append(
                    {"name": raw.decode("utf-8", "replace"), "type": _type(about.st_mode), "size": about.st_size}
                )
    found.sort(key=lambda one: str(one["name"]))
    return found[:LISTED], len(found) > LISTED


def _type(mode: int) -> str:
    return "file" if stat.S_ISREG(mode) else "directory" if stat.S_ISDIR(mode) else "other"


def replace(where: int, name: bytes, data: bytes) -> None:
    """Writes a file whole: whoever reads it sees all of the old one or all of the new one."""
    temporary = _OURS + secrets.token_hex(8).encode("ascii")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=where)
    try:
        try:
            write_all(file, data)
        finally:
            os.close(file)
        os.rename(temporary, name, src_dir_fd=where, dst_dir_fd=where)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=where)
        raise


def write_all(file: int, data: bytes) -> None:
    """Writes all of ``data``: one call may take a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
