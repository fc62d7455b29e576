"""Tables, and segments that are used later, are as the initialisation left them."""

from __future__ import annotations

import pytest

from caxton.sandbox.compiler import read_facts, to_binary
from caxton.sandbox.freeze.warm import warm_up
from caxton.sandbox.warmth import Allowance
from tests.sandbox.guests import BUMP, Box, agent, i64, number, warmed

# Functions that answer a number each, and a handler that calls the one at the message's first byte.
FUNCTIONS = "(type $answer (func (result i64)))" + "".join(
    f"(func $f{n} (type $answer) (i64.const {100 + n}))" for n in range(6)
)
CALL = """
  (if (local.get $len) (then
    (global.set $result (call_indirect (type $answer) (i32.load8_u (local.get $ptr))))))
  (i32.const 0)"""


def tabled(table: str, initialise: str, *, handle: str = CALL, more: str = "") -> str:
    """An agent with a table, which its `_initialize` changes."""
    return agent(handle, items=BUMP + FUNCTIONS + table + more + f'(func (export "_initialize") {initialise})')


def answers(box: Box, text: str, indices: int, *, warm: bool | None = None) -> list[object]:
    """What the element at each index answers: its number, or the error's code."""
    ref = box.spawn(text, warm=warm)
    found: list[object] = []
    for index in range(indices):
        try:
            found.append(number(box.ask(ref, bytes([index]))))
        except Exception as error:
            found.append(getattr(error, "code", error))
    return found


TABLES = {
    "untouched": ("(table 4 8 funcref) (elem (i32.const 1) $f1 $f2)", ""),
    "set": (
        "(table 4 8 funcref) (elem (i32.const 1) $f1 $f2)",
        "(table.set (i32.const 0) (ref.func $f2)) (table.set (i32.const 1) (ref.null func))",
    ),
    "grown": (
        "(table 2 8 funcref) (elem (i32.const 0) $f0 $f1)",
        "(drop (table.grow (ref.func $f1) (i32.const 2))) (drop (table.grow (ref.null func) (i32.const 1)))",
    ),
    "filled": ("(table 4 funcref) (elem declare func $f5)", "(table.fill (i32.const 1) (ref.func $f5) (i32.const 3))"),
    "copied": (
        "(table 6 funcref) (elem (i32.const 0) $f0 $f1 $f2)",
        "(table.copy (i32.const 3) (i32.const 0) (i32.const 3))",
    ),
    "from a segment": (
        "(table 4 funcref) (elem $late func $f3 $f4)",
        "(table.init $late (i32.const 1) (i32.const 0) (i32.const 2)) (elem.drop $late)",
    ),
    "of expressions": (
        "(table 4 funcref) (elem (i32.const 0) funcref (ref.func $f3) (ref.null func) (ref.func $f0))",
        "(table.set (i32.const 1) (ref.func $f0))",
    ),
    "at a computed place": (
        "(table 4 funcref) (elem (offset (i32.add (i32.const 1) (i32.const 1))) $f1)",
        "",
    ),
    "an exported function": ("(table 2 funcref)", "(table.set (i32.const 0) (ref.func $shown))"),
}
SHOWN = '(func $shown (export "shown") (type $answer) (i64.const 55))'


@pytest.mark.parametrize(("table", "initialise"), TABLES.values(), ids=TABLES.keys())
def test_a_table(box: Box, table: str, initialise: str) -> None:
    """Each element calls what it would have called, and each empty one is empty."""
    text = tabled(table, initialise, more=SHOWN)
    assert warmed(text).facts.warmth.state == "warm"
    assert answers(box, text, 6) == answers(box, text, 6, warm=False)


def test_four_tables(box: Box) -> None:
    """As many as a module may have, each with its own elements."""
    tables = "".join(f"(table $t{n} 3 funcref)" for n in range(4)) + "(elem declare func $f0 $f1 $f2 $f3)"
    initialise = "".join(f"(table.set $t{n} (i32.const 1) (ref.func $f{n}))" for n in range(4))
    calls = "".join(
        f"(if (i32.eq (local.get $len) (i32.const {n + 1}))"
        f"(then (global.set $result (call_indirect $t{n} (type $answer) (i32.const 1)))))"
        for n in range(4)
    )
    text = tabled(tables, initialise, handle=calls + "(i32.const 0)")
    assert warmed(text).facts.warmth.state == "warm"
    ref = box.spawn(text)
    assert [number(box.ask(ref, bytes(n + 1))) for n in range(4)] == [100, 101, 102, 103]


def test_a_global_that_refers_to_a_function(box: Box) -> None:
    """One that was null refers to what it was set to, and the other way round."""
    text = tabled(
        "(table 2 funcref) (elem declare func $f2 $f3)",
        "(global.set $chosen (ref.func $f3)) (global.set $gone (ref.null func))",
        handle="""
          (table.set (i32.const 0) (global.get $chosen))
          (global.set $result (i64.add
            (call_indirect (type $answer) (i32.const 0))
            (i64.extend_i32_u (ref.is_null (global.get $gone)))))
          (i32.const 0)""",
        more="(global $chosen (mut funcref) (ref.null func)) (global $gone (mut funcref) (ref.func $f2))",
    )
    assert warmed(text).facts.warmth.state == "warm"
    assert number(box.ask(box.spawn(text))) == 104


