"""Agents ask each other, and tools: at once or started and waited for, within time limits, cancelled or answered."""

from __future__ import annotations

import pytest

import caxton
from caxton.testing import ECHO, ResultOf, act, call, driver, perform, program, results
from tests.agents.lab import asking, lab, meta, numbers
from tests.conftest import Run

TIMEOUT, FAILED, NOT_FOUND, BAD, FULL, UNKNOWN, STOPPED = -5, -6, -1, -3, -8, -9, -10


def test_ask_returns_the_reply(run: Run) -> None:
    """Its length, and its payload as the last result; ``result_info`` tells of it."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await a.host.spawn("echo", ECHO)
            answer, info = await perform(agent, call("ask", "echo", "hello", 1_000), call("result_info"))
            assert (5, b"hello") == answer
            assert {"length": 5, "number": 0, "code": None} == {
                key: info.json[key] for key in ("length", "number", "code")
            }

    run(main())


def test_a_failure_is_minus_6_with_its_payload(run: Run) -> None:
    """A failure status, a trap, a limit of the other side: the payload can be read, and the code told."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            refusal = program(act("respond", "not today"), act("finish", 1))
            failed, info, trapped, trap_info = await perform(
                agent,
                call("ask", "peer", refusal, 1_000),
                call("result_info"),
                call("ask", "peer", program(act("divide")), 1_000),
                call("result_info"),
            )
            assert (FAILED, b"not today") == failed
            assert ("agent.failed", "failure") == (info.json["code"], info.json["performative"])
            assert FAILED == trapped.number
            assert "divided by zero" in trapped.text
            assert ("trap.divide-by-zero", "failure") == (trap_info.json["code"], trap_info.json["performative"])

    run(main())


@pytest.mark.parametrize("performative", ["refuse", "not-understood", "failure", "inform", "agree", "propose"])
def test_replies_by_hand(run: Run, performative: str) -> None:
    """The performatives that say no are -6, the others are answers."""

    async def main() -> None:
        async with lab() as a:
            agent, peer = await a.drivers("agent", "peer")
            asked = asking(agent, call("ask", "peer", program(call("defer")), 5_000), call("result_info"))
            await a.settle()
            (token,) = peer._agent.held.deferred
            await perform(peer, call("send_envelope", meta(performative, in_reply_to=token), "said"))
            answer, info = await asked
            wanted = FAILED if performative in ("refuse", "not-understood", "failure") else 4
            assert (wanted, b"said") == answer
            if wanted == FAILED:
                assert performative == info.json["performative"]

    run(main())


def test_no_reply_in_time_is_minus_5(run: Run) -> None:
    """The asker goes on; the other side's turn goes on too, and its late reply is a dead letter."""

    async def main() -> None:
        async with lab() as a:
            agent, peer = await a.drivers("agent", "peer")
            slow = program(call("sleep_ms", 2_000), act("respond", "late"))
            asked = asking(agent, call("ask", "peer", slow, 1_000), call("result_info"), act("count"))
            await a.elapse(0.999)
            assert not asked.done()
            await a.elapse(0.001)
            timed_out, info, counted = await asked
            assert (TIMEOUT, 1) == (timed_out.number, counted.number)
            assert ("ask.timeout", True) == (info.json["code"], info.json["retryable"])
            assert "waiting" == peer.statistics().state
            await a.elapse(1.0)
            assert [("agent", "ask.timeout", "late")] == a.dead()

    run(main())


def test_a_timeout_of_zero_is_minus_5_at_once(run: Run) -> None:
    """There is no time to answer in."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            assert [TIMEOUT] == numbers(await perform(agent, call("ask", "peer", "x", 0)))

    run(main())


def test_who_cannot_be_asked(run: Run) -> None:
    """No such agent, one that has stopped, one that has failed, one whose mailbox is full; no time at all."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            ended = await a.driver("ended", restart=caxton.Restart("temporary"))
            await ended.ask(program(act("exit", 0)))
            failed = await a.driver("failed", restart=caxton.Restart("temporary"))
            with pytest.raises(caxton.TrapError):
                await failed.ask(program(act("trap")))
            full = await a.driver("full", limits={"mailbox": 1})
            busy = asking(full, call("sleep_ms", 100))
            await a.settle()
            await full.tell("waits")
            names = ("nobody", "ended", "failed", "full", "no name", "")
            found = await perform(agent, *(call("ask", name, "x", 1_000) for name in names))
            assert [UNKNOWN, STOPPED, FAILED, FULL, BAD, BAD] == numbers(found)
            found = await perform(agent, *(call("ask_start", name, "x", 1_000) for name in names))
            assert [UNKNOWN, STOPPED, FAILED, FULL, BAD, BAD] == numbers(found)
            for timeout in (-1, -(2**63), 2**63 - 1):
                assert [BAD] == numbers(await perform(agent, call("ask", "agent", "x", timeout)))
            await a.elapse(0.1)
            await busy

    run(main())


