"""What a Python program holds of an agent, and what it gets from one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from caxton.agents.agent import Agent
from caxton.agents.delivery import Delivery, Request, Waiter
from caxton.agents.spec import Cost, Usage
from caxton.agents.tracing import TraceSink
from caxton.agents.units import seconds
from caxton.agents.units import seconds as seconds_of
from caxton.errors import AgentError, AgentFailed, CaxtonError, HostError, MessagingError
from caxton.host.profiling import Profile, profile_running
from caxton.host.statistics import AgentStatistics, agent_statistics
from caxton.host.tracing import Trace
from caxton.messages import NEGATIVE, USER, AgentName, Envelope, Performative
from caxton.text import safe_bytes, safe_name

if TYPE_CHECKING:
    from caxton.host.runtime import Host

_MAX_PARTS: Final = 10_000
_PART_BYTES: Final = 64 << 20
_INFORM: Final = Performative.INFORM
_NO_COST: Final[Cost] = (0, 0.0, 0, 0)


class Reply(NamedTuple):
    """An agent's answer, or a part of one (``final`` is False). ``cost`` holds the figures of its ``usage``."""

    payload: bytes
    performative: Performative
    sender: AgentName
    cost: Cost = _NO_COST
    headers: Mapping[str, str] | None = None
    final: bool = True

    @property
    def usage(self) -> Usage:
        """What the turn cost: fuel, wall seconds, bytes of memory, host calls; a part cost nothing."""
        return Usage(*self.cost)

    @property
    def text(self) -> str:
        """The payload as text; what is not UTF-8 is replaced."""
        return self.payload.decode("utf-8", "replace")


def to_payload(message: bytes | str | bytearray | memoryview) -> bytes:
    """The bytes of a message."""
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        return message.encode("utf-8")
    if isinstance(message, bytearray | memoryview):
        return bytes(message)
    raise TypeError(f"a message is bytes or str, not {type(message).__name__}")


def _failed(reply: Reply) -> AgentFailed:
    said = f": {safe_bytes(reply.payload, 200)}" if reply.payload else ""
    error = AgentFailed(f"{safe_name(reply.sender)} answered {reply.performative.value}{said}", reply)
    error.usage = reply.usage
    return error


def _outcome(
    performative: Performative,
    payload: bytes,
    sender: AgentName,
    headers: Mapping[str, str] | None,
    error: CaxtonError | None,
    cost: Cost | None,
) -> Reply | CaxtonError:
    if error is not None:
        return error
    # What Reply() does, at half the time.
    reply = tuple.__new__(Reply, (payload, performative, sender, cost or _NO_COST, headers, True))
    return _failed(reply) if performative is not _INFORM and performative in NEGATIVE else reply


class _Ask(Request):
    """A request, and the Python task that waits for its reply; no future where the turn ends before the task waits."""

    __slots__ = ("future", "outcome")

    def __init__(self, payload: bytes, receiver: AgentName, expires: float | None, number: int) -> None:
        self._envelope = None
        self._number = number
        self.payload = payload
        self.wants_reply = True
        self.receiver = receiver
        self.deadline = None
        self.expires = expires
        self.outcome: Reply | CaxtonError | None = None
        self.future: asyncio.Future[None] | None = None

    @property
    def waiter(self) -> _Ask:
        """Itself: no object that refers to itself lies about afterwards."""
        return self

    @waiter.setter
    def waiter(self, waiter: Waiter | None) -> None:
        """There is no other."""

    def part(self, envelope: Envelope) -> None:
        """An ask has no use for parts."""

    def final(
        self,
        performative: Performative,
        payload: bytes,
        sender: AgentName,
        headers: Mapping[str, str] | None,
        error: CaxtonError | None,
        cost: Cost | None,
    ) -> bool:
        """Wakes the task; False where it has given up."""
        future = self.future
        if self.outcome is not None or (future is not None and future.done()):
            return False
        self.outcome = _outcome(performative, payload, sender, headers, error, cost)
        if future is not None:
            future.set_result(None)
        return True

    def expire(self) -> None:
        """The time is up."""
        if self.outcome is None:
            self.outcome = MessagingError("ask.timeout", "no reply in time")
            if self.future is not None and not self.future.done():
                self.future.set_result(None)


class _Stream:
    """A Python task that takes a reply part by part."""

    __slots__ = ("_closed", "_event", "_items", "_size")

    def __init__(self) -> None:
        self._items: deque[Reply | CaxtonError] = deque()
        self._event = asyncio.Event()
        self._closed = False
        self._size = 0

    def part(self, envelope: Envelope) -> None:
        """Keeps a part until it is asked for."""
        if self._closed:
            return
        # A turn may emit 8 MiB; only a deferred reply's parts could become more than this.
        self._size += len(envelope.payload)
        if len(self._items) >= _MAX_PARTS or self._size > _PART_BYTES:
            self._put(MessagingError("mailbox.full", "the parts of the reply were not taken in time"))
            self._closed = True
            return
        self._put(Reply(envelope.payload, envelope.performative, envelope.sender, final=False))

    def final(
        self,
        performative: Performative,
        payload: bytes,
        sender: AgentName,
        headers: Mapping[str, str] | None,
        error: CaxtonError | None,
        cost: Cost | None,
    ) -> bool:
        """Keeps the reply; False where nobody will take it."""
        if self._closed:
            return False
        self._closed = True
        self._put(_outcome(performative, payload, sender, headers, error, cost))
        return True

    def expire(self) -> None:
        """The time is up."""
        if not self._closed:
            self._closed = True
            self._put(MessagingError("ask.timeout", "no reply in time"))

    def close(self) -> None:
        """Nobody takes anything any more."""
        self._closed = True
        self._items.clear()

    def _put(self, item: Reply | CaxtonError) -> None:
        self._items.append(item)
        self._event.set()

    async def take(self) -> Reply:
        """The next part, or the reply.

        Raises:
            CaxtonError: what became of the turn.
        """
        while not self._items:
            self._event.clear()
            await self._event.wait()
        item = self._items.popleft()
        if isinstance(item, CaxtonError):
            raise item
        self._size -= len(item.payload)
        return item