SEGMENTS = """
  (data (i32.const 16) "active")
  (data $kept "kept....")
  (data $dropped "dropped.")"""
USE = """
  (if (i32.eq (local.get $len) (i32.const 1)) (then
    (memory.init $kept (i32.const 32) (i32.const 0) (i32.const 4))))
  (if (i32.eq (local.get $len) (i32.const 2)) (then
    (memory.init $dropped (i32.const 32) (i32.const 0) (i32.const 4))))
  (if (i32.eq (local.get $len) (i32.const 3)) (then
    (memory.init 0 (i32.const 32) (i32.const 0) (i32.const 4))))
  (global.set $result (i64.load (i32.const 32)))
  (i32.const 0)"""


def test_segments_for_later(box: Box) -> None:
    """A passive segment that is left can still be used, one that was dropped cannot, nor one that was used up."""
    initialise = "(memory.init $dropped (i32.const 64) (i32.const 0) (i32.const 3)) (data.drop $dropped)"
    text = agent(USE, items=BUMP + SEGMENTS + f'(func (export "_initialize") {initialise})')
    assert warmed(text).facts.warmth.state == "warm"
    for warm in (True, False):
        ref = box.spawn(text, warm=warm)
        assert box.ask(ref, b"1").payload == b"kept\0\0\0\0"
        assert box.fails(ref, b"22").code == "trap.out-of-bounds"
        assert box.fails(ref, b"333").code == "trap.out-of-bounds"


def test_element_segments_for_later(box: Box) -> None:
    """Likewise."""
    text = tabled(
        "(table 4 funcref) (elem $kept func $f1 $f2) (elem $dropped func $f3)",
        "(table.set (i32.const 3) (ref.func $f3)) (elem.drop $dropped)",
        handle="""
          (if (i32.eq (local.get $len) (i32.const 2)) (then
            (table.init $kept (i32.const 0) (i32.const 0) (i32.const 2))))
          (if (i32.eq (local.get $len) (i32.const 3)) (then
            (table.init $dropped (i32.const 0) (i32.const 0) (i32.const 1))))
          """
        + CALL,
    )
    assert warmed(text).facts.warmth.state == "warm"
    for warm in (True, False):
        ref = box.spawn(text, warm=warm)
        assert number(box.ask(ref, b"\x03")) == 103
        assert number(box.ask(ref, b"\x01\x00")) == 102
        assert box.fails(ref, b"\x00\x00\x00").code == "trap.indirect-call"


def test_a_table_that_is_too_large(box: Box) -> None:
    """What no agent may have is not kept: each is refused it, as ever."""
    text = tabled(
        "(table $t 2 funcref)",
        "(global.set $grown (table.grow $t (ref.null func) (i32.const 20000)))",
        handle="(global.set $result (i64.extend_i32_s (global.get $grown))) (i32.const 0)",
        more="(global $grown (mut i32) (i32.const 0))",
    )
    assert "20002 elements" in warmed(text).facts.warmth.reason
    assert number(box.ask(box.spawn(text))) == -1


def test_segments_are_looked_at_with_fuel_of_their_own() -> None:
    """An initialisation that has just enough leaves none: a segment does not count as dropped for that."""
    text = agent(USE, items=BUMP + SEGMENTS + '(func (export "_initialize") (data.drop $dropped))')
    data = to_binary(text.encode())
    facts = read_facts(data)
    whole = warm_up(data, facts, frozenset())
    least = warm_up(data, facts, frozenset(), Allowance(whole.warmth.fuel))
    assert least.warmth.state == "warm"
    assert least.binary == whole.binary
    assert (
        warm_up(data, facts, frozenset(), Allowance(whole.warmth.fuel - 1)).warmth.reason == "it ends with limit.fuel"
    )


def test_a_table_with_an_initial_value(box: Box) -> None:
    """With `gc` a table may begin full."""
    text = tabled(
        "(table 4 funcref (ref.func $f4)) (elem declare func $f4 $f1)",
        "(table.set (i32.const 2) (ref.func $f1)) (table.set (i32.const 3) (ref.null func))",
    )
    ref = box.spawn(text, features=["gc"])
    assert [number(box.ask(ref, bytes([index]))) for index in range(3)] == [104, 104, 101]
    assert box.fails(ref, b"\x03").code == "trap.indirect-call"


def test_references_to_something_else(box: Box) -> None:
    """An object of the `gc` proposal in a global: it cannot be written back, and nothing is lost by it."""
    text = agent(
        "(global.set $result (i64.extend_i32_s (i31.get_s (ref.cast i31ref (global.get $kept))))) (i32.const 0)",
        items=BUMP
        + "(global $kept (mut anyref) (ref.null any))"
        + '(func (export "_initialize") (global.set $kept (ref.i31 (i32.const 5))))',
    )
    assert box.ask(box.spawn(text, features=["gc"])).payload == i64(5)
