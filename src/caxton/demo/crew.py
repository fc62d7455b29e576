"""The agents that do the work: what each may use, whom it may address, and how all of them are started."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import caxton
from caxton.demo.errors import DemoError
from caxton.demo.results import Cost

MOST_AGENTS: Final = 999

_LIMITS: Final[Mapping[str, caxton.Limits]] = {
    "splitter": caxton.Limits(memory="2 MiB", fuel=100_000_000, deadline=10.0),
    "counter": caxton.Limits(memory="1 MiB", fuel=10_000_000, deadline=10.0),
    "ranker": caxton.Limits(memory="64 MiB", fuel=5_000_000_000, deadline=20.0),
    "checksum": caxton.Limits(memory="1 MiB", fuel=100_000_000, deadline=10.0),
}
_PEERS: Final[Mapping[str, Sequence[str]]] = {"splitter": ["counter-*", "checksum"], "counter": ["ranker"]}
_LANGUAGES: Final[Mapping[str, str]] = {"splitter": "Zig", "checksum": "WAT"}


@dataclass(frozen=True, slots=True)
class Crew:
    """The agents of one run; ``spawn_seconds`` is what all counters but the first took to start, one after another."""

    splitter: caxton.AgentRef
    ranker: caxton.AgentRef
    checksum: caxton.AgentRef
    counters: tuple[caxton.AgentRef, ...]
    spawn_seconds: float

    def kinds(self) -> Iterator[tuple[str, Sequence[caxton.AgentRef]]]:
        """The agents by kind."""
        yield "splitter", [self.splitter]
        yield "counter", self.counters
        yield "ranker", [self.ranker]
        yield "checksum", [self.checksum]


def check_number(counters: int) -> None:
    """Raises DemoError unless the demo can run with so many counters."""
    if not 1 <= counters <= MOST_AGENTS:
        raise DemoError(f"--agents is a number from 1 to {MOST_AGENTS}, not {counters}")


async def spawn_crew(
    host: caxton.Host, modules: Mapping[str, Path], counters: int, on_spawn: Callable[[int], None]
) -> Crew:
    """Starts one agent of each kind at once, so that their modules compile side by side, then the other counters.

    Raises:
        DemoError: ``counters`` is not from 1 to 999.
    """
    check_number(counters)

    async def spawn(kind: str, name: str) -> caxton.AgentRef:
        grants = caxton.Grants(peers=_PEERS.get(kind, []))
        return await host.spawn(name, modules[kind], limits=_LIMITS[kind], grants=grants)

    singles = ("splitter", "ranker", "checksum")
    splitter, ranker, checksum, first = await asyncio.gather(
        *(spawn(kind, kind) for kind in singles), spawn("counter", "counter-000")
    )
    started = time.perf_counter()
    team = [first]
    for number in range(1, counters):
        team.append(await spawn("counter", f"counter-{number:03}"))
        on_spawn(number + 1)
    return Crew(splitter, ranker, checksum, tuple(team), time.perf_counter() - started)


def cost(kind: str, agents: Sequence[caxton.AgentRef]) -> Cost:
    """What all ``agents`` of one kind have taken so far."""
    taken = [agent.statistics() for agent in agents]
    return Cost(
        kind=kind,
        language=_LANGUAGES.get(kind, "C"),
        instances=len(taken) + sum(one.restarts for one in taken),
        turns=sum(one.turns for one in taken),
        fuel=sum(one.fuel for one in taken),
        wall=sum(one.wall for one in taken),
        memory=sum(one.memory for one in taken),
    )
