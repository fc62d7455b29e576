"""A component that does what the length of a message tells it, beside one that is to notice nothing of that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import pytest

import caxton
from tests.agents.lab import Lab, eventually, lab
from tests.components.guests import agent, text_agent

SPIN: Final = "(loop (br 0))"
STRINGS: Final = "(i32.store (i32.const 64) (i32.const 0x72656570)) (i32.store (i32.const 68) (i32.const 0x7d7b))"
"""``peer`` and ``{}``."""

ASK: Final = "(i32.const 64) (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 4) (i64.const 60000)"
SLEEP: Final = "(call $sleep-ms (i64.const 60000) (i32.const 256))"

# What the length of a message tells the guest to do; anything else is answered with the number of messages that the
# instance has had.
BIG: Final = 4_001
DOES: Final = {
    2: SPIN,
    3: "(i32.store (i32.const 60) (i32.const 1))",
    4: SLEEP,
    5: f"(call $ask {ASK} (i32.const 256))",
    6: f"""(call $ask-start {ASK} (i32.const 256))
        (i32.store (i32.const 300) (i32.load (i32.const 260)))
        (call $wait (i32.const 300) (i32.const 1) (i64.const 60000) (i32.const 256))""",
    7: "(call $call-tool (i32.const 64) (i32.const 4) (i32.const 68) (i32.const 2) (i32.const 256))",
    8: "unreachable",
    9: f"(loop {SLEEP} (br 0))",
    10: f"(call $random (i32.const {BIG}) (i32.const 256))",
}
COMPUTES: Final = {"allocating": BIG, "handling": 2, "taking a result": 10, "freeing": 3}
"""Where the guest spins. It allocates for a message, and is called back for that in the midst of a host call too."""

WAITS: Final = {"sleep": 4, "ask": 5, "wait": 6, "tool": 7}
PLACES: Final = COMPUTES | WAITS


def guest(*, direct: bool) -> str:
    """A component that does what it is told. ``direct``: messages are written where they are to lie; else each crosses
    as a value, as they do where a component has a second memory."""
    steps = "\n".join(f"(if (i32.eq (local.get $n) (i32.const {length})) (then {do}))" for length, do in DOES.items())
    text = agent(
        f"""(local $n i32)
        (local.set $n (i32.load offset=128 (local.get $m)))
        {STRINGS}
        (i32.store (i32.const 2048) (i32.add (i32.load (i32.const 2048)) (i32.const 1)))
        {steps}
        (i32.store8 (i32.const 96) (i32.add (i32.const 48) (i32.load (i32.const 2048))))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 96) (i32.const 1))""",
        uses=("random", "sleep-ms", "ask", "ask-start", "wait", "call-tool"),
    )
    allocates, frees = "(local $at i32) (local $end i32)", "(param i32) (global.set $top"
    text = text.replace(allocates, f"{allocates} (if (i32.eq (local.get 3) (i32.const {BIG})) (then {SPIN}))", 1)
    text = text.replace(frees, f"(param i32) (if (i32.load (i32.const 60)) (then {SPIN})) (global.set $top", 1)
    second = "" if direct else "(core module $s (memory 1)) (core instance (instantiate $s))"
    return text.replace("(core instance $heap", f"{second} (core instance $heap", 1)


GUESTS: Final = {"direct": guest(direct=True), "values": guest(direct=False)}
STARTS: Final = text_agent(items=f"(func $start {SPIN})", start="(start $start)")


class Stage(NamedTuple):
    """A host on a clock that stands still, and an agent beside the one that is to be ended."""

    lab: Lab
    neighbour: caxton.AgentRef

    async def spawn(self, text: str, limits: caxton.Limits | None = None) -> caxton.AgentRef:
        """The agent. What it asks and calls never answers."""
        grants = caxton.Grants(peers=["peer"], tools=["peer"])
        return await self.lab.host.spawn("agent", text, limits=limits, grants=grants)

    async def begun(self, ref: caxton.AgentRef, place: str) -> None:
        """Until the guest is there."""
        state = "running" if place in COMPUTES else "waiting"
        await eventually(lambda: ref.statistics().state == state)

    async def notices_nothing(self) -> None:
        """The neighbour answers, with the instance that it has had all the time."""
        had = self.neighbour.statistics().turns
        assert (await self.neighbour.ask("?")).text == str(had + 1)
        assert self.neighbour.statistics().restarts == 0

    async def nothing_left(self) -> None:
        """Of the agent: no memory, no timer, nobody who waits. The peer may still be at what it was asked."""
        host = self.lab.host
        assert [ref.name for ref in host.agents() if ref.name not in ("peer", "neighbour")] == []
        assert host.statistics().memory == sum(ref.statistics().memory for ref in host.agents())
        await eventually(lambda: host.statistics().tool_calls == 0)


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """For the time of a test; the neighbour is asked before and after."""
    async with lab(workers=2) as a:

        @a.host.tool
        async def peer() -> None:
            await a.host.loop.create_future()

        await a.driver("peer", GUESTS["direct"])
        neighbour = await a.host.spawn("neighbour", GUESTS["direct"])
        found = Stage(a, neighbour)
        await found.notices_nothing()
        yield found
        await found.notices_nothing()


def message(place: str) -> bytes:
    """What has the guest go there."""
    return b"x" * PLACES[place]


async def ends_with(code: str, asked: asyncio.Task[caxton.Reply]) -> None:
    """Whoever has asked is told so."""
    with pytest.raises(caxton.CaxtonError) as caught:
        await asked
    assert caught.value.code == code
