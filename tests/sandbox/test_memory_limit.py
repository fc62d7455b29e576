"""A guest has the memory that its limit allows, and no byte more."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import BUMP, MIB, PAGE, Box, agent, i32, number

# Grows by the message's pages and touches the last byte; answers what `memory.grow` said.
GROW = agent(
    """
    (global.set $result (i64.extend_i32_s (memory.grow (i32.load (local.get $ptr)))))
    (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 1))
    (i32.const 0)""",
    items=BUMP,
)
GIVE_UP = agent("(drop (memory.grow (i32.load (local.get $ptr)))) (unreachable)", items=BUMP)


def test_growth_to_the_limit_and_not_beyond(box: Box) -> None:
    """`memory.grow` gives the old size as long as there is room, and -1 after; the guest goes on."""
    ref = box.spawn(GROW, caxton.Limits(memory="2 MiB"))
    assert [number(box.ask(ref, i32(n))) for n in (1, 30, 1, 0, 1)] == [1, 2, -1, 32, -1]
    assert box.ask(ref, i32(0)).usage.memory == 2 * MIB


def test_growth_that_would_overflow_is_refused(box: Box) -> None:
    """Numbers of pages that no memory can have are answered with -1 like others."""
    ref = box.spawn(GROW)
    for pages in (65_535, 65_536, 2**31, 2**32 - 1):
        assert number(box.ask(ref, i32(pages))) == -1


@pytest.mark.parametrize("size", [100 * MIB, 256 * MIB, 1024 * MIB])
def test_limits_above_the_default(size: int) -> None:
    """A limit above 64 MiB, up to 1 GiB, gives that much."""
    with Box(memory="16 GiB") as box:
        ref = box.spawn(GROW, caxton.Limits(memory=size))
        pages = size // PAGE
        assert number(box.ask(ref, i32(pages - 1))) == 1
        assert box.ask(ref, i32(0)).usage.memory == size
        assert number(box.ask(ref, i32(1))) == -1


def test_a_large_first_memory(box: Box) -> None:
    """A module may begin with what its limit allows."""
    text = agent(memory="1024", items=BUMP)
    assert box.ask(box.spawn(text, caxton.Limits(memory="64 MiB"))).usage.memory == 64 * MIB
    error = box.refused(text, caxton.Limits(memory=64 * MIB - 1))
    assert (error.code, error.memory_used, error.memory_limit) == ("limit.memory", 64 * MIB, 64 * MIB - 1)
    larger = agent(memory="1025", items=BUMP)
    assert box.refused(larger).code == "limit.memory"
    assert box.ask(box.spawn(larger, caxton.Limits(memory="65 MiB"))).usage.memory == 1025 * PAGE


def test_a_first_memory_of_4_gib_is_refused_cheaply(box: Box) -> None:
    """The largest memory there can be is beyond the limit, whatever maximum it names."""
    for memory in ("65536", "65536 65536", "20000 65536"):
        assert box.refused(agent(memory=memory, items=BUMP)).code == "limit.memory"


def test_the_window_counts(box: Box) -> None:
    """Pages that the host adds for messages are the agent's memory: a module that fills its limit has no room."""
    assert box.refused(agent(memory="16"), caxton.Limits(memory="1 MiB")).code == "limit.memory"
    ref = box.spawn(agent(memory="15"), caxton.Limits(memory="1 MiB"))
    assert box.ask(ref).usage.memory == MIB


def test_giving_up_near_the_limit_is_a_matter_of_memory(box: Box) -> None:
    """`unreachable` with less than 1 MiB to the limit is `limit.memory`; with more it is a trap like others."""
    ref = box.spawn(GIVE_UP, caxton.Limits(memory="4 MiB"))
    for pages, code in ((63, "limit.memory"), (48, "limit.memory"), (47, "limit.memory"), (46, "trap.unreachable")):
        error = box.fails(ref, i32(pages))
        assert error.code == code, pages
        assert (error.memory_used, error.memory_limit) == ((pages + 1) * PAGE, 4 * MIB)
        assert error.frames[0].function == "handle"


def test_other_traps_near_the_limit_keep_their_names(box: Box) -> None:
    """Only giving up is taken for want of memory."""
    text = agent("(drop (memory.grow (i32.const 15))) (i32.div_u (i32.const 1) (i32.const 0))", items=BUMP)
    error = box.fails(box.spawn(text, caxton.Limits(memory="1 MiB")))
    assert (error.code, error.memory_used) == ("trap.divide-by-zero", MIB)


TRAPS = {
    "unreachable": "(unreachable)",
    "out of bounds": "(i32.load (i32.const -1))",
    "protocol": "(call $log (i32.const 0) (i32.const -1) (i32.const 1)) (i32.const 0)",
}


@pytest.mark.parametrize("body", TRAPS.values(), ids=TRAPS.keys())
def test_every_error_of_a_turn_carries_the_memory(box: Box, body: str) -> None:
    """Used and allowed, in bytes; in JSON too."""
    log = '(import "caxton" "log" (func $log (param i32 i32 i32)))'
    error = box.fails(box.spawn(agent(body, items=BUMP, memory="3", uses=log), caxton.Limits(memory="8 MiB")))
    assert (error.memory_used, error.memory_limit) == (3 * PAGE, 8 * MIB)
    assert error.as_json()["memory_used"] == 3 * PAGE


def test_a_hog_hurts_only_itself(box: Box) -> None:
    """While one agent takes all that it may again and again, its neighbour is served."""
    hog, neighbour = box.spawn(GIVE_UP, caxton.Limits(memory="32 MiB")), box.spawn(GROW)
    for _ in range(20):
        assert box.fails(hog, i32(511)).code == "limit.memory"
        assert number(box.ask(neighbour, i32(0))) == 1
    assert hog.statistics().memory == PAGE
    assert hog.statistics().memory_peak == 32 * MIB


def test_growth_in_turn_0_is_held_to_the_limit(box: Box) -> None:
    """A start function gets no more than any other."""
    text = agent(
        items=f"""{BUMP}
        (global $got (mut i32) (i32.const 0))
        (func $start (global.set $result (i64.extend_i32_s (memory.grow (i32.const 16)))))
        (start $start)"""
    )
    assert number(box.ask(box.spawn(text, caxton.Limits(memory="1 MiB")))) == -1
    assert number(box.ask(box.spawn(text, caxton.Limits(memory="2 MiB")))) == 1
