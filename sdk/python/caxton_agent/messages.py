"""The message that an agent handles."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from caxton_agent.errors import Failure

Payload = str | bytes
"""Text is ``str``, anything else ``bytes``. What an agent is given is ``str`` where it is UTF-8."""

Performative = Literal[
    "accept-proposal",
    "agree",
    "cancel",
    "cfp",
    "confirm",
    "disconfirm",
    "failure",
    "inform",
    "inform-if",
    "inform-ref",
    "not-understood",
    "propagate",
    "propose",
    "proxy",
    "query-if",
    "query-ref",
    "refuse",
    "reject-proposal",
    "request",
    "request-when",
    "request-whenever",
    "subscribe",
]
"""The communicative acts of the FIPA ACL specification (SC00037)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What was sent, and what is said about it (FIPA SC00061).

    Attributes:
        sender: an agent's name; or ``@user``, ``@host``, ``@timer``, ``@tool``.
    """

    payload: Payload
    performative: str
    sender: str
    receivers: tuple[str, ...]
    conversation_id: str | None
    reply_with: str | None
    in_reply_to: str | None
    reply_by: str | None
    ontology: str | None
    language: str | None
    content_type: str | None
    id: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The payload as text.

        Raises:
            Failure: it is not UTF-8; the reply says so, if nobody catches it.
        """
        return as_text(self.payload)

    @property
    def data(self) -> bytes:
        """The payload as bytes."""
        return self.payload.encode() if isinstance(self.payload, str) else self.payload

    def json(self) -> Any:
        """The payload read as JSON.

        Raises:
            Failure: it is not JSON, or nested too deep; the reply says so, if nobody catches it.
        """
        try:
            return json.loads(self.text)
        except ValueError:
            raise Failure("this message is not JSON") from None
        except RecursionError:
            raise Failure("this message is nested too deep") from None


def as_text(payload: Payload) -> str:
    """A payload as text.

    Raises:
        Failure: it is not UTF-8.
    """
    if isinstance(payload, str):
        return payload
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Failure("this message is not text") from None
