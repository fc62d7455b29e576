"""Crashes are repaired so many times within so long; then the agent has failed for good."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import ResultOf, act, call, driver, perform, program
from tests.agents.lab import failure, lab, meta
from tests.conftest import Run

CRASH = act("trap")


def test_too_many_restarts_within_the_window_end_the_agent(run: Run) -> None:
    """The third crash within the window is one too many for ``max_restarts=2``."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", restart=caxton.Restart("permanent", max_restarts=2, within=5.0))
            for _ in range(3):
                assert "trap.unreachable" == (await failure(agent, CRASH)).code
            assert "failed" == agent.statistics().state
            assert 2 == agent.statistics().restarts
            failed = await failure(agent, act("count"))
            assert "agent.failed" == failed.code
            with pytest.raises(caxton.AgentFailed):
                await agent.tell("hello")

    run(main())


def test_crashes_that_are_far_apart_never_end_it(run: Run) -> None:
    """What lies outside the window is forgotten."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", restart=caxton.Restart("permanent", max_restarts=1, within=5.0))
            for _ in range(10):
                await failure(agent, CRASH)
                await a.elapse(5.1)
            assert 10 == agent.statistics().restarts
            assert 1 == (await perform(agent, act("count")))[0].number

    run(main())


def test_the_default_allows_a_hundred_restarts_within_a_minute(run: Run) -> None:
    """The hundred and first crash is the last."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            for _ in range(100):
                await failure(agent, CRASH)
            await perform(agent, act("count"))
            await failure(agent, CRASH)
            assert "failed" == agent.statistics().state

    run(main())


def test_a_temporary_agent_is_never_restarted(run: Run) -> None:
    """One crash, and it has failed; one exit of its own will, and it has stopped."""

    async def main() -> None:
        async with lab() as a:
            one = await a.driver("one", restart=caxton.Restart("temporary"))
            assert "trap.unreachable" == (await failure(one, CRASH)).code
            assert "failed" == one.statistics().state
            two = await a.driver("two", restart=caxton.Restart("temporary"))
            await two.ask(program(act("exit", 0)))
            assert "stopped" == two.statistics().state
            assert "agent.stopped" == (await failure(two, act("count"))).code

    run(main())


def test_a_transient_agent_may_end_by_its_own_will(run: Run) -> None:
    """A crash restarts it, an exit with status 0 does not; an exit with another status is a crash."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", restart=caxton.Restart("transient"))
            await failure(agent, CRASH)
            await failure(agent, act("exit", 1))
            assert 2 == agent.statistics().restarts
            await agent.ask(program(act("exit", 0)))
            assert "stopped" == agent.statistics().state

    run(main())


def test_what_waits_when_the_agent_fails_is_told(run: Run) -> None:
    """Requests in the mailbox get agent.failed, messages become dead letters, deferred replies are failures."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", restart=caxton.Restart("temporary"))
            asker = await a.driver("asker")
            deferred = asyncio.create_task(agent.ask(program(call("defer"))))
            await a.settle()
            crash = asyncio.create_task(agent.ask(program(call("sleep_ms", 10), CRASH)))
            await a.settle()
            queued = asyncio.create_task(agent.ask("queued"))
            await a.settle()
            await agent.tell("told")
            await perform(asker, call("send_envelope", meta("request", receiver="agent", reply_with="q"), "sent"))
            await a.elapse(0.01)
            found = await asyncio.gather(deferred, crash, queued, return_exceptions=True)
            codes = [error.code for error in found if isinstance(error, caxton.CaxtonError)]
            assert ["agent.failed", "trap.unreachable", "agent.failed"] == codes
            await a.settle()
            assert ["agent.failed"] == [m.envelope["headers"]["caxton-code"] for m in a.received("asker")]
            assert [("agent", "agent.failed", text) for text in ("queued", "told", "sent")] == a.dead()

    run(main())


def test_a_failed_agent_has_let_go_of_everything(run: Run) -> None:
    """Its memory, its timers, its subscriptions; and its name can be taken again."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", restart=caxton.Restart("temporary"))
            other = await a.driver("other")
            before = a.host.statistics().memory
            await perform(agent, call("subscribe", ">"), call("set_timer", 10, 10, "tick"), call("state_put", "k", "v"))
            await failure(agent, CRASH)
            assert 0 == a.clock.timers
            assert before > a.host.statistics().memory
            await perform(other, call("publish", "a.b", "x"))
            await a.settle()
            assert [] == a.dead()
            again = await a.driver("agent")
            assert -1 == (await perform(again, call("state_get", "k")))[0].number

    run(main())


def test_an_agent_that_does_not_start_is_not_restarted(run: Run) -> None:
    """``spawn`` raises what became of turn 0, and the name is free."""

    async def main() -> None:
        async with lab() as a:
            for step, code in ((CRASH, "trap.unreachable"), (act("finish", 1), "agent.refused-start")):
                with pytest.raises(caxton.CaxtonError) as caught:
                    await a.driver("agent", driver(step))
                assert code == caught.value.code
                with pytest.raises(caxton.AgentError) as unknown:
                    a.host.agent("agent")
                assert "agent.unknown" == unknown.value.code
            await a.driver("agent")

    run(main())


def test_a_restart_that_crashes_at_once_counts(run: Run) -> None:
    """An agent whose fresh instances crash while starting runs out of restarts, and does not spin."""

    async def main() -> None:
        async with lab() as a:
            peer = await a.driver("peer")
            # What the ask returns is loaded from: a length is an address, an error number is none.
            start = (call("ask", "peer", program(act("count")), 1_000), act("load", ResultOf(0)))
            agent = await a.driver("agent", driver(*start), restart=caxton.Restart(max_restarts=5))
            await perform(agent, act("count"))
            await peer.stop()
            await failure(agent, CRASH)
            await a.settle()
            assert ("failed", 5) == (agent.statistics().state, agent.statistics().restarts)
            failed = agent.statistics().failure
            assert failed is not None
            assert failed.startswith("trap.out-of-bounds")

    run(main())
