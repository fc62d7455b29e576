"""A crash is one agent's: its neighbours notice nothing, and what belongs to the agent outlives its instance."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import ECHO, Step, act, call, perform, program
from tests.agents.lab import asking, lab, meta, numbers
from tests.conftest import Run

CRASHES = {
    "unreachable": act("trap"),
    "division": act("divide"),
    "load": act("load", 0xFFFF_0000),
    "stack": act("recurse"),
    "fuel": act("burn", 50_000_000),
    "pointer": call("log", 2, 0xFFFF_FFFF, 2, raw=True),
    "exit": act("exit", 1),
}


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES.keys())
def test_the_next_message_is_served_by_a_fresh_instance(run: Run, crash: Step) -> None:
    """After every kind of crash, with an instance that remembers nothing of the one before."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"fuel": 20_000_000})
            for restarts in (1, 2, 3):
                assert 1 == (await perform(agent, act("count")))[0].number
                with pytest.raises(caxton.CaxtonError):
                    await agent.ask(program(crash))
                found = await perform(agent, call("context"))
                assert restarts + 1 == found[0].json["attempt"]
                assert restarts == agent.statistics().restarts
            assert 3 == agent.statistics().traps

    run(main())


def test_neighbours_notice_nothing(run: Run) -> None:
    """While one agent crashes again and again, its neighbours answer, count on, and keep what they wait for."""

    async def main() -> None:
        async with lab() as a:
            crasher = await a.driver("crasher", restart=caxton.Restart("permanent", 1_000, 60.0))
            neighbours = await a.drivers("one", "two", "three")
            waiting = [asking(ref, call("sleep_ms", 1_000), act("count")) for ref in neighbours]
            echo = await a.host.spawn("echo", ECHO)
            crashing = [asyncio.create_task(crasher.ask(program(crash))) for crash in [*CRASHES.values()] * 3]
            texts = [reply.text for reply in await asyncio.gather(*(echo.ask(f"{n}") for n in range(50)))]
            assert [f"{n}" for n in range(50)] == texts
            outcomes = await asyncio.gather(*crashing, return_exceptions=True)
            codes = [outcome.code for outcome in outcomes if isinstance(outcome, caxton.CaxtonError)]
            # The fuel of these drivers is enough for the loop that takes it all from the others.
            assert 3 * len(CRASHES) - 3 == len(codes)
            await a.elapse(1.0)
            assert [[0, 1]] * 3 == [numbers(await task) for task in waiting]
            assert [0, 0, 0] == [ref.statistics().restarts for ref in neighbours]

    run(main())


def test_what_the_agent_holds_survives_its_instance(run: Run) -> None:
    """State, subscriptions, timers and the mailbox belong to the agent."""

    async def main() -> None:
        async with lab() as a:
            agent, other = await a.drivers("agent", "other")
            await perform(
                agent, call("state_put", "k", "v"), call("subscribe", "t.*"), call("set_timer", 500, 500, "tick")
            )
            crash = asyncio.create_task(agent.ask(program(call("sleep_ms", 100), act("trap"))))
            await a.settle()
            await other.ask(program(call("tell", "agent", "in the mailbox")))
            await a.elapse(0.1)
            with pytest.raises(caxton.TrapError):
                await crash
            await perform(other, call("publish", "t.x", "topic"))
            await a.elapse(1.0)
            assert ["in the mailbox", "topic", "tick", "tick"] == a.texts("agent")
            assert b"v" == (await perform(agent, call("state_get", "k")))[0].data
            assert 1 == agent.statistics().restarts

    run(main())


def test_a_deferred_reply_survives_its_instance(run: Run) -> None:
    """Who was promised a reply gets it from the next instance."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            owed = asyncio.create_task(agent.ask(program(call("tell", "agent", "x"), call("defer"))))
            await a.settle()
            with pytest.raises(caxton.TrapError):
                await agent.ask(program(act("trap")))
            await agent.stop()
            with pytest.raises(caxton.AgentError) as caught:
                await owed
            assert "agent.stopped" == caught.value.code

    run(main())


def test_memory_of_the_crashed_instance_is_given_back(run: Run) -> None:
    """The host's budget is what it was before the crash."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, act("count"))
            before = a.host.statistics().memory
            assert before > 0
            grown = await perform(agent, act("grow", 100))
            assert grown[0].number > 0
            assert before + (100 << 16) == a.host.statistics().memory
            with pytest.raises(caxton.TrapError):
                await agent.ask(program(act("trap")))
            await a.settle()
            assert before == a.host.statistics().memory

    run(main())


def test_a_message_that_is_too_large_costs_no_instance(run: Run) -> None:
    """It is refused before the guest sees it."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"message": 100})
            await perform(agent, act("count"))
            with pytest.raises(caxton.LimitError) as caught:
                await agent.ask(b"x" * 101)
            assert "limit.message-size" == caught.value.code
            assert 2 == (await perform(agent, act("count")))[0].number

    run(main())


def test_exiting_with_status_0_answers_and_starts_anew(run: Run) -> None:
    """WASI's ``proc_exit(0)`` ends a turn well: it commits, and a permanent agent gets a fresh instance."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            await perform(agent, act("count"))
            reply = await agent.ask(program(call("tell", "peer", "bye"), call("state_put", "k", "v"), act("exit", 0)))
            assert ("inform", b"") == (reply.performative, reply.payload)
            found = await perform(agent, act("count"), call("state_get", "k"))
            assert (1, b"v") == (found[0].number, found[1].data)
            assert ["bye"] == a.texts("peer")

    run(main())


def test_a_crash_tells_the_sender_only_if_it_wanted_a_reply(run: Run) -> None:
    """A tell that crashes its receiver comes back as nothing; a request with ``reply-with`` as a failure."""

    async def main() -> None:
        async with lab() as a:
            sender, _ = await a.drivers("sender", "agent")
            await perform(sender, call("tell", "agent", program(act("trap"))))
            await a.settle()
            assert [] == a.texts("sender")
            envelope = meta("query-ref", receiver="agent", reply_with="q")
            await perform(sender, call("send_envelope", envelope, program(act("trap"))))
            await a.settle()
            (told,) = a.received("sender")
            assert ("failure", "@host", "q") == tuple(
                told.envelope[key] for key in ("performative", "sender", "in-reply-to")
            )
            assert {"caxton-code": "trap.unreachable"} == told.envelope["headers"]

    run(main())
