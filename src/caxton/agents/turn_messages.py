"""Host calls that send: ``tell``, ``send_envelope``, ``publish``, ``subscribe``, ``emit``, ``defer``.

Emitted parts leave at once; everything else is queued until the turn commits.
"""

from __future__ import annotations

from typing import Any

from caxton.agents.delivery import Delivery
from caxton.agents.held import deferred_cost
from caxton.agents.outbox import Answer as Reply
from caxton.agents.outbox import Publish, Send, Subscribe
from caxton.agents.ports import Answer
from caxton.agents.topics import check_pattern, check_topic
from caxton.agents.turn_base import TurnBase
from caxton.errors import NOT_FOUND, MessagingError, ToolError
from caxton.messages import TOOL_PREFIX, Envelope, Performative, parse_meta
from caxton.text import safe_name


class MessageCalls(TurnBase):
    """The part of a turn's services that sends."""

    __slots__ = ()

    def tell(self, to: str, payload: bytes) -> Answer:
        """Queues an ``inform``."""
        receiver = self._addressee(to)
        self._check_payload(payload)
        self._outbox().admit(1, len(payload))
        envelope = Envelope(Performative.INFORM, self.owner.name, (receiver,), payload, id=self.world.router.next_id())
        self._outbox().add(Send(envelope))
        return 0

    def send_envelope(self, meta: bytes, payload: bytes) -> Answer:
        """Queues any envelope. One with an ``in-reply-to`` that is owed here is the reply, and needs no grant."""
        fields = parse_meta(meta)
        owed = self._owed(fields)
        if owed is not None:
            delivery, token = owed
            request = delivery.envelope
            fields["receiver"] = (request.sender,)
            fields["in_reply_to"] = request.reply_with  # which the sender knows; the token is between us
            fields.setdefault("conversation_id", request.conversation_id)
        elif "receiver" not in fields:
            raise MessagingError("envelope.invalid", "the envelope has no receiver")
        else:
            for to in fields["receiver"]:
                self._receiver(to)
        self._check_payload(payload)
        envelope = Envelope(**fields, sender=self.owner.name, payload=payload, id=self.world.router.next_id())
        self._outbox().admit(len(envelope.receiver), len(payload))
        if owed is None:
            self._outbox().add(Send(envelope))
        else:
            self._outbox().add(Reply(envelope, delivery, token))
            if token is None:
                self.replied = True
        return 0

    def _receiver(self, to: str) -> None:
        """Checks that an envelope may go there: to an agent, or to a tool (``tool:NAME``), which answers by another."""
        if to.startswith(TOOL_PREFIX):
            self.world.tools.check(self.owner.name, self.owner.spec.grants, to.removeprefix(TOOL_PREFIX))
        else:
            self._addressee(to)

    def _owed(self, fields: dict[str, Any]) -> tuple[Delivery, str | None] | None:
        """The request that an envelope answers: a deferred one (with its token), or the current one."""
        token = fields.get("in_reply_to")
        if token is None:
            return None
        queued = self.outbox.effects if self.outbox else ()
        answered = any(isinstance(effect, Reply) and effect.token == token for effect in queued)
        deferred = None if answered else self.owner.held.deferred.get(token)
        current = self.delivery
        if deferred is not None:
            owed = deferred
        elif current is not None and not self.replied and current.envelope.reply_with == token:
            owed = current
        else:
            return None
        if fields.get("receiver", (owed.envelope.sender,)) != (owed.envelope.sender,):
            return None
        return owed, token if owed is deferred else None

    def publish(self, topic: str, payload: bytes) -> Answer:
        """Queues a message to a topic's subscribers; each of them counts."""
        if not self.owner.spec.grants.may_use_topic(topic):
            raise ToolError("grant.denied", f"{safe_name(topic)} is not among the agent's topics")
        check_topic(topic)
        self._check_payload(payload)
        router = self.world.router
        self._outbox().admit(max(1, len(router.subscribers(topic))), len(payload))
        envelope = Envelope(
            Performative.INFORM, self.owner.name, (), payload, headers={"caxton-topic": topic}, id=router.next_id()
        )
        self._outbox().add(Publish(envelope, topic))
        return 0

    def subscribe(self, topic: str) -> Answer:
        """Queues a subscription."""
        if not self.owner.spec.grants.may_use_topic(topic):
            raise ToolError("grant.denied", f"{safe_name(topic)} is not among the agent's topics")
        check_pattern(topic)
        self._draft().subscribe(topic, wanted=True)
        self._outbox().add(Subscribe(topic, wanted=True))
        return 0

    def unsubscribe(self, topic: str) -> Answer:
        """Queues the end of a subscription; -1 where there is none."""
        check_pattern(topic)
        if not self._draft().subscribed(topic):
            return NOT_FOUND
        self._draft().subscribe(topic, wanted=False)
        self._outbox().add(Subscribe(topic, wanted=False))
        return 0

    def emit(self, payload: bytes) -> Answer:
        """Sends a part of the reply, now, to whoever wants one."""
        self._check_payload(payload)
        delivery = self.delivery
        if delivery is None or not delivery.wants_reply:
            return 0
        self._outbox().admit(1, len(payload))
        self.world.router.emit(delivery, self._reply(Performative.INFORM, payload))
        return 0

    def defer(self) -> Answer:
        """Keeps the reply for a later turn; answers the token that stands for it."""
        if self.delivery is None or not self.delivery.wants_reply or self.replied:
            return NOT_FOUND
        if self.deferred is None:
            token = self.world.router.next_token()
            self._draft().grow(deferred_cost(token, self.delivery))
            self.deferred = token
        return self.deferred.encode()

    def _reply(self, performative: Performative, payload: bytes) -> Envelope:
        assert self.delivery is not None
        request = self.delivery.envelope
        return Envelope(
            performative,
            self.owner.name,
            (request.sender,),
            payload,
            in_reply_to=request.reply_with,
            conversation_id=request.conversation_id,
            id=self.world.router.next_id(),
        )
