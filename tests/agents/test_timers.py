"""Timers: messages to oneself, later, once or again and again; they belong to the agent and are bounded."""

from __future__ import annotations

import pytest

import caxton
from caxton.testing import ResultOf, act, call, driver, perform, program
from tests.agents.lab import failure, lab, numbers
from tests.conftest import Run

YEAR_AND_A_DAY = 366 * 86_400_000


def test_a_timer_fires_once_after_its_delay(run: Run) -> None:
    """Not a millisecond before; its message comes from @timer and says which timer it was."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            (set_,) = await perform(agent, call("set_timer", 1_000, 0, "ring"))
            assert set_.number > 0
            await a.elapse(0.999)
            assert [] == a.texts("agent")
            await a.elapse(0.001)
            (rang,) = a.received("agent")
            assert ("inform", "@timer", "agent") == tuple(
                rang.envelope[key] for key in ("performative", "sender", "receiver")
            )
            assert {"caxton-timer": str(set_.number)} == rang.envelope["headers"]
            assert "reply-with" not in rang.envelope
            await a.elapse(10.0)
            assert ["ring"] == a.texts("agent")
            assert 0 == a.clock.timers
            assert 0 == agent.statistics().held

    run(main())


def test_a_periodic_timer_keeps_its_rhythm(run: Run) -> None:
    """First after the delay, then every period, without drift; until it is cancelled."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            (timer,) = await perform(agent, call("set_timer", 50, 20, "tick"))
            for moment, wanted in ((0.049, 0), (0.001, 1), (0.0199, 1), (0.0001, 2), (0.2, 12)):
                await a.elapse(moment)
                assert wanted == len(a.texts("agent"))
            assert [0] == numbers(await perform(agent, call("cancel_timer", timer.number)))
            await a.elapse(5.0)
            assert 12 == len(a.texts("agent"))
            assert (0, 0) == (a.clock.timers, agent.statistics().held)

    run(main())


@pytest.mark.parametrize(
    ("delay", "period", "good"),
    [
        (10, 0, True),
        (9, 0, False),
        (0, 0, False),
        (-1, 0, False),
        (YEAR_AND_A_DAY, 0, True),
        (YEAR_AND_A_DAY + 1, 0, False),
        (2**63 - 1, 0, False),
        (-(2**63), 0, False),
        (10, 10, True),
        (10, 9, False),
        (10, -1, False),
        (10, YEAR_AND_A_DAY, True),
        (10, YEAR_AND_A_DAY + 1, False),
        (10, 2**63 - 1, False),
    ],
)
def test_ten_milliseconds_to_366_days(run: Run, delay: int, period: int, good: bool) -> None:
    """Anything else is -3, and sets nothing."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            (found,) = await perform(agent, call("set_timer", delay, period, "x"))
            assert good is (found.number > 0)
            if not good:
                assert -3 == found.number
            assert (1 if good else 0) == a.clock.timers

    run(main())


def test_a_timer_that_is_not_there_cannot_be_cancelled(run: Run) -> None:
    """-1: never set, fired, cancelled before, somebody else's."""

    async def main() -> None:
        async with lab() as a:
            agent, other = await a.drivers("agent", "other")
            (fired,) = await perform(agent, call("set_timer", 10, 0, "x"))
            await a.elapse(0.01)
            (mine,) = await perform(agent, call("set_timer", 1_000, 0, "x"))
            (theirs,) = await perform(
                other,
                call("set_timer", 1_000, 0, "x"),
            )
            found = await perform(
                agent,
                call("cancel_timer", fired.number),
                call("cancel_timer", mine.number),
                call("cancel_timer", mine.number),
                call("cancel_timer", 0),
                call("cancel_timer", -1),
                call("cancel_timer", 2**31 - 1),
            )
            assert [-1, 0, -1, -1, -1, -1] == numbers(found)
            await a.elapse(1.0)
            assert ["x"] == a.texts("other")
            assert theirs.number > 0

    run(main())


def test_a_timer_set_and_cancelled_in_one_turn(run: Run) -> None:
    """Never fires, and costs nothing."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            found = await perform(
                agent,
                call("set_timer", 10, 0, "one"),
                call("set_timer", 10, 0, "two"),
                call("cancel_timer", ResultOf(0)),
                call("cancel_timer", ResultOf(0)),
            )
            assert found[0].number != found[1].number
            assert [0, -1] == numbers(found)[2:]
            await a.elapse(1.0)
            assert ["two"] == a.texts("agent")
            assert 0 == agent.statistics().held

    run(main())


def test_the_delay_counts_from_the_commit(run: Run) -> None:
    """What a turn sets begins when the turn has ended."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await agent.tell(program(call("set_timer", 100, 0, "x"), call("sleep_ms", 1_000)))
            await a.elapse(1.05)
            assert [] == a.texts("agent")
            await a.elapse(0.05)
            assert ["x"] == a.texts("agent")

    run(main())


