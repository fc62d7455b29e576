"""How the instances of a module begin: where its initialisation has left one (warm), or with it (cold)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PLAIN: Final = "plain"
WARM: Final = "warm"
COLD: Final = "cold"
MOST_FUEL: Final = 10_000_000_000
"""What an initialisation that is run ahead may use: a turn's by default; a smaller limit of the agent's goes before."""

MOST_SECONDS: Final = 10.0
"""What it may take. The agent's deadline goes before where that is less, but for the least:"""

LEAST_SECONDS: Final = 1.0
"""Run ahead it is slower than later, as it has been compiled in haste, and the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an initialisation may use when it is run ahead."""

    fuel: int = MOST_FUEL
    seconds: float = MOST_SECONDS

    @classmethod
    def within(cls, fuel: int, deadline: float) -> Allowance:
        """That of an agent with these limits."""
        return cls(min(fuel, MOST_FUEL), min(max(deadline, LEAST_SECONDS), MOST_SECONDS))


@dataclass(frozen=True, slots=True)
class Warmth:
    """What became of a module's initialisation when it was loaded.

    Attributes:
        state: ``plain``: there is none; ``warm``: it was run once, and instances begin behind it; ``cold``: each
            instance runs it, and ``reason`` says why.
        reason: a clause that follows "cold:".
        fuel, host_calls: what it took.
        memory, table: the bytes of memory and the elements of the largest table that instances begin with.
        most_memory: the largest memory limit, in bytes, under which it is sure to have run the same.
        time, random: whether it asked for the time of day, and for random numbers: what it made of them, all instances
            share.
        tried: of a cold one that ran out of fuel, how much it was given; else 0.
        tried_seconds: the same of one that ran out of time.
        shift: by how many bytes the running module's code lies further behind than the original's.
        size: the bytes of memory that its image holds.
    """

    state: str = PLAIN
    reason: str = ""
    fuel: int = 0
    host_calls: int = 0
    memory: int = 0
    table: int = 0
    most_memory: int = 0
    time: bool = False
    random: bool = False
    tried: int = 0
    tried_seconds: float = 0.0
    shift: int = 0
    size: int = 0

    @property
    def is_warm(self) -> bool:
        """Whether instances begin behind the initialisation."""
        return self.state == WARM

    def is_worth(self, allowance: Allowance | None) -> bool:
        """Whether it is cold for want of fuel or of time, and might not be with this, which is more than it had."""
        return allowance is not None and (
            0 < self.tried < allowance.fuel or 0.0 < self.tried_seconds < allowance.seconds
        )

    def suits(self, memory: int, table: int, fuel: int, host_calls: int) -> bool:
        """Whether an instance under these limits, had it run its initialisation itself, would have come as far."""
        return self.state != WARM or (
            self.fuel <= fuel
            and self.host_calls <= host_calls
            and self.memory <= memory <= self.most_memory
            and self.table <= table
        )

    def as_json(self) -> dict[str, Any]:
        """What ``caxton inspect`` tells."""
        found: dict[str, Any] = {"state": self.state, "reason": self.reason or None}
        if self.is_warm:
            found |= {"fuel": self.fuel, "memory": self.memory, "image": self.size}
            found |= {"time": self.time, "random": self.random}
        return found

    @classmethod
    def from_mapping(cls, found: Mapping[str, Any] | None) -> Warmth:
        """What ``dataclasses.asdict`` made of one."""
        return cls(**found) if found else cls()


NOTHING: Final = Warmth()
TOO_COSTLY: Final = Warmth(COLD, "running it ahead took more time or memory than compiling may")
