"""Agents that rest have small memories.

An instance writes a word here and there into pages that all instances of its module shared until then, and each such
word costs a page: for an agent in Python 140 of them. Once nobody has asked such an agent anything for a while, its
memory is made small (sandbox/shim_compact.c): its next turn finds all as it was, and begins about a millisecond later.

Looking costs turns nothing: now and then the agents that are large are looked at, whether they have had a turn since.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.agents.agent import Agent
from caxton.agents.ports import MORE, Clock, Timer

LEAST: Final = 64 << 10
"""Bytes that must be won."""

_SLICE: Final = 0.002
"""Seconds that the event loop gives to it at a time."""

_SHORTEST: Final = 0.05
"""Seconds between two looks, however short the time that agents rest."""

_PAGEMAP: Final = Path("/proc/self/pagemap")
_log = logging.getLogger("caxton.host")


@dataclass(slots=True)
class _Seen:
    """What an agent had done when it was looked at, and since when it has done no more."""

    turns: tuple[int, int]
    since: float
    is_done: bool = False


class Compaction:
    """Makes the memories of one host's agents small. On the event loop, but for ``note``.

    Args:
        clock: by which agents rest.
        after: seconds without a turn; 0: never.
        loop: the host's.
    """

    def __init__(self, clock: Clock, after: float, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._after = after
        self._loop = loop
        self._agents: dict[Agent, _Seen] = {}
        self._due: deque[Agent] = deque()
        self._timer: Timer | None = None
        self._pagemap = -1
        self._closed = False
        if after:
            try:
                self._pagemap = os.open(_PAGEMAP, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:  # another system, or one that does not tell
                _log.debug("idle agents keep their memory: %s: %s", _PAGEMAP, error.strerror)

    def note(self, agent: Agent, is_large: bool, on_loop: bool) -> None:
        """An agent has become large, or is so no more. On any thread."""
        if self._pagemap < 0:
            return
        if on_loop:
            self._note(agent, is_large)
        else:
            self._loop.call_soon_threadsafe(self._note, agent, is_large)

    def _note(self, agent: Agent, is_large: bool) -> None:
        if is_large and not agent.ended:
            self._agents[agent] = _Seen(agent.progress, self._clock.monotonic())
            self._set_timer()
            return
        self._agents.pop(agent, None)
        if not self._agents and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is None and not self._due and self._agents and not self._closed:
            wait = max(self._after / 2, _SHORTEST)
            self._timer = self._clock.call_at(self._clock.monotonic() + wait, self._look)

    def _look(self) -> None:
        """Finds those that have rested for long enough."""
        self._timer = None
        now = self._clock.monotonic()
        for agent, seen in list(self._agents.items()):
            if agent.progress != seen.turns:
                self._agents[agent] = _Seen(agent.progress, now)
            elif not seen.is_done and now - seen.since >= self._after:
                self._due.append(agent)
        self._go_on()

    def _go_on(self) -> None:
        """Works for a slice of time; the rest is for the next rounds of the event loop."""
        end = time.monotonic() + _SLICE
        while self._due and not self._closed:
            agent = self._due.popleft()
            seen = self._agents.get(agent)
            if seen is not None and agent.progress == seen.turns and agent.is_resting:
                if agent.compact(self._pagemap, LEAST) == MORE:
                    self._due.appendleft(agent)
                else:
                    seen.is_done = True
            if time.monotonic() > end:
                self._loop.call_soon(self._go_on)
                return
        self._set_timer()

    def close(self) -> None:
        """No memory is made small any more."""
        self._closed = True
        self._agents.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._pagemap >= 0:
            os.close(self._pagemap)
            self._pagemap = -1
