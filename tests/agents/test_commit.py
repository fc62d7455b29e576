"""A turn commits all that it queued, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

import caxton
from caxton.testing import Step, act, call, perform, program
from tests.agents.lab import Lab, asking, lab, meta
from tests.conftest import Run

EFFECTS = (
    call("tell", "peer", "told"),
    call("send_envelope", meta("cfp", receiver="peer"), "sent"),
    call("publish", "news.now", "published"),
    call("subscribe", "new.*"),
    call("unsubscribe", "old.*"),
    call("state_put", "new", "value"),
    call("state_delete", "old"),
    call("set_timer", 1_000, 0, "new timer"),
    call("cancel_timer", 1),
)


async def prepare(a: Lab, **options: Any) -> caxton.AgentRef:
    """An agent with a subscription, a value and a timer, and a peer who listens."""
    peer = await a.driver("peer")
    await perform(peer, call("subscribe", "news.>"))
    agent = await a.driver("agent", **options)
    found = await perform(
        agent, call("subscribe", "old.*"), call("state_put", "old", "value"), call("set_timer", 1_000, 0, "old timer")
    )
    assert [result.number for result in found] == [0, 0, 1]
    return agent


async def what_happened(a: Lab, agent: caxton.AgentRef) -> dict[str, object]:
    """Every effect there can be, as others see it."""
    publisher = await a.driver("publisher")
    await perform(publisher, call("publish", "new.x", "to the new"), call("publish", "old.x", "to the old"))
    await a.elapse(2.0)
    state = {key: (await perform(agent, call("state_get", key)))[0].data.decode() for key in ("new", "old")}
    return {"peer": a.texts("peer"), "agent": a.texts("agent"), "state": state}


UNCHANGED = {
    "peer": [],
    "agent": ["to the old", "old timer"],
    "state": {"new": "not found", "old": "value"},
}
COMMITTED = {
    "peer": ["told", "sent", "published"],
    "agent": ["to the new", "new timer"],
    "state": {"new": "value", "old": "not found"},
}


def test_a_turn_that_ends_well_commits_everything_in_order(run: Run) -> None:
    """All nine kinds of effects happen, the messages in the order in which they were queued."""

    async def main() -> None:
        async with lab() as a:
            agent = await prepare(a)
            found = await perform(agent, *EFFECTS)
            assert [0, 0, 0, 0, 0, 0, 0, 2, 0] == [result.number for result in found]
            assert COMMITTED == await what_happened(a, agent)

    run(main())


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (act("trap"), "trap.unreachable"),
        (act("divide"), "trap.divide-by-zero"),
        (act("load", 0xFFFF_0000), "trap.out-of-bounds"),
        (act("recurse"), "trap.stack-overflow"),
        (act("burn", 10_000_000), "limit.fuel"),
        (call("tell", 0xFFFF_0000, 1, 0, 0, raw=True), "abi.protocol"),
        (act("finish", 7), "agent.failed"),
        (act("exit", 3), "agent.failed"),
    ],
    ids=["unreachable", "division", "load", "stack", "fuel", "pointer", "status", "exit"],
)
def test_a_turn_that_ends_badly_commits_nothing(run: Run, ending: Step, code: str) -> None:
    """After a trap, a limit, a failure status: none of the nine kinds of effects has happened."""

    async def main() -> None:
        async with lab() as a:
            agent = await prepare(a, limits={"fuel": 10_000_000})
            with pytest.raises(caxton.CaxtonError) as caught:
                await agent.ask(program(*EFFECTS, ending))
            assert code == caught.value.code
            assert UNCHANGED == await what_happened(a, agent)

    run(main())


def test_too_many_host_calls_commit_nothing(run: Run) -> None:
    """Passing limit.host-calls ends the turn like a trap."""

    async def main() -> None:
        async with lab() as a:
            agent = await prepare(a, limits={"host_calls": len(EFFECTS)})
            with pytest.raises(caxton.LimitError) as caught:
                await agent.ask(program(*EFFECTS, call("now_ms")))
            assert "limit.host-calls" == caught.value.code
            assert UNCHANGED == await what_happened(a, agent)

    run(main())


def test_a_turn_out_of_wall_time_commits_nothing(run: Run) -> None:
    """A guest that computes past its deadline, in real time."""

    async def main() -> None:
        async with lab() as a:
            agent = await prepare(a, limits={"deadline": 0.05})
            with pytest.raises(caxton.LimitError) as caught:
                await agent.ask(program(*EFFECTS, act("spin")))
            assert "limit.deadline" == caught.value.code
            assert UNCHANGED == await what_happened(a, agent)

    run(main())


def test_a_turn_that_is_stopped_commits_nothing(run: Run) -> None:
    """Stopping an agent in the middle of a turn sends nothing of what it had queued."""

    async def main() -> None:
        async with lab() as a:
            agent = await prepare(a)
            waiting = asking(agent, *EFFECTS, call("sleep_ms", 10_000))
            await a.settle()
            assert "waiting" == agent.statistics().state
            await agent.stop()
            with pytest.raises(caxton.AgentError) as caught:
                await waiting
            assert "agent.stopped" == caught.value.code
            await a.elapse(2.0)
            assert [] == a.texts("peer")

    run(main())


def test_effects_wait_for_the_turns_end(run: Run) -> None:
    """While the turn goes on nobody sees anything of it; what acts at once, acts at once."""

    async def main() -> None:
        async with lab() as a:
            agent = await prepare(a)
            waiting = asking(agent, *EFFECTS, call("ask_start", "peer", "asked", 9_000), call("sleep_ms", 1_000))
            await a.settle()
            assert ["asked"] == a.texts("peer")
            await a.elapse(1.0)
            await waiting
            assert ["asked", "told", "sent", "published"] == a.texts("peer")

    run(main())


def test_a_failure_status_keeps_the_instance_and_a_trap_replaces_it(run: Run) -> None:
    """After a non-zero status the instance stays; after a trap there is another."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            assert 1 == (await perform(agent, act("count")))[0].number
            with pytest.raises(caxton.AgentFailed) as caught:
                await agent.ask(program(act("count"), act("respond", "sorry"), act("finish", 1)))
            assert b"sorry" == caught.value.reply.payload
            assert 3 == (await perform(agent, act("count")))[0].number
            with pytest.raises(caxton.TrapError):
                await agent.ask(program(act("trap")))
            assert 1 == (await perform(agent, act("count")))[0].number

    run(main())


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        (act("finish", 0), ("agree", "agent", "by hand")),
        (act("trap"), ("failure", "@host", "the guest gave up (it executed unreachable)")),
    ],
    ids=["well", "trap"],
)
def test_the_reply_that_a_turn_wrote_goes_with_its_other_effects(
    run: Run, ending: Step, wanted: tuple[str, str, str]
) -> None:
    """A reply by ``send_envelope`` in a turn that traps afterwards is not sent: the sender gets the trap instead."""

    async def main() -> None:
        async with lab() as a:
            _, sender = await a.drivers("agent", "sender")
            request = program(call("send_envelope", meta("agree", in_reply_to="q1"), "by hand"), ending)
            await perform(sender, call("send_envelope", meta("request", receiver="agent", reply_with="q1"), request))
            await a.settle()
            found = [(m.envelope["performative"], m.envelope["sender"], m.text) for m in a.received("sender")]
            assert [wanted] == found

    run(main())