def test_a_timer_survives_a_restart_of_its_agent(run: Run) -> None:
    """The next instance gets the message; a timer of turn 0 is set anew by every instance."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", driver(call("set_timer", 500, 0, "from turn 0")))
            await perform(agent, call("set_timer", 1_000, 1_000, "tick"))
            assert "trap.unreachable" == (await failure(agent, act("trap"))).code
            await a.elapse(2.0)
            assert ["from turn 0", "from turn 0", "tick", "tick"] == a.texts("agent")

    run(main())


def test_stopping_an_agent_takes_its_timers_back(run: Run) -> None:
    """Nothing rings for whoever takes the name afterwards."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("set_timer", 10, 10, "tick"), call("set_timer", 100, 0, "ring"))
            await agent.stop()
            assert 0 == a.clock.timers
            await a.driver("agent")
            await a.elapse(1.0)
            assert ([], []) == (a.texts("agent"), a.dead())

    run(main())


def test_a_timer_and_a_full_mailbox(run: Run) -> None:
    """What cannot be delivered is a dead letter; a periodic timer goes on."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"mailbox": 1})
            await perform(agent, call("set_timer", 10, 10, "tick"))
            await agent.tell(program(call("sleep_ms", 55)))
            await a.settle()
            await agent.tell("full")
            await a.elapse(0.055)
            assert [("agent", "mailbox.full", "tick")] * 5 == a.dead()
            await a.elapse(0.01)
            assert ["full", "tick"] == a.texts("agent")

    run(main())


def test_a_tick_that_waits_stands_for_those_that_follow(run: Run) -> None:
    """An agent that is slower than its timer gets one message, not a mailbox full of them."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("set_timer", 10, 10, "tick"))
            await agent.tell(program(call("sleep_ms", 55)))
            await a.elapse(0.055)
            assert [] == a.dead()
            assert ["tick"] == a.texts("agent")

    run(main())


def test_timers_are_held(run: Run) -> None:
    """Each counts its payload and 256 bytes; one too many is -4, limit.held."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": 1_000})
            found = await perform(
                agent,
                call("set_timer", 50, 0, bytes(244)),
                call("set_timer", 50, 0, bytes(244)),
                call("set_timer", 50, 0, b""),
                call("result_info"),
                call("cancel_timer", ResultOf(0)),
                call("set_timer", 60, 0, bytes(245)),
                call("set_timer", 60, 0, bytes(244)),
            )
            assert [-4, 0, -4] == [found[at].number for at in (2, 4, 5)]
            assert "limit.held" == found[3].json["code"]
            assert found[6].number > 0
            assert 1_000 == agent.statistics().held
            await a.elapse(0.05)
            assert 500 == agent.statistics().held

    run(main())


def test_a_timer_that_fires_during_the_turn_that_cancels_it_gives_its_room_back_once(run: Run) -> None:
    """The limit holds whatever happens while the turn waits."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": 1_000})
            (timer,) = await perform(agent, call("set_timer", 50, 0, bytes(700)))
            assert 956 == agent.statistics().held
            await agent.tell(
                program(
                    call("cancel_timer", timer.number),
                    call("sleep_ms", 100),
                    call("state_put", "a", bytes(700)),
                    call("state_put", "b", bytes(700)),
                )
            )
            await a.elapse(0.1)
            assert agent.statistics().held <= 1_000

    run(main())


def test_a_timer_payload_larger_than_a_message(run: Run) -> None:
    """Could never be delivered: -4 at once."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"message": 1_024})
            found = await perform(
                agent, call("set_timer", 10, 0, 0, 1_025, raw=True), call("set_timer", 10, 0, 0, 1_024, raw=True)
            )
            assert (-4, True) == (found[0].number, found[1].number > 0)

    run(main())


def test_a_timer_in_a_turn_that_fails_is_not_set(run: Run) -> None:
    """And its number is no timer's."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            with pytest.raises(caxton.AgentFailed):
                await perform(agent, call("set_timer", 10, 10, "x"), act("finish", 1))
            assert (0, 0) == (a.clock.timers, agent.statistics().held)

    run(main())
