"""A guest's clocks stand still during a turn and advance after each wait; monotonic starts at 0 with the instance."""

from __future__ import annotations

from caxton.testing import ManualClock, act, call, driver, perform, program
from tests.agents.lab import asking, failure, lab, numbers
from tests.conftest import Run

MS, NS = call("now_ms"), call("monotonic_ns")


class TickingClock(ManualClock):
    """Time that passes while a turn goes on: a millisecond each time anybody looks."""

    def monotonic(self) -> float:
        self.advance(0.001)
        return super().monotonic()


def test_the_host_is_the_only_clock(run: Run) -> None:
    """Unix time in milliseconds, and nanoseconds since the instance began."""

    async def main() -> None:
        async with lab(clock=ManualClock(unix=1_000_000.5)) as a:
            agent = await a.driver("agent")
            assert [1_000_000_500, 0] == numbers(await perform(agent, MS, NS))
            await a.elapse(2.25)
            assert [1_000_002_750, 2_250_000_000] == numbers(await perform(agent, MS, NS))

    run(main())


def test_time_stands_still_during_a_turn(run: Run) -> None:
    """However much passes outside, and whatever is called that does not wait."""

    async def main() -> None:
        async with lab(clock=TickingClock()) as a:
            agent = await a.driver("agent")
            calls = [MS, NS, call("state_put", "k", "v"), act("burn", 1_000_000), call("tell", "agent", "x")] * 20
            found = await perform(agent, *calls)
            assert 1 == len({result.number for result in found[0::5]})
            assert 1 == len({result.number for result in found[1::5]})

    run(main())


def test_time_advances_after_a_wait(run: Run) -> None:
    """By what has passed: after a sleep, a wait for nothing, an ask."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            ask = call("ask", "peer", program(call("sleep_ms", 500)), 1_000)
            asked = asking(agent, NS, call("sleep_ms", 40), NS, MS, call("wait", [], 60), NS, MS, ask, NS)
            await a.elapse(1.0)
            found = numbers(await asked)
            assert [40_000_000, 100_000_000, 600_000_000] == [found[at] - found[0] for at in (2, 5, 8)]
            assert 60 == found[6] - found[3]

    run(main())


def test_a_sleep_of_no_time_is_a_wait_too(run: Run) -> None:
    """And returns 0."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            assert [0] == numbers(await perform(agent, call("sleep_ms", 0)))

    run(main())


def test_a_sleep_that_is_no_time(run: Run) -> None:
    """Is -3."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            found = await perform(agent, *(call("sleep_ms", time) for time in (-1, -(2**63), 2**63 - 1)))
            assert [-3, -3, -3] == numbers(found)

    run(main())


def test_monotonic_begins_with_the_instance(run: Run) -> None:
    """A restart sets it back to 0; in turn 0 it is 0."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", driver(NS, call("log", 2, "started")))
            await a.elapse(5.0)
            assert [5_000_000_000] == numbers(await perform(agent, NS))
            await failure(agent, act("trap"))
            await a.settle()
            await a.elapse(1.0)
            assert [1_000_000_000] == numbers(await perform(agent, NS))

    run(main())


def test_sleeping_uses_neither_fuel_nor_thread(run: Run) -> None:
    """A turn that sleeps an hour costs what one costs that sleeps a millisecond."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"deadline": 86_400.0})
            fuel = []
            for time in (1, 3_600_000):
                before = agent.statistics().fuel
                asked = asking(agent, call("sleep_ms", time))
                await a.settle()
                assert "waiting" == agent.statistics().state
                await a.elapse(time / 1_000)
                await asked
                fuel.append(agent.statistics().fuel - before)
            assert fuel[0] == fuel[1]

    run(main())
