"""A host on a clock that stands still, with drivers for agents: what the tests of agents are made from."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest

import caxton
from caxton.testing import DRIVER, ManualClock, Result, Step, perform, program, settle

KIB = 1 << 10
MIB = 1 << 20


class Message(NamedTuple):
    """What a driver got that was no program."""

    envelope: dict[str, Any]
    text: str


class Lab:
    """One host. ``logs``: what agents logged."""

    def __init__(self, **options: Any) -> None:
        self.clock: ManualClock = options.pop("clock", None) or ManualClock()
        self.logs: list[tuple[str, str, str]] = []
        self.host = caxton.Host(clock=self.clock, log=lambda *line: self.logs.append(line), **options)

    async def driver(
        self,
        name: str,
        module: str = DRIVER,
        *,
        peers: Iterable[str] = ("*",),
        tools: Iterable[str] = ("*",),
        topics: Iterable[str] = (">",),
        **options: Any,
    ) -> caxton.AgentRef:
        """Starts a driver, with every grant unless told otherwise. ``limits`` may be a dict."""
        if isinstance(options.get("limits"), dict):
            options["limits"] = caxton.Limits(**options["limits"])
        grants = caxton.Grants(peers=peers, tools=tools, topics=topics)
        return await self.host.spawn(name, module, grants=grants, **options)

    async def drivers(self, *names: str) -> list[caxton.AgentRef]:
        """Starts several."""
        return [await self.driver(name) for name in names]

    async def settle(self) -> None:
        """Until nothing goes on by itself."""
        await settle(self.host)

    async def elapse(self, seconds: float) -> None:
        """Lets time pass."""
        await self.clock.elapse(self.host, seconds)

    def received(self, name: str) -> list[Message]:
        """The messages that a driver got and that were no programs, oldest first."""
        lines = [(level, line) for agent, level, line in self.logs if agent == name and level in ("debug", "info")]
        return [
            Message(json.loads(lines[at][1]), lines[at + 1][1])
            for at in range(len(lines) - 1)
            if lines[at][0] == "debug" and lines[at + 1][0] == "info"
        ]

    def texts(self, name: str) -> list[str]:
        """Their payloads."""
        return [message.text for message in self.received(name)]

    def dead(self) -> list[tuple[str, str, str]]:
        """The dead letters: receiver, code, payload."""
        return [(letter.receiver, letter.code, letter.envelope.text) for letter in self.host.dead_letters()]


@contextlib.asynccontextmanager
async def lab(**options: Any) -> AsyncIterator[Lab]:
    """A host for the time of a test."""
    made = Lab(**options)
    async with made.host:
        yield made


async def failure(agent: caxton.AgentRef, *steps: Step) -> caxton.CaxtonError:
    """The error that comes instead of a reply when the agent takes these steps."""
    with pytest.raises(caxton.CaxtonError) as caught:
        await agent.ask(program(*steps))
    return caught.value


def refusal(action: Callable[[], object]) -> str | None:
    """The code with which something is refused; None when it is not."""
    try:
        action()
    except caxton.CaxtonError as error:
        return error.code
    return None


async def eventually(condition: Callable[[], bool]) -> None:
    """Gives the event loop turns until something is so."""
    async with asyncio.timeout(50):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


def asking(agent: caxton.AgentRef, *steps: Step, timeout: float | None = None) -> asyncio.Task[list[Result]]:
    """Has an agent take these steps, meanwhile."""
    return asyncio.create_task(perform(agent, *steps, timeout=timeout))


def numbers(found: Sequence[Result]) -> list[int]:
    """What the steps returned."""
    return [result.number for result in found]


def meta(performative: str = "inform", **fields: Any) -> str:
    """An envelope as a guest writes it; ``reply_with`` becomes ``reply-with``."""
    return json.dumps({"performative": performative} | {key.replace("_", "-"): value for key, value in fields.items()})


__all__ = [
    "KIB",
    "MIB",
    "Lab",
    "Message",
    "asking",
    "eventually",
    "failure",
    "lab",
    "meta",
    "numbers",
    "refusal",
]
