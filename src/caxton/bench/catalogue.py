"""The sections, and the bars that some of their figures are held to."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from caxton.bench.effort import Effort
from caxton.bench.figures import Result

Measure: TypeAlias = Callable[[Effort], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Section:
    """One topic. Each of its ``parts`` (a function's name, after its module's) is measured in a process of its own.

    A process has its rounds within it; where the process itself is what is measured, it is repeated (``again``).
    """

    name: str
    title: str
    parts: tuple[str, ...]
    again: bool = False


SECTIONS: Final = (
    Section("turn", "One turn, 256 bytes in, 256 bytes out", ("turn.measure",)),
    Section("ask", "Ask an agent, 256 bytes in, 256 bytes out", ("ask.measure",)),
    Section("spawn", "Start an agent", ("spawn.measure",)),
    Section("host-call", "One host call, answered by Python", ("host_call.measure",)),
    Section(
        "memory",
        "Resident memory, after one answer each",
        ("memory.window", "memory.allocator", "memory.plain", "memory.extism", "memory.tasks"),
        again=True,
    ),
    Section("suspended", "Agents that wait for a tool", ("memory.suspended",), again=True),
    Section("tools", "A tool of an MCP server", ("tools.measure", "tools.waiting")),
    Section("latency", "An ask, a millisecond after the last one", ("latency.measure",)),
    Section("cores", "Two guests that compute, on two cores", ("cores.measure",)),
    Section("kernels", "Guest code against native code", ("kernels.measure",)),
    Section("startup", "A fresh process", ("startup.measure",)),
)


def find(part: str) -> Measure:
    """The function that a part names."""
    module, _, name = part.partition(".")
    return cast(Measure, getattr(importlib.import_module(f"caxton.bench.{module}"), name))


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must reach (``at_least``), or not go beyond."""

    figure: str
    title: str
    bound: float
    at_least: bool = False

    def judge(self, figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
        """Ready for JSON; None where the figure was not measured."""
        found = figures.get(self.figure)
        if found is None:
            return None
        value = float(found["value"])
        return {
            "name": self.figure,
            "title": self.title,
            "value": value,
            "unit": found["unit"],
            "relation": "at least" if self.at_least else "at most",
            "bar": self.bound,
            "met": value >= self.bound if self.at_least else value <= self.bound,
        }


BARS: Final = (
    Bar("turn-ratio", "a turn, against the same two calls through the plain binding", 15, at_least=True),
    Bar("ask-ratio", "ask, one at a time, against the plain binding's bare call", 0.4),
    Bar("ask-many-ratio", "ask, many agents at once, against the plain binding's bare call", 0.25),
    Bar("spawn-ratio", "Host.spawn of a cached module, against the plain binding's bare instantiation", 3),
    Bar("memory", "resident memory per idle agent without an allocator, 10,000 agents", 24),
    Bar("memory-c", "resident memory per idle agent in C, 10,000 agents", 24),
    Bar("suspended", "agents suspended in a tool call at once, in one process", 10_000, at_least=True),
    Bar("suspended-more-threads", "threads that they took", 0),
    Bar("tool-call-more", "a call of an MCP tool by an agent: more than the bare SDK's", 200),
    Bar("tool-waiting", "1,000 agents that wait for a tool of one second, all at once", 2),
    Bar("tool-waiting-threads", "threads that they took", 0),
    Bar("latency-spinning-p99", "p99 of an ask beside two spinning guests, from when it was due", 15),
    Bar("startup", "a fresh process: import caxton, Host ready", 0.5),
)


def judge(sections: Sequence[Mapping[str, Any]], bars: Sequence[Bar] = BARS) -> list[dict[str, Any]]:
    """The bars of everything that was measured."""
    figures = {figure["name"]: figure for section in sections for figure in section["figures"]}
    return [verdict for bar in bars if (verdict := bar.judge(figures)) is not None]
