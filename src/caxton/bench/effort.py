"""How long to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """Counts and times of one run.

    Attributes:
        rounds: how often each contestant has its turn; a figure is the median of its rounds.
        seconds: how long one contestant's turn takes.
        agents: agents of the sections about memory.
        at_once: agents that are asked at once.
        spinning: seconds that a round beside spinning guests takes.
        fresh: how often a part is measured that needs a process of its own for each figure.
        work: factor on the work of a kernel.
    """

    rounds: int = 9
    seconds: float = 0.2
    agents: int = 10_000
    at_once: int = 1_000
    spinning: float = 1.5
    fresh: int = 3
    work: float = 1.0


FULL = Effort()
QUICK = Effort(rounds=3, seconds=0.06, spinning=0.6, fresh=1, work=0.4)
