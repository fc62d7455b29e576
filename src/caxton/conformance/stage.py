"""Where a behaviour is played: a host whose clock stands still until it is moved, and agents of the module in question.

Nothing here knows how the module is made. An agent is driven by messages, and its answers are bytes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from caxton.agents.delivery import Request
from caxton.agents.grants import Grants
from caxton.agents.spec import Cost, Limits
from caxton.conformance.behaviour import Unkept, holds, same
from caxton.conformance.tools import ToolHouse
from caxton.errors import CaxtonError
from caxton.host.loading import Source
from caxton.host.reference import AgentRef, Reply
from caxton.host.runtime import Host
from caxton.messages import AgentName, Envelope, Performative
from caxton.testing import DRIVER, ManualClock, settle

FUEL: Final = 2_000_000_000
"""Units that a turn may use: about a second, and more than any language needs for a command."""

WITHIN: Final = 20.0
"""Real seconds within which a host should come to rest."""

ALL: Final = Grants(tools=["*"], peers=["*"], topics=[">"])
NONE: Final = Grants()


def message(command: str, body: bytes | str | None = None) -> bytes:
    """A message of the protocol: the command with its arguments, and the body after a newline."""
    line = command.encode()
    if body is None:
        return line
    return line + b"\n" + (body.encode() if isinstance(body, str) else body)


def then(first: bytes, *others: bytes) -> bytes:
    """A message that carries out several, one after another, in one turn."""
    if not others:
        return first
    return b"then %d\n%b%b" % (len(first), first, then(*others))


class Refusal(NamedTuple):
    """What a host call's error looks like in an answer."""

    kind: str
    code: str
    data: bytes


def refusal(answer: bytes) -> Refusal:
    """Reads such an answer.

    Raises:
        Unkept: it is none.
    """
    line, _, data = answer.partition(b"\n")
    words = line.decode("utf-8", "replace").split(" ")
    holds(len(words) == 3 and words[0] == "error", f"the answer is {answer[:100]!r} instead of an error")
    return Refusal(words[1], words[2], data)


def refused(answer: bytes, kind: str, code: str, data: bytes | None = None) -> None:
    """Holds that an answer is this error of a host call (with this ``data``, where it matters)."""
    found = refusal(answer)
    same(f"{kind} {code}", f"{found.kind} {found.code}", "the error")
    if data is not None:
        same(data, found.data, "what came with the error")


class Actor:
    """An agent on the stage."""

    def __init__(self, stage: Stage, ref: AgentRef) -> None:
        self._stage = stage
        self.ref = ref
        self.name = ref.name

    async def reply(self, text: bytes) -> Reply:
        """The reply to a message that is answered without anything else happening.

        Raises:
            Unkept: there is none.
            CaxtonError: as for ``AgentRef.ask``.
        """
        return await self._stage.outcome(self.ref.ask(text))

    async def say(self, command: str, body: bytes | str | None = None) -> bytes:
        """The answer to a command.

        Raises:
            Unkept: the agent failed, or does not answer.
        """
        return await self.answer(message(command, body))

    async def answer(self, text: bytes) -> bytes:
        """The answer to a message.

        Raises:
            Unkept: the agent failed, or does not answer.
        """
        try:
            return (await self.reply(text)).payload
        except CaxtonError as error:
            raise Unkept(f"{text[:60]!r} ended with {error}") from None

    async def error(self, text: bytes) -> CaxtonError:
        """The error that comes instead of an answer to a message.

        Raises:
            Unkept: there is none.
        """
        try:
            reply = await self.reply(text)
        except CaxtonError as error:
            return error
        raise Unkept(f"{text[:60]!r} was answered with {reply.payload[:60]!r} instead of failing")

    async def failure(self, text: bytes) -> bytes:
        """The payload of the failure that the agent reports.

        Raises:
            Unkept: it reports none.
        """
        error = await self.error(text)
        reply = getattr(error, "reply", None)
        if error.code != "agent.failed" or reply is None:
            raise Unkept(f"{text[:60]!r} ended with {error} instead of a failure that the agent reports")
        payload: bytes = reply.payload
        return payload

    def asked(self, text: bytes, timeout: float | None = None) -> asyncio.Task[Reply]:
        """A request whose answer takes time."""
        return self._stage.begin(self.ref.ask(text, timeout=timeout))

    async def tell(self, command: str, body: bytes | str | None = None) -> None:
        """Sends a message that nobody answers, and lets it be handled."""
        await self.ref.tell(message(command, body))
        await self._stage.settle()


class _Nobody:
    """Who has no use for a reply (a ``Waiter``)."""

    def part(self, envelope: Envelope) -> None:
        """A part of it."""

    def final(
        self,
        performative: Performative,
        payload: bytes,
        sender: AgentName,
        headers: Mapping[str, str] | None,
        error: CaxtonError | None,
        cost: Cost | None,
    ) -> bool:
        """The whole."""
        return False


class Observed(NamedTuple):
    """A message that an observer got: its envelope without the payload, and the payload as text."""

    envelope: dict[str, Any]
    text: str


