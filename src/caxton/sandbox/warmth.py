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
    shift: int = 0
    size: int = 0

    @property
    def is_warm(self) -> bool:
        """Whether instances begin behind the initialisation."""
        return self.state == WARM

    def wants_more_than(self, fuel: int) -> bool:
        """Whether it is cold for want of fuel, and might not be with more than it was given."""
        return bool(self.tried) and self.tried < min(fuel, MOST_FUEL)

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
