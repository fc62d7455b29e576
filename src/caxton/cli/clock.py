"""The clock of ``caxton run --clock``: it stands at a time, and goes on only while the agent waits.

So nothing that an agent can read of time depends on how fast the machine is, and a run can be repeated exactly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

_SECOND: Final = 10**9
_BEGAN: Final = 1_000 * _SECOND  # any number will do; whole nanoseconds, so that waits add up exactly

# Unix times have about a quarter of a microsecond of precision as floats: without this, the millisecond that is meant
# could come out as the one before.
_NUDGE: Final = 1e-6


class StandingClock:
    """A ``Clock`` (agents/ports.py) that begins at ``unix`` seconds.

    A wait takes as long as it says. Deadlines are the machine's: a turn that computes is held to real time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, unix: float) -> None:
        self._loop = loop
        self._unix = unix
        self._now = _BEGAN

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""
        return self._now / _SECOND

    def time(self) -> float:
        """Unix time in seconds."""
        return self._unix + _NUDGE + (self._now - _BEGAN) / _SECOND

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls back when that much real time has passed, and is ``when`` then."""
        until = round(when * _SECOND)

        def ring() -> None:
            self._now = max(self._now, until)
            callback()

        return self._loop.call_later(max(0, until - self._now) / _SECOND, ring)

    def deadline_ns(self, when: float) -> int:
        """As far from now on the machine's monotonic clock as ``when`` is on this one."""
        return max(1, time.monotonic_ns() + round(when * _SECOND) - self._now)
