"""A component can be ended whatever it is doing, as a core module can: everything of it is freed, whoever waits for it
is told, and its neighbours notice nothing."""

from __future__ import annotations

import asyncio
import gc
from typing import Final

import pytest

import caxton
from caxton.serving.asking import Asking
from tests.agents.lab import eventually, lab
from tests.components.guests import agent
from tests.components.stage import COMPUTES, GUESTS, PLACES, SLEEP, STARTS, Stage, ends_with, message, stage
from tests.components.test_leaks import resident
from tests.components.wasi_guests import CLOCK, DIGIT, POLL, wasi_guest
from tests.conftest import Run

TOLERANCE: Final = 2 << 20
NEIGHBOU: Final = int.from_bytes(b"neighbou", "little")  # and an r
each_guest: Final = pytest.mark.parametrize("text", GUESTS.values(), ids=GUESTS.keys())
each_place: Final = pytest.mark.parametrize("place", PLACES)


@each_guest
@each_place
def test_stopping_it(run: Run, text: str, place: str) -> None:
    """At every place where a turn can be."""

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(text)
            asked = asyncio.create_task(ref.ask(message(place)))
            await s.begun(ref, place)
            await s.notices_nothing()
            await ref.stop()
            await ends_with("agent.stopped", asked)
            await s.nothing_left()

    run(main())


@each_guest
@each_place
def test_cancelling_its_turn(run: Run, text: str, place: str) -> None:
    """The agent goes on with a new instance, which begins where every one does."""

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(text)
            assert (await ref.ask("?")).text == "1"
            asking = Asking(s.lab.host, "agent", message(place), timeout=600.0, content_type="", parts=False)
            await s.begun(ref, place)
            await s.notices_nothing()
            asking.withdraw()
            assert (await ref.ask("?")).text == "1"
            assert ref.statistics().restarts == 1
            await ref.stop()
            await s.nothing_left()

    run(main())


@each_guest
@pytest.mark.parametrize("place", COMPUTES)
def test_its_deadline(run: Run, text: str, place: str) -> None:
    """Wherever it computes too long."""

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(text, caxton.Limits(deadline=0.2))
            await ends_with("limit.deadline", asyncio.create_task(ref.ask(message(place))))
            assert ref.statistics().restarts == 1
            await ref.stop()
            await s.nothing_left()

    run(main())


@each_guest
def test_its_deadline_where_it_only_waits(run: Run, text: str) -> None:
    """A wait ends a little before; a guest that takes no notice, and waits again and again, is ended."""

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(text, caxton.Limits(deadline=0.2, host_calls=10**9))
            asked = asyncio.create_task(ref.ask(b"x" * 9))
            await s.begun(ref, "sleep")
            await s.lab.clock.elapse(s.lab.host, 0.2)
            await ends_with("limit.deadline", asked)
            await ref.stop()
            await s.nothing_left()

    run(main())


@pytest.mark.parametrize("how", ["stop", "cancel", "deadline"])
def test_a_turn_that_is_ended_has_no_effects(run: Run, how: str) -> None:
    """What it had queued and what it had put into its state is dropped, as after a trap."""
    text = agent(
        f"""(i64.store (i32.const 64) (i64.const {NEIGHBOU})) (i32.store8 (i32.const 72) (i32.const 114))
        (call $tell (i32.const 64) (i32.const 9) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 256))
        (call $state-put (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 256))
        (if (i32.eq (i32.load offset=128 (local.get $m)) (i32.const 1)) (then (loop {SLEEP} (br 0))))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))""",
        uses=("tell", "state-put", "sleep-ms"),
    )

    async def main() -> None:
        async with stage() as s:
            limits = caxton.Limits(deadline=0.2 if how == "deadline" else 30.0, host_calls=10**9)
            ref = await s.lab.driver("agent", text, limits=limits)
            asking = Asking(s.lab.host, "agent", b"x", timeout=600.0, content_type="", parts=False)
            await s.begun(ref, "sleep")
            before = s.neighbour.statistics().turns
            if how == "deadline":
                await s.lab.clock.elapse(s.lab.host, 0.2)
                await eventually(lambda: ref.statistics().restarts == 1)
            if how == "cancel":
                asking.withdraw()
            if how == "stop":
                await ref.stop()
            await s.lab.settle()
            assert (ref.statistics().held, s.neighbour.statistics().turns) == (0, before)
            if how != "stop":  # one that is left alone has them
                await ref.ask("xx")
                await s.lab.settle()
                assert ref.statistics().held > 0
                assert s.neighbour.statistics().turns == before + 1
            await ref.stop()
            await s.nothing_left()

    run(main())


@pytest.mark.parametrize("place", ["ask", "wait"])
def test_a_component_that_waits_for_one_that_is_stopped(run: Run, place: str) -> None:
    """It is told, and goes on with its turn."""

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(GUESTS["direct"])
            asked = asyncio.create_task(ref.ask(message(place)))
            await s.begun(ref, place)
            await s.lab.host.agent("peer").stop()
            assert (await asked).text == "1"
            assert ref.statistics().restarts == 0
            await ref.stop()
            await s.nothing_left()

    run(main())


