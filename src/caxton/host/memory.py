"""The memory that all agents of a host share."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Final

from caxton.errors import LimitError

SHARE: Final = 0.75
"""The part of the machine's memory, or of the cgroup's, that agents may have in sum."""

_PAGE: Final = 65_536
_LOOK_EVERY: Final = 0.1
_STATM: Final = "/proc/self/statm"


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its cgroup's where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(path).read_text()))
    return total


def resident() -> int:
    """Bytes of memory that this process has, where the system tells."""
    with contextlib.suppress(OSError, ValueError), open(_STATM, "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


class MemoryBudget:
    """How much memory the agents have in sum, and may have.

    The sum of their linear memories, and of the results that their turns have not read yet, is kept exactly, and held
    to ``limit``. Since a host is more than those (messages, state, pages that only a large message touches), the
    process's resident memory is looked at too, now and then: it
    may reach the machine's share, or ``limit`` where that is more.

    A guest that begins to run takes a share of what is left, by which it may grow until it stops: so the limit holds,
    with ``runners`` guests running at once. While memory is not ``scarce`` a guest on the event loop takes none: those
    on the workers leave it what it may grow by.
    """

    def __init__(self, limit: int | None, runners: int) -> None:
        share = int(machine_memory() * SHARE)
        self.limit = limit if limit is not None else share
        self._resident_limit = max(self.limit, share)
        self.used = 0
        self.scarce = False
        self._shares = 0
        self._kept = 0
        self._loop_may_grow_until = 0.0
        self._largest = 0
        self._runners = runners
        self._looked = 0.0
        self._resident = 0
        self._lock = threading.Lock()  # workers tell of their guests' growth too

    def admit(self, size: int, limit: int) -> None:
        """A new agent wants ``size`` bytes at first, and ``limit`` at most.

        Raises:
            LimitError: ``limit.host``.
        """
        self._largest = max(self._largest, limit)
        self._look()
        if self.used + self._shares + self._kept + size > self.limit:
            raise LimitError(
                "limit.host",
                f"the agents of this host may have {self.limit >> 20} MiB, of which {self.used >> 20} MiB are used",
            )
        if self._resident > self._resident_limit:
            raise LimitError(
                "limit.host",
                f"this process may use {self._resident_limit >> 20} MiB of memory, and uses {self._resident >> 20} MiB",
            )
        self._weigh(on_loop=True)

    def take_share(self, *, on_loop: bool) -> int:
        """Bytes by which a guest may grow, and nobody else, until it has given them back. On any thread."""
        with self._lock:
            left = self._left()
            if not on_loop and (not self.scarce or time.monotonic() < self._loop_may_grow_until):
                left -= self._largest
            even = left // self._runners if left < self._largest * self._runners else self._largest
            share = max(0, even) // _PAGE * _PAGE
            self._shares += share
            self._weigh(on_loop=on_loop)
            return share

    def changed(self, before: int, after: int, share: int, *, on_loop: bool) -> None:
        """An agent's memory has grown or shrunk; it gives back its share. On any thread."""
        with self._lock:
            self.used += after - before
            self._shares -= share
            if after > before:
                self._look()
            self._weigh(on_loop=on_loop)

    def keep(self, size: int) -> bool:
        """Takes ``size`` bytes for a result that a turn has not read yet; False where there is no room."""
        with self._lock:
            self._look()
            if size > self._left():
                return False
            self._kept += size
            self._weigh(on_loop=True)
            return True

    def drop(self, size: int) -> None:
        """Gives back what ``keep`` took."""
        with self._lock:
            self._kept -= size
            self._weigh(on_loop=True)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._resident = resident()

    def _left(self) -> int:
        return min(self.limit - self.used - self._kept, self._resident_limit - self._resident) - self._shares

    def _weigh(self, *, on_loop: bool) -> None:
        scarce = self._left() < self._largest * self._runners
        if scarce and not self.scarce and not on_loop:
            # A guest on the event loop may just be running without a share; its slice ends well within a second.
            self._loop_may_grow_until = time.monotonic() + 1.0
        self.scarce = scarce
