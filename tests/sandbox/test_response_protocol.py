"""How a response is taken: what is offered, when a second call follows, and what breaks the protocol."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import BUMP, KIB, MIB, PAGE, Box, agent, i32, imports

# The message: what `get_response` returns, first and later. It logs each offer as 8 bytes in hex digits would be long:
# the length offered, and whether the pointer was the same as before.
SAYS = agent(
    """
    (global.set $first (i32.load (local.get $ptr)))
    (global.set $later (i32.load offset=4 (local.get $ptr)))
    (global.set $calls (i32.const 0))
    (i32.const 0)""",
    uses=imports("log"),
    memory="2",
    items=f"""{BUMP}
    (global $first (mut i32) (i32.const 0)) (global $later (mut i32) (i32.const 0))
    (global $calls (mut i32) (i32.const 0))
    (func $tell (param $n i32) (local $at i32)
      (local.set $at (i32.const 300))
      (loop $digit
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
        (br_if $digit (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
      (call $log (i32.const 2) (local.get $at) (i32.sub (i32.const 300) (local.get $at))))""",
    response="""
    (call $tell (local.get $len))
    (memory.fill (local.get $ptr) (i32.add (i32.const 65) (global.get $calls)) (local.get $len))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (result i32) (i32.eq (global.get $calls) (i32.const 1))
      (then (global.get $first)) (else (global.get $later)))""",
)


def without_allocator(text: str) -> str:
    assert BUMP in text
    return text.replace(BUMP, "")


def answers(box: Box, text: str, first: int, later: int | None = None, **limits: int) -> tuple[str, int, list[int]]:
    """The error's code or the byte that the response consists of, its length, and the lengths that were offered."""
    ref = box.spawn(text, caxton.Limits(memory=4 * MIB, **limits))
    box.logs.clear()
    try:
        payload = box.ask(ref, i32(first) + i32(first if later is None else later)).payload
        assert len(set(payload)) <= 1
        found = payload[:1].decode()
    except caxton.CaxtonError as error:
        found, payload = error.code, b""
    return found, len(payload), [int(line) for line in box.lines()]


def test_the_first_offer_is_4_kib_and_often_enough(box: Box) -> None:
    """A response that fits is taken from the first call, which offers at least 4 KiB."""
    for length in (1, 100, 4096):
        found, size, offers = answers(box, SAYS, length)
        assert (found, size, len(offers)) == ("A", length, 1)
        assert offers[0] >= 4096


def test_no_response(box: Box) -> None:
    """`n = 0` is an empty response; there is no second call."""
    found, size, offers = answers(box, SAYS, 0)
    assert (found, size, len(offers)) == ("", 0, 1)


@pytest.mark.parametrize("length", [4097, 5000, 64 * KIB, 90_000])
def test_a_longer_response_is_asked_for_once_more(box: Box, length: int) -> None:
    """The second call offers exactly the room that was asked for, and its bytes are the response."""
    found, size, offers = answers(box, SAYS, length)
    assert (found, size, offers[1:]) == ("B", length, [length])


def test_a_response_may_shrink(box: Box) -> None:
    """What the second call returns counts."""
    assert answers(box, SAYS, 5000, 4999)[:2] == ("B", 4999)
    assert answers(box, SAYS, 5000, 1)[:2] == ("B", 1)
    assert answers(box, SAYS, 5000, 0)[:2] == ("", 0)


@pytest.mark.parametrize(("first", "later"), [(5000, 5001), (4097, 100_000), (5000, 2**31 - 1), (5000, 2 * MIB)])
def test_a_response_that_grows_breaks_the_protocol(box: Box, first: int, later: int) -> None:
    """There is no third call, however large it has become."""
    found, _, offers = answers(box, SAYS, first, later)
    assert (found, len(offers)) == ("abi.protocol", 2)


@pytest.mark.parametrize(("first", "later"), [(-1, 0), (-(2**31), 0), (5000, -1), (5000, -(2**31)), (-4096, -4096)])
def test_a_negative_length_breaks_the_protocol(box: Box, first: int, later: int) -> None:
    """In either call."""
    assert answers(box, SAYS, first, later)[0] == "abi.protocol"
    if first < 0:
        assert answers(box, without_allocator(SAYS), first)[0] == "abi.protocol"


def test_the_limit_is_checked_before_anything_is_allocated(box: Box) -> None:
    """A response beyond the limit is refused after the first call; one at the limit is not."""
    assert answers(box, SAYS, 70_000, response=70_000)[0] == "B"
    found, _, offers = answers(box, SAYS, 70_001, response=70_000)
    assert (found, len(offers)) == ("limit.response-size", 1)
    assert answers(box, SAYS, 2**31 - 1)[0] == "limit.response-size"


def test_the_limit_holds_below_4_kib_too(box: Box) -> None:
    """At least 4 KiB are offered all the same; more than the limit is not taken."""
    for text in (SAYS, without_allocator(SAYS)):
        assert answers(box, text, 100, response=100)[:2] == ("A", 100)
        found, _, offers = answers(box, text, 101, response=100)
        assert found == "limit.response-size"
        assert offers[0] >= 4096
        assert answers(box, text, 0, response=0)[:2] == ("", 0)


def test_the_window_takes_what_the_limits_say(box: Box) -> None:
    """Without an allocator one call has to do: its window has room for the largest response."""
    text = without_allocator(SAYS)
    for length in (0, 1, 4096, 5000, MIB):
        found, size, offers = answers(box, text, length)
        assert (found, size, len(offers)) == ("A" if length else "", length, 1)
        assert offers[0] >= MIB


def test_a_small_window_takes_less(box: Box) -> None:
    """Where the memory's limit leaves a page for the window, message and response share it."""
    text = without_allocator(SAYS)
    ref = box.spawn(text, caxton.Limits(memory=3 * PAGE))
    assert len(box.ask(ref, i32(60_000) * 2).payload) == 60_000
    assert box.fails(ref, i32(PAGE) * 2).code == "limit.response-size"
    # The largest message leaves 4 KiB for the response.
    message = (i32(4096) * 2).ljust(PAGE - 4096 - 16, b"\0")
    assert len(box.ask(ref, message).payload) == 4096
    assert box.fails(ref, message + b"\0" * 16).code == "limit.message-size"
    restarts = ref.statistics().restarts
    assert len(box.ask(ref, i32(5) * 2).payload) == 5
    assert ref.statistics().restarts == restarts == 1, "a message that does not fit costs no instance"


def test_message_and_response_do_not_overlap(box: Box) -> None:
    """A guest may write its response while it reads the message, wherever the host has put them."""
    for items in ("", BUMP):
        text = agent(
            "(global.set $at (local.get $ptr)) (global.set $n (local.get $len)) (i32.const 0)",
            memory="3",
            items=f"{items} (global $at (mut i32) (i32.const 0)) (global $n (mut i32) (i32.const 0))",
            response="""
            (local $i i32)
            (memory.fill (local.get $ptr) (i32.const 33) (global.get $n))
            (loop $next
              (if (i32.lt_u (local.get $i) (global.get $n)) (then
                (i32.store8 (i32.add (local.get $ptr) (local.get $i))
                  (i32.load8_u (i32.add (global.get $at)
                    (i32.sub (i32.sub (global.get $n) (local.get $i)) (i32.const 1)))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $next))))
            (global.get $n)""",
        )
        ref = box.spawn(text)
        for length in (1, 15, 16, 17, 1000, 4096):
            message = bytes(i % 251 for i in range(length))
            assert box.ask(ref, message).payload == message[::-1]


def test_a_failure_status_has_a_response_too(box: Box) -> None:
    """Anything but 0 is a failure; what the agent says is in the reply, and its instance stays."""
    text = agent("(i32.load (local.get $ptr))", response="(i32.store8 (local.get $ptr) (i32.const 33)) (i32.const 1)")
    ref = box.spawn(text)
    for status in (1, -1, 2**31 - 1, -(2**31), 256):
        with pytest.raises(caxton.AgentFailed) as caught:
            box.ask(ref, i32(status))
        assert caught.value.code == "agent.failed"
        assert caught.value.reply.payload == b"!"
        assert caught.value.reply.performative == "failure"
    assert box.ask(ref, i32(0)).payload == b"!"
    assert ref.statistics().restarts == 0


def test_a_message_beyond_the_limit_never_reaches_the_guest(box: Box) -> None:
    """`limit.message-size`; one at the limit is taken."""
    count = agent("(global.set $result (i64.add (global.get $result) (i64.const 1))) (i32.const 0)")
    ref = box.spawn(count, caxton.Limits(message=100))
    box.ask(ref, b"x" * 100)
    assert box.fails(ref, b"x" * 101).code == "limit.message-size"
    assert int.from_bytes(box.ask(ref).payload, "little") == 2


def test_the_guest_sees_the_payload_alone(box: Box) -> None:
    """Pointer and length are the message's, of every length."""
    for items in ("", BUMP):
        sums = agent(
            """
            (local $i i32)
            (global.set $result (i64.extend_i32_u (local.get $len)))
            (loop $next
              (if (i32.lt_u (local.get $i) (local.get $len)) (then
                (global.set $result (i64.add (i64.mul (global.get $result) (i64.const 31))
                  (i64.load8_u (i32.add (local.get $ptr) (local.get $i)))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $next))))
            (i32.const 0)""",
            memory="2",
            items=items,
        )
        ref = box.spawn(sums)
        for length in (0, 1, 2, 15, 16, 255, 5000):
            message = bytes((i * 7 + length) % 256 for i in range(length))
            wanted = length
            for byte in message:
                wanted = (wanted * 31 + byte) & ((1 << 64) - 1)
            assert int.from_bytes(box.ask(ref, message).payload, "little") == wanted
