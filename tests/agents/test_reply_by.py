"""A message that nobody took before its ``reply-by`` is not delivered any more."""

from __future__ import annotations

import pytest

from caxton.testing import ManualClock, act, call, perform, program
from tests.agents.lab import asking, lab, meta, numbers
from tests.conftest import Run

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


def test_in_time_and_too_late(run: Run) -> None:
    """Dead letters with ask.timeout; the sender that wanted a reply gets a failure, the other hears nothing."""

    async def main() -> None:
        async with lab(clock=ManualClock(unix=NOON)) as a:
            sender, peer = await a.drivers("sender", "peer")
            busy = asking(peer, call("sleep_ms", 5_000))
            await a.settle()
            found = await perform(
                sender,
                call("send_envelope", meta("request", receiver="peer", reply_by="2026-01-01T12:00:04Z"), "late"),
                call(
                    "send_envelope",
                    meta("request", receiver="peer", reply_by="2026-01-01T14:00:04+02:00", reply_with="q"),
                    "late, with reply-with",
                ),
                call("send_envelope", meta("request", receiver="peer", reply_by="2026-01-01T12:00:06Z"), "in time"),
                call("send_envelope", meta("request", receiver="peer"), "no hurry"),
            )
            assert [0, 0, 0, 0] == numbers(found)
            await a.elapse(5.0)
            await busy
            await a.settle()
            assert ["in time", "no hurry"] == a.texts("peer")
            assert [("peer", "ask.timeout", "late"), ("peer", "ask.timeout", "late, with reply-with")] == a.dead()
            (told,) = a.received("sender")
            assert ("failure", "@host", "q", {"caxton-code": "ask.timeout"}) == tuple(
                told.envelope[key] for key in ("performative", "sender", "in-reply-to", "headers")
            )

    run(main())


@pytest.mark.parametrize(
    "reply_by", ["2025-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00Z", "2026-01-01T12:00:00Z"]
)
def test_a_time_that_has_passed(run: Run, reply_by: str) -> None:
    """It was too late before it was sent."""

    async def main() -> None:
        async with lab(clock=ManualClock(unix=NOON)) as a:
            sender, _ = await a.drivers("sender", "peer")
            envelope = meta("inform", receiver="peer", reply_by=reply_by)
            assert [0] == numbers(await perform(sender, call("send_envelope", envelope, "x")))
            await a.settle()
            assert ([], [("peer", "ask.timeout", "x")]) == (a.texts("peer"), a.dead())

    run(main())


@pytest.mark.parametrize("reply_by", ["9999-12-31T23:59:59.999999999-23:59", "2026-01-01T12:00:00.001Z"])
def test_a_time_to_come(run: Run, reply_by: str) -> None:
    """Is time enough for who is idle."""

    async def main() -> None:
        async with lab(clock=ManualClock(unix=NOON)) as a:
            sender, _ = await a.drivers("sender", "peer")
            await perform(sender, call("send_envelope", meta("inform", receiver="peer", reply_by=reply_by), "x"))
            await a.settle()
            assert ["x"] == a.texts("peer")

    run(main())


def test_a_turn_that_has_begun_goes_on(run: Run) -> None:
    """``reply-by`` is about delivery: an answer after it is still the answer."""

    async def main() -> None:
        async with lab(clock=ManualClock(unix=NOON)) as a:
            sender, _ = await a.drivers("sender", "peer")
            envelope = meta("request", receiver="peer", reply_by="2026-01-01T12:00:01Z", reply_with="q")
            slow = program(call("sleep_ms", 5_000), act("respond", "late but said"))
            await perform(sender, call("send_envelope", envelope, slow))
            await a.elapse(5.0)
            await a.settle()
            assert ["late but said"] == a.texts("sender")

    run(main())
