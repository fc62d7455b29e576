"""An ask from Python: exactly one reply, from the agent that was asked, in time or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import caxton
from caxton.testing import ECHO, UPPER, act, call, perform, program, results
from tests.agents.lab import asking, lab, meta, numbers
from tests.conftest import Run


def test_the_reply_is_the_response(run: Run) -> None:
    """Bytes in, bytes out; text is UTF-8; the reply says who, how, and at what cost."""

    async def main() -> None:
        async with caxton.Host() as host:
            upper = await host.spawn("upper", UPPER)
            reply = await upper.ask("grüße")
            assert "GRüßE" == reply.text
            assert ("inform", "upper", True) == (reply.performative, reply.sender, reply.final)
            assert reply.usage.fuel > 0
            assert reply.usage.wall >= 0
            assert reply.usage.memory >= 1 << 16
            assert 0 == reply.usage.host_calls
            for payload in (b"", b"\x00\xff", bytearray(b"x"), memoryview(b"y")):
                assert bytes(payload).upper() == (await upper.ask(payload)).payload  # type: ignore[arg-type]

    run(main())


def test_what_is_no_message_is_refused(run: Run) -> None:
    """A programming mistake is a TypeError, and the agent never hears of it."""

    async def main() -> None:
        async with caxton.Host() as host:
            echo = await host.spawn("echo", ECHO)
            for wrong in (None, 5, ["x"]):
                with pytest.raises(TypeError):
                    await echo.ask(wrong)  # type: ignore[arg-type]
                with pytest.raises(TypeError):
                    await echo.tell(wrong)  # type: ignore[arg-type]
            assert 0 == echo.statistics().turns

    run(main())


def test_every_ask_gets_its_own_reply(run: Run) -> None:
    """A thousand at once, to ten agents: no reply goes astray."""

    async def main() -> None:
        async with caxton.Host() as host:
            refs = [await host.spawn(f"echo-{n}", ECHO) for n in range(10)]
            replies = await asyncio.gather(*(refs[n % 10].ask(f"{n}") for n in range(1_000)))
            assert [f"{n}" for n in range(1_000)] == [reply.text for reply in replies]
            assert [f"echo-{n % 10}" for n in range(1_000)] == [reply.sender for reply in replies]

    run(main())


def test_one_message_at_a_time_in_order(run: Run) -> None:
    """An agent's turns follow each other in the order of its messages, also when a turn waits."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            first = asking(agent, call("sleep_ms", 1_000), act("count"))
            second = asking(agent, act("count"))
            await a.settle()
            assert 1 == agent.statistics().mailbox
            assert not second.done()
            await a.elapse(1.0)
            assert ([0, 1], [2]) == (numbers(await first), numbers(await second))

    run(main())


def test_a_timeout_is_ask_timeout_and_the_turn_goes_on(run: Run) -> None:
    """The late reply is a dead letter, with the code of why; the agent keeps its instance."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, act("count"))
            asked = asyncio.create_task(
                agent.ask(program(call("sleep_ms", 2_000), act("count"), act("respond", "late")), timeout=1.0)
            )
            await a.elapse(0.999)
            assert not asked.done()
            await a.elapse(0.001)
            with pytest.raises(caxton.MessagingError) as caught:
                await asked
            assert "ask.timeout" == caught.value.code
            assert caught.value.retryable
            assert "waiting" == agent.statistics().state
            assert [] == a.dead()
            await a.elapse(2.0)
            assert [("@user", "ask.timeout", "late")] == a.dead()
            assert 3 == (await perform(agent, act("count")))[0].number

    run(main())


def test_a_request_that_nobody_waits_for_any_more_is_not_delivered(run: Run) -> None:
    """It waited in the mailbox until its time was up: a dead letter, and no turn."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            busy = asking(agent, call("sleep_ms", 2_000))
            await a.settle()
            asked = asyncio.create_task(agent.ask("too late", timeout=1.0))
            await a.elapse(2.0)
            with pytest.raises(caxton.MessagingError):
                await asked
            await busy
            await a.settle()
            assert [("agent", "ask.timeout", "too late")] == a.dead()
            assert 1 == agent.statistics().turns

    run(main())


def test_a_reply_in_time_leaves_no_timer(run: Run) -> None:
    """Nothing is left of a time limit that was not reached."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            for _ in range(3):
                await perform(agent, act("count"), timeout=5.0)
            slow = asking(agent, call("sleep_ms", 10), timeout=5.0)
            await a.elapse(0.01)
            await slow
            assert 0 == a.clock.timers

    run(main())


def test_a_task_that_is_cancelled_gives_up_its_ask(run: Run) -> None:
    """The turn goes on; its reply is a dead letter."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(agent.ask(program(call("sleep_ms", 50), act("respond", "unwanted")), timeout=9))
            await a.settle()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            await a.elapse(0.05)
            assert [("@user", "ask.timeout", "unwanted")] == a.dead()
            assert 0 == a.clock.timers

    run(main())


