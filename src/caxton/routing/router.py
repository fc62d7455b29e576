"""Where messages go: from names to mailboxes, replies to who waits for them, the rest to the dead letters."""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from caxton.agents.agent import Agent
from caxton.agents.delivery import Delivery
from caxton.agents.ports import Clock
from caxton.agents.spec import Cost
from caxton.agents.waiting import Answered, Pending
from caxton.errors import AgentError, AgentFailed, CaxtonError, MessagingError
from caxton.messages import HOST, NEGATIVE, TOOL_PREFIX, AgentName, Envelope, Performative, parse_time
from caxton.routing.subscriptions import Subscriptions
from caxton.text import safe_name

DEAD_LETTERS: Final = 1_000
DEAD_LETTER_BYTES: Final = 16 << 20


class DeadLetter(NamedTuple):
    """An envelope that could not be delivered: to whom, and why (a code of the contract)."""

    envelope: Envelope
    receiver: AgentName
    code: str


class GuestWaiter:
    """A guest that waits for the reply to its ask."""

    __slots__ = ("_pending",)

    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    def part(self, envelope: Envelope) -> None:
        """Parts are for those who stream; an ask gets the final reply alone."""

    def final(
        self,
        performative: Performative,
        payload: bytes,
        sender: AgentName,
        headers: Mapping[str, str] | None,
        error: CaxtonError | None,
        cost: Cost | None,
    ) -> bool:
        """Wakes the guest; False where it has given up."""
        if self._pending.resolved:
            return False
        if error is not None and error.code == "agent.stopped":
            self._pending.resolve(error)
        else:
            answered = Answered(performative, payload, headers)
            negative = performative in NEGATIVE
            said = f"{safe_name(sender)} answered {performative}"
            self._pending.resolve(AgentFailed(said, answered) if negative else answered)
        return True


