"""Threads for plain functions: an agent has a share of them, and what waits is served in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from caxton.testing import call
from caxton.tools.threads import SHARE, THREADS, Threads
from tests.agents.lab import asking, eventually, lab, numbers
from tests.conftest import Run


class Doors:
    """Functions that each wait until they are let go. ``begun``: their names, in the order in which they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._doors: dict[str, threading.Event] = {}

    def function(self, name: str) -> Callable[[], str]:
        """A function that answers its name, once it may."""
        door = self._doors[name] = threading.Event()

        def wait() -> str:
            self.begun.append(name)
            assert door.wait(50)
            return name

        return wait

    def open(self, *names: str) -> None:
        """Lets functions go; without names all of them."""
        for name in names or list(self._doors):
            self._doors[name].set()


def start(threads: Threads, doors: Doors, agent: str, count: int) -> list[asyncio.Task[str]]:
    """Calls so many functions for an agent: ``a0``, ``a1`` and so on."""
    functions = [doors.function(f"{agent}{number}") for number in range(count)]
    return [asyncio.create_task(threads.call(agent, function)) for function in functions]


def test_one_agent_has_its_share(run: Run) -> None:
    """Of an agent's calls so many run as its share allows, the others wait in order, and another agent's begin."""

    async def main() -> None:
        threads, doors = Threads(5, 3), Doors()
        first = start(threads, doors, "a", 6)
        await eventually(lambda: len(doors.begun) == 3)
        second = start(threads, doors, "b", 1)
        await eventually(lambda: len(doors.begun) == 4)
        assert {"a0", "a1", "a2", "b0"} == set(doors.begun)
        doors.open("a1")
        await eventually(lambda: len(doors.begun) == 5)
        assert "a3" == doors.begun[-1]
        doors.open()
        assert ["a0", "a1", "a2", "a3", "a4", "a5", "b0"] == [await task for task in (*first, *second)]
        assert "a4" in doors.begun
        threads.close()

    run(main())


def test_agents_are_served_in_turn(run: Run) -> None:
    """Who has many calls in line does not keep those waiting who have one."""

    async def main() -> None:
        threads, doors = Threads(1, 1), Doors()
        tasks = start(threads, doors, "z", 1)
        await eventually(lambda: doors.begun == ["z0"])
        for agent, count in (("a", 3), ("b", 1), ("c", 2)):
            tasks += start(threads, doors, agent, count)
        await asyncio.sleep(0)
        doors.open()
        assert ["z0", "a0", "a1", "a2", "b0", "c0", "c1"] == [await task for task in tasks]
        assert ["z0", "a0", "b0", "c0", "a1", "c1", "a2"] == doors.begun
        threads.close()

    run(main())


def test_what_waits_can_be_cancelled(run: Run) -> None:
    """It is never called, and who is behind it moves up."""

    async def main() -> None:
        threads, doors = Threads(2, 1), Doors()
        running, cancelled, behind = start(threads, doors, "a", 3)
        await eventually(lambda: doors.begun == ["a0"])
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        doors.open()
        assert ["a0", "a2"] == [await running, await behind]
        assert ["a0", "a2"] == doors.begun
        threads.close()

    run(main())


def test_a_cancelled_function_keeps_its_thread(run: Run) -> None:
    """Its place in the share is given back when it returns, not before."""

    async def main() -> None:
        threads, doors = Threads(4, 2), Doors()
        tasks = start(threads, doors, "a", 3)
        await eventually(lambda: len(doors.begun) == 2)
        for task in tasks[:2]:
            task.cancel()
        await asyncio.wait(tasks[:2])
        other = start(threads, doors, "b", 1)  # when this has begun, a2 would have
        await eventually(lambda: "b0" in doors.begun)
        assert "a2" not in doors.begun
        doors.open("a0")
        await eventually(lambda: "a2" in doors.begun)
        doors.open()
        assert ["a2", "b0"] == [await tasks[2], await other[0]]
        threads.close()

    run(main())


def test_what_a_function_raises_is_raised(run: Run) -> None:
    """To whoever waits; the thread is free again."""

    def broken() -> None:
        raise LookupError("nothing")

    async def main() -> None:
        threads = Threads(1, 1)
        for _ in range(3):
            with pytest.raises(LookupError):
                await threads.call("a", broken)
        assert 5 == await threads.call("a", lambda: 5)
        threads.close()

    run(main())


def test_one_agent_cannot_take_all_threads_of_a_host(run: Run) -> None:
    """An agent with a whole turn's handles on a tool that blocks leaves the others' calls alone."""

    async def main() -> None:
        async with lab() as a:
            go = threading.Event()
            begun: list[str] = []

            @a.host.tool
            def block() -> None:
                begun.append("block")
                assert go.wait(50)

            @a.host.tool
            def quick() -> str:
                return "done"

            greedy, other = await a.drivers("greedy", "other")
            steps = [call("tool_start", "block", "{}", 60_000) for _ in range(2 * THREADS)]
            waiting = asking(greedy, *steps, call("sleep_ms", 10))
            assert ["done"] == [result.json for result in await asking(other, call("call_tool", "quick", "{}"))]
            assert len(begun) <= SHARE
            await eventually(lambda: len(begun) == SHARE)
            await a.elapse(0.01)
            assert [0] == numbers(await waiting)[-1:]
            # Its turn is over, and with that its handles. What works still works, and what waited is not begun.
            next_turn = asking(greedy, call("call_tool", "quick", "{}"))
            assert ["done"] == [result.json for result in await asking(other, call("call_tool", "quick", "{}"))]
            assert not next_turn.done()
            go.set()
            assert ["done"] == [result.json for result in await next_turn]
            assert SHARE == len(begun)

    run(main())
