"""Threads for plain functions: few, and of those no agent may have more than a share.

A call that finds no thread waits in its agent's queue, first come, first served; the queues are served in turn. A
function that runs cannot be stopped: also when nobody waits for it any more, its thread is free, and its place in the
agent's share, only when it returns.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

THREADS: Final = 32
"""Functions of a host's that run at once."""

SHARE: Final = 8
"""How many of those may be one agent's."""

_Result = asyncio.Future[Any]
_Queue = dict[_Result, Callable[[], Any]]


class Threads:
    """The threads of one host. For the event loop's thread."""

    def __init__(self, threads: int = THREADS, share: int = SHARE) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="caxton-tool")
        self._share = share
        self._free = threads
        self._running: dict[str, int] = {}
        # Only agents whose calls wait, and of the calls only those that somebody waits for.
        self._queues: OrderedDict[str, _Queue] = OrderedDict()

    async def call(self, agent: str, function: Callable[[], Any]) -> Any:
        """Calls ``function`` on a thread, when one is free for ``agent``, and answers what it returns.

        Cancelled while it waits, the call is not made; afterwards its result is dropped.

        Raises:
            BaseException: what it raised.
        """
        result: _Result = asyncio.get_running_loop().create_future()
        self._queues.setdefault(agent, {})[result] = function
        self._serve()
        try:
            return await result
        finally:
            self._forget(agent, result)
            if result.done() and not result.cancelled():
                result.exception()  # so that it counts as seen, should the call have been cancelled just now

    def _forget(self, agent: str, result: _Result) -> None:
        queue = self._queues.get(agent)
        if queue is not None and queue.pop(result, None) is not None and not queue:
            del self._queues[agent]

    def _serve(self) -> None:
        """Starts what can be started: a call of each agent in turn."""
        while self._free:
            agent = next((one for one in self._queues if self._running.get(one, 0) < self._share), None)
            if agent is None:
                return
            queue = self._queues[agent]
            result = next(iter(queue))
            function = queue[result]
            self._forget(agent, result)
            if agent in self._queues:
                self._queues.move_to_end(agent)
            self._start(agent, function, result)

    def _start(self, agent: str, function: Callable[[], Any], result: _Result) -> None:
        self._free -= 1
        self._running[agent] = self._running.get(agent, 0) + 1
        loop = result.get_loop()

        def ended(done: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits
                loop.call_soon_threadsafe(self._ended, agent, done, result)

        self._pool.submit(function).add_done_callback(ended)

    def _ended(self, agent: str, done: Future[Any], result: _Result) -> None:
        self._free += 1
        self._running[agent] -= 1
        if not self._running[agent]:
            del self._running[agent]
        if not result.done():
            error = done.exception()
            if error is None:
                result.set_result(done.result())
            else:
                result.set_exception(error)
        self._serve()

    def close(self) -> None:
        """Takes no more calls. Functions that still run are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
