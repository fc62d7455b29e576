"""What the sandbox itself holds an instance to, and what a host call costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SLICE: Final = 100_000
COMPONENT_SLICE: Final = 250_000
"""A turn of QuickJS takes 100,000 for its envelope alone; it shall not go to a worker for that."""

CALL_COST: Final = 1_000
PROGRAMS: Final = 256
"""Sets of limits that a module remembers."""


@dataclass(frozen=True, slots=True)
class GuestLimits:
    """What the sandbox itself holds an instance to. Bytes, fuel, counts."""

    memory: int
    table: int
    fuel: int
    message: int
    response: int
    host_calls: int
