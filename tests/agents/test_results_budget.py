"""Results that have come and that the turn has not read yet count against the memory of the host's agents."""

from __future__ import annotations

import caxton
from caxton.testing import ResultOf, call
from tests.agents.lab import MIB, Lab, asking, lab
from tests.conftest import Run

START = call("tool_start", "large", "{}", 60_000)
WAITS = [step for at in range(5) for step in (call("wait", [ResultOf(at)], 60_000, read=False), call("result_info"))]
SIZE = 2 * MIB


async def five_results(a: Lab, agent: caxton.AgentRef) -> list[str]:
    """Starts five calls, lets all of them come back, then waits for each: the code of each one's error, or OK."""
    asked = asking(agent, *[START] * 5, call("sleep_ms", 1), *WAITS)
    await a.settle()
    await a.elapse(0.01)
    return sorted(found.json["code"] or "OK" for found in (await asked)[7::2])


def test_what_has_no_room_is_refused(run: Run) -> None:
    """Those that fit are read, the others are limit.host; a turn gives back what it took, read or not."""

    async def main() -> None:
        async with lab(memory="8 MiB") as a:
            calls = 0

            @a.host.tool
            async def large() -> str:
                nonlocal calls
                calls += 1
                return "x" * SIZE

            agent = await a.driver("one")
            for _ in range(3):
                assert await five_results(a, agent) == [*["OK"] * 3, *["limit.host"] * 2]
                asked = asking(agent, *[START] * 5, call("sleep_ms", 1))
                await a.settle()
                await a.elapse(0.01)
                await asked
            assert calls == 30

    run(main())


def test_another_agent_has_less_room(run: Run) -> None:
    """The memory is the host's: what one agent's turn holds is not there for another's."""

    async def main() -> None:
        async with lab(memory="10 MiB") as a:

            @a.host.tool
            async def large() -> str:
                return "x" * SIZE

            one, two = await a.drivers("one", "two")
            holding = asking(one, START, START, call("sleep_ms", 5_000))
            await a.settle()
            assert await five_results(a, two) == ["OK", *["limit.host"] * 4]
            await a.elapse(5.0)
            await holding
            assert await five_results(a, two) == [*["OK"] * 3, *["limit.host"] * 2]

    run(main())
