"""A guest that uses up its stack traps; the host's own stack is never in danger."""

from __future__ import annotations

import contextlib

import pytest

import caxton
from tests.sandbox.guests import BUMP, Box, agent, i32, imports, number

RECURSE = "(func $down (param $n i32) (if (local.get $n) (then (call $down (i32.sub (local.get $n) (i32.const 1))))))"


def test_recursion_without_end_is_a_trap(box: Box) -> None:
    """`trap.stack-overflow`, with the innermost frames, and the next message is served."""
    text = agent("(call $down (i32.load (local.get $ptr))) (i32.const 0)", items=RECURSE)
    ref = box.spawn(text)
    for _ in range(3):
        error = box.fails(ref, i32(-1))
        assert error.code == "trap.stack-overflow"
        assert 1 <= len(error.frames) <= 64
        assert {frame.function for frame in error.frames} == {"down"}
        assert number(box.ask(ref, i32(1000))) == 0


def test_there_is_room_for_recursion(box: Box) -> None:
    """A stack of 1 MiB takes ten thousand small frames."""
    ref = box.spawn(agent("(call $down (i32.load (local.get $ptr))) (i32.const 0)", items=RECURSE))
    assert number(box.ask(ref, i32(10_000))) == 0


PLACES = {
    "handle_message": agent("(call $deep) (i32.const 0)", items="(func $deep (call $deep) (nop))"),
    "get_response": agent(items="(func $deep (call $deep) (nop))", response="(call $deep) (i32.const 0)"),
    "caxton_alloc": agent(
        items="""
        (func $deep (call $deep) (nop))
        (func (export "caxton_alloc") (param i32) (result i32) (call $deep) (i32.const 8))
        (func (export "caxton_free") (param i32 i32))"""
    ),
    "caxton_free": agent(
        items="""
        (func $deep (call $deep) (nop))
        (func (export "caxton_alloc") (param i32) (result i32) (i32.const 8))
        (func (export "caxton_free") (param i32 i32) (call $deep))"""
    ),
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES.keys())
def test_in_every_call_of_a_turn(box: Box, text: str) -> None:
    """Whichever export it is."""
    assert box.fails(box.spawn(text)).code == "trap.stack-overflow"


STARTS = {
    "start": "(start $deep)",
    "_initialize": '(export "_initialize" (func $deep))',
    "caxton_init": '(func (export "caxton_init") (result i32) (call $deep) (i32.const 0))',
}


@pytest.mark.parametrize("how", STARTS.values(), ids=STARTS.keys())
def test_in_turn_0(box: Box, how: str) -> None:
    """A guest that overflows while it starts is not started."""
    assert box.refused(agent(items=f"(func $deep (call $deep) (nop)) {how}")).code == "trap.stack-overflow"


CALLS = {
    "a call that is answered at once": ("now_ms", "(drop (call $now_ms))"),
    "a log line": ("log", "(call $log (i32.const 0) (i32.const 0) (i32.const 0))"),
    "a wait": ("sleep_ms", "(drop (call $sleep_ms (i64.const 0)))"),
    "random bytes": ("random", "(call $random (i32.const 0) (i32.const 256))"),
    "an error": ("tell", "(drop (call $tell (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))"),
}


@pytest.mark.parametrize(("name", "call"), CALLS.values(), ids=CALLS.keys())
def test_host_calls_at_every_depth(box: Box, name: str, call: str) -> None:
    """A guest that calls the host at each level overflows cleanly, wherever its stack ends."""
    # Frames of different sizes make the stack end at another place relative to the host call each time.
    for pad in (0, 7, 18):
        locals_ = " ".join(["i64"] * pad)
        keep = "".join(f"(local.set {i} (i64.add (local.get {i}) (i64.const {i})))" for i in range(pad))
        use = "".join(f"(global.set $result (i64.add (global.get $result) (local.get {i})))" for i in range(pad))
        text = agent(
            "(call $deep) (i32.const 0)",
            uses=imports(name),
            items=f"{BUMP} (func $deep (local {locals_}) {keep} {call} (call $deep) {use})",
        )
        ref = box.spawn(text, caxton.Limits(host_calls=1_000_000, deadline=60.0))
        assert box.fails(ref).code == "trap.stack-overflow"


def test_a_host_call_at_each_depth_near_the_end(box: Box) -> None:
    """One call to the host, made at every depth around the last one that fits: it works, or the guest traps."""
    text = agent(
        """
        (global.set $result (i64.const -1))
        (call $down (i32.load (local.get $ptr)))
        (i32.const 0)""",
        uses=imports("random", "sleep_ms"),
        items=f"""{BUMP}
        (func $down (param $n i32)
          (if (local.get $n)
            (then (call $down (i32.sub (local.get $n) (i32.const 1))))
            (else
              (call $random (i32.const 64) (i32.const 64))
              (global.set $result (i64.extend_i32_s (call $sleep_ms (i64.const 0)))))))""",
    )
    ref = box.spawn(text)

    def works(depth: int) -> bool:
        with contextlib.suppress(caxton.TrapError):
            return number(box.ask(ref, i32(depth))) == 0
        return False

    low, high = 1000, 1_000_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    for depth in range(low - 30, low + 31):
        assert works(depth) == (depth <= low)
    assert box.fails(ref, i32(low + 1)).code == "trap.stack-overflow"


def test_large_frames(box: Box) -> None:
    """A function whose frame alone is as large as a guard page does not jump over it."""
    # Two thousand values that are all alive across the call lie on the stack: some 16 KiB a frame.
    count = 2_000
    text = agent(
        "(drop (call $deep (i64.const 1))) (i32.const 0)",
        items=f"""
        (func $deep (param $x i64) (result i64) (local {" ".join(["i64"] * count)})
          {"".join(f"(local.set {i} (i64.mul (local.get 0) (i64.const {i * 7919 + 3})))" for i in range(1, count))}
          (local.set 0 (call $deep (i64.add (local.get 0) (i64.const 1))))
          {"".join(f"(local.set 0 (i64.xor (local.get 0) (local.get {i})))" for i in range(1, count))}
          (local.get 0))""",
    )
    assert box.fails(box.spawn(text)).code == "trap.stack-overflow"


def test_mutual_and_indirect_recursion(box: Box) -> None:
    """Through tables as well."""
    text = agent(
        "(call_indirect (type $f) (i32.const 0)) (i32.const 0)",
        items="""
        (type $f (func))
        (table 2 funcref) (elem (i32.const 0) $a $b)
        (func $a (call_indirect (type $f) (i32.const 1)) (nop))
        (func $b (call_indirect (type $f) (i32.const 0)) (nop))""",
    )
    error = box.fails(box.spawn(text))
    assert error.code == "trap.stack-overflow"
    assert {frame.function for frame in error.frames} == {"a", "b"}
