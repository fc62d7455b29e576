"""The messages of ``caxton check``, and how an agent takes them. They need nothing of it but that it keeps the ABI."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Final

from caxton.agents.spec import Limits
from caxton.cli.check_points import MANY, Points
from caxton.cli.conversation import Outcome, converse
from caxton.errors import CaxtonError, LimitError, MessagingError
from caxton.host.reference import AgentRef
from caxton.host.runtime import Host

KIB: Final = 1 << 10
MIB: Final = 1 << 20
WARM_UP: Final = 100
"""Messages after which an agent's memory should have reached its size."""

PATIENCE: Final = 10.0
"""Seconds that those messages may take in sum."""

BUSY: Final = 2.0 * float(Limits().deadline)
"""Seconds after which an agent should have come to rest from a message: a turn, and one of its own before it."""

LEAK: Final = MIB
"""Bytes by which the memory may grow in the messages after that: less tells nothing, as memory comes in pages."""

SPARE: Final = 1_000
"""Units of fuel by which a start may differ from another."""

_CONFORMANCE: Final = re.compile(rb"caxton-conformance 1 ([a-z0-9+#.-]{1,32})")
_BINARY: Final = bytes(range(256))
_UNICODE: Final = "Grüße, 世界! \U0001f98a \U0010ffff \ufeff\0e\u0301".encode()
_LONG_TEXT: Final = b"The quick brown fox jumps over the lazy dog. " * 250


class Trial:
    """Messages to a running agent. That it answers a message with a failure is its right; that it breaks is not."""

    def __init__(self, host: Host, agent: AgentRef, module: Path, points: Points) -> None:
        self._host = host
        self._agent = agent
        self._module = module
        self._points = points
        self._start = agent.statistics().fuel
        self._dearest = (0, b"")
        """The fuel of the message that took most, and the message."""

    async def run(self) -> None:
        """Tries every point until a limit of time is reached, which the others would reach as well."""
        longest = 0
        for name, message in (("empty", b""), ("text", b"hello"), ("unicode", _UNICODE), ("binary", _BINARY)):
            outcome = await self._one(message)
            longest = max(longest, _length(outcome))
            if name == "binary" and outcome.error is not None and outcome.error.code == "envelope.invalid":
                self._points.skip(name, "it takes text only")
            elif not self._judge(name, outcome):
                return
        if not await self._large():
            return
        outcome = await self._one(_LONG_TEXT)
        longest = max(longest, _length(outcome))
        if longest > 4 * KIB:
            self._judge("long-response", outcome, f"{longest:,} bytes")
        else:
            self._points.skip("long-response", f"the longest that it gave has {longest:,} bytes")
        if not await self._many():
            return
        await self._metered()
        await self._stopped()

    async def language(self) -> str | None:
        """The language that the agent names when it is asked whether it is one of those that prove the whole list."""
        outcome = await self._one(b"conformance")
        reply = outcome.reply
        match = None if reply is None or outcome.error is not None else _CONFORMANCE.fullmatch(reply.payload)
        return None if match is None else match[1].decode()

    async def _one(self, message: bytes) -> Outcome:
        found: list[Outcome] = []
        await converse(self._agent, [message], 0.0, BUSY, found.append)
        reply = found[0].reply
        if reply is not None:
            self._dearest = max(self._dearest, (reply.usage.fuel, message))
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

    async def _many(self) -> bool:
        agent, points = self._agent, self._points
        before = first = agent.statistics().memory
        until = time.monotonic() + PATIENCE
        number = 0
        while number < MANY and time.monotonic() < until:
            outcome = await self._one(b"message %d" % number)
            if not _tolerable(outcome):
                return self._judge("repeated", outcome)
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
        return True

    async def _metered(self) -> None:
        """The message that took most fuel, with half of that."""
        fuel, message = self._dearest
        least = self._start + SPARE
        if fuel < 2 * least:
            self._points.skip("fuel", f"no message takes much more than its start: {self._start:,} units")
            return
        try:
            agent = await self._host.spawn("metered", self._module, limits=Limits(fuel=max(least, fuel // 2)))
        except CaxtonError as error:  # it takes more to start than it did before
            self._points.fail("fuel", error)
            return
        for _ in range(2):  # the second time with a new instance
            try:
                await agent.ask(message, timeout=BUSY)
            except CaxtonError as error:
                if error.code == "limit.fuel":
                    continue
                self._points.fail("fuel", error)
            else:
                self._points.skip("fuel", "a message takes more fuel at one time than at another")
            return
        self._points.ok("fuel", f"with {max(least, fuel // 2):,} units of {fuel:,}")

    async def _stopped(self) -> None:
        """Stopped while it has a message, which then ends as well."""
        try:
            agent = await self._host.spawn("stopped", self._module)
        except CaxtonError as error:
            self._points.fail("stop", error)
            return
        task = asyncio.create_task(agent.ask(self._dearest[1]))
        await asyncio.sleep(0)
        try:
            await asyncio.wait_for(agent.stop(), BUSY)
            await asyncio.wait({task}, timeout=BUSY)
        except TimeoutError:
            pass
        if task.done():
            task.exception()
            self._points.ok("stop")
            return
        task.cancel()
        self._points.fail("stop", MessagingError("ask.timeout", f"it goes on for more than {BUSY:g} s"))


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
