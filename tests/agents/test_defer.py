"""A reply can be put off: its token stands for it, until the agent redeems it in a later turn."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import act, call, perform, program, results
from tests.agents.lab import Lab, asking, lab, meta, numbers
from tests.conftest import Run


async def defer(a: Lab, agent: caxton.AgentRef) -> tuple[str, asyncio.Task[caxton.Reply]]:
    """A request whose reply the agent owes: the token, and who waits."""
    asked = asyncio.create_task(agent.ask(program(call("defer"), call("state_put", "deferred", "yes"))))
    await a.settle()
    assert not asked.done()
    return list(agent._agent.held.deferred)[-1], asked


def test_a_later_turn_answers(run: Run) -> None:
    """With ``send_envelope`` and the token as ``in-reply-to``; no receiver and no grant is needed."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", peers=())
            token, asked = await defer(a, agent)
            (sent,) = await perform(agent, call("send_envelope", meta("inform", in_reply_to=token), "at last"))
            assert 0 == sent.number
            assert "at last" == (await asked).text
            assert 0 == len(agent._agent.held.deferred)

    run(main())


def test_the_token_is_the_result_of_the_call(run: Run) -> None:
    """And the same however often a turn asks for it. Nobody can guess it."""

    async def main() -> None:
        async with lab() as a:
            agent, other = await a.drivers("agent", "other")
            steps = (call("defer"), call("defer"), act("finish", 1))
            (failed,) = await perform(other, call("ask", "agent", program(*steps), 1_000))
            first, second, _ = results(failed.data)
            assert first.data == second.data
            assert len(first.data) > 16
            again = results((await perform(other, call("ask", "agent", program(*steps), 1_000)))[0].data)
            assert first.data != again[0].data
            assert 0 == len(agent._agent.held.deferred)

    run(main())


def test_a_token_is_good_once(run: Run) -> None:
    """A second answer is refused: nothing is owed any more. The same within one turn."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            token, asked = await defer(a, agent)
            answer = call("send_envelope", meta("inform", in_reply_to=token), "once")
            assert [0, -3] == numbers(await perform(agent, answer, answer))
            assert "once" == (await asked).text
            assert [-3] == numbers(await perform(agent, answer))

    run(main())


def test_an_answer_in_a_turn_that_fails_leaves_the_reply_owed(run: Run) -> None:
    """The token is still good afterwards."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            token, asked = await defer(a, agent)
            answer = call("send_envelope", meta("inform", in_reply_to=token), "again")
            with pytest.raises(caxton.TrapError):
                await perform(agent, answer, act("trap"))
            with pytest.raises(caxton.AgentFailed):
                await perform(agent, answer, act("finish", 1))
            assert not asked.done()
            assert [0] == numbers(await perform(agent, answer))
            assert "again" == (await asked).text

    run(main())


def test_a_turn_that_fails_after_defer_answers_with_its_failure(run: Run) -> None:
    """Nothing was put off, since nothing was committed."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            with pytest.raises(caxton.TrapError):
                await perform(agent, call("defer"), act("trap"))
            with pytest.raises(caxton.AgentFailed):
                await perform(agent, call("defer"), act("finish", 1))
            assert 0 == agent.statistics().held

    run(main())


def test_another_agents_token_is_worth_nothing(run: Run) -> None:
    """A token is good for the agent alone that deferred."""

    async def main() -> None:
        async with lab() as a:
            agent, thief = await a.drivers("agent", "thief")
            token, asked = await defer(a, agent)
            forged = meta("inform", in_reply_to=token)
            assert [-3] == numbers(await perform(thief, call("send_envelope", forged, "stolen")))
            addressed = meta("inform", in_reply_to=token, receiver="agent")
            assert [0] == numbers(await perform(thief, call("send_envelope", addressed, "a message")))
            await a.settle()
            assert ["a message"] == a.texts("agent")
            assert not asked.done()
            await agent.stop()
            with pytest.raises(caxton.AgentError):
                await asked

    run(main())


def test_there_must_be_a_reply_to_put_off(run: Run) -> None:
    """-1 for a message that wants none, and after the reply has been written by hand."""

    async def main() -> None:
        async with lab() as a:
            agent, asker = await a.drivers("agent", "asker")
            await agent.tell(program(call("defer"), call("set_timer", 10, 0, "later")))
            await a.settle()
            assert 0 == len(agent._agent.held.deferred)
            steps = program(call("send_envelope", meta("agree", in_reply_to="q"), "done"), call("defer"))
            await perform(asker, call("send_envelope", meta("request", receiver="agent", reply_with="q"), steps))
            await a.settle()
            assert ["done"] == a.texts("asker")
            assert 0 == len(agent._agent.held.deferred)

    run(main())


def test_the_reply_to_an_agent_that_asked(run: Run) -> None:
    """A guest that waits in ``ask`` gets the deferred reply as its result."""

    async def main() -> None:
        async with lab() as a:
            agent, asker = await a.drivers("agent", "asker")
            asked = asking(asker, call("ask", "agent", program(call("defer")), 5_000))
            await a.settle()
            (token,) = agent._agent.held.deferred
            # Another request is served meanwhile: that is what deferring is for.
            assert [1] == numbers(await perform(agent, act("count")))
            await perform(agent, call("send_envelope", meta("inform", in_reply_to=token), "later"))
            assert [(5, b"later")] == await asked

    run(main())


def test_the_reply_to_a_sender_that_did_not_wait(run: Run) -> None:
    """It comes into the sender's mailbox, under the sender's own ``reply-with`` and in its conversation."""

    async def main() -> None:
        async with lab() as a:
            agent, sender = await a.drivers("agent", "sender")
            request = meta("request", receiver="agent", reply_with="q7", conversation_id="c")
            await perform(sender, call("send_envelope", request, program(call("defer"))))
            await a.settle()
            (token,) = agent._agent.held.deferred
            await perform(agent, call("send_envelope", meta("inform", in_reply_to=token), "later"))
            await a.settle()
            (got,) = a.received("sender")
            assert ("agent", "q7", "c", "later") == (
                got.envelope["sender"],
                got.envelope["in-reply-to"],
                got.envelope.get("conversation-id"),
                got.text,
            )

    run(main())


def test_what_is_owed_is_held(run: Run) -> None:
    """Each deferred reply counts against the agent's ``held`` limit: -4 beyond it."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": 1_000})
            _, first = await defer(a, agent)
            held = agent.statistics().held
            assert held > 2 * 256
            found = results((await agent.ask(program(call("state_put", "big", bytes(100)), call("defer")))).payload)
            assert [0, -4] == numbers(found)
            await agent.stop()
            with pytest.raises(caxton.AgentError):
                await first

    run(main())


def test_a_late_reply_to_a_deferred_request_is_a_dead_letter(run: Run) -> None:
    """The asker's time was up; the answer is not lost without a trace."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            asked = asyncio.create_task(agent.ask(program(call("defer")), timeout=1.0))
            await a.elapse(1.0)
            with pytest.raises(caxton.MessagingError):
                await asked
            (token,) = agent._agent.held.deferred
            assert [0] == numbers(await perform(agent, call("send_envelope", meta(in_reply_to=token), "late")))
            assert [("@user", "ask.timeout", "late")] == a.dead()

    run(main())
