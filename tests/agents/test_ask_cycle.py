"""Agents that would wait for each other for ever are told so at once: -7, ask.cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caxton.messages import AgentName
from caxton.routing.router import Router
from caxton.testing import ManualClock, ResultOf, Step, act, call, perform, program, results
from tests.agents.lab import asking, lab, numbers
from tests.conftest import Run

CYCLE = -7


def test_an_agent_cannot_wait_for_itself(run: Run) -> None:
    """By ``ask``, or by ``ask_start`` and ``wait``; sending the request alone is no wait."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked, info, started, waited = await perform(
                agent,
                call("ask", "agent", "x", 1_000),
                call("result_info"),
                call("ask_start", "agent", "y", 1_000),
                call("wait", [ResultOf(2)], 1_000),
            )
            assert [CYCLE, CYCLE] == [asked.number, waited.number]
            assert started.number > 0
            assert ("ask.cycle", False) == (info.json["code"], info.json["retryable"])
            await a.settle()
            assert ["y"] == a.texts("agent")

    run(main())


@pytest.mark.parametrize("length", [2, 3, 7])
def test_a_ring_of_agents(run: Run, length: int) -> None:
    """The last one that would close the ring is refused; the others get their answers."""

    async def main() -> None:
        async with lab() as a:
            names = [f"agent-{n}" for n in range(length)]
            refs = await a.drivers(*names)
            message = program(call("ask", names[0], "round", 1_000))
            for name in reversed(names[1:]):
                message = program(call("ask", name, message, 1_000))
            answer = (await refs[0].ask(message)).payload
            for _ in range(length - 1):
                (step,) = results(answer)
                assert step.number > 0
                answer = step.data
            assert [CYCLE] == numbers(results(answer))
            assert {"idle": length} == a.host.statistics().states

    run(main())


def test_waiting_for_one_of_several_goes_on_while_one_of_them_can(run: Run) -> None:
    """A waits for B or C; B may ask A only if it is not the last that could move."""

    async def main() -> None:
        async with lab() as a:
            one, two, three = await a.drivers("one", "two", "three")
            asked = asking(
                one,
                call("ask_start", "two", program(call("sleep_ms", 100), call("ask", "one", "x", 400)), 9_000),
                call("ask_start", "three", program(call("sleep_ms", 200), act("respond", "done")), 9_000),
                call("wait", [ResultOf(0), ResultOf(1)], 9_000),
            )
            await a.elapse(0.15)
            assert ["waiting"] * 3 == [ref.statistics().state for ref in (one, two, three)]
            await a.elapse(0.05)
            assert (1, b"done") == (await asked)[2]
            await a.settle()
            assert ["x"] == a.texts("one")

    run(main())


def test_the_last_that_could_move_is_refused(run: Run) -> None:
    """A waits for B or C, B waits for A: when C asks A too, nobody is left who could move."""

    async def main() -> None:
        async with lab() as a:
            one, *_ = await a.drivers("one", "two", "three")
            asked = asking(
                one,
                call("ask_start", "two", program(call("ask", "one", "x", 400)), 9_000),
                call("ask_start", "three", program(call("sleep_ms", 200), call("ask", "one", "y", 400)), 9_000),
                call("wait", [ResultOf(0), ResultOf(1)], 9_000),
            )
            await a.elapse(0.2)
            chosen = (await asked)[2]
            assert 1 == chosen.number
            assert [0, CYCLE] == numbers(results(chosen.data))

    run(main())


def test_a_wait_that_also_waits_for_a_tool_closes_no_cycle(run: Run) -> None:
    """A tool may always answer."""

    async def main() -> None:
        async with lab() as a:
            go = a.host.loop.create_future()

            @a.host.tool
            async def outside() -> str:
                return str(await go)

            one, _ = await a.drivers("one", "two")
            asked = asking(
                one,
                call("tool_start", "outside", "{}", 9_000),
                call("ask_start", "two", program(call("ask", "one", "x", 9_000)), 9_000),
                call("wait", [ResultOf(0), ResultOf(1)], 9_000),
            )
            await a.settle()
            assert "waiting" == a.host.agent("two").statistics().state
            go.set_result("news")
            assert (0, b'"news"') == (await asked)[2]

    run(main())


