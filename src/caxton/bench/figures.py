"""What is measured: figures with the rounds behind them, and contests, in which each has its turn round after round.

A machine that slows down for a minute slows down everybody in a contest. So what is compared is measured in one
contest, and a ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, Final, TypeAlias

BATCH: Final = 32
"""Calls between two looks at the clock."""

Turn: TypeAlias = Callable[[], float | Awaitable[float]]
"""One contestant's turn in a round; gives its figure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing. ``subject`` tells Caxton's own figures from what they are compared with, and from ratios."""

    name: str
    title: str
    unit: str
    runs: tuple[float, ...]
    subject: str = "caxton"

    def as_json(self) -> dict[str, Any]:
        """The median, the lowest and the highest round, and each of them."""
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "subject": self.subject,
            "value": median(self.runs),
            "low": min(self.runs),
            "high": max(self.runs),
            "runs": list(self.runs),
        }


@dataclass(slots=True)
class Result:
    """What a section, or a part of one, has found. ``notes`` say what is missing in it, and why."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, title: str, unit: str, runs: Sequence[float], subject: str = "caxton") -> None:
        """Adds a figure with its rounds, of which there must be one at least."""
        self.figures.append(Figure(name, title, unit, tuple(runs), subject))

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"figures": [figure.as_json() for figure in self.figures], "notes": self.notes}


@dataclass(slots=True)
class Merged:
    """Results as JSON, put together: a figure that is there already gets further rounds."""

    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, result: Mapping[str, Any]) -> None:
        """Adds what ``Result.as_json`` has made."""
        for each in result["figures"]:
            runs = (*self.figures.get(each["name"], {"runs": ()})["runs"], *each["runs"])
            self.figures[each["name"]] = Figure(
                each["name"], each["title"], each["unit"], runs, each["subject"]
            ).as_json()
        self.notes += [note for note in result["notes"] if note not in self.notes]


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round, the one divided by the other."""
    return [a / b for a, b in zip(over, under, strict=True)]


async def contest(contestants: Mapping[str, Turn], rounds: int) -> dict[str, list[float]]:
    """Lets each contestant have its turn, ``rounds`` times; the first of a round is another one each time.

    A turn for warming up, which does not count, comes before all that.
    """
    names = list(contestants)
    found: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        await _take(contestants[name])
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()  # nobody pays for what another has left behind
            found[name].append(await _take(contestants[name]))
    return found


async def _take(turn: Turn) -> float:
    outcome = turn()
    return await outcome if inspect.isawaitable(outcome) else outcome


def per_call(call: Callable[[], object], seconds: float) -> float:
    """Microseconds that a call takes, over so many seconds of calls one after the other."""
    calls, began = 0, perf_counter()
    while (elapsed := perf_counter() - began) < seconds:
        for _ in range(BATCH):
            call()
        calls += BATCH
    return elapsed / calls * 1e6


async def per_await(call: Callable[[], Awaitable[object]], seconds: float, *, counts: int = 1) -> float:
    """The same for what is awaited; each ``call`` counts as so many."""
    calls, began = 0, perf_counter()
    batch = max(1, BATCH // counts)
    while (elapsed := perf_counter() - began) < seconds:
        for _ in range(batch):
            await call()
        calls += batch * counts
    return elapsed / calls * 1e6


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample that so large a share of all is not above."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
