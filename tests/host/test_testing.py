"""What `caxton.testing` offers does what it says."""

from __future__ import annotations

import asyncio
import math
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.sandbox.hostcalls import CAXTON
from caxton.testing import (
    DRIVER,
    ECHO,
    UPPER,
    ManualClock,
    ResultOf,
    act,
    call,
    driver,
    perform,
    program,
    results,
    settle,
)
from tests.agents.lab import failure, lab, numbers
from tests.conftest import Run


def test_a_clock_stands_still() -> None:
    """Until it is moved, to the nanosecond."""
    clock = ManualClock(unix=100.0)
    before = clock.monotonic()
    assert (100.0, before) == (clock.time(), clock.monotonic())
    for _ in range(10):
        clock.advance(0.1)
    assert before + 1.0 == clock.monotonic()
    assert 101.0 == clock.time()


def test_timers_fire_in_order() -> None:
    """Also those that are set while others fire; each sees its own time; equal ones in the order they were set."""
    clock = ManualClock()
    began = clock.monotonic()
    fired: list[tuple[str, float]] = []

    def note(name: str) -> None:
        fired.append((name, round(clock.monotonic() - began, 6)))

    def again() -> None:
        note("first")
        clock.call_at(clock.monotonic() + 1.0, lambda: note("inner"))

    clock.call_at(began + 3.0, lambda: note("last"))
    clock.call_at(began + 1.0, again)
    clock.call_at(began + 2.0, lambda: note("same 1"))
    clock.call_at(began + 2.0, lambda: note("same 2"))
    gone = clock.call_at(began + 2.0, lambda: note("gone"))
    assert 5 == clock.timers
    gone.cancel()
    assert (4, False) == (clock.timers, gone.waiting)
    clock.advance(2.5)
    assert [("first", 1.0), ("same 1", 2.0), ("same 2", 2.0), ("inner", 2.0)] == fired
    clock.advance(0.5)
    assert ("last", 3.0) == fired[-1]
    assert 0 == clock.timers


def test_a_timer_in_the_past_fires_at_the_next_move() -> None:
    """Not before, and without the clock going back."""
    clock = ManualClock()
    fired = []
    clock.call_at(clock.monotonic() - 5.0, lambda: fired.append(clock.monotonic()))
    assert [] == fired
    now = clock.monotonic()
    clock.advance(0.0)
    assert [now] == fired


@pytest.mark.parametrize("seconds", [-1.0, -0.001, math.nan, math.inf])
def test_a_clock_goes_forward_only(seconds: float) -> None:
    """By a number of seconds."""
    clock = ManualClock()
    before = clock.monotonic()
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds)
    assert before == clock.monotonic()


@given(st.lists(st.integers(0, 100_000), max_size=20), st.lists(st.integers(0, 30_000), max_size=10))
def test_every_timer_fires_once_and_in_time(delays: list[int], moves: list[int]) -> None:
    """However the clock is moved: to the microsecond."""
    clock = ManualClock()
    began, moved = clock.monotonic(), 0
    fired: list[int] = []
    for delay in delays:
        clock.call_at(began + delay / 1e6, lambda due=delay: fired.append(due))  # type: ignore[misc]
    for move in moves:
        clock.advance(move / 1e6)
        moved += move
        assert sorted(delay for delay in delays if delay <= moved) == fired
        assert len(delays) == len(fired) + clock.timers


def test_deadlines_are_real_time() -> None:
    """As far from now on the machine's clock as on this one."""
    clock = ManualClock()
    for ahead in (-5.0, 0.0, 30.0):
        earliest = time.monotonic_ns()
        found = clock.deadline_ns(clock.monotonic() + ahead)
        latest = time.monotonic_ns()
        assert max(1, earliest + int(ahead * 1e9)) <= found <= max(1, latest + int(ahead * 1e9)) + 1
    clock.advance(1_000_000.0)
    assert clock.deadline_ns(clock.monotonic() + 1.0) <= time.monotonic_ns() + 10**9


def test_elapsing_lets_the_host_go_on_between_timers(run: Run) -> None:
    """An agent that sleeps again and again gets all its sleep in one go."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(perform(agent, *[call("sleep_ms", 100)] * 10, call("monotonic_ns")))
            await a.elapse(0.95)
            assert not asked.done()
            await a.elapse(0.05)
            assert 1_000_000_000 == (await asked)[-1].number

    run(main())


def test_settling_waits_for_workers(run: Run) -> None:
    """A turn that computes for long is done when the host is at rest."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(perform(agent, act("burn", 3_000_000)))
            await settle(a.host)
            assert asked.done()
            await asked

    run(main())


def test_settling_follows_messages_from_agent_to_agent(run: Run) -> None:
    """To the end of a long chain."""

    async def main() -> None:
        async with lab() as a:
            names = [f"agent-{n}" for n in range(30)]
            await a.drivers(*names)
            message = b"arrived"
            for name in reversed(names[1:]):
                message = program(call("tell", name, message))
            await a.host.agent("agent-0").tell(message)
            await settle(a.host)
            assert ["arrived"] == a.texts("agent-29")

    run(main())


