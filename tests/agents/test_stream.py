"""What an agent emits comes at once, in order, and then its reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import caxton
from caxton.testing import act, call, perform, program
from tests.agents.lab import KIB, asking, failure, lab, meta, numbers
from tests.conftest import Run


async def taken(parts: AsyncIterator[caxton.Reply]) -> list[tuple[str, bool]]:
    """All parts: their text, and whether they were the last."""
    return [(part.text, part.final) async for part in parts]


def test_parts_come_at_once_and_the_reply_last(run: Run) -> None:
    """A part can be taken while the turn still goes on."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            steps = [call("emit", "one"), call("sleep_ms", 100), call("emit", "two"), act("respond", "end")]
            stream = agent.stream(program(*steps))
            first = await anext(stream)
            assert ("one", False, "agent", "inform") == (first.text, first.final, first.sender, first.performative)
            assert caxton.Usage() == first.usage
            assert "waiting" == agent.statistics().state
            second = asyncio.ensure_future(anext(stream))
            await a.settle()
            assert not second.done()
            await a.elapse(0.1)
            assert "two" == (await second).text
            last = await anext(stream)
            assert ("end", True) == (last.text, last.final)
            assert last.usage.host_calls == 3
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(main())


def test_a_thousand_parts_in_order(run: Run) -> None:
    """As many as a turn may emit, none lost, however late they are taken."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            steps = [call("emit", f"{n}", read=False) for n in range(1_000)]
            found = await taken(agent.stream(program(*steps, act("respond", "end"))))
            assert [(f"{n}", False) for n in range(1_000)] + [("end", True)] == found

    run(main())


def test_an_ask_has_no_use_for_parts(run: Run) -> None:
    """It gets the reply alone."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            reply = await agent.ask(program(call("emit", "part"), act("respond", "end")))
            assert "end" == reply.text
            assert [] == a.dead()

    run(main())


def test_a_crash_ends_the_stream_after_its_parts(run: Run) -> None:
    """What was emitted has been sent; the error comes in the place of the reply."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            for ending, code in ((act("trap"), "trap.unreachable"), (act("finish", 1), "agent.failed")):
                stream = agent.stream(program(call("emit", "part"), ending))
                assert "part" == (await anext(stream)).text
                with pytest.raises(caxton.CaxtonError) as caught:
                    await anext(stream)
                assert code == caught.value.code

    run(main())


def test_a_stream_that_is_left_is_closed(run: Run) -> None:
    """Parts that nobody takes are dropped; the reply is a dead letter."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            steps = [call("emit", "one"), call("sleep_ms", 100), call("emit", "two"), act("respond", "end")]
            stream = agent.stream(program(*steps), timeout=9.0)
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]
            await a.elapse(0.1)
            assert [("@user", "ask.timeout", "end")] == a.dead()
            assert 0 == a.clock.timers

    run(main())


def test_a_stream_that_takes_too_long(run: Run) -> None:
    """The parts that came, then ask.timeout; the turn goes on."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            steps = [call("emit", "one"), call("sleep_ms", 2_000), call("emit", "two"), act("respond", "end")]
            stream = agent.stream(program(*steps), timeout=1.0)
            assert "one" == (await anext(stream)).text
            waiting = asyncio.ensure_future(anext(stream))
            await a.elapse(1.0)
            with pytest.raises(caxton.MessagingError) as caught:
                await waiting
            assert "ask.timeout" == caught.value.code
            await a.elapse(1.0)
            assert [("@user", "ask.timeout", "end")] == a.dead()

    run(main())


def test_emitted_parts_count_as_queued_envelopes(run: Run) -> None:
    """-4 beyond so many, or so many bytes; without anybody who wants them they cost and do nothing."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"outbox": 3, "outbox_bytes": 2 * KIB})
            found = await perform(agent, *(call("emit", "x") for _ in range(5)))
            assert [0, 0, 0, -4, -4] == numbers(found)
            found = await perform(agent, call("emit", bytes(2 * KIB)), call("emit", "x"))
            assert [0, -4] == numbers(found)
            await agent.tell(program(*(call("emit", "x") for _ in range(5)), call("tell", "agent", "still room")))
            await a.settle()
            assert ["still room"] == a.texts("agent")

    run(main())


def test_parts_for_an_agent_are_messages(run: Run) -> None:
    """To an agent that sent the request with ``reply-with`` they come into the mailbox, marked as parts."""

    async def main() -> None:
        async with lab() as a:
            _, sender = await a.drivers("agent", "sender")
            steps = program(call("emit", "one"), call("emit", "two"), act("respond", "end"))
            await perform(sender, call("send_envelope", meta("request", receiver="agent", reply_with="q"), steps))
            await a.settle()
            assert [("one", {"caxton-part": "1"}), ("two", {"caxton-part": "1"}), ("end", None)] == [
                (message.text, message.envelope.get("headers")) for message in a.received("sender")
            ]
            assert {"q"} == {message.envelope["in-reply-to"] for message in a.received("sender")}

    run(main())


def test_an_ask_between_agents_gets_the_final_reply_alone(run: Run) -> None:
    """Parts of its answer are not delivered anywhere."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            (answer,) = await perform(
                agent, call("ask", "peer", program(call("emit", "part"), act("respond", "end")), 1_000)
            )
            assert (3, b"end") == answer
            await a.settle()
            assert ([], []) == (a.texts("agent"), a.dead())

    run(main())


def test_stopping_ends_a_stream(run: Run) -> None:
    """Whoever takes parts is told."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            stream = agent.stream(program(call("emit", "one"), call("sleep_ms", 9_000)))
            await anext(stream)
            await agent.stop()
            with pytest.raises(caxton.AgentError) as caught:
                await anext(stream)
            assert "agent.stopped" == caught.value.code

    run(main())


def test_a_part_larger_than_a_message(run: Run) -> None:
    """Is refused with -4, and the turn goes on."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"message": KIB})
            big = program(call("grow" if False else "state_put", "k", bytes(900)), call("state_get", "k", read=False))
            assert len(big) < KIB
            error = await failure(agent, call("emit", 0, KIB + 1, raw=True), act("finish", 9))
            assert isinstance(error, caxton.AgentFailed)
            busy = asking(agent, call("emit", 0, KIB + 1, raw=True), call("emit", 0, KIB, raw=True))
            assert [-4, 0] == numbers(await busy)

    run(main())
