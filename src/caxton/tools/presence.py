"""Which hosts share a file: each holds a lock on another one beside it, which the system takes away when the host ends,
however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Final

_SECONDS: Final = 5.0
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Presence:
    """A host's presence at ``path``, until ``leave``. Where the file system knows no locks nobody is ever alone."""

    def __init__(self, path: Path) -> None:
        self._handle: int | None = None
        with contextlib.suppress(OSError):
            self._handle = os.open(path.with_name(f"{path.name}-hosts"), _FLAGS, 0o600)

    def is_alone(self) -> bool:
        """Whether no other host is there. None comes then before ``join``."""
        return self._locked(fcntl.LOCK_EX)

    def join(self) -> None:
        """Is seen by others from now on. Waits for one that is alone and has not joined yet, for some seconds; then it
        goes on without being seen."""
        until = time.monotonic() + _SECONDS
        while not self._locked(fcntl.LOCK_SH) and self._handle is not None and time.monotonic() < until:
            time.sleep(0.01)

    def _locked(self, kind: int) -> bool:
        if self._handle is None:
            return False
        try:
            fcntl.flock(self._handle, kind | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def leave(self) -> None:
        """Is seen no more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
