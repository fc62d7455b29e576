"""A module's initialisation runs once, when it is loaded: every instance begins where it ended."""

from __future__ import annotations

import caxton
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.compilation import Compilation
from caxton.sandbox.engine import Settings
from caxton.sandbox.module import load
from tests.sandbox.guests import BUMP, Box, agent, i64, number, warmed

# Three initialisers, each of which leaves its mark in memory or in a global, and answers with the sum of the marks.
MARKS = """
  (global $count (mut i64) (i64.const 0))
  (global $deep (mut v128) (v128.const i64x2 1 2))
  (func $first (i32.store (i32.const 64) (i32.const 3)))
  (start $first)
  (func (export "_initialize") (local $i i32)
    (i64.store (i32.const 70000) (i64.const 40))
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 100000))))
    (global.set $deep (i64x2.splat (i64.const 500))))
  (func (export "caxton_init") (result i32)
    (global.set $count (i64.const 7000))
    (i32.const 0))"""
SUM = """
  (global.set $count (i64.add (global.get $count) (i64.const 10000)))
  (global.set $result (i64.add
    (i64.add (i64.load32_u (i32.const 64)) (i64.load (i32.const 70000)))
    (i64.add (global.get $count) (i64x2.extract_lane 1 (global.get $deep)))))
  (i32.const 0)"""
MARKED = agent(SUM, items=BUMP + MARKS, memory="2")


def test_every_initialiser_has_run(box: Box) -> None:
    """The start function, `_initialize` and `caxton_init`: memory and globals are as they left them."""
    assert warmed(MARKED).facts.warmth.state == "warm"
    first, second = box.spawn(MARKED), box.spawn(MARKED)
    assert number(box.ask(first)) == 3 + 40 + 500 + 7000 + 10_000
    assert number(box.ask(first)) == 3 + 40 + 500 + 7000 + 20_000
    assert number(box.ask(second)) == 3 + 40 + 500 + 7000 + 10_000


def test_turn_0_costs_what_instantiating_costs(box: Box) -> None:
    """The loop of a hundred thousand rounds runs when the module is loaded, and not when an agent starts."""
    assert warmed(MARKED).facts.warmth.fuel > 100_000
    assert box.spawn(MARKED).statistics().fuel < 100
    assert box.spawn(MARKED, warm=False).statistics().fuel > 100_000


def test_a_restarted_agent_begins_there_again(box: Box) -> None:
    """An instance that trapped leaves nothing behind in the next one."""
    text = agent(
        f"(if (local.get $len) (then (i32.store (i32.const 64) (i32.const 99)) unreachable)) {SUM}",
        items=BUMP + MARKS,
        memory="2",
    )
    ref = box.spawn(text)
    assert box.fails(ref, b"break").code == "trap.unreachable"
    assert number(box.ask(ref)) == 3 + 40 + 500 + 7000 + 10_000


def test_memory_that_the_initialisation_took(box: Box) -> None:
    """Pages that it grew by are there, counted, and zero where it left them so."""
    text = agent(
        """(global.set $result (i64.add (i64.extend_i32_u (memory.size)) (i64.load (i32.const 400000))))
        (i32.const 0)""",
        items=BUMP
        + """(func (export "_initialize")
          (drop (memory.grow (i32.const 9)))
          (i64.store (i32.const 600000) (i64.const 1)))""",
    )
    assert warmed(text).facts.warmth.memory == 10 * 65_536
    ref = box.spawn(text)
    assert number(box.ask(ref)) == 10
    assert ref.statistics().memory == 10 * 65_536
    assert box.host.statistics().memory == 10 * 65_536


def test_the_switches(box: Box) -> None:
    """For one agent, or for a whole host: then each instance runs its initialisation itself."""
    assert box.spawn(MARKED, warm=False).statistics().fuel > 100_000
    with Box(warm=False) as cold:
        assert cold.spawn(MARKED).statistics().fuel > 100_000
        assert cold.spawn(MARKED, warm=True).statistics().fuel < 100


def test_a_module_without_initialisation_is_as_it_is() -> None:
    """There is nothing to run ahead, and what is compiled is the module's own bytes."""
    found = warmed(agent()).facts.warmth
    assert (found.state, found.shift, found.memory) == ("plain", 0, 0)


def not_again(data: bytes, settings: Settings) -> Compilation:
    """Stands for a compilation that is not needed."""
    raise AssertionError("it is compiled again")


def test_what_stays_as_it_is_is_compiled_once(box: Box) -> None:
    """A module that has nothing to do, or cannot be run ahead, is the same with the switch and without."""
    for items in ("", '(func (export "_initialize") (drop (memory.size)))'):
        text = agent(items=items + "(func (nop) (nop))")
        box.spawn(text)
        loaded = box.host._loader.known(text, frozenset(), caxton.Limits(), True)
        box.spawn(text, warm=False)
        assert loaded is not None
        assert box.host._loader.known(text, frozenset(), caxton.Limits(), False) is loaded
        assert load(text.encode(), ModuleCache(), compilation=not_again).facts == loaded.facts


def test_a_window_comes_after_it(box: Box) -> None:
    """Without an allocator the pages for messages are added to each instance, by its own limits."""
    text = agent(
        "(global.set $result (i64.load (i32.const 8))) (i32.const 0)",
        items='(func (export "_initialize") (i64.store (i32.const 8) (i64.const 77)))',
    )
    assert warmed(text).facts.warmth.state == "warm"
    ref = box.spawn(text)
    assert box.ask(ref, bytes(1 << 20)).payload == i64(77)
