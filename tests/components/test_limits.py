"""The limits of a component are those of a core module: fuel, deadline, memory in sum, tables, sizes, host calls."""

from __future__ import annotations

from typing import Final

import caxton
from tests.components.guests import ECHO, ECHO_TEXT, agent, text_agent
from tests.sandbox.guests import MIB, PAGE, Box

SPIN: Final = f"(if (i32.eq (local.get $n) (i32.const 4)) (then (loop (br 0)))) {ECHO_TEXT}"


def test_a_component_that_spins_runs_out_of_fuel(box: Box) -> None:
    """The code, the frames, and a fresh instance afterwards."""
    ref = box.spawn(text_agent(SPIN), caxton.Limits(fuel=1_000_000))
    error = box.fails(ref, "spin")
    assert error.code == "limit.fuel"
    assert [frame.function for frame in error.frames] == ["handle"]
    assert error.usage is not None
    assert 1_000_000 <= error.usage.fuel < 1_000_100
    assert box.ask(ref, "hello").payload == b"hello"


def test_fuel_is_the_same_every_time(box: Box) -> None:
    """The same turn costs the same, whatever else happens."""
    ref = box.spawn(text_agent())
    costs = set()
    for _ in range(5):
        usage = box.ask(ref, "hello").usage
        assert usage is not None
        costs.add(usage.fuel)
    assert len(costs) == 1


def test_a_component_that_spins_runs_out_of_time(box: Box) -> None:
    """The deadline holds, with the guest's stack."""
    ref = box.spawn(text_agent(SPIN), caxton.Limits(deadline=0.2))
    error = box.fails(ref, "spin")
    assert error.code == "limit.deadline"
    assert [frame.function for frame in error.frames] == ["handle"]
    assert box.ask(ref, "hello").payload == b"hello"


def test_a_component_that_waits_runs_out_of_time(box: Box) -> None:
    """A sleep ends shortly before the deadline with `timeout`, so that the guest can still answer."""
    ref = box.spawn(
        agent(
            """(call $sleep-ms (i64.const 60000) (i32.const 64))
            (call $answer (i32.const 0) (i32.const 0) (i32.const 96) (i32.const 1))
            (i32.store8 (i32.const 96) (i32.add (i32.const 48) (i32.load8_u (i32.const 68))))""",
            uses=["sleep-ms"],
        ),
        caxton.Limits(deadline=0.3),
    )
    assert box.ask(ref).payload == b"4"  # the fifth of the error kinds


GROW: Final = """
    (drop (memory.grow (i32.const 16)))
    (i32.store (i32.const 64) (memory.size))
    (call $answer (i32.const 0) (i32.const 64) (i32.const 4))"""


def test_growth_beyond_the_limit_is_refused(box: Box) -> None:
    """`memory.grow` answers -1 and the guest goes on."""
    ref = box.spawn(text_agent(GROW), caxton.Limits(memory=4 * MIB))
    sizes = [int.from_bytes(box.ask(ref).payload, "little") for _ in range(6)]
    assert sizes == [17, 33, 49, 49, 49, 49]
    usage = box.ask(ref).usage
    assert usage is not None
    assert usage.memory == 49 * PAGE


def test_giving_up_near_the_limit_is_limit_memory(box: Box) -> None:
    """As for core modules: unreachable within a mebibyte of the limit."""
    ref = box.spawn(text_agent("(drop (memory.grow (i32.const 48))) unreachable"), caxton.Limits(memory=4 * MIB))
    error = box.fails(ref)
    assert error.code == "limit.memory"
    assert error.memory_used == 49 * PAGE
    assert error.memory_limit == 4 * MIB


def test_a_first_memory_beyond_the_limit_does_not_start(box: Box) -> None:
    """It is refused before an instance is made."""
    assert box.refused(text_agent(memory="80"), caxton.Limits(memory=4 * MIB)).code == "limit.memory"


