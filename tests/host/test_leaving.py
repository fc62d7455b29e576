"""When a host is left its agents stop at once, whatever they are doing, and none of them sees another one gone."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import call, program
from tests.agents.lab import Lab, asking, eventually, lab
from tests.conftest import Run
from tests.host.test_cancellation import spinning_in


@pytest.mark.parametrize("names", [("asked", "asker"), ("asker", "asked")], ids=["asked first", "asker first"])
def test_one_that_waits_for_another_goes_on_no_more(run: Run, names: tuple[str, str]) -> None:
    """In whichever order they were spawned: an agent that would log the answer, or its absence, logs nothing."""

    async def main() -> Lab:
        async with lab() as a:
            agents = {name: await a.driver(name) for name in names}
            steps = (call("ask", "asked", program(call("sleep_ms", 10_000)), 20_000), call("log", 2, "it went on"))
            task = asking(agents["asker"], *steps)
            await a.settle()
            assert ["waiting"] * 2 == [agent.statistics().state for agent in agents.values()]
        with pytest.raises(caxton.AgentError) as caught:
            await task
        assert "agent.stopped" == caught.value.code
        return a

    assert [] == run(main()).logs


def test_agents_that_spin_are_all_told_before_one_is_waited_for(run: Run) -> None:
    """So they end side by side: with the first of them that is over, each one has been told."""

    async def main() -> None:
        told: list[bool] = []
        async with lab() as a:
            agents = [await a.host.spawn(f"spinning-{number}", spinning_in("handle")) for number in range(8)]
            asked = [asyncio.create_task(agent.ask("x")) for agent in agents]
            for one in asked:
                one.add_done_callback(lambda _: told.append(all(agent._agent._stopping for agent in agents)))
            await eventually(lambda: any(agent._agent._busy for agent in agents))
        await asyncio.gather(*asked, return_exceptions=True)
        assert [True] * 8 == told

    run(main())
