"""Reading a module's file: whatever the path names, it takes bounded time and memory."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Callable
from typing import Final

from caxton.errors import LimitError, ModuleError
from caxton.text import safe_name

MODULE_SIZE: Final = 64 << 20

WAIT: Final = 10.0
"""Seconds that a pipe or a terminal may take to deliver a module."""

_CHUNK: Final = 1 << 20
_LOOK_MS: Final = 100


def _never() -> bool:
    return False


def read_module(
    path: str | os.PathLike[str], limit: int = MODULE_SIZE, *, stopped: Callable[[], bool] = _never
) -> bytes:
    """A module's file. A pipe is read to its end; one that nobody writes to is empty.

    ``stopped`` says, on another thread's behalf, that nobody waits for a slow pipe any more.

    Raises:
        ModuleError: ``module.not-found``; ``module.too-large`` for more than ``limit`` bytes.
        LimitError: ``limit.host``, this process may open no more files.
    """
    try:
        # A pipe without a writer would block for ever here, and no signal ends a thread that does.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            found = os.fstat(descriptor)
            size = found.st_size if stat.S_ISREG(found.st_mode) else 0
            data = b"" if size > limit else _read(descriptor, limit + 1, stopped)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        why = f"{safe_name(str(path))}: {getattr(error, 'strerror', None) or error}"
        if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
            raise LimitError("limit.host", why) from None
        raise ModuleError("module.not-found", why) from None
    _check(max(size, len(data)), limit)
    return data


def _read(descriptor: int, most: int, stopped: Callable[[], bool]) -> bytes:
    """At most ``most`` bytes, fewer where the file ends before."""
    until = time.monotonic() + WAIT
    chunks: list[bytes] = []
    while most > 0:
        try:
            chunk = os.read(descriptor, min(most, _CHUNK))
        except BlockingIOError:
            _wait(descriptor, until, stopped)
            continue
        if not chunk:
            break
        chunks.append(chunk)
        most -= len(chunk)
    return b"".join(chunks)


def _wait(descriptor: int, until: float, stopped: Callable[[], bool]) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not poll.poll(_LOOK_MS):
        if stopped() or time.monotonic() > until:
            raise TimeoutError(errno.ETIMEDOUT, f"it was not delivered within {WAIT:g} s")


def check_size(data: bytes, limit: int = MODULE_SIZE) -> None:
    """Refuses what is larger than ``limit``.

    Raises:
        ModuleError: ``module.too-large``.
    """
    _check(len(data), limit)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise ModuleError("module.too-large", f"the module has more than {limit} bytes")
