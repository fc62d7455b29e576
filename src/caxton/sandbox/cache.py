"""Compiled modules on disk, in the user's cache directory.

An entry is native code: whoever can write one decides what this process runs. So the directory must belong to the user
and be closed to others, an entry carries an authentication code made with a key of the user's that is kept elsewhere,
and it is deserialised from the very bytes that were checked. Whatever is wrong with an entry, it counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final

_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 32
_MAX_ENTRY: Final = 1 << 30
_MAX_TOTAL: Final = 2 << 30
_log = logging.getLogger("caxton.sandbox")


def cache_directory() -> Path:
    """``$XDG_CACHE_HOME/caxton``, or ``~/.cache/caxton`` (XDG base directories; relative paths are ignored there)."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "caxton"


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    if os.path.isabs(value):
        return Path(value)
    try:
        return Path("~").expanduser() / default
    except RuntimeError:  # a user without a home, as containers have them
        raise OSError(f"there is no home directory, and {variable} names no other") from None


def _private_directory(path: Path) -> Path:
    """Makes ``path`` (mode 0700), or checks that it is the user's own and closed to others.

    Raises:
        OSError: it is not, or cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(f"{path} is not a directory")
    if found.st_uid != os.geteuid():
        raise OSError(f"{path} belongs to another user")
    if found.st_mode & 0o077:
        raise OSError(f"{path} is open to other users: chmod 700 it")
    return path


def _read_private(path: Path, limit: int) -> bytes:
    """The content of a regular file of the user's own that nobody else can write; no link is followed.

    Raises:
        OSError: it is not there, is something else, or holds more than ``limit`` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise OSError(f"{path} is not a file that only its owner can write")
        if found.st_size > limit:
            raise OSError(f"{path} is too large")
        # After the look at it: what cannot be opened so (a directory) would be named by the descriptor's number.
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(found.st_size)  # not `limit`, which is allocated at once
    finally:
        os.close(descriptor)


def _write_atomically(path: Path, *parts: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with open(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _load_key() -> bytes:
    path = _private_directory(_xdg("XDG_STATE_HOME", ".local/state") / "caxton") / "cache.key"
    try:
        key = _read_private(path, _KEY_BYTES)
    except FileNotFoundError:
        # Two first runs at once: whichever file is linked first is the key of both.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        os.unlink(name)
        key = _read_private(path, _KEY_BYTES)
    if len(key) != _KEY_BYTES:
        raise OSError(f"{path} is damaged: remove it")
    return key


class ModuleCache:
    """Named, authenticated entries. Every method is safe to call from any thread, and never raises for I/O."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory: Path | None = None
        self._key = b""
        try:
            self._key = _load_key()
            self._directory = _private_directory(_private_directory(directory or cache_directory()) / "modules")
        except OSError as error:
            _log.warning("compiled modules are not kept: %s", error)

    def _path(self, name: str) -> Path | None:
        if self._directory is None:
            return None
        return self._directory / hashlib.sha256(name.encode()).hexdigest()

    def _tag(self, name: str, content: bytes | memoryview) -> bytes:
        mac = hmac.new(self._key, hashlib.sha256(name.encode()).digest(), "sha256")
        mac.update(content)
        return mac.digest()

    def get(self, name: str) -> memoryview | None:
        """The entry's content, if there is an authentic one."""
        path = self._path(name)
        if path is None:
            return None
        try:
            entry = memoryview(_read_private(path, _MAX_ENTRY))
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("a cached module is not used: %s", error)
            return None
        if len(entry) < _TAG_BYTES or not hmac.compare_digest(entry[:_TAG_BYTES], self._tag(name, entry[_TAG_BYTES:])):
            _log.warning("a cached module is not authentic, and is made anew: %s", path)
            self.remove(name)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return entry[_TAG_BYTES:]

    def put(self, name: str, content: bytes) -> None:
        """Keeps ``content`` under ``name``; what was used longest ago makes room."""
        path = self._path(name)
        if path is None or len(content) > _MAX_ENTRY - _TAG_BYTES:
            return
        try:
            _write_atomically(path, self._tag(name, content), content)
            self._prune(path.parent)
        except OSError as error:
            _log.warning("a compiled module is not kept: %s", error)

    def remove(self, name: str) -> None:
        """Forgets an entry, if it is there."""
        path = self._path(name)
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()

    @staticmethod
    def _prune(directory: Path) -> None:
        entries = []
        for entry in os.scandir(directory):
            with contextlib.suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                entries.append((found.st_mtime, found.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= _MAX_TOTAL:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size
