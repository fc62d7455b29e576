"""Places for connections: a host has so many, and of those no agent may have more than a share.

A call that finds no place waits in its agent's queue, first come, first served; the queues are served in turn.
"""

from __future__ import annotations

import asyncio
import resource
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

CONNECTIONS: Final = 256
"""Connections of ``http.fetch`` that a host has open at once, where the process may have enough descriptors."""

SHARE: Final = 16
"""How many of those may be one agent's."""

COMPLETIONS: Final = 16
"""Calls of ``llm.complete`` that a host has under way at once."""

COMPLETIONS_SHARE: Final = 8
"""How many of those may be one agent's."""

_PART: Final = 4
"""Of the descriptors that the process may have, connections take this part at most."""

_Waiting = asyncio.Future[None]


def connections(most: int = CONNECTIONS) -> int:
    """How many there may be: ``most``, or a quarter of the descriptors that the process may have (``RLIMIT_NOFILE``,
    soft), whichever is less; at least one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft // _PART))


class Places:
    """The places of one host. For the event loop's thread."""

    def __init__(self, places: int, share: int) -> None:
        self._free = places
        self._share = share
        self._taken: dict[str, int] = {}
        # Only agents whose calls wait, and of the calls only those that somebody waits for.
        self._queues: OrderedDict[str, dict[_Waiting, None]] = OrderedDict()

    @asynccontextmanager
    async def place(self, agent: str) -> AsyncIterator[None]:
        """Holds a place, once there is one for ``agent``. Who waits may be cancelled."""
        turn: _Waiting = asyncio.get_running_loop().create_future()
        self._queues.setdefault(agent, {})[turn] = None
        self._serve()
        try:
            await turn
            yield
        finally:
            self._forget(agent, turn)
            # A cancelled future never had its place, also where the cancellation came together with it.
            if turn.done() and not turn.cancelled():
                self._give_back(agent)

    def _forget(self, agent: str, turn: _Waiting) -> None:
        queue = self._queues.get(agent)
        if queue is not None and turn in queue:
            del queue[turn]
            if not queue:
                del self._queues[agent]

    def _serve(self) -> None:
        """Gives away what is free: to a call of each agent in turn."""
        while self._free:
            agent = next((one for one in self._queues if self._taken.get(one, 0) < self._share), None)
            if agent is None:
                return
            turn = next(iter(self._queues[agent]))
            self._forget(agent, turn)
            if agent in self._queues:
                self._queues.move_to_end(agent)
            if turn.cancelled():
                continue
            self._free -= 1
            self._taken[agent] = self._taken.get(agent, 0) + 1
            turn.set_result(None)

    def _give_back(self, agent: str) -> None:
        self._free += 1
        self._taken[agent] -= 1
        if not self._taken[agent]:
            del self._taken[agent]
        self._serve()