class AgentRef:
    """A handle to an agent. Cheap; as many as you like may stand for the same agent."""

    __slots__ = ("_agent", "_host")

    def __init__(self, host: Host, agent: Agent) -> None:
        self._host = host
        self._agent = agent

    def __repr__(self) -> str:
        return f"<AgentRef {self._agent.name} {self._agent.state.value}>"

    @property
    def name(self) -> str:
        """The agent's name."""
        return self._agent.name

    async def ask(self, message: bytes | str, *, timeout: float | None = None) -> Reply:
        """Sends a request and waits for the reply; without ``timeout`` (seconds) as long as the agent lives.

        An ask that timed out does not stop the turn; its late reply goes to the dead letters.

        Raises:
            AgentFailed: the agent answered with a failure, a refusal, or that it did not understand (``.reply``).
            CaxtonError: the code of a turn that trapped or ran into a limit; ``ask.timeout``, ``mailbox.full``,
                ``agent.stopped``, ``limit.message-size``; ``config.invalid``, the timeout is no time.
        """
        host, agent = self._host, self._agent
        payload = message if type(message) is bytes else to_payload(message)
        when = None if timeout is None else host.clock.monotonic() + seconds(timeout, "timeout")
        asked = _Ask(payload, agent.name, when, host.router.next_id())
        agent.post_now(asked)
        outcome = asked.outcome
        if outcome is None:
            outcome = await self._reply_to(asked, when)
        if isinstance(outcome, CaxtonError):
            raise outcome
        return outcome

    async def _reply_to(self, asked: _Ask, when: float | None) -> Reply | CaxtonError:
        timer = None if when is None else self._host.clock.call_at(when, asked.expire)
        asked.future = self._host.loop.create_future()
        try:
            await asked.future
        finally:
            if timer is not None:
                timer.cancel()
        assert asked.outcome is not None
        return asked.outcome

    async def stream(self, message: bytes | str, *, timeout: float | None = None) -> AsyncIterator[Reply]:
        """Sends a request; gives what the agent emits, as it comes, and then its reply (``final``).

        Raises:
            CaxtonError: as for ``ask``.
        """
        host, agent = self._host, self._agent
        stream = _Stream()
        when = None if timeout is None else host.clock.monotonic() + seconds(timeout, "timeout")
        agent.post_now(Request(to_payload(message), agent.name, stream, when, host.router.next_id()))
        timer = None if when is None else host.clock.call_at(when, stream.expire)
        try:
            while True:
                reply = await stream.take()
                yield reply
                if reply.final:
                    return
        finally:
            stream.close()
            if timer is not None:
                timer.cancel()

    async def tell(self, message: bytes | str) -> None:
        """Sends an ``inform``, which nobody answers.

        Raises:
            CaxtonError: ``mailbox.full``, ``agent.stopped``, ``limit.message-size``.
        """
        agent = self._agent
        number = self._host.router.next_id()
        envelope = Envelope(Performative.INFORM, USER, (agent.name,), to_payload(message), id=number)
        agent.post(Delivery(envelope, agent.name))

    def statistics(self) -> AgentStatistics:
        """A snapshot of what the agent is and has done."""
        return agent_statistics(self._agent)

    def trace(self, sink: TraceSink | None = None) -> Trace:
        """Watches the agent's host calls, while a ``with`` block runs; ``sink`` is told of each at once.

        The block's object gives them (``caxton.HostCall``), the last 10,000 at most.
        """
        return Trace(self._agent, sink)

    async def profile(self, seconds: float, *, restart: bool = False) -> Profile:
        """Finds out where the agent spends its time, for so many seconds.

        Only an instance that was made for it can be profiled. So the agent gets a new one, as soon as no turn is under
        way, and what was in the memory of the old one is lost (its state, timers and mailbox are not): ``restart=True``
        says that this may be. The new instance stays when the profile has been taken.

        Raises:
            CaxtonError: ``config.invalid`` without ``restart``, or when its module has changed; ``agent.stopped``.
        """
        if not restart:
            raise HostError(
                "config.invalid", "a profile needs a new instance, whose memory begins anew: say restart=True"
            )
        return await profile_running(self._host._loader, self._agent, seconds_of(seconds, "seconds"))

    async def stop(self) -> None:
        """Ends the agent, whatever it is doing, and frees everything of it. Its mailbox goes to the dead letters."""
        agent = self._agent
        if not agent.ended:
            future: asyncio.Future[None] = self._host.loop.create_future()
            if agent.on_ended is None:
                agent.on_ended = []
            agent.on_ended.append(lambda: None if future.done() else future.set_result(None))
            agent.stop(AgentError("agent.stopped", f"{agent.name} was stopped"))
            if not agent.ended:
                await future
        self._host.router.remove(agent)