def test_a_failure_of_the_agents_own_is_agent_failed_with_its_reply(run: Run) -> None:
    """A non-zero status, and the performatives that say no."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            with pytest.raises(caxton.AgentFailed) as caught:
                await agent.ask(program(act("respond", "no \x1b[31m way"), act("finish", -1)))
            error = caught.value
            assert ("agent.failed", "failure", b"no \x1b[31m way") == (
                error.code,
                error.reply.performative,
                error.reply.payload,
            )
            assert "\x1b" not in str(error)
            assert error.reply.usage.fuel > 0

    run(main())


@pytest.mark.parametrize("performative", list(caxton.Performative))
def test_a_reply_written_by_hand(run: Run, performative: caxton.Performative) -> None:
    """A deferred reply with each performative: three of them mean no, the others are answers."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(agent.ask(program(call("defer"), call("tell", "agent", "x"))))
            await a.settle()
            token = next(iter(_deferred(a.host, "agent")))
            (sent,) = await perform(agent, call("send_envelope", meta(performative, in_reply_to=token), "body"))
            assert 0 == sent.number
            if performative in ("failure", "refuse", "not-understood"):
                with pytest.raises(caxton.AgentFailed) as caught:
                    await asked
                assert (performative, b"body") == (caught.value.reply.performative, caught.value.reply.payload)
            else:
                reply = await asked
                assert (performative, b"body", "agent") == (reply.performative, reply.payload, reply.sender)

    run(main())


def _deferred(host: caxton.Host, name: str) -> list[str]:
    return list(host.agent(name)._agent.held.deferred)


def test_exactly_one_final_reply(run: Run) -> None:
    """An agent that answers by hand, twice, and with a response: the first answer is the only one."""

    async def main() -> None:
        async with lab() as a:
            agent, asker = await a.drivers("agent", "asker")
            answers = program(
                call("send_envelope", meta("agree", in_reply_to="q"), "first"),
                call("send_envelope", meta("inform", in_reply_to="q"), "second"),
                act("respond", "third"),
            )
            request = meta("request", receiver="agent", reply_with="q")
            found = await perform(asker, call("send_envelope", request, answers))
            assert [0] == numbers(found)
            await a.settle()
            assert [("agree", "first")] == [
                (message.envelope["performative"], message.text) for message in a.received("asker")
            ]
            assert 1 == agent.statistics().turns

    run(main())


def test_nobody_else_can_answer(run: Run) -> None:
    """An agent that knows the token of somebody's ask, and is not the one asked, cannot answer it."""

    async def main() -> None:
        async with lab() as a:
            agent, _, forger = await a.drivers("agent", "asker", "forger")
            asker = a.host.agent("asker")
            asked = asking(asker, call("ask", "agent", program(call("envelope"), call("sleep_ms", 500)), 9_000))
            await a.settle()
            token = agent._agent._turn.delivery.envelope.reply_with  # type: ignore[union-attr]
            for receiver in ("asker", "agent"):
                envelope = meta("inform", receiver=receiver, in_reply_to=token)
                assert [0] == numbers(await perform(forger, call("send_envelope", envelope, "forged")))
            envelope = meta("inform", in_reply_to=token)
            assert [-3] == numbers(await perform(forger, call("send_envelope", envelope, "forged")))
            await a.elapse(0.5)
            (answer,) = await asked
            (seen, slept) = results(answer.data)
            assert ("asker", token) == (seen.json["sender"], seen.json["reply-with"])
            assert 0 == slept.number
            await a.settle()
            assert ["forged"] == a.texts("asker")  # an ordinary message, in its own turn

    run(main())


def test_a_user_cannot_be_answered_by_another_agent(run: Run) -> None:
    """A Python program's token, guessed by an agent that was not asked, gets it nowhere."""

    async def main() -> None:
        async with lab() as a:
            agent, forger = await a.drivers("agent", "forger")
            asked = asking(agent, call("envelope"), call("sleep_ms", 500))
            await a.settle()
            token = agent._agent._turn.delivery.envelope.reply_with  # type: ignore[union-attr]
            for fields in ({}, {"receiver": "@user"}, {"receiver": "agent"}):
                envelope = meta("inform", in_reply_to=token, **fields)
                await perform(forger, call("send_envelope", envelope, "forged"))
            await a.elapse(0.5)
            assert token == (await asked)[0].json["reply-with"]

    run(main())


def test_without_a_timeout_an_ask_waits_as_long_as_the_agent_lives(run: Run) -> None:
    """Days, and then the agent's end is the answer."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(agent.ask(program(call("defer"))))
            await a.elapse(3 * 86_400.0)
            assert not asked.done()
            await agent.stop()
            with pytest.raises(caxton.AgentError) as caught:
                await asked
            assert "agent.stopped" == caught.value.code

    run(main())


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -0.001, -5, "soon", True, 10**400, b"1"])
def test_what_is_no_timeout(run: Run, timeout: Any) -> None:
    """config.invalid, and nothing is sent."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            for asked in (agent.ask("x", timeout=timeout), anext(agent.stream("x", timeout=timeout))):
                with pytest.raises(caxton.HostError) as caught:
                    await asked
                assert "config.invalid" == caught.value.code
            await a.settle()
            assert ([], 0) == (a.texts("agent"), a.clock.timers)

    run(main())


def test_a_timeout_of_ages(run: Run) -> None:
    """Is as good as none."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asking(agent, call("sleep_ms", 10), timeout=1e300)
            await a.elapse(0.01)
            assert [0] == numbers(await asked)
            assert 0 == a.clock.timers

    run(main())


def test_a_timeout_of_zero(run: Run) -> None:
    """There is no time at all: ask.timeout, unless the answer is there at once."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asking(agent, call("sleep_ms", 10), timeout=0)
            await a.elapse(0.0)
            with pytest.raises(caxton.MessagingError):
                await asked

    run(main())