def test_the_asked_agent_stops(run: Run) -> None:
    """While somebody waits for it, in a turn or in its mailbox: -10."""

    async def main() -> None:
        async with lab() as a:
            one, two, peer = await a.drivers("one", "two", "peer")
            first = asking(one, call("ask", "peer", program(call("sleep_ms", 9_000)), 5_000), call("result_info"))
            await a.settle()
            second = asking(two, call("ask", "peer", "waits", 5_000))
            await a.settle()
            await peer.stop()
            stopped, info = await first
            assert (STOPPED, "agent.stopped") == (stopped.number, info.json["code"])
            assert [STOPPED] == numbers(await second)

    run(main())


def test_several_asks_at_once(run: Run) -> None:
    """``ask_start`` does not wait; ``wait`` gives the first that is there, by its index, and its result."""

    async def main() -> None:
        async with lab() as a:
            agent, *_ = await a.drivers("agent", "slow", "fast", "bad")
            asked = asking(
                agent,
                call("ask_start", "slow", program(call("sleep_ms", 300), act("respond", "slow")), 1_000),
                call("ask_start", "fast", program(call("sleep_ms", 100), act("respond", "fast")), 1_000),
                call("ask_start", "bad", program(call("sleep_ms", 200), act("trap")), 1_000),
                call("wait", [ResultOf(0), ResultOf(1), ResultOf(2)], 1_000),
                call("wait", [ResultOf(0), ResultOf(2)], 1_000),
                call("result_info"),
                call("wait", [ResultOf(0)], 1_000),
                call("wait", [ResultOf(0)], 1_000),
            )
            await a.elapse(0.3)
            *handles, first, second, info, third, again = await asked
            assert len(set(numbers(handles))) == 3
            assert all(number > 0 for number in numbers(handles))
            assert (1, b"fast") == first
            assert 1 == second.number
            assert ("trap.unreachable", FAILED) == (info.json["code"], info.json["number"])
            assert (0, b"slow") == third
            assert BAD == again.number  # a handle that has been waited for is gone

    run(main())


def test_a_wait_ends_with_its_own_timeout_or_the_handles(run: Run) -> None:
    """The wait's: -5, and the handle is still good. The handle's: its outcome is a timeout."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            asked = asking(
                agent,
                call("ask_start", "peer", program(call("sleep_ms", 300), act("respond", "ok")), 1_000),
                call("wait", [ResultOf(0)], 100),
                call("wait", [ResultOf(0)], 1_000),
                call("ask_start", "peer", program(call("sleep_ms", 9_000)), 200),
                call("wait", [ResultOf(3)], 1_000),
                call("result_info"),
            )
            await a.elapse(0.5)
            _, early, late, _, timed_out, info = await asked
            assert TIMEOUT == early.number
            assert (0, b"ok") == late
            assert 0 == timed_out.number
            assert ("ask.timeout", TIMEOUT) == (info.json["code"], info.json["number"])

    run(main())


def test_a_cancelled_handle_is_gone(run: Run) -> None:
    """The other side's reply is a dead letter; what is no handle is -1 or -3."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            found = await perform(
                agent,
                call("ask_start", "peer", "asked", 1_000),
                call("cancel", ResultOf(0)),
                call("cancel", ResultOf(0)),
                call("wait", [ResultOf(0)], 0),
                call("cancel", 99),
                call("cancel", -1),
                call("wait", [99], 0),
                call("wait", [-1], 0),
            )
            assert [0, NOT_FOUND, BAD, NOT_FOUND, NOT_FOUND, BAD, BAD] == numbers(found)[1:]
            await a.settle()
            assert [("agent", "ask.timeout", "asked")] == a.dead()

    run(main())


