"""What the tests of calls share: agents with rules, a tool that does as it is told, and what the audit says."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import caxton
from caxton.testing import DRIVER, Result, call, perform
from caxton.tools.provider import Call, ToolInfo
from tests.agents.lab import Lab

_WORDS = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


async def spawn(
    a: Lab,
    name: str = "agent",
    *,
    tools: Iterable[str] = ("*",),
    deny: Iterable[str] = (),
    peers: Iterable[str] = (),
    rules: Mapping[str, caxton.Rule] | None = None,
    **options: Any,
) -> caxton.AgentRef:
    """A driver that may call tools, and nothing else unless told so."""
    if isinstance(options.get("limits"), dict):
        options["limits"] = caxton.Limits(**options["limits"])
    grants = caxton.Grants(tools=tools, deny=deny, peers=peers, rules=rules)
    return await a.host.spawn(name, options.pop("module", DRIVER), grants=grants, **options)


async def outcome(agent: caxton.AgentRef, name: str, arguments: str = "{}") -> tuple[int, str | None]:
    """What a call returned (0: a result), and its code."""
    result, info = await perform(agent, call("call_tool", name, arguments), call("result_info"))
    return min(result.number, 0), info.json["code"]


def codes(found: Sequence[Result]) -> list[str | None]:
    """Of steps that come in pairs, a call and ``result_info``: the codes."""
    return [info.json["code"] for info in found[1::2]]


def with_codes(*steps: Any) -> list[Any]:
    """Steps, each with a ``result_info`` behind it."""
    return [part for step in steps for part in (step, call("result_info"))]


class Scripted:
    """A source of tools (``PREFIX.anything``) whose calls run what they are told to."""

    is_prompt = False

    def __init__(self, run: Callable[[Call], Awaitable[bytes]], prefix: str = "s") -> None:
        self.calls: list[Call] = []
        self._run = run
        self._prefix = f"{prefix}."

    def owns(self, name: str) -> bool:
        """By the first part."""
        return name.startswith(self._prefix)

    async def tools(self) -> Sequence[ToolInfo]:
        """One."""
        return [ToolInfo(f"{self._prefix}tool", "", {"type": "object"})]

    async def call(self, call: Call) -> bytes:
        """Runs it."""
        self.calls.append(call)
        return await self._run(call)

    async def close(self) -> None:
        """There is nothing to end."""


def scripted(
    a: Lab,
    run: Callable[[Call], Awaitable[bytes]],
    prefix: str = "s",
    hidden: Mapping[str, Collection[str]] | None = None,
) -> Scripted:
    """Makes a host know one; ``hidden``: arguments that the host gives, by tool."""
    found = Scripted(run, prefix)
    a.host._tooling.registry.add(found, f"{prefix}.", hidden)
    return found


async def nothing(call: Call) -> bytes:
    """The shortest of tools."""
    return b"null"


class Gate:
    """A tool that waits until it is opened. ``running``: the labels of its calls; ``cancelled``: of those given up."""

    def __init__(self, a: Lab, name: str = "gate") -> None:
        self.running: list[str] = []
        self.cancelled: list[str] = []
        self.begun = 0
        self._open = asyncio.Event()

        @a.host.tool(name=name)
        async def gate(label: str = "") -> str:
            self.begun += 1
            self.running.append(label)
            try:
                await self._open.wait()
            except asyncio.CancelledError:
                self.cancelled.append(label)
                raise
            finally:
                self.running.remove(label)
            return label

    def open(self) -> None:
        """Lets all go on that wait, and all that come."""
        self._open.set()


class Entries(logging.Handler):
    """The entries of the audit, as they stand in the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line."""
        self.lines.append(record.getMessage())

    @property
    def found(self) -> list[dict[str, str]]:
        """All so far, oldest first."""
        pairs = ([(key, _plain(value)) for key, value in _WORDS.findall(line)] for line in self.lines)
        return [dict(one) for one in pairs]

    def told(self, *keys: str) -> list[tuple[str, ...]]:
        """Of each entry these."""
        return [tuple(entry[key] for key in keys) for entry in self.found]


def _plain(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


@contextmanager
def audited() -> Iterator[Entries]:
    """What the audit says meanwhile."""
    found = Entries()
    logger = logging.getLogger("caxton.tools.audit")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(found)
    try:
        yield found
    finally:
        logger.removeHandler(found)
        logger.setLevel(level)


@contextmanager
def quiet(level: int = logging.CRITICAL) -> Iterator[None]:
    """Tools' failures are not in the way of the tests' own output, and no mistakes of ours."""
    logger = logging.getLogger("caxton.tools")
    before, logger.level = logger.level, level
    try:
        yield
    finally:
        logger.level = before
