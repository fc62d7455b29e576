"""``caxton check``: whether a module keeps the ABI, point by point."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from caxton.agents.spec import Limits
from caxton.cli import interrupts, output
from caxton.cli.conversation import Outcome, converse
from caxton.errors import CaxtonError, LimitError, exit_status
from caxton.host.inspection import Inspection, inspect_module
from caxton.host.reference import AgentRef
from caxton.host.runtime import Host
from caxton.text import safe

KIB: Final = 1 << 10
MIB: Final = 1 << 20
MANY: Final = 1_000
WARM_UP: Final = 100
"""Messages after which an agent's memory should have reached its size."""

PATIENCE: Final = 10.0
"""Seconds that those messages may take in sum."""

BUSY: Final = 2.0 * float(Limits().deadline)
"""Seconds after which an agent should have come to rest from a message: a turn, and one of its own before it."""

LEAK: Final = MIB
"""Bytes by which the memory may grow in the messages after that: less tells nothing, as memory comes in pages."""

OK: Final = "ok"
FAILED: Final = "failed"
SKIPPED: Final = "not applicable"

_BINARY: Final = bytes(range(256))
_LONG_TEXT: Final = b"The quick brown fox jumps over the lazy dog. " * 250
_STYLES: Final = {OK: "green", FAILED: "bold red", SKIPPED: "dim"}

