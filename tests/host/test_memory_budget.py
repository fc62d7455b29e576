"""What all agents of a host have in sum is bounded, and counted exactly."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.host.memory import MemoryBudget, machine_memory, resident
from caxton.testing import ECHO, ResultOf, act, call, driver, perform, program, results
from tests.agents.lab import MIB, lab, numbers, refusal
from tests.conftest import Run

PAGE = 1 << 16


def growing(pages: int) -> str:
    """A guest of so many pages."""
    return ECHO.replace('(memory (export "memory") 1)', f'(memory (export "memory") {pages})')


def test_every_page_is_counted(run: Run) -> None:
    """What modules begin with, and what guests grow by; not the window, which costs nothing until it is used."""

    async def main() -> None:
        async with caxton.Host() as host:
            assert 0 == host.statistics().memory
            one = await host.spawn("one", growing(3))
            two = await host.spawn("two", growing(10))
            assert 13 * PAGE == host.statistics().memory
            await one.stop()
            assert 10 * PAGE == host.statistics().memory
            await two.stop()
            assert 0 == host.statistics().memory

    run(main())


def test_the_default_is_three_quarters_of_the_machine() -> None:
    """Or of its cgroup."""
    assert int(machine_memory() * 0.75) == MemoryBudget(None, 3).limit
    assert 0 < resident() < machine_memory()


def test_an_agent_that_would_not_fit_is_not_started(run: Run) -> None:
    """limit.host; a smaller one is."""

    async def main() -> None:
        async with caxton.Host(memory="1 MiB") as host:
            await host.spawn("one", growing(10))
            with pytest.raises(caxton.LimitError) as caught:
                await host.spawn("two", growing(7))
            assert "limit.host" == caught.value.code
            await host.spawn("three", growing(6))
            assert MIB == host.statistics().memory

    run(main())


def test_growth_is_held_to_the_hosts_budget(run: Run) -> None:
    """An agent far below its own limit grows no further than the host has room: -1, and it goes on."""

    async def main() -> None:
        async with lab(memory="64 MiB", workers=1) as a:
            agent = await a.driver("agent", limits={"memory": "1 GiB"})
            grown = 0
            for _ in range(40):
                found = numbers(await perform(agent, *[act("grow", 16)] * 8))
                grown += sum(number >= 0 for number in found)
            assert -1 in found
            statistics = a.host.statistics()
            assert statistics.memory <= statistics.memory_limit == 64 * MIB
            assert grown * MIB < 64 * MIB
            assert [1] == numbers(await perform(agent, act("count")))

    run(main())


def test_several_that_grow_at_once(run: Run) -> None:
    """On two workers and the event loop: the sum stays within the budget."""

    async def main() -> None:
        async with lab(memory="64 MiB", workers=2) as a:
            agents = [await a.driver(f"agent-{n}", limits={"memory": "1 GiB"}) for n in range(5)]
            steps = [step for _ in range(30) for step in (act("grow", 16), act("burn", 120_000), call("now_ms"))]
            for _ in range(4):
                await asyncio.gather(*(agent.ask(program(*steps)) for agent in agents), return_exceptions=True)
                statistics = a.host.statistics()
                assert statistics.memory <= statistics.memory_limit

    run(main())


def test_growth_in_turn_0_is_held_to_it_too(run: Run) -> None:
    """Of a new agent, and of one that starts anew after a crash."""

    async def main() -> None:
        async with lab(memory="8 MiB", workers=1) as a:
            greedy = await a.driver("greedy", driver(act("grow", 480)))
            assert a.host.statistics().memory <= 8 * MIB
            await greedy.stop()
            # Grows by as many pages as a value has bytes; there is none at first, and memory cannot grow by -1.
            later = await a.driver("later", driver(call("state_get", "k"), act("grow", ResultOf(0))))
            await perform(later, call("state_put", "k", bytes(480)))
            with pytest.raises(caxton.TrapError):
                await later.ask(program(act("trap")))
            assert [1] == numbers(await perform(later, act("count")))
            assert 1 == later.statistics().restarts
            assert a.host.statistics().memory <= 8 * MIB

    run(main())


def test_a_start_that_takes_long_on_a_host_that_is_nearly_full(run: Run) -> None:
    """There is room for the messages all the same: it costs nothing until it is used."""
    slow = ECHO.replace(
        '(memory (export "memory") 1)',
        """(memory (export "memory") 1)
        (func $start (local $n i32)
          (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 500000)))))
        (start $start)""",
    )

    async def main() -> None:
        async with caxton.Host(memory=3 * PAGE, workers=1) as host:
            agents = [await host.spawn(f"agent-{n}", slow) for n in range(3)]
            message = bytes(MIB)
            for agent in agents:
                assert message == (await agent.ask(message)).payload
            with pytest.raises(caxton.LimitError):
                await host.spawn("agent-3", slow)

    run(main())


def test_memory_that_is_given_back_can_be_had_again(run: Run) -> None:
    """By stopping, and by a restart."""

    async def main() -> None:
        async with lab(memory="64 MiB", workers=1) as a:
            greedy = await a.driver("greedy", limits={"memory": "1 GiB"})
            for _ in range(40):
                await perform(greedy, *[act("grow", 16)] * 8)
            modest = await a.driver("modest", limits={"memory": "1 GiB"})
            assert [-1] == numbers(await perform(modest, act("grow", 480)))
            with pytest.raises(caxton.CaxtonError):
                await greedy.ask(program(act("trap")))
            await a.settle()
            assert numbers(await perform(modest, act("grow", 400)))[0] > 0

    run(main())


def test_out_of_the_hosts_memory_is_told_apart_from_the_agents_own(run: Run) -> None:
    """A guest that gives up since the host has nothing left is limit.host, not limit.memory."""

    async def main() -> None:
        async with lab(memory="16 MiB", workers=1) as a:
            agent = await a.driver("agent", limits={"memory": "1 GiB"})
            for _ in range(20):
                found = results((await agent.ask(program(*[act("grow", 4)] * 8))).payload)
            assert -1 == found[-1].number
            with pytest.raises(caxton.CaxtonError) as caught:
                await agent.ask(program(act("grow", 1_000), act("trap")))
            assert "limit.host" == caught.value.code

    run(main())


@given(
    st.integers(1, 300),
    st.integers(2, 5),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 40), min_size=5, max_size=5)), max_size=40),
)
def test_the_budget_adds_up(limit: int, runners: int, largest: int, actions: list[tuple[int, list[int]]]) -> None:
    """Agents come, go, and grow by what they may, so many at once: the sum is exact, and never beyond the limit."""
    budget = MemoryBudget(limit * PAGE, runners)
    agents: list[int] = []
    for action, sizes in actions:
        if action == 0:
            size = min(sizes[0], largest)
            code = refusal(lambda: budget.admit(size * PAGE, largest * PAGE))  # noqa: B023 - called at once
            assert (None if sum(agents) + size <= limit else "limit.host") == code
            if code is None:
                agents.append(size)
                budget.changed(0, size * PAGE, 0, on_loop=True)
        elif action == 1 and agents:
            budget.changed(agents.pop(0) * PAGE, 0, 0, on_loop=True)
        elif agents:
            # One on the event loop, the others on workers; all have begun before any of them is looked at again.
            shares = [0 if not budget.scarce else budget.take_share(on_loop=True)]
            allowed = [largest if not budget.scarce and not shares[0] else shares[0] // PAGE]
            for _ in range(min(runners, len(agents)) - 1):
                shares.append(budget.take_share(on_loop=False))
                allowed.append(shares[-1] // PAGE)
            for at, (share, most, wish) in enumerate(zip(shares, allowed, sizes, strict=False)):
                after = min(agents[at] + min(wish, most), max(largest, agents[at]))
                budget.changed(agents[at] * PAGE, after * PAGE, share, on_loop=at == 0)
                agents[at] = after
        assert sum(agents) * PAGE == budget.used
        assert budget.used <= limit * PAGE
