"""Where turns run: short steps on the event loop, in batches; long ones on worker threads, in quanta."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from caxton.agents.ports import FAULT, Job

BATCH: Final = 0.002
"""Seconds of steps before the event loop gets its turn."""

AT_ONCE: Final = 0.002
"""Seconds of turns that may begin inside their callers between two rounds of the event loop."""

AT_ONCE_FRESH: Final = 0.03
"""The same for agents that have had no such turn in this round: when many tasks ask many agents at once, the loop has
all those tasks to run in this round anyway."""

_WORKER_NICENESS: Final = 5
_JOIN_EVERY: Final = 0.001
_log = logging.getLogger("caxton.host")


class LoopScheduler:
    """Runs steps on one event loop, and jobs on ``workers`` threads, which start when there is a first job.

    Guests release the interpreter's lock while they run, so that workers use as many cores as there are.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, workers: int) -> None:
        self._loop = loop
        self._steps: deque[Callable[[], None]] = deque()
        self._draining = False
        self.inside = False
        self._round = 0
        self._round_began = 0.0
        self._in_round = False
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._busy = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to run, here or on a worker."""
        return not self._steps and self._busy == 0

    def ready(self, step: Callable[[], None]) -> None:
        """Runs ``step`` on the event loop, soon, after those that were ready before."""
        self._steps.append(step)
        if not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain)

    def resume(self, step: Callable[[], None]) -> None:
        """Runs ``step`` now where no turn is inside and nobody else is ready before it, else soon."""
        if self.inside or self._draining:
            self.ready(step)
            return
        try:
            step()
        except Exception:
            _log.exception("a step failed")

    def as_one(self, step: Callable[[], None]) -> None:
        """Runs ``step`` now, and nothing else until it is done: what it makes ready comes after it."""
        before, self.inside = self.inside, True
        try:
            step()
        finally:
            self.inside = before

    def at_once(self, last_round: int) -> int:
        """The number of this round of the event loop, if a turn may begin inside its caller, who then needs no further
        round to get its answer; else 0.

        ``last_round`` is what this answered for the same agent before. Not while others are ready before it; and only
        so long, or a task that asks again and again would never let go of the event loop.
        """
        if self._draining:
            return 0
        if not self._in_round:
            self._in_round = True
            self._round += 1
            self._round_began = time.monotonic()
            self._loop.call_soon(self._next_round)
            return self._round
        limit = AT_ONCE if last_round == self._round else AT_ONCE_FRESH
        return self._round if time.monotonic() - self._round_began < limit else 0

    def _next_round(self) -> None:
        self._in_round = False

    def _drain(self) -> None:
        steps = self._steps
        until = time.monotonic() + BATCH
        while steps:
            try:
                steps.popleft()()
            except Exception:
                _log.exception("a step failed")
            if time.monotonic() > until:
                break
        if steps:
            self._loop.call_soon(self._drain)
        else:
            self._draining = False

    def work(self, job: Job) -> None:
        """Runs a job on a worker thread, a quantum at a time and in turn with the others."""
        self._busy += 1
        if len(self._threads) < min(self._workers, self._busy):
            thread = threading.Thread(target=self._serve, name=f"caxton-worker-{len(self._threads)}", daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # no more threads for this process: then with those that there are
                _log.warning("a worker thread cannot be started", exc_info=True)
        if self._threads:
            self._jobs.put(job)
        else:
            self._loop.call_soon(self._serve_here, job)

    def _serve_here(self, job: Job) -> None:
        """A quantum on the event loop, where there is no worker: slow, but nothing gets stuck."""
        try:
            status = job.quantum()
        except Exception:
            _log.exception("a quantum failed")
            status = FAULT
        if status is None:
            self._loop.call_soon(self._serve_here, job)
        else:
            self._back(job, status)

    def _serve(self) -> None:
        # On Linux niceness is a thread's own: guests that compute give way to the event loop.
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _WORKER_NICENESS)
        while (job := self._jobs.get()) is not None:
            try:
                status = job.quantum()
            except Exception:
                _log.exception("a worker failed")
                status = FAULT
            if status is None:
                self._jobs.put(job)
                continue
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._back, job, status)

    def _back(self, job: Job, status: int) -> None:
        self._busy -= 1
        try:
            job.done(status)
        except Exception:
            _log.exception("a turn failed")

    async def close(self) -> None:
        """Ends the workers, after the jobs that they have."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            # Each ends within a quantum. A thread that could wait for it might not be to be had.
            while thread.is_alive():  # noqa: ASYNC110
                await asyncio.sleep(_JOIN_EVERY)
        self._threads.clear()