def test_a_cycle_that_has_been_refused_leaves_nothing_behind(run: Run) -> None:
    """Afterwards the same agents can ask each other as before; also after a trap, a timeout and a stop."""

    async def main() -> None:
        async with lab() as a:
            one, two = await a.drivers("one", "two")
            there_and_back = call("ask", "two", program(call("ask", "one", "x", 500)), 1_000)

            async def refused(*after: Step) -> None:
                answer = (await perform(one, there_and_back))[0]
                assert [CYCLE] == numbers(results(answer.data))

            await refused()
            assert [3] == numbers(await perform(two, call("ask", "one", "abc", 500)))
            asked = asking(one, call("ask", "two", program(call("sleep_ms", 900)), 100))
            await a.elapse(0.1)
            assert [-5] == numbers(await asked)
            back = asking(two, call("ask", "one", "abc", 500))
            await a.elapse(0.9)
            assert [3] == numbers(await back)
            waiting = asking(one, call("ask", "two", program(call("sleep_ms", 900)), 5_000))
            await a.settle()
            await one.stop()
            await a.driver("one")
            await a.elapse(1.0)
            assert [3] == numbers(await perform(two, call("ask", "one", "abc", 500)))
            with pytest.raises(Exception, match=r"agent\.stopped"):
                await waiting

    run(main())


def test_a_name_taken_again_is_another_agent(run: Run) -> None:
    """Stopping an old reference once more does not hide that its successor waits."""

    async def main() -> None:
        async with lab() as a:
            old, _ = await a.drivers("one", "two")
            await old.stop()
            new = await a.driver("one")
            asked = asking(new, call("ask", "two", program(call("sleep_ms", 100), call("ask", "one", "x", 500)), 1_000))
            await a.settle()
            await old.stop()
            await a.elapse(0.1)
            assert [0, CYCLE] == numbers(results((await asked)[0].data))

    run(main())


# ---- against a model ------------------------------------------------------------------------------------------------

NAMES = [AgentName(f"agent-{n}") for n in range(6)]


def _stuck(waits: dict[AgentName, Sequence[AgentName]]) -> set[AgentName]:
    """Who can never move again, found by letting move whoever can: an agent that waits for none moves; one that waits
    for several moves when one of them has."""
    moving = {name for name in NAMES if name not in waits}
    while True:
        more = {name for name, targets in waits.items() if name not in moving and moving & set(targets)}
        if not more:
            return set(NAMES) - moving
        moving |= more


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)),
        max_size=12,
    )
)
def test_a_wait_is_refused_exactly_when_the_waiter_could_never_move(
    attempts: list[tuple[AgentName, list[AgentName]]],
) -> None:
    """Agents begin waits in any order; one that is refused does not wait. The router and the model always agree, and
    nobody is ever stuck."""
    router = Router(ManualClock())
    waits: dict[AgentName, Sequence[AgentName]] = {}
    for waiter, targets in attempts:
        if waiter in waits:
            router.waiting(waiter, None)
            del waits[waiter]
            continue
        refused = waiter in _stuck(waits | {waiter: targets})
        assert refused is router.would_block(waiter, targets)
        if not refused:
            waits[waiter] = targets
            router.waiting(waiter, tuple(targets))
        assert set() == _stuck(waits)


# ---- for real -------------------------------------------------------------------------------------------------------

PEERS = ["one", "two", "three"]


class Asks(NamedTuple):
    """What an agent does with a message: asks others, one after another or all at once, and then those ask."""

    at_once: bool
    targets: list[tuple[str, Asks | None]]

    def program(self) -> bytes:
        """As the driver takes it."""
        messages = [(name, inner.program() if inner else b"x") for name, inner in self.targets]
        if not self.at_once:
            return program(*(call("ask", name, message, 10_000) for name, message in messages))
        handles = [ResultOf(at) for at in range(len(messages))]
        return program(
            *(call("ask_start", name, message, 10_000) for name, message in messages), call("wait", handles, 10_000)
        )


def asks(depth: int) -> st.SearchStrategy[Asks]:
    """Trees of asks."""
    inner = st.none() if depth == 0 else st.none() | asks(depth - 1)
    return st.builds(Asks, st.booleans(), st.lists(st.tuples(st.sampled_from(PEERS), inner), min_size=1, max_size=3))


@given(st.lists(st.tuples(st.sampled_from(PEERS), asks(2)), min_size=1, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_ever_stuck(run: Run, roots: list[tuple[str, Asks]]) -> None:
    """Whoever asks whom, in whatever order: without any time going by every turn ends."""

    async def main() -> None:
        async with lab() as a:
            refs = dict(zip(PEERS, await a.drivers(*PEERS), strict=True))
            tasks = [asyncio.create_task(refs[name].ask(tree.program())) for name, tree in roots]
            await a.settle()
            assert all(task.done() for task in tasks)
            assert {"idle": 3} == a.host.statistics().states
            assert {} == a.host.router._waits
            assert 0 == a.clock.timers
            for task in tasks:
                await task

    run(main())
