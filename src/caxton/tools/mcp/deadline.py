"""A limit of time for a task, by the host's clock."""

from __future__ import annotations

import asyncio
from types import TracebackType

from caxton.agents.ports import Clock, Timer


class DeadlinePassedError(Exception):
    """The time is over."""


class Deadline:
    """What is inside is cancelled after ``seconds``, and ends with ``DeadlinePassedError``; a cancellation by anybody
    else stays one. (``asyncio.timeout`` does the same by the loop's clock.)"""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._timer: Timer | None = None
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._fired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._timer = self._clock.call_at(self._clock.monotonic() + self._seconds, self._fire)

    def _fire(self) -> None:
        assert self._task is not None
        self._fired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._timer is not None
        assert self._task is not None
        self._timer.cancel()
        mine = self._fired and self._task.uncancel() <= self._before
        if mine and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise DeadlinePassedError from error
