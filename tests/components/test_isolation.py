"""A component shares nothing: not with another, not with a core module, not with another instance of itself."""

from __future__ import annotations

from typing import Final

import pytest

import caxton
from tests.components.guests import agent
from tests.components.wasi_guests import CLOCK, DIGIT, POLL, wasi_guest
from tests.sandbox.guests import MIB, PAGE, Box, i32, number
from tests.sandbox.guests import agent as core_agent

BYTES: Final = "(i32.const 1) (i32.const 96) (i32.const 4)"

# What a message of two words is for: the address to swap with, and what to leave there. The answer is what was there.
SWAP: Final = agent(
    f"""(local $at i32)
    (local.set $at (i32.load (i32.load offset=124 (local.get $m))))
    (i32.store (i32.const 96) (i32.load (local.get $at)))
    (i32.store (local.get $at) (i32.load offset=4 (i32.load offset=124 (local.get $m))))
    (call $answer (i32.const 0) {BYTES})""",
    items='(data (i32.const 2048) "\\2a\\00\\00\\00")',
)
CORE_SWAP: Final = core_agent(
    """(local $at i32)
    (local.set $at (i32.load (local.get $ptr)))
    (global.set $result (i64.extend_i32_u (i32.load (local.get $at))))
    (i32.store (local.get $at) (i32.load offset=4 (local.get $ptr)))
    (i32.const 0)""",
    items='(data (i32.const 2048) "\\2a\\00\\00\\00")',
)
HIDDEN: Final = """(core module $k
    (memory 1)
    (func (export "hidden") (result i32)
      (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
      (i32.sub (i32.load (i32.const 8)) (i32.const 1))))
  (core instance $keep (instantiate $k))"""


def _keeps() -> str:
    """Three places where an instance may keep something, each read before it is written: a global, a table, and the
    memory of a core instance that nobody but the component sees."""
    text = agent(
        """(i32.store8 (i32.const 96) (i32.add (i32.const 48) (global.get $count)))
        (i32.store8 (i32.const 97) (i32.add (i32.const 48) (ref.is_null (table.get $refs (i32.const 0)))))
        (i32.store8 (i32.const 98) (i32.add (i32.const 48) (call $hidden)))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (table.set $refs (i32.const 0) (ref.func $handle))
        (if (i32.eq (i32.load offset=128 (local.get $m)) (i32.const 4)) (then unreachable))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 96) (i32.const 3))""",
        items="(global $count (mut i32) (i32.const 0)) (table $refs 1 funcref) (elem declare func $handle)",
    )
    for before, added in {
        '(import "heap" "memory"': '(import "keep" "hidden" (func $hidden (result i32)))',
        "(core instance $heap": HIDDEN,
        '(with "heap" (instance $heap))': '(with "keep" (instance $keep))',
    }.items():
        text = text.replace(before, f"{added} {before}", 1)
    return text


KEEPS: Final = _keeps()


def swap(box: Box, ref: caxton.AgentRef, address: int, value: int) -> int:
    """What was at an address."""
    return int.from_bytes(box.ask(ref, i32(address) + i32(value)).payload[:4], "little")


@pytest.mark.parametrize("other", [SWAP, SWAP + " ", CORE_SWAP], ids=["itself", "another component", "a core module"])
def test_memory_is_an_instances_own(box: Box, other: str) -> None:
    """What one writes, another does not see, at the same address."""
    one, two = box.spawn(SWAP), box.spawn(other)
    assert swap(box, one, 2048, 7) == 42
    assert swap(box, two, 2048, 8) == 42
    assert swap(box, one, 2048, 0) == 7
    assert swap(box, two, 2048, 0) == 8


def test_globals_tables_and_hidden_memories_are_an_instances_own(box: Box) -> None:
    """They live as long as the instance, and no other has them."""
    one, two = box.spawn(KEEPS), box.spawn(KEEPS)
    assert [box.ask(one).text for _ in range(3)] == ["010", "101", "202"]
    assert [box.ask(two).text for _ in range(2)] == ["010", "101"]
    assert box.ask(one).text == "303"


def test_a_new_instance_begins_as_the_first_did(box: Box) -> None:
    """After a trap nothing of the old one is left: memories, globals, tables; and the data is there again."""
    ref = box.spawn(KEEPS)
    assert [box.ask(ref).text for _ in range(2)] == ["010", "101"]
    assert box.fails(ref, "trap").code == "trap.unreachable"
    assert box.ask(ref).text == "010"
    ref = box.spawn(SWAP)
    assert (swap(box, ref, 2048, 99), swap(box, ref, 3000, 98)) == (42, 0)
    assert box.fails(ref, i32(0x7FFF0000) + i32(0)).code == "trap.out-of-bounds"
    assert (swap(box, ref, 2048, 0), swap(box, ref, 3000, 0)) == (42, 0)


@pytest.mark.parametrize("address", [PAGE, PAGE * 1000, MIB * 64, 2**31, 2**32 - 4, 2**32 - 1])
@pytest.mark.parametrize("other", [SWAP, CORE_SWAP], ids=["a component", "a core module"])
def test_beyond_its_memory_it_traps(box: Box, other: str, address: int) -> None:
    """At every address up to 4 GiB, whoever's memory lies behind its own; and the neighbour goes on."""
    neighbour, ref, after = box.spawn(other), box.spawn(SWAP), box.spawn(other)
    swap(box, neighbour, 2048, 7)
    swap(box, after, 2048, 8)
    assert box.fails(ref, i32(address) + i32(1)).code == "trap.out-of-bounds"
    assert (swap(box, neighbour, 2048, 0), swap(box, after, 2048, 0)) == (7, 8)
    assert [one.statistics().restarts for one in (neighbour, ref, after)] == [0, 1, 0]


