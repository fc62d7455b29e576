"""An envelope on its way to one agent, and where the reply goes. The envelope is the message; this is its handling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from caxton.agents.spec import Cost
from caxton.errors import CaxtonError
from caxton.messages import USER, AgentName, Envelope, Performative


class Waiter(Protocol):
    """Somebody who waits for the reply to one request."""

    def part(self, envelope: Envelope) -> None:
        """Takes a part of the reply."""

    def final(
        self,
        performative: Performative,
        payload: bytes,
        sender: AgentName,
        headers: Mapping[str, str] | None,
        error: CaxtonError | None,
        cost: Cost | None,
    ) -> bool:
        """Takes the reply, or the error in its stead; False where nobody waits any more."""


class Delivery:
    """One envelope in one mailbox.

    Attributes:
        receiver: the agent whose mailbox it is.
        payload: the envelope's.
        wants_reply: whether the envelope has a ``reply-with``.
        waiter: who waits for the reply; None: a reply, if one is wanted, goes to the sender's mailbox.
        deadline: monotonic seconds; the turn must not go on longer (its asker's deadline). None: the agent's own.
        expires: monotonic seconds; after that nobody wants it delivered. None: never.
    """

    __slots__ = ("_envelope", "deadline", "expires", "payload", "receiver", "waiter", "wants_reply")

    def __init__(
        self,
        envelope: Envelope,
        receiver: AgentName,
        waiter: Waiter | None = None,
        deadline: float | None = None,
        expires: float | None = None,
    ) -> None:
        self._envelope: Envelope | None = envelope
        self.payload = envelope.payload
        self.wants_reply = envelope.reply_with is not None
        self.receiver = receiver
        self.waiter = waiter
        self.deadline = deadline
        self.expires = expires

    @property
    def envelope(self) -> Envelope:
        """The envelope."""
        assert self._envelope is not None
        return self._envelope

    @property
    def id(self) -> int:
        """The envelope's."""
        return self.envelope.id


class Request(Delivery):
    """A request from a Python program. Few guests look at its envelope, so it is written when one does."""

    __slots__ = ("_number",)

    def __init__(
        self, payload: bytes, receiver: AgentName, waiter: Waiter | None, expires: float | None, number: int
    ) -> None:
        self._envelope = None
        self._number = number
        self.payload = payload
        self.wants_reply = True
        self.receiver = receiver
        self.waiter = waiter
        self.deadline = None
        self.expires = expires

    @property
    def envelope(self) -> Envelope:
        """The envelope."""
        if self._envelope is None:
            number = self._number
            self._envelope = Envelope(
                Performative.REQUEST, USER, (self.receiver,), self.payload, f"u{number}", id=number
            )
        return self._envelope

    @property
    def id(self) -> int:
        """The envelope's, which need not be written for that."""
        return self._number
