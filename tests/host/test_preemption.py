"""A guest that computes holds up nobody: it leaves the event loop, and shares the workers with others."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

import caxton
from caxton.testing import ECHO, ManualClock, act, call, perform, program
from tests.agents.lab import asking, lab, numbers
from tests.conftest import Run


class SlowClock(ManualClock):
    """By this clock everything takes ten milliseconds, while it is ``slow``."""

    slow = False

    def monotonic(self) -> float:
        if self.slow:
            self.advance(0.01)
        return super().monotonic()


async def end(*refs: caxton.AgentRef) -> None:
    for ref in refs:
        await ref.stop()


def test_an_asker_is_served_beside_spinning_agents(run: Run) -> None:
    """Two agents that never end, on as many workers; a third answers a thousand times while they spin."""

    async def main() -> None:
        async with lab(workers=2) as a:
            spinners = await a.drivers("spin-1", "spin-2")
            spinning = [asking(ref, act("spin")) for ref in spinners]
            echo = await a.host.spawn("echo", ECHO)
            for n in range(1_000):
                assert f"{n}" == (await echo.ask(f"{n}")).text
            assert ["running", "running"] == [ref.statistics().state for ref in spinners]
            assert not any(task.done() for task in spinning)
            await end(*spinners)
            for task in spinning:
                with pytest.raises(caxton.AgentError):
                    await task

    run(main())


def test_more_spinning_agents_than_workers(run: Run) -> None:
    """One worker, five agents that never end: a sixth that computes long is done all the same."""

    async def main() -> None:
        async with lab(workers=1) as a:
            spinners = await a.drivers(*(f"spin-{n}" for n in range(5)))
            spinning = [asking(ref, act("spin")) for ref in spinners]
            busy = await a.driver("busy")
            assert [0, 1] == numbers(await perform(busy, act("burn", 5_000_000), act("count")))
            assert not any(task.done() for task in spinning)
            await end(*spinners)
            await asyncio.gather(*spinning, return_exceptions=True)

    run(main())


def test_agents_can_be_started_beside_spinning_ones(run: Run) -> None:
    """Spawning and stopping need no worker."""

    async def main() -> None:
        async with lab(workers=1) as a:
            spinner = await a.driver("spinner")
            spinning = asking(spinner, act("spin"))
            for n in range(20):
                echo = await a.host.spawn(f"echo-{n}", ECHO)
                assert b"x" == (await echo.ask("x")).payload
                await echo.stop()
            assert not spinning.done()
            await end(spinner)
            with contextlib.suppress(caxton.AgentError):
                await spinning

    run(main())


class Threads:
    """Which threads an agent's turn ran on: its log lines are written there."""

    def __init__(self) -> None:
        self.found: list[bool] = []

    def __call__(self, agent: str, level: str, line: str) -> None:
        self.found.append(threading.current_thread() is threading.main_thread())

    def take(self) -> list[bool]:
        found, self.found = self.found, []
        return found


HERE, ON_A_WORKER = True, False
LOG = call("log", 2, "here")


def test_short_turns_stay_on_the_event_loop(run: Run) -> None:
    """A worker is not even started."""

    async def main() -> None:
        threads = Threads()
        async with caxton.Host(log=threads) as host:
            agent = await host.spawn("agent", caxton.testing.DRIVER)
            for _ in range(10):
                await perform(agent, LOG, call("state_put", "k", "v"), LOG)
            assert [HERE] * 20 == threads.take()
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("caxton-worker")]

    run(main())


def test_a_turn_that_outlives_its_slice_goes_to_a_worker(run: Run) -> None:
    """And comes back for what concerns the host."""

    async def main() -> None:
        threads = Threads()
        async with caxton.Host(log=threads, clock=ManualClock()) as host:
            agent = await host.spawn("agent", caxton.testing.DRIVER)
            found = await perform(agent, LOG, act("burn", 200_000), LOG, call("tell", "agent", "x"), LOG)
            assert [0, 0, 0, -2, 0] == numbers(found)
            assert [HERE, ON_A_WORKER, HERE] == threads.take()
            await perform(agent, LOG)
            assert [HERE] == threads.take()

    run(main())


def test_a_turn_of_many_host_calls_goes_to_a_worker(run: Run) -> None:
    """After 64 answered on the event loop."""

    async def main() -> None:
        threads = Threads()
        async with caxton.Host(log=threads, clock=ManualClock()) as host:
            agent = await host.spawn("agent", caxton.testing.DRIVER)
            await perform(agent, *[LOG] * 100)
            assert [HERE] * 64 == threads.found[:64]
            assert [ON_A_WORKER] * 36 == threads.found[64:]

    run(main())


def test_an_agent_whose_slice_was_slow_starts_on_a_worker_next_time(run: Run) -> None:
    """And comes back to the event loop when its turns have been short for a while."""

    async def main() -> None:
        threads = Threads()
        clock = SlowClock()
        async with caxton.Host(log=threads, clock=clock) as host:
            agent = await host.spawn("agent", caxton.testing.DRIVER)
            clock.slow = True
            await perform(agent, act("count"))
            clock.slow = False
            for _ in range(100):
                await perform(agent, LOG)
            seen = threads.take()
            assert (ON_A_WORKER, HERE) == (seen[0], seen[-1])

    run(main())


def test_many_computing_agents_share_the_workers(run: Run) -> None:
    """Twenty that compute at once on two threads: each gets its own answer."""

    async def main() -> None:
        async with lab(workers=2) as a:
            agents = await a.drivers(*(f"agent-{n}" for n in range(20)))
            found = await asyncio.gather(
                *(
                    agent.ask(program(act("burn", 100_000 + n), call("context"), act("respond", f"{n}")))
                    for n, agent in enumerate(agents)
                )
            )
            assert [f"{n}" for n in range(20)] == [reply.text for reply in found]
            workers = [thread for thread in threading.enumerate() if thread.name.startswith("caxton-worker")]
            assert len(workers) <= 2
            # A loop of one round more costs more: nobody was billed for somebody else.
            fuel = [reply.usage.fuel for reply in found]
            assert fuel == sorted(fuel)

    run(main())


def test_the_workers_end_with_the_host(run: Run) -> None:
    """No thread is left."""

    async def main() -> None:
        before = set(threading.enumerate())
        async with lab(workers=3) as a:
            agents = await a.drivers("one", "two", "three")
            await asyncio.gather(*(perform(agent, act("burn", 200_000)) for agent in agents))
        left = {thread.name for thread in set(threading.enumerate()) - before}
        assert not any(name.startswith("caxton-worker") for name in left)

    run(main())