def test_handles_end_with_their_turn(run: Run) -> None:
    """A handle of the last turn means nothing in this one, and its reply is a dead letter."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            (started,) = await perform(agent, call("ask_start", "peer", "asked", 1_000))
            found = await perform(agent, call("wait", [started.number], 0), call("cancel", started.number))
            assert [BAD, NOT_FOUND] == numbers(found)
            await a.settle()
            assert [("agent", "ask.timeout", "asked")] == a.dead()
            assert 0 == a.clock.timers

    run(main())


def test_every_wait_ends_shortly_before_the_deadline(run: Run) -> None:
    """With -5, so that the guest can still answer: ask, wait, sleep and a tool alike."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            async def never() -> None:
                await a.host.loop.create_future()

            peer = program(call("sleep_ms", 50_000))
            for steps in (
                (call("ask", "peer", peer, 60_000),),
                (call("ask_start", "peer", peer, 60_000), call("wait", [ResultOf(0)], 60_000)),
                (call("sleep_ms", 60_000),),
                (call("call_tool", "never", "{}"),),
                (call("tool_start", "never", "{}", 60_000), call("wait", [ResultOf(0)], 60_000)),
            ):
                agent = await a.driver("agent", limits={"deadline": 10.0})
                other = await a.driver("peer", limits={"deadline": 100.0})
                asked = asking(agent, *steps, call("context"))
                await a.elapse(9.8)
                assert not asked.done()
                await a.elapse(0.2)
                *_, waited, context = await asked
                assert TIMEOUT == waited.number
                assert 0 < context.json["deadline_ms"] <= 200
                await agent.stop()
                await other.stop()

    run(main())


def test_an_asked_agents_deadline_is_never_later_than_its_askers(run: Run) -> None:
    """However much time its own limits would give it; and so down a chain."""

    async def main() -> None:
        async with lab() as a:
            one = await a.driver("one", limits={"deadline": 5.0})
            await a.driver("two", limits={"deadline": 50.0})
            await a.driver("three", limits={"deadline": 500.0})
            await a.driver("four", limits={"deadline": 1.0})
            inner = program(call("context"), call("ask", "four", program(call("context")), 9_000))
            middle = program(call("context"), call("ask", "three", inner, 9_000))
            asked = asking(one, call("sleep_ms", 2_000), call("ask", "two", middle, 9_000))
            await a.elapse(2.0)
            two, three_answer = results((await asked)[1].data)
            three, four_answer = results(three_answer.data)
            (four,) = results(four_answer.data)
            assert [3_000, 3_000, 1_000] == [found.json["deadline_ms"] for found in (two, three, four)]

    run(main())


def test_a_request_whose_asker_is_out_of_time_is_not_delivered(run: Run) -> None:
    """It waited in the mailbox behind others until then."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"deadline": 1.0})
            peer = await a.driver("peer")
            busy = asking(peer, call("sleep_ms", 2_000))
            await a.settle()
            asked = asking(agent, call("ask", "peer", "in vain", 60_000))
            await a.elapse(2.0)
            assert [TIMEOUT] == numbers(await asked)
            await busy
            await a.settle()
            assert [("peer", "ask.timeout", "in vain")] == a.dead()
            assert [] == a.texts("peer")

    run(main())


def test_an_ask_of_a_turn_that_fails_has_been_sent_all_the_same(run: Run) -> None:
    """Asks act at once: the other side has done its work, whatever becomes of the asker."""

    async def main() -> None:
        async with lab() as a:
            agent, peer = await a.drivers("agent", "peer")
            with pytest.raises(caxton.TrapError):
                await perform(agent, call("ask", "peer", "hello", 1_000), act("trap"))
            assert ["hello"] == a.texts("peer")
            assert 1 == peer.statistics().turns

    run(main())


def test_the_reply_of_an_ask_in_turn_0(run: Run) -> None:
    """An agent may ask while it starts."""

    async def main() -> None:
        async with lab() as a:
            await a.driver("peer")
            start = driver(
                call("ask", "peer", "at the start", 1_000), call("state_put", "k", "v"), call("tell", "peer", "told")
            )
            agent = await a.driver("agent", start)
            await a.settle()
            assert ["at the start", "told"] == a.texts("peer")
            assert b"v" == (await perform(agent, call("state_get", "k")))[0].data

    run(main())
