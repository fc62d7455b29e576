"""Final replies: to whoever waits, else to the sender's mailbox; a late one is a dead letter."""

from __future__ import annotations

from collections.abc import Mapping

from caxton.agents.delivery import Delivery
from caxton.agents.ports import Router
from caxton.agents.spec import Cost
from caxton.errors import CaxtonError
from caxton.messages import HOST, AgentName, Envelope, Performative


def reply(
    router: Router,
    delivery: Delivery,
    performative: Performative,
    payload: bytes,
    sender: AgentName,
    cost: Cost | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    error: CaxtonError | None = None,
) -> None:
    """Answers a delivery, if its sender wants an answer; a failure never causes a failure.

    ``error``: what became of the turn instead.
    """
    if not delivery.wants_reply:
        return
    waiter = delivery.waiter
    if waiter is not None and waiter.final(performative, payload, sender, headers, error, cost):
        return
    request = delivery.envelope
    if waiter is None and performative is request.performative is Performative.FAILURE:
        return
    envelope = Envelope(
        performative,
        sender,
        (request.sender,),
        payload,
        in_reply_to=request.reply_with,
        conversation_id=request.conversation_id,
        headers=headers,
        id=router.next_id(),
    )
    _send(router, delivery, envelope)


def reply_with(router: Router, delivery: Delivery, envelope: Envelope) -> None:
    """Answers a delivery with an envelope that the agent has written itself."""
    waiter = delivery.waiter
    if waiter is None or not waiter.final(
        envelope.performative, envelope.payload, envelope.sender, envelope.headers, None, None
    ):
        _send(router, delivery, envelope)


def fail(router: Router, delivery: Delivery, error: CaxtonError, cost: Cost | None = None) -> None:
    """The host answers in the agent's place."""
    headers = {"caxton-code": error.code}
    reply(router, delivery, Performative.FAILURE, error.message.encode(), HOST, cost, headers=headers, error=error)


def _send(router: Router, delivery: Delivery, envelope: Envelope) -> None:
    if delivery.waiter is None:
        router.post(envelope)
    else:
        router.dead_letter(envelope, delivery.envelope.sender, "ask.timeout")
