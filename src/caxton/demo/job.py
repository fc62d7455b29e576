"""The demo's job: some hundreds of agents count the words of real text, three hostile ones beside them.

The host hands pieces of text to the splitter. All else is messages between agents::

    host -> splitter -> counter-000 ... counter-NNN -> ranker
                     -> checksum

When the ranker has merged as many lists as the splitter has told chunks, it answers the question that it had
deferred, and the host asks it for the totals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, Self

import caxton
from caxton.demo.attacks import attack, spawn_hostile
from caxton.demo.build import Guests
from caxton.demo.check import Sums, differences, plain_count
from caxton.demo.crew import Crew, cost, spawn_crew
from caxton.demo.documents import Library
from caxton.demo.results import Attack, Cost, DocumentCount, Result, TermCount
from caxton.text import safe_bytes

PIECE: Final = 64 * 1024
"""Bytes of text in one message to the splitter."""

SMALLEST_CHUNK: Final = 128
LARGEST_CHUNK: Final = 2048
"""Bytes of text in one message to a counter, about."""

MOST_UNDERWAY: Final = 400
"""Chunks told and not yet merged when the next piece goes out; with that piece's, a mailbox (1,000) still has room."""

TOP: Final = 15
SHORTEST: Final = 4
COMMON: Final = frozenset(
    (
        b"about after also another because been before being between both cannot could does each else even every from "
        b"have here into itself just like made make many more most much must never none nothing only other over same "
        b"shall should since some such than that their them then there these they this those through under until upon "
        b"very well were what when where which while will with within without would your true false return self import"
    ).split()
)
"""Words that say nothing about a text: left out of its top terms."""

_PATIENCE: Final = 30.0


class Progress(Protocol):
    """Is told how far the job is."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """``done`` of ``total`` units of ``phase``: ``spawn`` counts agents, ``count`` bytes of text."""


async def run_job(library: Library, guests: Guests, *, agents: int, on_progress: Progress) -> Result:
    """Runs the whole demo once, and checks its totals against a plain Python count.

    Args:
        agents: number of counters, 1 to 999.

    Raises:
        DemoError: ``agents`` is out of range.
        CaxtonError: an agent of the crew failed.
    """
    started = time.perf_counter()
    async with caxton.Host() as host:
        crew = await spawn_crew(host, guests.modules, agents, lambda done: on_progress("spawn", done, agents))
        hostile = await spawn_hostile(host, guests.modules)
        attacking = [asyncio.create_task(attack(agent)) for agent in hostile]
        try:
            work = await _Work(crew, library, on_progress).done()
            attacks = [await task for task in attacking]
        finally:
            for task in attacking:
                task.cancel()
        costs = [cost(kind, refs) for kind, refs in crew.kinds()]
        costs += [cost(agent.name, [agent]) for agent in hostile]
    seconds = time.perf_counter() - started
    return await asyncio.to_thread(_result, library, work, attacks, costs, crew, seconds)


class _Work:
    """One pass of the library through the crew. After ``done``, ``sums`` has the totals."""

    sums: Sums
    seconds: float

    def __init__(self, crew: Crew, library: Library, on_progress: Progress) -> None:
        self._crew = crew
        self._library = library
        self._on_progress = on_progress
        self._workers = len(crew.counters)
        self._chunk = max(SMALLEST_CHUNK, min(LARGEST_CHUNK, library.size // (2 * self._workers)))
        self._fed = 0  # bytes
        self.chunks = 0  # told by the splitter
        self.merged = 0  # of them, merged by the ranker, as far as we have asked

    async def done(self) -> Self:
        started = time.perf_counter()
        lines = [await self._feed(number, document.data) for number, document in enumerate(self._library.documents)]
        await self._wait_until_merged()
        words = await _ask(self._crew.ranker, b"documents %d" % len(lines))
        self.sums = Sums(await self._terms(), [int(word) for word in words.split()], lines, await self._top())
        self.seconds = time.perf_counter() - started
        return self

    async def _feed(self, number: int, data: bytes) -> tuple[int, int, int]:
        """Sends one document through the splitter; returns what the checksum agent found in it."""
        for at in range(0, len(data) or 1, PIECE):
            if self.chunks - self.merged > MOST_UNDERWAY:
                await self._wait_until_merged()
            piece = data[at : at + PIECE]
            order = b"%d %d %d %d\n" % (number, self._chunk, self._workers, at + PIECE >= len(data))
            self.chunks += int(await _ask(self._crew.splitter, order + piece))
            self._fed += len(piece)
            self._on_progress("count", self._fed, self._library.size)
        crc, lines, longest = (await _ask(self._crew.checksum, b"")).split()
        return int(crc), int(lines), int(longest)

    async def _wait_until_merged(self) -> None:
        self.merged = int(await _ask(self._crew.ranker, b"barrier %d" % self.chunks))

    async def _terms(self) -> dict[bytes, int]:
        terms: dict[bytes, int] = {}
        after = 0
        while True:
            head, _, rest = (await _ask(self._crew.ranker, b"list %d" % after)).partition(b"\n")
            terms.update(_counts(rest))
            after = int(head)
            if not after:
                return terms

    async def _top(self) -> list[tuple[bytes, int]]:
        question = b"top %d %d\n" % (TOP, SHORTEST) + b"\n".join(sorted(COMMON))
        return list(_counts(await _ask(self._crew.ranker, question)))


async def _ask(agent: caxton.AgentRef, message: bytes) -> bytes:
    return (await agent.ask(message, timeout=_PATIENCE)).payload


def _counts(lines: bytes) -> Iterator[tuple[bytes, int]]:
    for line in lines.splitlines():
        term, _, count = line.rpartition(b" ")
        yield term, int(count)


def _result(
    library: Library, work: _Work, attacks: Sequence[Attack], costs: Sequence[Cost], crew: Crew, seconds: float
) -> Result:
    sums, documents = work.sums, library.documents
    expected = plain_count(documents, most=TOP, shortest=SHORTEST, left_out=COMMON)
    counted = zip(documents, sums.words, sums.lines, strict=True)
    return Result(
        documents=tuple(
            DocumentCount(document.name, len(document.data), lines, longest, words, crc)
            for document, words, (crc, lines, longest) in counted
        ),
        top=tuple(TermCount(safe_bytes(term), count) for term, count in sums.top),
        words=sum(sums.words),
        distinct=len(sums.terms),
        chunks=work.chunks,
        left_out=library.left_out,
        differences=tuple(differences(sums, expected, documents)),
        costs=tuple(costs),
        attacks=tuple(attacks),
        spawned=len(crew.counters) - 1,
        spawn_seconds=crew.spawn_seconds,
        work_seconds=work.seconds,
        seconds=seconds,
    )
