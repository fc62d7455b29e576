"""The job that every peer does, and the numbers that describe how it did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

MESSAGE = (b"The quick brown fox jumps over the lazy dog, 0123456789 {[|]}~ @`" * 4)[:256]
"""The message: letters of both cases, and the characters that lie next to letters in ASCII."""

ANSWER = MESSAGE.upper()
"""What each peer has to answer, byte for byte."""


class WrongAnswer(Exception):
    """A peer answered something else than `ANSWER`: its figures would mean nothing."""


def check(answer: bytes) -> None:
    """Raise `WrongAnswer` unless `answer` is the message in upper case."""
    if answer != ANSWER:
        raise WrongAnswer(f"expected {ANSWER[:24]!r}..., got {bytes(answer[:24])!r}... ({len(answer)} bytes)")


@dataclass(frozen=True)
class Effort:
    """How long to measure. Seconds bound each part of one run; counts bound how many units it makes."""

    cold_seconds: float = 0.25
    warm_seconds: float = 0.2
    cold_most: int = 300
    memory_share: float = 1.0
    """The share of a peer's own number of units that the memory phase makes."""

    process_seconds: float = 30.0
    """After this time the fresh process of one phase is ended and the peer counts as failed."""

    def units(self, full: int) -> int:
        """How many units the memory phase makes for a peer that wants `full` of them; at least two."""
        return max(2, round(full * self.memory_share))


QUICK = Effort(cold_seconds=0.1, warm_seconds=0.08, cold_most=100, memory_share=0.3, process_seconds=20.0)
FULL = Effort()


@dataclass(frozen=True)
class Speed:
    """One run in one fresh process; each number is that run's median or total."""

    cold_start_us: float
    warm_p50_us: float
    throughput_per_s: float


@dataclass(frozen=True)
class Memory:
    """What one more unit costs, in KiB; the unit has answered once.

    `resident_kib` is a difference of PSS, `page_tables_kib` of page tables (which neither RSS nor PSS counts),
    each over the process and all its descendants, divided by `units`.
    """

    resident_kib: float
    page_tables_kib: float
    units: int


@dataclass(frozen=True)
class Figures:
    """A peer's figures: medians of `runs`, with the lowest and the highest run beside each."""

    cold_start_us: float
    warm_p50_us: float
    throughput_per_s: float
    memory_kib: float | None
    page_tables_kib: float | None
    memory_units: int
    runs: int
    spread: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, speeds: Sequence[Speed], memory: Memory | None) -> Figures:
        """Condense runs. Raises `ValueError` when there is none."""
        if not speeds:
            raise ValueError("no run to take a median of")
        columns = {name: [asdict(speed)[name] for speed in speeds] for name in asdict(speeds[0])}
        return cls(
            **{name: median(column) for name, column in columns.items()},
            memory_kib=memory.resident_kib if memory else None,
            page_tables_kib=memory.page_tables_kib if memory else None,
            memory_units=memory.units if memory else 0,
            runs=len(speeds),
            spread={name: (min(column), max(column)) for name, column in columns.items()},
        )
