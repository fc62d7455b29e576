"""An agent can be stopped whatever it is doing; everything of it is freed, and whoever waits for it is told."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable

import pytest

import caxton
from caxton.testing import DRIVER, ECHO, ResultOf, Step, act, call, driver, perform, program
from tests.agents.lab import Lab, asking, eventually, failure, lab, numbers
from tests.conftest import Run

SPIN = "(loop $again (br $again))"


def spinning_in(function: str) -> str:
    """A guest with an allocator that never comes back from one of its functions."""
    bodies = dict.fromkeys(("alloc", "free", "handle", "respond"), "") | {function: SPIN}
    return f"""(module
      (memory (export "memory") 1)
      (func (export "caxton_alloc") (param i32) (result i32) {bodies["alloc"]} (i32.const 1024))
      (func (export "caxton_free") (param i32 i32) {bodies["free"]})
      (func (export "handle_message") (param i32 i32) (result i32) {bodies["handle"]} (i32.const 0))
      (func (export "get_response") (param i32 i32) (result i32) {bodies["respond"]} (i32.const 0)))"""


STARTING = {
    "start": f"(func $start {SPIN}) (start $start)",
    "_initialize": f'(func (export "_initialize") {SPIN})',
    "caxton_init": f'(func (export "caxton_init") (result i32) {SPIN} (i32.const 0))',
}


async def stopped(task: Awaitable[object]) -> None:
    """The awaited thing ends with agent.stopped."""
    with pytest.raises(caxton.AgentError) as caught:
        await task
    assert "agent.stopped" == caught.value.code


def nothing_left(a: Lab) -> None:
    """No agent, no memory, no timer, nobody who waits."""
    assert (0, 0) == (a.host.statistics().agents, a.host.statistics().memory)
    assert 0 == a.clock.timers
    assert {} == a.host.router._waits


async def running(ref: caxton.AgentRef, state: str) -> None:
    """Until the agent is doing something; a worker may have to start first."""
    await eventually(lambda: ref.statistics().state == state and ref._agent._busy)


def test_an_idle_agent(run: Run) -> None:
    """Afterwards it is unknown, and stopping it again changes nothing."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await agent.stop()
            assert "stopped" == agent.statistics().state
            await agent.stop()
            for attempt in (agent.ask("x"), agent.tell("x")):
                await stopped(attempt)
            with pytest.raises(caxton.AgentError) as caught:
                a.host.agent("agent")
            assert "agent.unknown" == caught.value.code
            nothing_left(a)

    run(main())


