"""What a run of the demo found and cost. Frozen; rendering is report.py's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

FRESH: Final = "fresh instance"
SAME: Final = "same instance"


@dataclass(frozen=True, slots=True)
class TermCount:
    """How often a term occurs in all documents."""

    term: str
    count: int


@dataclass(frozen=True, slots=True)
class DocumentCount:
    """One document: sizes in bytes, ``crc32`` as ``zlib.crc32`` has it."""

    name: str
    size: int
    lines: int
    longest_line: int
    words: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What all agents of one kind took: ``wall`` in seconds of running, ``memory`` in bytes of all their memories."""

    kind: str
    language: str
    instances: int
    turns: int
    fuel: int
    wall: float
    memory: int


@dataclass(frozen=True, slots=True)
class Attack:
    """What became of one hostile agent.

    Attributes:
        expected: the codes that its attacks should end in.
        code: the contract's code of the last attack's error; None when the attack was answered: it was not contained.
        frames: the guest's stack, innermost first.
        attacks: how often it attacked.
        fuel: units of fuel, ``wall``: seconds, that its turns took in all.
        memory: bytes that it had when it was stopped, as far as its error says so.
        afterwards: who answered the next message: ``FRESH``, ``SAME``, or ``refused: CODE``.
    """

    agent: str
    expected: tuple[str, ...]
    code: str | None
    message: str
    frames: tuple[str, ...]
    attacks: int
    fuel: int
    wall: float
    memory: int | None
    afterwards: str

    @property
    def contained(self) -> bool:
        """Whether the attack ended as expected, and nothing of its instance was there for the next message."""
        return self.code in self.expected and self.afterwards != SAME


@dataclass(frozen=True, slots=True)
class Result:
    """One run of the demo.

    Attributes:
        documents, top: what the agents found; ``words`` and ``distinct`` are totals over all documents.
        chunks: pieces of text that the splitter told the counters.
        left_out: bytes of the named files that were not read, beyond the demo's limit.
        differences: where a plain Python count of the same text differs; empty when all totals agree.
        spawned: counters started after the first one, in ``spawn_seconds``.
        work_seconds: from the first piece of text to the last answer, the attacks going on at the same time.
        seconds: the whole run without building and without the plain count.
    """

    documents: tuple[DocumentCount, ...]
    top: tuple[TermCount, ...]
    words: int
    distinct: int
    chunks: int
    left_out: int
    differences: tuple[str, ...]
    costs: tuple[Cost, ...]
    attacks: tuple[Attack, ...]
    spawned: int
    spawn_seconds: float
    work_seconds: float
    seconds: float

    @property
    def correct(self) -> bool:
        """Whether the agents' totals are those of the plain Python count."""
        return not self.differences

    @property
    def contained(self) -> bool:
        """Whether every hostile agent was contained."""
        return all(attack.contained for attack in self.attacks)

    @property
    def ok(self) -> bool:
        """Whether the demo has shown what it claims."""
        return self.correct and self.contained

    @property
    def spawned_per_second(self) -> float | None:
        """Agents of a module that is already compiled; None when there was but one."""
        return self.spawned / self.spawn_seconds if self.spawned else None

    def as_json(self) -> dict[str, Any]:
        """The result as JSON-ready data."""
        found = asdict(self)
        for attack, data in zip(self.attacks, found["attacks"], strict=True):
            data["contained"] = attack.contained
        return {
            "ok": self.ok,
            "correct": self.correct,
            "contained": self.contained,
            "spawned_per_second": self.spawned_per_second,
        } | found
