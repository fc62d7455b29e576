"""What a turn wants to happen when it commits, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from caxton.agents.delivery import Delivery
from caxton.errors import LimitError
from caxton.messages import Envelope


@dataclass(frozen=True, slots=True)
class Send:
    """An envelope to its receivers."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Publish:
    """An envelope to whoever is subscribed to ``topic``."""

    envelope: Envelope
    topic: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to a request: the current one, or one whose reply was deferred (its ``token``)."""

    envelope: Envelope
    delivery: Delivery
    token: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A subscription, or its end."""

    pattern: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class PutState:
    """A value of the state, or its deletion: the turn's draft has the last one, so that no other is kept."""

    key: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """A timer of this turn's; ``number`` is its id."""

    number: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The end of a timer."""

    number: int


Effect: TypeAlias = Send | Publish | Answer | Subscribe | PutState | SetTimer | CancelTimer


class Outbox:
    """Effects, within limits: so many envelopes (each receiver counts), and so many bytes of payload."""

    __slots__ = ("_envelopes", "_limit", "_max", "_size", "effects")

    def __init__(self, envelopes: int, size: int) -> None:
        self._max = envelopes
        self._limit = size
        self._envelopes = 0
        self._size = 0
        self.effects: list[Effect] = []

    def admit(self, receivers: int, size: int) -> None:
        """Counts envelopes that will be queued, or that leave at once.

        Raises:
            LimitError: ``limit.outbox``.
        """
        envelopes = self._envelopes + receivers
        total = self._size + size * max(receivers, 1)
        if envelopes > self._max or total > self._limit:
            raise LimitError("limit.outbox", f"a turn may send {self._max} envelopes and {self._limit} bytes")
        self._envelopes = envelopes
        self._size = total

    def add(self, effect: Effect) -> None:
        """Queues an effect."""
        self.effects.append(effect)
