"""Which WebAssembly proposals a module may use, and that one which may not be used is named."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import Box, agent, number, refusal

OFF = {
    "threads": agent("(i32.atomic.rmw.add (i32.const 0) (i32.const 1))"),
    "a shared memory": agent(memory="1 2 shared"),
    "multi-memory": agent(items="(memory $second 1)"),
    "memory64": agent(
        "(drop (i32.load (memory $big) (i64.const 0))) (i32.const 0)", items="(memory $big i64 1)"
    ).replace('(memory (export "memory") 1)', '(export "memory" (memory $big))'),
    "custom-page-sizes": agent(memory="1 (pagesize 1)"),
    "relaxed-simd": agent("(drop (i8x16.relaxed_swizzle (v128.const i64x2 1 2) (v128.const i64x2 3 4))) (i32.const 0)"),
    "gc": agent(items="(type $point (struct (field i32)))"),
    "exceptions": agent(items="(tag $oops)"),
}
NAMES = {"a shared memory": "threads"}


@pytest.mark.parametrize("what", OFF.keys())
def test_what_is_off_is_named(what: str) -> None:
    """`module.invalid`, and the message says which proposal the module uses."""
    text = OFF[what]
    if what == "memory64":
        text = text.replace("(i64.store (local.get $ptr)", "(drop (i64.extend_i32_u (local.get $ptr)) (i64.const 0)")
        text = """(module
          (memory (export "memory") i64 1)
          (func (export "handle_message") (param i32 i32) (result i32) (i32.load (i64.const 0)))
          (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""
    error = refusal(text)
    assert error.code == "module.invalid"
    assert NAMES.get(what, what) in error.message


@pytest.mark.parametrize("feature", ["gc", "exceptions"])
def test_what_can_be_asked_for_says_how(box: Box, feature: str) -> None:
    """The message tells what to write; written so, the module works."""
    error = refusal(OFF[feature])
    assert f'features = ["{feature}"]' in error.message
    box.ask(box.spawn(OFF[feature], features=[feature]))


def test_other_proposals_are_no_valid_modules() -> None:
    """Stack switching, wide arithmetic and whatever comes later: `module.invalid`."""
    for text in (
        agent(items="(type $f (func)) (type $c (cont $f))"),
        agent("(drop (i64.add128 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4))) (drop) (i32.const 0)"),
    ):
        assert refusal(text).code == "module.invalid"


def test_features_are_checked(box: Box) -> None:
    """Only what exists and may be asked for; a mistake is the configuration's."""
    for features in (["threads"], ["GC"], ["memory64"], [""], ["gc", "simd"], "gc", [1]):
        assert box.refused(agent(), features=features).code == "config.invalid"


def test_a_feature_that_is_not_needed_does_not_hurt(box: Box) -> None:
    """An agent with features answers like one without; both together too."""
    for features in ([], ["gc"], ["exceptions"], ["gc", "exceptions"], ("exceptions", "gc")):
        assert number(box.ask(box.spawn(agent(), features=features))) == 0


GC = agent(
    """
    (local $list (ref null $cell)) (local $n i32)
    (local.set $n (i32.const 1000))
    (loop $push
      (local.set $list (struct.new $cell (local.get $n) (local.get $list)))
      (br_if $push (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (loop $sum
      (global.set $result (i64.add (global.get $result) (i64.extend_i32_u (struct.get $cell $value (local.get $list)))))
      (local.set $list (struct.get $cell $next (local.get $list)))
      (br_if $sum (i32.eqz (ref.is_null (local.get $list)))))
    (i32.const 0)""",
    items="(type $cell (struct (field $value i32) (field $next (ref null $cell))))",
)


def test_gc_works(box: Box) -> None:
    """Structs are allocated, linked, read, and collected over many turns."""
    ref = box.spawn(GC, features=["gc"])
    for turn in range(1, 60):
        assert number(box.ask(ref)) == 500_500 * turn


def test_the_collected_heap_is_limited(box: Box) -> None:
    """What an agent keeps on the collector's heap is its memory: there is an end, and it is the contract's."""
    text = agent(
        """
        (loop $push
          (global.set $list (struct.new $cell (global.get $list)))
          (br $push))
        (i32.const 0)""",
        items="""
        (type $cell (struct (field (ref null $cell)) ))
        (global $list (mut (ref null $cell)) (ref.null $cell))""",
    )
    ref = box.spawn(text, caxton.Limits(memory="2 MiB", deadline=60.0), features=["gc"])
    assert box.fails(ref).code == "limit.memory"


def test_exceptions_work(box: Box) -> None:
    """Thrown, caught, with a value; an uncaught one is `trap.other`."""
    text = agent(
        """
        (block $caught (result i32)
          (try_table (result i32) (catch $oops $caught) (call $thrower) (i32.const -1)))
        (global.set $result (i64.extend_i32_s))
        (if (local.get $len) (then (call $thrower)))
        (i32.const 0)""",
        items="(tag $oops (param i32)) (func $thrower (throw $oops (i32.const 42)))",
    )
    ref = box.spawn(text, features=["exceptions"])
    assert number(box.ask(ref)) == 42
    assert box.fails(ref, b"x").code == "trap.other"
    assert number(box.ask(ref)) == 42


WORKS = {
    "SIMD": (
        "(i64.extend_i32_u (i32x4.extract_lane 2 (i32x4.add (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 10)))))",
        13,
    ),
    "sign extension": ("(i64.extend8_s (i64.const 0x80))", -128),
    "saturating conversion": ("(i64.trunc_sat_f64_s (f64.const 1e300))", (1 << 63) - 1),
    "multi-value": ("(i64.extend_i32_u (block (result i32) (call $pair) (i32.sub)))", 4),
    "reference types": ("(i64.extend_i32_u (ref.is_null (table.get $refs (i32.const 0))))", 1),
    "bulk memory": (
        "(memory.fill (i32.const 512) (i32.const 7) (i32.const 8)) (i64.load (i32.const 512))",
        0x0707070707070707,
    ),
    "passive data": (
        "(memory.init $hi (i32.const 600) (i32.const 0) (i32.const 2)) (i64.load16_u (i32.const 600))",
        0x6968,
    ),
    "tail calls": ("(call $even (i64.const 1000000))", 1),
    "mutable global exports": ("(global.get $exported)", 5),
    "extended constants": ("(i64.extend_i32_u (global.get $computed))", 42),
    "typed calls": ("(call_indirect $funcs (result i64) (i32.const 0))", 9),
}


@pytest.mark.parametrize(("body", "wanted"), WORKS.values(), ids=WORKS.keys())
def test_what_is_standard_works(box: Box, body: str, wanted: int) -> None:
    """WebAssembly as Wasmtime has it by default, but for what is listed above."""
    if body.startswith("(memory"):
        first, _, rest = body.partition(") (i64.load")
        body = f"(i64.load{rest}"
        before = first + ")"
    else:
        before = ""
    text = agent(
        f"{before} (global.set $result {body}) (i32.const 0)",
        items="""
        (table $refs 1 externref)
        (table $funcs 1 funcref) (elem (table $funcs) (i32.const 0) func $nine)
        (data $hi "hi")
        (global $exported (export "exported") (mut i64) (i64.const 5))
        (global $computed i32 (i32.mul (i32.const 6) (i32.const 7)))
        (func $nine (result i64) (i64.const 9))
        (func $pair (result i32 i32) (i32.const 7) (i32.const 3))
        (func $even (param i64) (result i64)
          (if (i64.eqz (local.get 0)) (then (return (i64.const 1))))
          (return_call $odd (i64.sub (local.get 0) (i64.const 1))))
        (func $odd (param i64) (result i64)
          (if (i64.eqz (local.get 0)) (then (return (i64.const 0))))
          (return_call $even (i64.sub (local.get 0) (i64.const 1))))""",
    )
    assert number(box.ask(box.spawn(text))) == wanted
