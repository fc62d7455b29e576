"""Messages that leave when the turn has gone well, parts of a reply, and replies that come later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wit_world.imports import host

from caxton_agent.crossing import call, clean, to_wit
from caxton_agent.messages import Payload, Performative


def tell(to: str, payload: Payload = "") -> None:
    """Queues an ``inform`` to an agent.

    Raises:
        HostError: it may not be told, or is not there.
    """
    call(host.tell, clean(to), to_wit(payload))


def send(
    to: str | Sequence[str],
    payload: Payload = "",
    performative: Performative = "inform",
    *,
    conversation_id: str | None = None,
    reply_with: str | None = None,
    in_reply_to: str | None = None,
    reply_by: datetime | None = None,
    ontology: str | None = None,
    language: str | None = None,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Queues a message of any kind.

    Args:
        to: an agent's name, or several; ``tool:NAME`` calls a tool, whose answer comes in a later turn.
        reply_with: asks for a reply, which will carry this text as ``in_reply_to``.
        reply_by: when nobody wants it any more; with a time zone.

    Raises:
        HostError: it may not be sent, or one of the agents is not there.
    """
    fields: dict[str, Any] = {
        "performative": performative,
        "receiver": to if isinstance(to, str) else list(to),
        "conversation-id": conversation_id,
        "reply-with": reply_with,
        "in-reply-to": in_reply_to,
        "reply-by": None if reply_by is None else reply_by.isoformat(),
        "ontology": ontology,
        "language": language,
        "content-type": content_type,
        "headers": None if headers is None else dict(headers),
    }
    send_envelope({name: value for name, value in fields.items() if value is not None}, payload)


def send_envelope(envelope: Mapping[str, Any] | str, payload: Payload = "") -> None:
    """Queues an envelope, with fields as the host has them (``in-reply-to``); a text is taken as its JSON.

    Raises:
        HostError: as ``send`` does.
    """
    meta = envelope if isinstance(envelope, str) else json.dumps(dict(envelope))
    call(host.send_envelope, clean(meta), to_wit(payload))


def publish(topic: str, payload: Payload = "") -> None:
    """Queues a message to everybody who has subscribed to a topic.

    Raises:
        HostError: the topic is not granted.
    """
    call(host.publish, clean(topic), to_wit(payload))


def subscribe(topic: str) -> None:
    """Subscribes to a topic: ``*`` is one token of it, ``>`` at the end the rest.

    Raises:
        HostError: the topic is not granted.
    """
    call(host.subscribe, clean(topic))


def unsubscribe(topic: str) -> None:
    """Ends a subscription.

    Raises:
        HostError: ``not-found``, there is none.
    """
    call(host.unsubscribe, clean(topic))


def emit(part: Payload) -> None:
    """Sends a part of the reply, now.

    Raises:
        HostError: ``limit``, the turn has sent as much as it may.
    """
    call(host.emit, to_wit(part))


def defer() -> str:
    """There will be no reply at the end of this turn: the token is for ``reply_later``, in a later one.

    Raises:
        HostError: ``not-found``, nobody wants a reply.
    """
    return call(host.defer)


def reply_later(token: str, payload: Payload = "", performative: Performative = "inform") -> None:
    """Answers a request that was deferred.

    Raises:
        HostError: the request has been answered, or its sender waits no longer.
    """
    send_envelope({"performative": performative, "in-reply-to": token}, payload)