def test_a_core_module_beside_it_reaches_nothing_of_it(box: Box) -> None:
    """The other way round."""
    ref, neighbour = box.spawn(CORE_SWAP), box.spawn(SWAP)
    swap(box, neighbour, 2048, 7)
    for address in (PAGE * 1000, MIB * 64, 2**31, 2**32 - 4):
        assert box.fails(ref, i32(address) + i32(1)).code == "trap.out-of-bounds"
    assert swap(box, neighbour, 2048, 0) == 7


TRAPS: Final = {
    "trap.unreachable": "unreachable",
    "trap.stack-overflow": "(call $handle (local.get $m))",
    "abi.protocol": "(return (i32.const -4))",
    "limit.fuel": "(loop (br 0)) unreachable",
    "limit.memory": "(drop (memory.grow (i32.const 62))) unreachable",
}


@pytest.mark.parametrize("code", TRAPS)
def test_how_one_ends_does_not_touch_the_others(box: Box, code: str) -> None:
    """Traps, lies and limits of one: the instances beside it keep what they have, and have not been replaced."""
    limits = caxton.Limits(memory=4 * MIB, fuel=5_000_000)
    bad = box.spawn(agent(TRAPS[code]), limits)
    others = [box.spawn(text, limits) for text in (SWAP, SWAP, CORE_SWAP)]
    for round_ in range(3):
        assert [swap(box, ref, 2048, 50 + round_) for ref in others] == [49 + round_ if round_ else 42] * 3
        assert box.fails(bad).code == code
    assert [ref.statistics().restarts for ref in others] == [0, 0, 0]
    assert bad.statistics().restarts == 3


def test_one_that_has_all_its_memory_leaves_the_others_theirs(box: Box) -> None:
    """A limit is each agent's own: the second grows as far as the first has."""
    grow = agent(
        f"""(drop (memory.grow (i32.const 40)))
        (i32.store (i32.const 96) (memory.size))
        (call $answer (i32.const 0) {BYTES})"""
    )
    refs = [box.spawn(grow, caxton.Limits(memory=4 * MIB)) for _ in range(3)]
    sizes = [[int.from_bytes(box.ask(ref).payload, "little") for _ in range(2)] for ref in refs]
    assert sizes == [[41, 41]] * 3


def test_a_place_that_is_used_again_is_clean(box: Box) -> None:
    """What an agent leaves in its memory, core module or component, the next one there does not find."""
    scan = """(loop $scan
        (local.set $seen (i64.or (local.get $seen) (i64.load (local.get $at))))
        (i64.store (local.get $at) (i64.const 0x5ec2e75ec2e7))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $scan (i32.lt_u (local.get $at) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8)))))"""
    component = agent(
        f"""(local $at i32) (local $seen i64)
        (drop (memory.grow (i32.const 64)))
        (local.set $at (i32.const 8192))
        {scan}
        (i64.store (i32.const 96) (local.get $seen))
        (call $answer (i32.const 0) (i32.const 1) (i32.const 96) (i32.const 8))"""
    )
    core = core_agent(
        f"""(local $at i32) (local $seen i64)
        (drop (memory.grow (i32.const 64)))
        (local.set $at (i32.const 8192))
        {scan}
        (global.set $result (local.get $seen))
        (i32.const 0)""",
        items='(func (export "caxton_alloc") (param i32) (result i32) (i32.const 16))'
        '(func (export "caxton_free") (param i32 i32))',
    )
    for text in (component, core, component, core, component, component):
        ref = box.spawn(text)
        assert number(box.ask(ref)) == 0, "somebody else's secret"
        box.run(ref.stop())


def test_the_place_of_a_message_shows_nothing_of_another(box: Box) -> None:
    """What lies behind a message in memory is the guest's own: never what another agent was told."""
    show = agent("""(call $answer (i32.const 0) (i32.const 1) (i32.load offset=124 (local.get $m)) (i32.const 64))""")
    one, two = box.spawn(show), box.spawn(show)
    assert box.ask(one, "a secret of the first agent").payload.startswith(b"a secret")
    assert b"secret" not in box.ask(two, "x").payload


def test_resources_are_an_instances_own(box: Box) -> None:
    """A number that stands for a pollable in one stands for nothing in another: using it ends the turn."""
    keeps = wasi_guest(POLL, CLOCK, f"(drop (call $subscribe (i64.const 1))) {DIGIT.format(value='(i32.const 1)')}")
    guesses = wasi_guest(
        POLL, CLOCK, f"(drop (call $ready (i32.load8_u (local.get $p)))) {DIGIT.format(value='(i32.const 1)')}"
    )
    one, two = box.spawn(keeps), box.spawn(guesses)
    for guess in range(6):
        assert box.ask(one).text == "1"
        assert box.fails(two, bytes([guess])).code in ("abi.protocol", "trap.other")
    assert one.statistics().restarts == 0
