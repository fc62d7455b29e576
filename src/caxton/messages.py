"""Messages between agents: names, performatives, envelopes (FIPA ACL, SC00061 and SC00037)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, NewType

from caxton import jsontext
from caxton.errors import AgentError, MessagingError
from caxton.text import quoted

AgentName = NewType("AgentName", str)
"""The name of an agent, or of a sender that is none (``@host``, ``@timer``, ``@user``, ``@tool``)."""

HOST: Final = AgentName("@host")
TIMER: Final = AgentName("@timer")
USER: Final = AgentName("@user")
TOOL: Final = AgentName("@tool")

TOOL_PREFIX: Final = "tool:"
"""What the receiver of an envelope begins with that is a call of a tool."""

META_LIMIT: Final = 16 * 1024
"""Bytes that an envelope may have as JSON, without its payload."""

MAX_RECEIVERS: Final = 64
MAX_HEADERS: Final = 64

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RECEIVER: Final = re.compile(rf"{_NAME.pattern}|{TOOL_PREFIX}[A-Za-z0-9][A-Za-z0-9._/-]{{0,192}}")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


class Performative(StrEnum):
    """The 22 communicative acts of FIPA SC00037."""

    ACCEPT_PROPOSAL = "accept-proposal"
    AGREE = "agree"
    CANCEL = "cancel"
    CFP = "cfp"
    CONFIRM = "confirm"
    DISCONFIRM = "disconfirm"
    FAILURE = "failure"
    INFORM = "inform"
    INFORM_IF = "inform-if"
    INFORM_REF = "inform-ref"
    NOT_UNDERSTOOD = "not-understood"
    PROPAGATE = "propagate"
    PROPOSE = "propose"
    PROXY = "proxy"
    QUERY_IF = "query-if"
    QUERY_REF = "query-ref"
    REFUSE = "refuse"
    REJECT_PROPOSAL = "reject-proposal"
    REQUEST = "request"
    REQUEST_WHEN = "request-when"
    REQUEST_WHENEVER = "request-whenever"
    SUBSCRIBE = "subscribe"


NEGATIVE: Final = frozenset({Performative.FAILURE, Performative.REFUSE, Performative.NOT_UNDERSTOOD})
"""The performatives that tell an asker that its request was not fulfilled."""

_PERFORMATIVES: Final[Mapping[str, Performative]] = {p.value: p for p in Performative}


def agent_name(text: str) -> AgentName:
    """``text``, if it may name an agent.

    Raises:
        AgentError: ``agent.bad-name``.
    """
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise AgentError(
            "agent.bad-name",
            f"{quoted(str(text))} is no agent name: 1 to 64 of a-z 0-9 . _ -, starting with a letter or a digit",
        )
    return AgentName(text)


class Envelope(NamedTuple):
    """One message. Immutable; ``sender`` and ``id`` are the host's to set."""

    performative: Performative
    sender: AgentName
    receiver: tuple[AgentName, ...]
    payload: bytes = b""
    reply_with: str | None = None
    in_reply_to: str | None = None
    conversation_id: str | None = None
    reply_by: str | None = None
    ontology: str | None = None
    language: str | None = None
    content_type: str | None = None
    headers: Mapping[str, str] | None = None
    id: int = 0

    @property
    def text(self) -> str:
        """The payload as text; what is not UTF-8 is replaced."""
        return self.payload.decode("utf-8", "replace")

    def meta(self) -> dict[str, Any]:
        """The envelope as JSON-ready data, without its payload and without what is not set."""
        receiver: str | list[str] = self.receiver[0] if len(self.receiver) == 1 else list(self.receiver)
        found: dict[str, Any] = {"performative": self.performative.value, "sender": self.sender, "receiver": receiver}
        for key, field in _TEXT_FIELDS.items():
            value = getattr(self, field)
            if value is not None:
                found[key] = value
        found["id"] = f"m{self.id}"
        if self.headers:
            found["headers"] = dict(self.headers)
        return found

    def as_json(self) -> dict[str, Any]:
        """The whole envelope as JSON-ready data: ``content`` where the payload is UTF-8, else ``content-base64``."""
        found = self.meta()
        try:
            found["content"] = self.payload.decode("utf-8")
        except UnicodeDecodeError:
            found["content-base64"] = base64.b64encode(self.payload).decode("ascii")
        return found