def two_memories(grow: int) -> str:
    """A component with a second core instance whose memory grows by so many pages when it is asked."""
    text = text_agent(
        "(call $more (i32.const " + str(grow) + "))" + ECHO_TEXT,
        items='(import "other" "more" (func $more (param i32)))',
    )
    # Imports come first in a module, and the other module before this one.
    text = text.replace('(import "other" "more" (func $more (param i32)))', "")
    text = text.replace("(core module $m", '(core module $m (import "other" "more" (func $more (param i32)))', 1)
    other = '(core module $o (memory 1) (func (export "more") (param i32) (drop (memory.grow (local.get 0)))))'
    return text.replace(
        "(core instance $i (instantiate $m))",
        f"{other} (core instance $other (instantiate $o)) "
        '(core instance $i (instantiate $m (with "other" (instance $other))))',
    )


def test_the_limit_holds_for_all_memories_in_sum(box: Box) -> None:
    """What one has, the others cannot have."""
    ref = box.spawn(two_memories(21), caxton.Limits(memory=4 * MIB))
    for pages in (23, 44):
        usage = box.ask(ref, "x").usage
        assert usage is not None
        assert usage.memory == pages * PAGE
    error = box.fails(ref, "x")
    assert error.code == "limit.memory"
    assert error.memory_used == 65 * PAGE
    assert box.ask(ref, "x").payload == b"x"


def test_first_memories_count_in_sum(box: Box) -> None:
    """Two memories that are small enough each may be too much together."""
    text = two_memories(0).replace("(memory 1)", "(memory 40)").replace('"memory") 1)', '"memory") 40)')
    assert box.refused(text, caxton.Limits(memory=4 * MIB)).code == "limit.memory"


def test_tables_have_a_limit(box: Box) -> None:
    """Elements of one table; how many tables."""
    assert box.refused(text_agent(items="(table 20001 funcref)")).code == "limit.table"
    box.spawn(text_agent(items="(table 20000 funcref)"))


def test_a_message_beyond_the_limit_is_refused(box: Box) -> None:
    """By its size alone; the instance is not touched."""
    ref = box.spawn(ECHO, caxton.Limits(message=1000))
    assert box.fails(ref, b"x" * 1001).code == "limit.message-size"
    assert box.ask(ref, b"x" * 1000).payload == b"x" * 1000


def test_a_response_beyond_the_limit_is_refused(box: Box) -> None:
    """As text and as bytes."""
    ref = box.spawn(ECHO, caxton.Limits(response=1000))
    assert box.fails(ref, b"x" * 1001).code == "limit.response-size"
    assert box.fails(ref, b"\xff" * 1001).code == "limit.response-size"
    assert box.ask(ref, b"\xff" * 1000).payload == b"\xff" * 1000


def test_host_calls_are_counted(box: Box) -> None:
    """Passing the limit ends the turn, and an answer says how many there were."""
    text = agent(
        """(loop (drop (call $now-ms))
            (local.set $m (i32.sub (local.get $m) (i32.const 1)))
            (br_if 0 (local.get $m)))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))""",
        uses=["now-ms"],
    ).replace("(result i32) (loop", "(result i32) (local.set $m (i32.const 50)) (loop")
    ref = box.spawn(text, caxton.Limits(host_calls=50))
    usage = box.ask(ref).usage
    assert usage is not None
    assert usage.host_calls == 50
    assert 50_000 < usage.fuel < 52_000
    error = box.fails(box.spawn(text, caxton.Limits(host_calls=49)))
    assert error.code == "limit.host-calls"


def test_bytes_that_cross_cost_fuel(box: Box) -> None:
    """One for each byte of a host call's text, besides a thousand for the call."""

    def cost(call: str) -> int:
        answer = "(call $answer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"
        usage = box.ask(box.spawn(agent(call + answer, uses=["log"]))).usage
        assert usage is not None
        return usage.fuel

    none, short, long = (
        cost(f"(call $log (i32.const 1) (i32.const 1024) (i32.const {size}))" if size else "")
        for size in (0, 10, 1_010)
    )
    assert 1_010 <= short - none < 1_030
    assert long - short == 1_000


def test_a_start_function_is_part_of_turn_0(box: Box) -> None:
    """Its fuel counts, and it can be stopped."""
    text = text_agent(items="(func $spin (loop (br 0)))", start="(start $spin)")
    assert box.refused(text, caxton.Limits(fuel=1_000_000)).code == "limit.fuel"
    assert box.refused(text, caxton.Limits(deadline=0.2)).code == "limit.deadline"