def test_what_is_refused_only_at_commit_is_a_dead_letter(run: Run) -> None:
    """A full mailbox and an agent that has gone meanwhile: the rest of the turn's effects happen all the same."""

    async def main() -> None:
        async with lab() as a:
            agent, gone, peer = await a.drivers("agent", "gone", "peer")
            full = await a.driver("full", limits={"mailbox": 1})
            busy = asking(full, call("sleep_ms", 1_000))
            steps = [call("tell", name, name) for name in ("full", "full", "gone", "peer")]
            waiting = asking(agent, *steps, call("sleep_ms", 100))
            await a.settle()
            await gone.stop()
            await a.elapse(0.1)
            assert [0, 0, 0, 0, 0] == [result.number for result in await waiting]
            await a.settle()
            assert ["peer"] == a.texts("peer")
            assert [("full", "mailbox.full", "full"), ("gone", "agent.unknown", "gone")] == a.dead()
            await a.elapse(1.0)
            await busy
            assert ["full"] == a.texts("full")
            assert [] == a.texts("agent")
            assert peer.statistics().turns == 1

    run(main())


def test_the_sender_of_what_is_refused_at_commit_is_told_if_it_wanted_a_reply(run: Run) -> None:
    """With ``reply-with`` a ``failure`` from @host follows, which carries the code; without, nothing does."""

    async def main() -> None:
        async with lab() as a:
            agent, gone = await a.drivers("agent", "gone")
            envelope = meta("request", receiver="gone", reply_with="q1", conversation_id="c1")
            waiting = asking(agent, call("send_envelope", envelope, "x"), call("sleep_ms", 100))
            await a.settle()
            await gone.stop()
            await a.elapse(0.1)
            await waiting
            await a.settle()
            told = a.received("agent")
            assert 1 == len(told)
            assert "failure" == told[0].envelope["performative"]
            assert "@host" == told[0].envelope["sender"]
            assert "q1" == told[0].envelope["in-reply-to"]
            assert "c1" == told[0].envelope["conversation-id"]
            assert {"caxton-code": "agent.unknown"} == told[0].envelope["headers"]

    run(main())
