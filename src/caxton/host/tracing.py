"""Watching one agent's host calls from a Python program."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from caxton.agents.agent import Agent
from caxton.agents.tracing import HostCall, TraceSink

MOST_CALLS: Final = 10_000
"""Calls that a trace keeps, as many as one turn may make; of more it keeps the last."""


class Trace:
    """The host calls of one agent, while a ``with`` block runs::

        with host.agent("planner").trace() as trace:
            await host.agent("planner").ask("go")
        for call in trace:
            print(call)

    ``total`` counts the calls; the last ``MOST_CALLS`` of them are kept. A ``sink`` is told of each at once, on
    whichever thread the turn runs.
    """

    def __init__(self, agent: Agent, sink: TraceSink | None = None) -> None:
        self.total = 0
        self._agent = agent
        self._sink = sink
        self._calls: deque[HostCall] = deque(maxlen=MOST_CALLS)
        self._taker = self._take  # one object, to be known again by

    def __enter__(self) -> Self:
        self._agent.trace(self._taker)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._agent.untrace(self._taker)

    def __iter__(self) -> Iterator[HostCall]:
        return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def take(self) -> list[HostCall]:
        """The calls that are kept, which are forgotten."""
        found = []
        while self._calls:
            found.append(self._calls.popleft())
        return found

    def _take(self, call: HostCall) -> None:
        self.total += 1
        self._calls.append(call)
        if self._sink is not None:
            self._sink(call)
