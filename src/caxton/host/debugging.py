"""What an agent is watched with from its first instruction on."""

from __future__ import annotations

from dataclasses import dataclass

from caxton.agents.tracing import TraceSink


@dataclass(frozen=True, slots=True)
class Debug:
    """How to watch an agent that is spawned. It changes nothing of what the agent does.

    Attributes:
        trace: is told of every host call, those of turn 0 included. On any thread; it must be quick.
    """

    trace: TraceSink | None = None


NOTHING = Debug()
