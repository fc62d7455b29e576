"""Tasks that begin at once, inside whoever starts them, instead of in the event loop's next round.

A call of a server's tool has little to do before its request is on the way. Begun at once, everything that a turn still
has to do before it waits, and the round of the event loop, happen while the server is at work.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, cast

T = TypeVar("T")


def begin(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> asyncio.Task[T]:
    """A task for ``work``, which has run until it first waits, or to its end. On the running loop only.

    What it raises is the task's, but for ``KeyboardInterrupt`` and ``SystemExit``, which are raised here too.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    return cast("asyncio.Task[T]", _begin(work, loop))


if sys.version_info < (3, 12):

    class _FirstStep:
        """Stands in for the loop while a task is made, which asks it for a first step."""

        step: Callable[[], object]

        def call_soon(self, callback: Callable[[], object], *, context: Context) -> None:
            self.step = lambda: context.run(callback)

        def get_debug(self) -> bool:
            return False

    def _begin(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Any:
        """By asyncio's own task in Python, which in 3.11 (that changes no more) can be told apart from its loop; with
        what asyncio offers to tasks that are not its own, so that ``current_task`` is right inside and after."""
        tasks: Any = asyncio.tasks
        first = _FirstStep()
        task = tasks._PyTask(work, loop=first)
        task._loop = loop
        outer = asyncio.current_task(loop)
        if outer is not None:
            tasks._leave_task(loop, outer)
        try:
            first.step()
        finally:
            if outer is not None:
                tasks._enter_task(loop, outer)
        return task