def test_settling_gives_up(run: Run) -> None:
    """When an agent spins."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(perform(agent, act("spin")))
            with pytest.raises(TimeoutError):
                await settle(a.host, within=0.05)
            await agent.stop()
            with pytest.raises(caxton.AgentError):
                await asked

    run(main())


def test_the_small_guests(run: Run) -> None:
    """ECHO and UPPER, on every byte."""

    async def main() -> None:
        async with caxton.Host() as host:
            echo, upper = await host.spawn("echo", ECHO), await host.spawn("upper", UPPER)
            for message in (b"", bytes(range(256)), b"hello" * 1_000):
                assert message == (await echo.ask(message)).payload
                assert message.upper() == (await upper.ask(message)).payload

    run(main())


def test_the_driver_knows_every_host_call(run: Run) -> None:
    """Each of the contract's imports can be called, plainly and raw."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", tools=(), peers=(), topics=())
            for row in CAXTON:
                raw = call(row.name, *[0] * len(row.parameters.split()), raw=True)
                # With a failure status, since one of them puts the reply off.
                error = await failure(agent, raw, act("finish", 1))
                assert isinstance(error, caxton.AgentFailed)
                assert 2 == len(results(error.reply.payload))

    run(main())


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("shout", (), ValueError),
        ("tell", ("a",), ValueError),
        ("tell", ("a", 1), TypeError),
        ("tell", ("a", None), TypeError),
        ("wait", (5, 5), TypeError),
        ("wait", (["x"], 5), TypeError),
        ("sleep_ms", ("x",), TypeError),
        ("now_ms", (1,), ValueError),
    ],
)
def test_calls_that_make_no_sense(name: str, arguments: tuple[object, ...], error: type[Exception]) -> None:
    """Are refused where they are written."""
    with pytest.raises(error):
        call(name, *arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "arguments"), [("dance", ()), ("trap", (1,)), ("burn", ()), ("finish", (1, 2))])
def test_acts_that_make_no_sense(name: str, arguments: tuple[int, ...]) -> None:
    """Are refused too."""
    with pytest.raises(ValueError):  # noqa: PT011 - the type is the point
        act(name, *arguments)


def test_results_of_earlier_steps(run: Run) -> None:
    """Can be arguments of later ones, alone and in lists."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            found = await perform(
                agent,
                act("count"),
                act("count"),
                act("burn", ResultOf(1)),
                call("random", ResultOf(1)),
                call("ask_start", "agent", "x", ResultOf(1)),
                call("cancel", ResultOf(4)),
                act("finish", ResultOf(2)),
                act("trap"),
            )
            assert [1, 2, 0, 0] == numbers(found)[:4]
            assert 2 == len(found[3].data)
            assert [0, 0] == numbers(found)[5:]

    run(main())


def test_programs_of_many_steps(run: Run) -> None:
    """As many as the driver has room for; one more traps."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            most = 24_576
            assert most == len(await perform(agent, *[act("count")] * most))
            with pytest.raises(caxton.TrapError):
                await perform(agent, *[act("count")] * (most + 1))

    run(main())


def test_large_data_comes_through(run: Run) -> None:
    """Nearly a megabyte each way."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            data = bytes(range(256)) * 4_000
            found = await perform(agent, call("state_put", "k", data))
            found += await perform(agent, call("state_get", "k"))
            assert [(0, b""), (len(data), data)] == found

    run(main())


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=20)), max_size=10))
def test_answers_are_read_back(steps: list[tuple[int, bytes]]) -> None:
    """As the driver writes them."""
    payload = b"".join(struct.pack("<qI", number, len(data)) + data for number, data in steps)
    assert steps == results(payload)


def test_a_program_for_turn_0(run: Run) -> None:
    """Its effects commit, its failures refuse the start."""

    async def main() -> None:
        async with lab() as a:
            await a.driver("peer")
            agent = await a.driver("agent", driver(call("tell", "peer", "hello"), act("count")))
            await a.settle()
            assert ["hello"] == a.texts("peer")
            assert [2] == numbers(await perform(agent, act("count")))
            with pytest.raises(caxton.AgentError) as caught:
                await a.driver("other", driver(call("tell", "peer", "unheard"), act("finish", 1)))
            assert "agent.refused-start" == caught.value.code
            await a.settle()
            assert ["hello"] == a.texts("peer")
        with pytest.raises(ValueError, match="32 KiB"):
            driver(call("log", 2, bytes(40_000)))
        assert DRIVER == driver()

    run(main())


def test_other_messages_are_logged_and_echoed(run: Run) -> None:
    """With their envelope: so a test sees what an agent got."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            assert b"hello" == (await agent.ask("hello")).payload
            assert b"" == (await agent.ask("")).payload
            assert ["hello", ""] == a.texts("agent")
            assert "@user" == a.received("agent")[0].envelope["sender"]

    run(main())