@each_place
def test_a_caller_that_waits_no_more(run: Run, place: str) -> None:
    """Its time is up, or its task is cancelled: the turn goes on, and whoever comes next waits behind it."""

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(GUESTS["direct"])
            late = asyncio.create_task(ref.ask(message(place), timeout=1.0))
            cancelled = asyncio.create_task(ref.ask("?"))
            await s.begun(ref, place)
            cancelled.cancel()
            s.lab.clock.advance(1.0)
            await ends_with("ask.timeout", late)
            assert ref.statistics().state in ("running", "waiting")
            assert ref.statistics().restarts == 0
            await ref.stop()
            await s.nothing_left()

    run(main())


def test_leaving_the_host(run: Run) -> None:
    """All of them at once, one at each place: none is left, everybody is told."""

    async def main() -> None:
        async with lab(workers=2) as a:

            @a.host.tool
            async def peer() -> None:
                await a.host.loop.create_future()

            refs = [await a.driver(f"agent-{n}", text) for n, text in enumerate([*GUESTS.values()] * len(PLACES))]
            await a.driver("peer", GUESTS["direct"])  # the last to be stopped: nobody gets an answer from it
            tasks = [
                asyncio.create_task(ref.ask(message(place)))
                for ref, place in zip(refs, [place for place in PLACES for _ in GUESTS], strict=True)
            ]
            starting = asyncio.create_task(a.host.spawn("starting", STARTS))
            await eventually(lambda: all(ref.statistics().state == "waiting" for ref in refs[2 * len(COMPUTES) :]))
        for task in tasks:
            await ends_with("agent.stopped", task)
        with pytest.raises(caxton.CaxtonError):
            await starting
        assert a.clock.timers == 0
        assert {("stopped", 0)} == {(ref.statistics().state, ref.statistics().memory) for ref in refs}
        assert [] == list(a.host.router)

    run(main())


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_a_start_that_spins(run: Run, how: str) -> None:
    """By its reference, or by cancelling the task that spawns it."""

    async def main() -> None:
        async with stage() as s:
            spawning = asyncio.create_task(s.spawn(STARTS))
            await eventually(lambda: any(ref.name == "agent" for ref in s.lab.host.agents()))
            ref = s.lab.host.agent("agent")
            await eventually(lambda: ref.statistics().state == "starting" and ref._agent._busy)
            await s.notices_nothing()
            if how == "stop":
                await ref.stop()
            else:
                spawning.cancel()
            with pytest.raises((caxton.AgentError, asyncio.CancelledError)):
                await spawning
            await s.nothing_left()

    run(main())


def test_a_wait_for_a_wasi_clock(run: Run) -> None:
    """``block`` waits as ``sleep-ms`` does: it can be stopped, and its turn cancelled."""
    text = wasi_guest(
        POLL, CLOCK, f"(call $block (call $subscribe (i64.const 60000000000))) {DIGIT.format(value='(i32.const 0)')}"
    )

    async def main() -> None:
        async with stage() as s:
            ref = await s.spawn(text)
            asking = Asking(s.lab.host, "agent", b"x", timeout=600.0, content_type="", parts=False)
            await s.begun(ref, "sleep")
            asking.withdraw()
            asked = asyncio.create_task(ref.ask("x"))
            await s.begun(ref, "sleep")
            await ref.stop()
            await ends_with("agent.stopped", asked)
            await s.nothing_left()

    run(main())


async def _cycles(s: Stage, times: int) -> None:
    """Agents are stopped, or their turns cancelled, at every place, again and again."""
    for n in range(times):
        for place in PLACES:
            ref = await s.spawn(GUESTS["values" if n % 2 else "direct"])
            if n % 3:
                asking = Asking(s.lab.host, "agent", message(place), timeout=600.0, content_type="", parts=False)
                await s.begun(ref, place)
                asking.withdraw()
                await ends_with("trap.unreachable", asyncio.create_task(ref.ask(b"x" * 8)))
                await ref.stop()
            else:
                asked = asyncio.create_task(ref.ask(message(place)))
                await s.begun(ref, place)
                await ref.stop()
                await ends_with("agent.stopped", asked)
        await s.lab.host.agent("peer").stop()  # with what it was asked, and has no time for
        await s.lab.driver("peer", GUESTS["direct"])


def test_memory_stays(run: Run) -> None:
    """Many of them later the process is as large as before."""

    async def main() -> None:
        async with stage() as s:
            await _cycles(s, 40)
            gc.collect()
            before = resident()
            await _cycles(s, 100)  # 800 instances, of which each that is left takes 7 kB or more
            gc.collect()
            assert resident() - before < TOLERANCE
            await s.nothing_left()

    run(main())