@pytest.mark.parametrize("function", ["alloc", "free", "handle", "respond"])
def test_a_guest_that_spins_on_a_worker(run: Run, function: str) -> None:
    """Wherever in its turn: allocating, handling, responding, freeing."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.host.spawn("agent", spinning_in(function))
            asked = asyncio.create_task(agent.ask("x"))
            await running(agent, "running")
            await agent.stop()
            await stopped(asked)
            nothing_left(a)

    run(main())


@pytest.mark.parametrize("where", STARTING)
@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_a_guest_that_spins_while_it_starts(run: Run, where: str, how: str) -> None:
    """By its reference, or by cancelling the task that spawns it."""
    text = f"""(module
      (memory (export "memory") 1) {STARTING[where]}
      (func (export "handle_message") (param i32 i32) (result i32) (i32.const 0))
      (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""

    async def main() -> None:
        async with lab() as a:
            spawning = asyncio.create_task(a.host.spawn("agent", text))
            await eventually(lambda: bool(a.host.agents()))
            agent = a.host.agent("agent")
            await running(agent, "starting")
            if how == "stop":
                await agent.stop()
                await stopped(spawning)
            else:
                spawning.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await spawning
            nothing_left(a)

    run(main())


def test_an_agent_that_waits_while_it_starts(run: Run) -> None:
    """In a sleep of its turn 0."""

    async def main() -> None:
        async with lab() as a:
            for how in ("stop", "cancel"):
                spawning = asyncio.create_task(a.driver("agent", driver(call("sleep_ms", 20_000))))
                await a.settle()
                assert not spawning.done()
                if how == "stop":
                    await a.host.agent("agent").stop()
                    await stopped(spawning)
                else:
                    spawning.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await spawning
                nothing_left(a)

    run(main())


WAITS: dict[str, tuple[Step, ...]] = {
    "sleep": (call("sleep_ms", 20_000),),
    "ask": (call("ask", "peer", program(call("sleep_ms", 10_000)), 20_000),),
    "wait": (call("ask_start", "peer", program(call("sleep_ms", 10_000)), 20_000), call("wait", [ResultOf(0)], 20_000)),
    "tool": (call("call_tool", "never", "{}"),),
    "tool handle": (call("tool_start", "never", "{}", 20_000), call("wait", [ResultOf(0)], 20_000)),
    "blocking tool": (call("call_tool", "blocks", "{}"),),
}


@pytest.mark.parametrize("steps", WAITS.values(), ids=WAITS.keys())
def test_an_agent_that_waits(run: Run, steps: tuple[Step, ...]) -> None:
    """For time, for another agent, for a tool."""

    async def main() -> None:
        async with lab() as a:
            gate = threading.Event()

            @a.host.tool
            async def never() -> None:
                await a.host.loop.create_future()

            @a.host.tool
            def blocks() -> None:
                assert gate.wait(30)

            agent, peer = await a.drivers("agent", "peer")
            asked = asking(agent, *steps)
            await a.settle()
            assert "waiting" == agent.statistics().state
            await agent.stop()
            await stopped(asked)
            assert not [one for one in a.host.agents() if one.name == "agent"]
            await peer.stop()
            nothing_left(a)
            gate.set()

    run(main())


def test_whoever_waits_for_the_stopped_agent_goes_on(run: Run) -> None:
    """Python programs, agents, streams: each is told that it was stopped."""

    async def main() -> None:
        async with lab() as a:
            agent, other = await a.drivers("agent", "other")
            first = asking(agent, call("sleep_ms", 20_000))
            await a.settle()
            queued = asyncio.create_task(agent.ask("queued"))
            stream = asyncio.ensure_future(anext(agent.stream("queued too")))
            inside = asking(other, call("ask", "agent", "queued as well", 20_000))
            await a.settle()
            await agent.stop()
            for task in (first, queued, stream):
                await stopped(task)
            assert [-10] == numbers(await inside)
            assert ["queued", "queued too", "queued as well"] == [text for _, _, text in a.dead()]

    run(main())


def test_between_a_crash_and_the_next_instance(run: Run) -> None:
    """There is no instance then: stopping works all the same, and none follows."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(failure(agent, act("trap")))
            stop: asyncio.Task[None] | None = None
            while not asked.done():
                if agent.statistics().state == "starting" and stop is None:
                    stop = asyncio.create_task(agent.stop())
                await asyncio.sleep(0)
            await (stop or agent.stop())
            assert "trap.unreachable" == (await asked).code
            await a.settle()
            assert "stopped" == agent.statistics().state
            nothing_left(a)

    run(main())


def test_a_restart_that_spins(run: Run) -> None:
    """The second instance never comes out of turn 0: the agent can be stopped, what waits is told."""

    async def main() -> None:
        async with lab() as a:
            peer = await a.driver("peer")
            # The first start asks the peer and is answered; later ones get an error number, and burn that many rounds.
            start = driver(call("ask", "peer", "x", 1_000), act("load", ResultOf(0)), call("sleep_ms", 20_000))
            spawning = asyncio.create_task(a.driver("agent", start))
            await a.elapse(20.0)
            agent = await spawning
            crash = asyncio.create_task(failure(agent, act("trap")))
            await crash
            await a.settle()
            assert "starting" == agent.statistics().state
            queued = asyncio.create_task(agent.ask("queued"))
            await a.settle()
            await agent.stop()
            await stopped(queued)
            await peer.stop()
            nothing_left(a)

    run(main())


def test_stopping_twice_at_once(run: Run) -> None:
    """Both wait for the end."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asking(agent, act("spin"))
            await running(agent, "running")
            await asyncio.gather(agent.stop(), agent.stop(), a.host.agent("agent").stop())
            await stopped(asked)
            nothing_left(a)

    run(main())


def test_an_agent_can_have_itself_stopped(run: Run) -> None:
    """By a tool that it calls, in the middle of its turn."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")

            @a.host.tool
            async def suicide() -> None:
                await agent.stop()

            await stopped(asking(agent, call("call_tool", "suicide", "{}")))
            nothing_left(a)

    run(main())


def test_leaving_the_host_ends_all_agents(run: Run) -> None:
    """Idle, spinning, waiting, starting, with a full mailbox: none is left, everybody is told."""

    async def main() -> None:
        async with lab(workers=2) as a:

            @a.host.tool
            async def never() -> None:
                await a.host.loop.create_future()

            names = ("idle", "spin", "sleep", "tool", "ask", "peer", "timer")
            refs = dict(zip(names, await a.drivers(*names), strict=True))
            await perform(refs["timer"], call("set_timer", 10, 10, "x"), call("subscribe", ">"))
            tasks = [
                asking(refs["spin"], act("spin")),
                asking(refs["sleep"], call("sleep_ms", 20_000)),
                asking(refs["tool"], call("call_tool", "never", "{}")),
                asking(refs["ask"], call("ask", "peer", program(call("sleep_ms", 20_000)), 20_000)),
                asyncio.create_task(a.driver("starting", driver(call("sleep_ms", 20_000)))),
                asyncio.create_task(a.driver("start-spin", driver(act("spin")))),
            ]
            await eventually(lambda: len(a.host.agents()) == 9)
            await running(refs["spin"], "running")
            tasks += [asyncio.create_task(refs["spin"].ask(f"{n}")) for n in range(50)]
            await asyncio.sleep(0)
        for task in tasks:
            await stopped(task)
        assert 0 == a.clock.timers
        assert [] == list(a.host.router)
        for ref in refs.values():
            assert "stopped" == ref.statistics().state
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("caxton-")]

    run(main())


def test_leaving_the_host_while_a_module_is_being_loaded(run: Run) -> None:
    """The compilation is ended; whoever spawned is told."""

    async def main() -> None:
        text = ECHO.replace("(module", f"(module ;; {secrets.token_hex(8)}\n")
        async with caxton.Host() as host:
            spawning = asyncio.create_task(host.spawn("agent", text))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not spawning.done()
        with pytest.raises(caxton.CaxtonError):
            await spawning

    run(main())


def test_a_spawn_that_is_cancelled_while_its_module_is_loaded(run: Run) -> None:
    """Leaves no agent; others who wait for the same module get it."""

    async def main() -> None:
        text = ECHO.replace("(module", f"(module ;; {secrets.token_hex(8)}\n")
        async with caxton.Host() as host:
            one = asyncio.create_task(host.spawn("one", text))
            two = asyncio.create_task(host.spawn("two", text))
            await asyncio.sleep(0)
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
            agent = await two
            assert b"x" == (await agent.ask("x")).payload
            assert ["two"] == [ref.name for ref in host.agents()]

    run(main())


def test_an_exception_in_the_hosts_body_ends_the_agents_too(run: Run) -> None:
    """And comes through."""

    asked: list[asyncio.Task[caxton.Reply]] = []

    async def body() -> None:
        async with caxton.Host() as host:
            agent = await host.spawn("agent", DRIVER)
            asked.append(asyncio.create_task(agent.ask(program(act("spin")))))
            await running(agent, "running")
            raise RuntimeError("mine")

    async def main() -> None:
        with pytest.raises(RuntimeError, match="mine"):
            await body()
        await stopped(asked[0])

    run(main())


def test_many_cycles_leave_nothing(run: Run) -> None:
    """Agents come, spin or wait, and are stopped, again and again: nothing adds up."""

    async def main() -> None:
        async with lab() as a:
            steps: list[Callable[[], Step]] = [
                lambda: act("spin"),
                lambda: call("sleep_ms", 20_000),
                lambda: act("burn", 150_000),
            ]
            for n in range(300):
                agent = await a.driver("agent")
                asked = asking(agent, steps[n % 3]())
                await asyncio.sleep(0)
                await agent.stop()
                await asyncio.gather(asked, return_exceptions=True)
            nothing_left(a)

    run(main())
