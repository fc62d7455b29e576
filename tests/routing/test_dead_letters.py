"""What cannot be delivered is kept, with the reason, as long as there is room; and it is always counted."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from caxton.messages import AgentName, Envelope, Performative
from caxton.routing.router import DEAD_LETTER_BYTES, DEAD_LETTERS, DeadLetter, Router
from caxton.testing import ManualClock, call, perform
from tests.agents.lab import MIB, lab, meta
from tests.conftest import Run

ME, YOU = AgentName("me"), AgentName("you")


def letter(n: int, size: int = 0) -> Envelope:
    return Envelope(Performative.INFORM, ME, (YOU,), bytes(size), id=n)


def test_the_last_thousand_are_kept() -> None:
    """The oldest make room; all are counted."""
    router = Router(ManualClock())
    for n in range(DEAD_LETTERS + 5):
        router.dead_letter(letter(n), YOU, "agent.unknown")
    kept = router.dead_letters()
    assert (1_000, 1_000) == (DEAD_LETTERS, len(kept))
    assert [5, 1_004] == [kept[0].envelope.id, kept[-1].envelope.id]
    assert 1_005 == router.dead_letter_count


def test_sixteen_mib_are_kept() -> None:
    """By bytes too; one that is larger than everything is not kept at all."""
    router = Router(ManualClock())
    for n in range(20):
        router.dead_letter(letter(n, MIB), YOU, "mailbox.full")
    assert 16 == len(router.dead_letters())
    router.dead_letter(letter(99, DEAD_LETTER_BYTES + 1), YOU, "mailbox.full")
    assert [] == router.dead_letters()
    router.dead_letter(letter(100), YOU, "mailbox.full")
    assert [100] == [one.envelope.id for one in router.dead_letters()]
    assert 22 == router.dead_letter_count


@given(st.lists(st.sampled_from([0, 1, 100, MIB, 5 * MIB, 16 * MIB, 17 * MIB]), max_size=40))
def test_what_is_kept_is_bounded(sizes: list[int]) -> None:
    """Whatever comes: the newest, in order, within both bounds."""
    router = Router(ManualClock())
    content = {size: bytes(size) for size in set(sizes)}
    for n, size in enumerate(sizes):
        envelope = Envelope(Performative.INFORM, ME, (YOU,), content[size], id=n)
        router.dead_letter(envelope, YOU, "agent.unknown")
    kept = router.dead_letters()
    assert sum(len(one.envelope.payload) for one in kept) <= DEAD_LETTER_BYTES
    assert list(range(len(sizes)))[len(sizes) - len(kept) :] == [one.envelope.id for one in kept]
    assert len(sizes) == router.dead_letter_count


def test_whoever_watches_is_told_of_each() -> None:
    """Also of those that are not kept."""
    router = Router(ManualClock())
    seen: list[DeadLetter] = []
    router.on_dead_letter = seen.append
    for n in range(DEAD_LETTERS + 1):
        router.dead_letter(letter(n), YOU, "agent.unknown")
    assert DEAD_LETTERS + 1 == len(seen)


def test_a_host_shows_them(run: Run) -> None:
    """Receiver, code, and the whole envelope; the count is among its statistics."""

    async def main() -> None:
        async with lab() as a:
            agent, gone = await a.drivers("agent", "gone")
            envelope = meta("cfp", receiver=["gone", "agent"], ontology="o", conversation_id="c")
            asked = perform(agent, call("send_envelope", envelope, "offer"), call("sleep_ms", 10))
            task = asyncio.create_task(asked)
            await a.settle()
            await gone.stop()
            await a.elapse(0.01)
            await task
            (found,) = a.host.dead_letters()
            assert ("gone", "agent.unknown") == (found.receiver, found.code)
            assert ("cfp", "agent", ("gone", "agent"), b"offer", "o", "c") == (
                found.envelope.performative,
                found.envelope.sender,
                found.envelope.receiver,
                found.envelope.payload,
                found.envelope.ontology,
                found.envelope.conversation_id,
            )
            assert 1 == a.host.statistics().dead_letters
            await a.settle()
            assert ["offer"] == a.texts("agent")

    run(main())


def test_a_stopped_agents_mailbox(run: Run) -> None:
    """Goes there in order."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await agent.tell(b"")
            busy = asyncio.create_task(perform(agent, call("sleep_ms", 1_000)))
            await a.settle()
            for n in range(5):
                await agent.tell(f"{n}")
            await agent.stop()
            assert [("agent", "agent.stopped", f"{n}") for n in range(5)] == a.dead()
            await asyncio.gather(busy, return_exceptions=True)

    run(main())