TITLES: Final = {
    "file": "the file can be read",
    "valid": "it is valid WebAssembly",
    "imports": "the host has its imports",
    "exports": "it has the exports of the ABI",
    "buffer": "there is room for messages",
    "start": "it starts within the limits",
    "empty": "it takes an empty message",
    "text": "it takes a text",
    "binary": "it takes bytes that are no text",
    "large": "it takes a message of 1 MiB",
    "long-response": "it gives a response longer than 4 KiB",
    "repeated": f"it takes {MANY:,} messages",
    "memory": f"its memory stays as large over {MANY:,} messages",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that the ABI asks for: ``status`` is ok, failed or not applicable; ``code`` is there when it failed."""

    name: str
    title: str
    status: str
    code: str | None
    detail: str


class Points:
    """What has been found so far. ``error`` is the first failure."""

    def __init__(self) -> None:
        self._found: dict[str, Point] = {}
        self.error: CaxtonError | None = None

    def __iter__(self) -> Iterator[Point]:
        for name, title in TITLES.items():
            yield self._found.get(name) or Point(name, title, SKIPPED, None, "not tried, after what failed before")

    def ok(self, name: str, detail: str = "") -> None:
        """A point that is kept."""
        self._found[name] = Point(name, TITLES[name], OK, None, detail)

    def skip(self, name: str, why: str) -> None:
        """A point that this module has nothing to do with."""
        self._found[name] = Point(name, TITLES[name], SKIPPED, None, why)

    def fail(self, name: str, error: CaxtonError) -> None:
        """A point that is not kept."""
        self._found[name] = Point(name, TITLES[name], FAILED, error.code, error.message)
        self.error = self.error or error


def check(module: Path, *, json: bool) -> int:
    """Checks the module and prints the points; answers the exit status, which is that of the first one that failed.

    Raises:
        LimitError: ``limit.host``, this machine has no room to look at it.
    """
    points = Points()
    interrupts.run(_check(module, points))
    error = points.error
    if json:
        found: dict[str, Any] = {"ok": error is None, "module": str(module), "points": [asdict(p) for p in points]}
        output.put_json(found | {"error": None if error is None else output.error_object(error)})
    else:
        output.put_table(_page(points))
    if error is None:
        return 0
    output.complain(error, "check")
    return exit_status(error.code)


async def _check(module: Path, points: Points) -> None:
    try:
        found = await inspect_module(module)
    except CaxtonError as error:
        if error.code == "limit.host":  # which tells nothing of the module
            raise
        readable = error.code in ("module.invalid", "module.too-complex")
        if readable:
            points.ok("file")
        points.fail("valid" if readable else "file", error)
        return
    points.ok("file", f"{found.contents['size']:,} bytes")
    if not _check_shape(found, points):
        return
    async with Host(log=_ignore) as host:
        try:
            agent = await host.spawn("checked", module)
        except CaxtonError as error:
            points.fail("start", error)
            return
        points.ok("start", f"{agent.statistics().fuel:,} units of fuel")
        await Trial(agent, points).run()


def _ignore(agent: str, level: str, line: str) -> None:
    """What the agent logs is of no interest here."""


def _check_shape(found: Inspection, points: Points) -> bool:
    details = {
        "imports": f"{len(found.contents['imports'])} of them",
        "buffer": {"window": "in pages that the host adds"}.get(found.allocator or "", f"from {found.allocator}"),
    }
    for name, error in found.checks.items():
        if error is None:
            points.ok(name, details.get(name, ""))
        else:
            points.fail(name, error)
    return found.error is None


class Trial:
    """Messages to a running agent. That it answers a message with a failure is its right; that it breaks is not."""

    def __init__(self, agent: AgentRef, points: Points) -> None:
        self._agent = agent
        self._points = points

    async def run(self) -> None:
        """Tries every point until a limit of time is reached, which the others would reach as well."""
        longest = 0
        for name, message in (("empty", b""), ("text", b"hello"), ("binary", _BINARY)):
            outcome = await self._one(message)
            longest = max(longest, _length(outcome))
            if not self._judge(name, outcome):
                return
        if not await self._large():
            return
        outcome = await self._one(_LONG_TEXT)
        longest = max(longest, _length(outcome))
        if longest > 4 * KIB:
            self._judge("long-response", outcome, f"{longest:,} bytes")
        else:
            self._points.skip("long-response", f"the longest that it gave has {longest:,} bytes")
        await self._many()

    async def _one(self, message: bytes) -> Outcome:
        found: list[Outcome] = []
        await converse(self._agent, [message], 0.0, BUSY, found.append)
        return found[0]

    def _judge(self, name: str, outcome: Outcome, detail: str | None = None) -> bool:
        """Notes a point; False where going on makes no sense."""
        error = outcome.error
        if _tolerable(outcome):
            self._points.ok(name, detail or _said(outcome))
            return True
        assert error is not None
        self._points.fail(name, error)
        endless = outcome.restless or error.code in ("limit.fuel", "limit.deadline")
        return not endless and not error.code.startswith("agent.")

    async def _large(self) -> bool:
        outcome = await self._one(bytes(MIB))
        if outcome.error is None or outcome.error.code not in ("limit.message-size", "limit.response-size"):
            return self._judge("large", outcome)
        low, high = 0, MIB
        while high - low > KIB:
            size = (low + high) // 2
            outcome = await self._one(bytes(size))
            if outcome.error is not None and outcome.error.code in ("limit.message-size", "limit.response-size"):
                high = size
            elif _tolerable(outcome):
                low = size
            else:
                return self._judge("large", outcome)
        self._points.skip("large", f"it has room for {low // KIB:,} KiB")
        return True

    async def _many(self) -> None:
        agent, points = self._agent, self._points
        before = first = agent.statistics().memory
        until = time.monotonic() + PATIENCE
        number = 0
        while number < MANY and time.monotonic() < until:
            outcome = await self._one(b"message %d" % number)
            if not _tolerable(outcome):
                self._judge("repeated", outcome)
                return
            number += 1
            if number == WARM_UP:
                first = agent.statistics().memory
        last = agent.statistics().memory
        points.ok("repeated", "" if number == MANY else f"{number:,} in {PATIENCE:g} s")
        if last - first > LEAK:
            grown = f"it grew from {first // KIB:,} to {last // KIB:,} KiB in {number - WARM_UP:,} small messages"
            points.fail("memory", LimitError("limit.memory", grown))
        else:
            points.ok("memory", f"{before // KIB:,} KiB before, {last // KIB:,} KiB after")


def _tolerable(outcome: Outcome) -> bool:
    """A failure that the agent reports itself, or a reply that it keeps for later, breaks nothing."""
    error = outcome.error
    if error is None:
        return True
    return (error.code == "ask.timeout" and not outcome.restless) or (error.code == "agent.failed" and _replied(error))


def _replied(error: CaxtonError) -> bool:
    return getattr(error, "reply", None) is not None


def _length(outcome: Outcome) -> int:
    return len(outcome.reply.payload) if outcome.reply is not None else 0


def _said(outcome: Outcome) -> str:
    if outcome.reply is None:
        return "it keeps its reply for later"
    answer = "it reports a failure" if outcome.error is not None else f"{_length(outcome):,} bytes in response"
    return f"{answer}, {outcome.reply.usage.fuel:,} units of fuel"


def _page(points: Points) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "point", "code", "detail"):
        table.add_column(column, overflow="fold", no_wrap=column in ("", "code"))
    for point in points:
        mark = Text(point.status, _STYLES[point.status])
        table.add_row(mark, point.title, point.code or "", Text(safe(point.detail)))
    kept = all(point.status != FAILED for point in points)
    verdict = Text("it keeps the ABI", "bold green") if kept else Text("it does not keep the ABI", "bold red")
    return Group(table, verdict)