class Stage:
    """A host, its clock, what its agents log, and agents of one module."""

    def __init__(self, module: Source, *, seed: int | None = None) -> None:
        self.module = module
        self.clock = ManualClock()
        self.logs: list[tuple[str, str, str]] = []
        self.on_log: Callable[[str], None] | None = None
        self.host = Host(clock=self.clock, seed=seed, log=self._log)
        self.tools = ToolHouse()
        self._tasks: list[asyncio.Task[Reply]] = []

    async def __aenter__(self) -> Self:
        await self.host.__aenter__()
        self.tools.open_in(self.host)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.clear()
        await self.host.__aexit__(kind, error, trace)

    def _log(self, agent: str, level: str, line: str) -> None:
        self.logs.append((agent, level, line))
        if self.on_log is not None:
            self.on_log(line)

    # ---- agents

    async def agent(
        self, name: str = "one", *, grants: Grants = ALL, params: dict[str, Any] | None = None, **limits: Any
    ) -> Actor:
        """An agent of the module.

        Raises:
            Unkept: it does not start.
        """
        chosen = Limits(**({"fuel": FUEL} | limits))
        try:
            return Actor(self, await self.host.spawn(name, self.module, grants=grants, limits=chosen, params=params))
        except CaxtonError as error:
            raise Unkept(f"an agent does not start: {error}") from None

    async def agents(self, *names: str) -> list[Actor]:
        """Several."""
        return [await self.agent(name) for name in names]

    def actor(self, name: str) -> Actor:
        """One that is there."""
        return Actor(self, self.host.agent(name))

    def withdrawable(self, one: Actor, text: bytes) -> Callable[[], None]:
        """Sends a request; answers what gives it up."""
        agent = self.host.router.get(AgentName(one.name))
        request = Request(text, agent.name, _Nobody(), None, self.host.router.next_id())
        agent.post_now(request)
        return lambda: agent.cancel(request)

    async def until_running(self, one: Actor) -> None:
        """Waits until an agent is in a turn that goes on without waiting."""
        until = time.monotonic() + WITHIN
        await asyncio.sleep(0)  # what asks it has begun now
        while (found := one.ref.statistics()).state != "running":
            holds(found.state != "idle" or found.mailbox, "its turn is over")
            holds(time.monotonic() < until, "its turn does not begin")
            await asyncio.sleep(0.001)

    async def observer(self, name: str = "observer") -> AgentRef:
        """An agent of ours, which notes the messages that it gets: ``observed``."""
        return await self.host.spawn(name, DRIVER, grants=ALL)

    def observed(self, name: str = "observer") -> list[Observed]:
        """What an observer has got, oldest first."""
        lines = [line for agent, level, line in self.logs if agent == name and level in ("debug", "info")]
        return [Observed(json.loads(lines[at]), lines[at + 1]) for at in range(0, len(lines) - 1, 2)]

    def lines(self, name: str = "one", level: str | None = None) -> list[str]:
        """What an agent has logged."""
        return [line for agent, at, line in self.logs if agent == name and level in (None, at)]

    # ---- time

    async def settle(self) -> None:
        """Lets everything happen that needs no time.

        Raises:
            Unkept: the host does not come to rest.
        """
        try:
            await settle(self.host, within=WITHIN)
        except TimeoutError as error:
            raise Unkept(str(error)) from None

    async def elapse(self, seconds: float) -> None:
        """Lets time pass."""
        try:
            await self.clock.elapse(self.host, seconds)
        except TimeoutError as error:
            raise Unkept(str(error)) from None

    def begin(self, asking: Coroutine[Any, Any, Reply]) -> asyncio.Task[Reply]:
        """Begins a request whose answer takes time; it ends with the behaviour at the latest."""
        task = asyncio.create_task(asking)
        self._tasks.append(task)
        return task

    async def outcome(self, asking: Coroutine[Any, Any, Reply]) -> Reply:
        """The reply to a request that needs no time.

        Raises:
            Unkept: there is none.
            CaxtonError: what there is instead.
        """
        task = self.begin(asking)
        await asyncio.sleep(0)
        if not task.done():
            await self.settle()
        return await self.finished(task)

    async def finished(self, task: asyncio.Task[Reply]) -> Reply:
        """The reply to a request that should be answered by now.

        Raises:
            Unkept: it is not.
            CaxtonError: what there is instead.
        """
        if not task.done():
            raise Unkept("there is no answer: the agent waits for something")
        self._tasks.remove(task)
        return task.result()

    async def error(self, task: asyncio.Task[Reply]) -> CaxtonError:
        """The error of a request that should have ended by now.

        Raises:
            Unkept: it has not, or with an answer.
        """
        try:
            reply = await self.finished(task)
        except CaxtonError as error:
            return error
        raise Unkept(f"the answer is {reply.payload[:60]!r} instead of an error")

    async def after(self, seconds: float, task: asyncio.Task[Reply]) -> bytes:
        """The answer to a request, which is there after so long and not before (the last millisecond is free).

        Raises:
            Unkept: it came sooner, or not by then, or is an error.
        """
        await self.elapse(seconds - 0.001)
        holds(not task.done(), "the answer was there too soon")
        await self.elapse(0.001)
        try:
            return (await self.finished(task)).payload
        except CaxtonError as error:
            raise Unkept(f"instead of an answer came {error}") from None

    # ---- between behaviours

    async def clear(self) -> None:
        """Ends everything that a behaviour has begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.tools.clear()
        for agent in self.host.agents():
            await agent.stop()
        self.on_log = None
        self.logs.clear()