_TEXT_FIELDS: Final[Mapping[str, str]] = {
    "reply-with": "reply_with",
    "in-reply-to": "in_reply_to",
    "conversation-id": "conversation_id",
    "reply-by": "reply_by",
    "ontology": "ontology",
    "language": "language",
    "content-type": "content_type",
}
_KEYS: Final = frozenset({*_TEXT_FIELDS, "performative", "receiver", "headers", "sender", "id"})


def _invalid(why: str) -> MessagingError:
    return MessagingError("envelope.invalid", why)


def _receivers(value: Any) -> tuple[AgentName, ...]:
    names = value if isinstance(value, list) else [value]
    if not 1 <= len(names) <= MAX_RECEIVERS:
        raise _invalid(f"receiver names 1 to {MAX_RECEIVERS} agents")
    if not all(isinstance(name, str) and _RECEIVER.fullmatch(name) for name in names):
        raise _invalid("receiver has something that is no agent name")
    return tuple(AgentName(name) for name in dict.fromkeys(names))


def _headers(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise _invalid("headers is an object of texts")
    if len(value) > MAX_HEADERS:
        raise _invalid(f"an envelope has at most {MAX_HEADERS} headers")
    # Headers of this prefix are the host's word: a sender's are dropped, so that a received one can be trusted.
    kept = {key: text for key, text in value.items() if not key.lower().startswith("caxton-")}
    return kept or None


def _text_field(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid(f"{key} is a text")
    if key == "reply-by":
        parse_time(value)
    return value


def parse_time(text: str) -> datetime:
    """An RFC 3339 time, with its offset.

    Raises:
        MessagingError: ``envelope.invalid``.
    """
    try:
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    raise _invalid(f"{quoted(text)} is no RFC 3339 time")


def parse_meta(data: bytes, *, content: bool = False) -> dict[str, Any]:
    """Reads an envelope's JSON, strictly, into keyword arguments for ``Envelope`` (sender and id left out).

    ``receiver`` may be missing (a reply knows where it goes). With ``content``, ``content`` or ``content-base64`` give
    the payload; without, they are refused.

    Raises:
        MessagingError: ``envelope.invalid``.
    """
    if not content and len(data) > META_LIMIT:
        raise _invalid(f"an envelope without its payload has at most {META_LIMIT} bytes")
    try:
        value = jsontext.loads(data)
    except jsontext.InvalidJson as error:
        raise _invalid(str(error)) from None
    if not isinstance(value, dict):
        raise _invalid("an envelope is a JSON object")
    found: dict[str, Any] = {"payload": _content(value)} if content else {}
    if content and len(jsontext.dumps(value)) > META_LIMIT:
        raise _invalid(f"an envelope without its payload has at most {META_LIMIT} bytes")
    strange = value.keys() - _KEYS
    if strange:
        raise _invalid(f"an envelope has no {quoted(min(strange))}")
    performative = value.get("performative")
    if not isinstance(performative, str) or performative not in _PERFORMATIVES:
        raise _invalid("performative is one of FIPA's 22, in lower case")
    found["performative"] = _PERFORMATIVES[performative]
    if "receiver" in value:
        found["receiver"] = _receivers(value["receiver"])
    if "headers" in value:
        found["headers"] = _headers(value["headers"])
    for key, field in _TEXT_FIELDS.items():
        if key in value:
            found[field] = _text_field(key, value[key])
    return found


def _content(value: dict[str, Any]) -> bytes:
    text, encoded = value.pop("content", None), value.pop("content-base64", None)
    if text is not None and encoded is not None:
        raise _invalid("content and content-base64 exclude each other")
    if encoded is None:
        if not isinstance(text, str | None):
            raise _invalid("content is a text")
        return (text or "").encode("utf-8")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _invalid("content-base64 is base64") from None
