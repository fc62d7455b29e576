"""The event loop's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class LoopClock:
    """The real clock: the loop's monotonic one, and the machine's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.monotonic = time.monotonic  # which is what asyncio's loops and the shim's deadlines go by
        self.time = time.time

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls back at ``when`` on the monotonic clock."""
        return self._loop.call_at(when, callback)

    def deadline_ns(self, when: float) -> int:
        """``when`` in nanoseconds: this clock is the machine's."""
        return int(when * 1e9)
