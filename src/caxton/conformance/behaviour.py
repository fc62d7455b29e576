"""What a behaviour is, how it is proven, and the list that the modules of ``behaviours`` put theirs into."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from caxton.text import safe

if TYPE_CHECKING:
    from caxton.conformance.stage import Stage

Proof: TypeAlias = Callable[["Stage"], Awaitable[None]]
"""Plays a behaviour on a stage; raises where the agent does something else."""


class Unkept(Exception):
    """The agent did something else than the behaviour says; the text says what, and is safe to print."""

    def __init__(self, message: str) -> None:
        super().__init__(safe(message, 600))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that every agent does, whatever its language: ``sentence`` says it, ``proof`` shows it.

    ``id`` is ``group/name``.
    """

    id: str
    sentence: str
    proof: Proof

    @property
    def group(self) -> str:
        """What it is about."""
        return self.id.partition("/")[0]


_FOUND: Final[dict[str, Behaviour]] = {}


def behaviour(id_: str, sentence: str) -> Callable[[Proof], Proof]:
    """Puts a behaviour on the list, after those that are on it."""

    def add(proof: Proof) -> Proof:
        if id_ in _FOUND:
            raise ValueError(f"two behaviours are called {id_}")
        _FOUND[id_] = Behaviour(id_, sentence, proof)
        return proof

    return add


def listed() -> tuple[Behaviour, ...]:
    """All that were put on the list, in order."""
    return tuple(_FOUND.values())


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:120]}... ({len(text):,} characters)"


def same(expected: object, actual: object, what: str = "the answer") -> None:
    """Holds that two things are equal.

    Raises:
        Unkept: they are not.
    """
    if type(expected) is not type(actual) or expected != actual:
        raise Unkept(f"{what} is {_shown(actual)} instead of {_shown(expected)}")


def holds(condition: object, otherwise: str) -> None:
    """Holds that something is so.

    Raises:
        Unkept: it is not; ``otherwise`` says what is the case.
    """
    if not condition:
        raise Unkept(otherwise)