class Router:
    """The agents of one host, by name. Everything happens on the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._agents: dict[AgentName, Agent] = {}
        self._waits: dict[AgentName, tuple[AgentName, ...]] = {}
        self._subscriptions = Subscriptions()
        self._clock = clock
        self._ids = itertools.count(1)
        self.next_id = self._ids.__next__
        """A number for an envelope."""
        self._secret = secrets.token_hex(8)
        self._run = secrets.token_hex(8)  # names this host's calls among those of others; no secret
        self._dead: deque[DeadLetter] = deque()
        self._dead_bytes = 0
        self.dead_letter_count = 0
        self.on_dead_letter: Callable[[DeadLetter], None] | None = None
        self.on_tool: Callable[[Envelope, AgentName], None] | None = None
        """Takes envelopes to ``tool:NAME``."""

    # ---- names ----------------------------------------------------------------------------------------------------

    def add(self, agent: Agent) -> None:
        """Makes an agent known.

        Raises:
            AgentError: ``agent.exists``.
        """
        found = self._agents.get(agent.name)
        if found is not None and not found.ended:
            raise AgentError("agent.exists", f"there is an agent {agent.name} already")
        self._agents[agent.name] = agent

    def remove(self, agent: Agent) -> None:
        """Forgets an agent."""
        if self._agents.get(agent.name) is agent:  # and not one that has taken its name since
            del self._agents[agent.name]
            self._waits.pop(agent.name, None)

    def get(self, name: AgentName) -> Agent:
        """The agent of that name.

        Raises:
            AgentError: ``agent.unknown``.
        """
        agent = self._agents.get(name)
        if agent is None:
            raise AgentError("agent.unknown", f"there is no agent {safe_name(name)}")
        return agent

    def knows(self, name: AgentName) -> bool:
        """Whether there is such an agent."""
        return name in self._agents

    def __iter__(self) -> Iterator[Agent]:
        return iter(list(self._agents.values()))

    def __len__(self) -> int:
        return len(self._agents)

    # ---- messages -------------------------------------------------------------------------------------------------

    def next_token(self) -> str:
        """A token for a reply, which nobody can guess."""
        return f"{self._secret}-{next(self._ids)}-{secrets.token_hex(4)}"

    def post(self, envelope: Envelope) -> bool:
        """Delivers to every receiver; what cannot be delivered is a dead letter, and its sender is told (and False)."""
        expires = self._expiry(envelope.reply_by) if envelope.reply_by is not None else None
        delivered = True
        for receiver in envelope.receiver:
            try:
                if self.on_tool is not None and receiver.startswith(TOOL_PREFIX):
                    if expires is not None and expires <= self._clock.monotonic():
                        raise MessagingError("ask.timeout", "its reply-by has passed")
                    self.on_tool(envelope, receiver)
                    continue
                self.get(receiver).post(Delivery(envelope, receiver, None, None, expires))
            except CaxtonError as error:
                delivered = False
                self.dead_letter(envelope, receiver, error.code)
                self._tell_sender(envelope, error)
        return delivered

    def call_key(self, agent: AgentName, message: int, number: int) -> str:
        """The idempotency key of the tool call that is number ``number`` of the turn for envelope ``message``."""
        return f"{self._run}-{agent}-{message}-{number}"

    def _expiry(self, reply_by: str) -> float:
        """When an envelope's ``reply-by`` is, on the monotonic clock."""
        return self._clock.monotonic() + parse_time(reply_by).timestamp() - self._clock.time()

    def _tell_sender(self, envelope: Envelope, error: CaxtonError) -> None:
        """A ``failure`` to the sender, if it wanted a reply; a failure never causes one."""
        sender = self._agents.get(envelope.sender)
        if envelope.reply_with is None or envelope.performative is Performative.FAILURE or sender is None:
            return
        failure = Envelope(
            Performative.FAILURE,
            HOST,
            (envelope.sender,),
            error.message.encode(),
            in_reply_to=envelope.reply_with,
            conversation_id=envelope.conversation_id,
            headers={"caxton-code": error.code},
            id=self.next_id(),
        )
        try:
            sender.post(Delivery(failure, envelope.sender))
        except CaxtonError as again:
            self.dead_letter(failure, envelope.sender, again.code)

    def emit(self, delivery: Delivery, envelope: Envelope) -> None:
        """Takes a part of a reply to whoever waits, or to the sender's mailbox."""
        if delivery.waiter is not None:
            delivery.waiter.part(envelope)
        else:
            self.post(envelope._replace(headers={"caxton-part": "1"}))

    def ask(self, asker: AgentName, to: AgentName, payload: bytes, deadline: float) -> Pending:
        """A request from a guest's turn, which must be answered before that turn's ``deadline``."""
        pending = Pending(targets=(to,))
        number = next(self._ids)
        envelope = Envelope(Performative.REQUEST, asker, (to,), payload, f"{self._secret}-{number}", id=number)
        self.get(to).post(Delivery(envelope, to, GuestWaiter(pending), deadline, deadline))
        return pending

    def dead_letter(self, envelope: Envelope, receiver: AgentName, code: str) -> None:
        """Keeps what could not be delivered; the oldest make room."""
        letter = DeadLetter(envelope, receiver, code)
        self.dead_letter_count += 1
        self._dead.append(letter)
        self._dead_bytes += len(envelope.payload)
        while len(self._dead) > DEAD_LETTERS or self._dead_bytes > DEAD_LETTER_BYTES:
            self._dead_bytes -= len(self._dead.popleft().envelope.payload)
        if self.on_dead_letter is not None:
            self.on_dead_letter(letter)

    def dead_letters(self) -> list[DeadLetter]:
        """The dead letters that are kept, oldest first."""
        return list(self._dead)

    # ---- who waits for whom ---------------------------------------------------------------------------------------

    def waiting(self, waiter: AgentName, targets: tuple[AgentName, ...] | None) -> None:
        """Notes whom an agent waits for; None: nobody."""
        if targets is None:
            self._waits.pop(waiter, None)
        else:
            self._waits[waiter] = targets

    def would_block(self, waiter: AgentName, targets: Iterable[AgentName]) -> bool:
        """Whether nobody whom the wait depends on, directly or not, could still move.

        An agent that waits for any of several can go on when one of them can, so the wait is hopeless only when
        everybody reachable waits for agents too.
        """
        seen = {waiter}
        open_ = list(targets)
        while open_:
            name = open_.pop()
            if name in seen:
                continue
            seen.add(name)
            further = self._waits.get(name)
            if further is None:
                return False
            open_.extend(further)
        return True

    # ---- topics ---------------------------------------------------------------------------------------------------

    def subscribe(self, agent: AgentName, pattern: str) -> None:
        """Adds a subscription."""
        self._subscriptions.add(agent, pattern)

    def unsubscribe(self, agent: AgentName, pattern: str) -> None:
        """Ends a subscription."""
        self._subscriptions.remove(agent, pattern)

    def subscribers(self, topic: str) -> list[AgentName]:
        """Who is subscribed to a topic, each once."""
        return self._subscriptions.matching(topic)

    def publish(self, envelope: Envelope, topic: str) -> None:
        """Delivers to a topic's subscribers, but not to the publisher."""
        for receiver in self.subscribers(topic):
            if receiver != envelope.sender:
                self.post(envelope._replace(receiver=(receiver,)))
