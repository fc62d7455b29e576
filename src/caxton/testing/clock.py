"""A clock that a test moves, and the end of everything that goes on by itself."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

from caxton.host.runtime import Host

_SECOND: Final = 10**9
_NEVER: Final = 1e30


class ManualTimer:
    """A callback that a ``ManualClock`` will make."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def waiting(self) -> bool:
        """Whether it has neither fired nor been taken back."""
        return self._callback is not None

    def cancel(self) -> None:
        """Takes it back."""
        self._callback = None

    def fire(self) -> None:
        """Makes the callback, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class ManualClock:
    """A clock that stands still until it is moved: ``caxton.Host(clock=ManualClock())``.

    Everything that a host does in time goes by it: timers, time limits of asks and tools, what agents read. Only a
    guest that computes is held to real time: its turn's deadline is as many real seconds away, when the turn begins,
    as it is on this clock.

    Args:
        unix: what ``time`` says at first, in seconds; by default the beginning of 2026 (UTC).
    """

    def __init__(self, unix: float = 1_767_225_600.0) -> None:
        self._began = self._now = 1_000 * _SECOND  # not 0, which would hide a mistaken difference; whole nanoseconds
        self._unix = unix
        self._timers: list[tuple[int, int, ManualTimer]] = []
        self._numbers = itertools.count()

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""
        return self._now / _SECOND

    def time(self) -> float:
        """Unix time in seconds."""
        return self._unix + (self._now - self._began) / _SECOND

    def call_at(self, when: float, callback: Callable[[], None]) -> ManualTimer:
        """Calls back when the clock is moved to ``when`` or beyond; a ``when`` that has passed, at its next move."""
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (round(min(when * _SECOND, _NEVER)), next(self._numbers), timer))
        return timer

    def deadline_ns(self, when: float) -> int:
        """As far from now on the machine's monotonic clock as ``when`` is on this one."""
        return max(1, time.monotonic_ns() + round(when * _SECOND) - self._now)

    @property
    def timers(self) -> int:
        """How many callbacks are waiting."""
        return sum(timer.waiting for _, _, timer in self._timers)

    def _due(self, seconds: float) -> Iterator[ManualTimer]:
        """Moves the clock from timer to timer, and at last by ``seconds`` in all."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError("a clock goes forward only")
        until = self._now + round(seconds * _SECOND)
        while self._timers and self._timers[0][0] <= until:
            when, _, timer = heapq.heappop(self._timers)
            if timer.waiting:
                self._now = max(self._now, when)
                yield timer
        self._now = until

    def advance(self, seconds: float) -> None:
        """Moves the clock and fires what is due, in order, also what comes due through that.

        What the callbacks set going in a host runs later: ``elapse`` lets it.

        Raises:
            ValueError: ``seconds`` is negative, or no number.
        """
        for timer in self._due(seconds):
            timer.fire()

    async def elapse(self, host: Host, seconds: float) -> None:
        """Like ``advance``, but before and after each timer the host comes to rest.

        Raises:
            ValueError: ``seconds`` is negative, or no number.
            TimeoutError: the host does not come to rest.
        """
        await settle(host)
        for timer in self._due(seconds):
            timer.fire()
            await settle(host)


_QUIET_ROUNDS: Final = 25


async def settle(host: Host, *, within: float = 30.0) -> None:
    """Waits until nothing can go on by itself: no turn is ready or running, no module is being loaded, and the event
    loop has nothing to call.

    What waits for a clock, for a reply or for a tool is at rest. So is a tool that blocks a thread, or awaits something
    of its own: Caxton cannot see how far it is.

    Args:
        within: real seconds after which waiting is given up: an agent spins.

    Raises:
        TimeoutError: it did not come to rest.
    """
    until = time.monotonic() + within
    quiet = 0
    while quiet < _QUIET_ROUNDS:
        if host._scheduler.idle and not host._loader.busy:
            quiet += 1
            await asyncio.sleep(0)  # whatever is ready to be called now is called before this returns
        else:
            quiet = 0
            if time.monotonic() > until:
                raise TimeoutError(f"the host did not come to rest within {within} s")
            await asyncio.sleep(0.0005)
