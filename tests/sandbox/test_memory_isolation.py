"""An agent's memory is its own: nobody else reads it, writes it, or finds what was in it before."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import MIB, PAGE, Box, agent, i32, number

# One word: the address to swap with. Answers what was there, and leaves the second word of the message there.
PEEK_POKE = agent(
    """
    (local $at i32)
    (local.set $at (i32.load (local.get $ptr)))
    (global.set $result (i64.extend_i32_u (i32.load (local.get $at))))
    (i32.store (local.get $at) (i32.load offset=4 (local.get $ptr)))
    (i32.const 0)""",
    items='(data (i32.const 512) "\\2a\\00\\00\\00")',
)


def swap(box: Box, ref: caxton.AgentRef, address: int, value: int) -> int:
    return number(box.ask(ref, i32(address) + i32(value)))


def test_two_instances_of_one_module_share_no_memory(box: Box) -> None:
    """What one writes, the other does not see, at the same address."""
    one, other = box.spawn(PEEK_POKE), box.spawn(PEEK_POKE)
    assert swap(box, one, 512, 7) == 42
    assert swap(box, other, 512, 8) == 42
    assert swap(box, one, 512, 0) == 7
    assert swap(box, other, 512, 0) == 8


def test_an_instance_keeps_its_memory_between_turns(box: Box) -> None:
    """Memory lives as long as the instance."""
    ref = box.spawn(PEEK_POKE)
    assert [swap(box, ref, 1000, value) for value in (1, 2, 3, 4)] == [0, 1, 2, 3]


def test_a_new_instance_starts_from_the_modules_image(box: Box) -> None:
    """After a trap nothing of the old instance's memory is left, and the data segments are there again."""
    ref = box.spawn(PEEK_POKE)
    assert swap(box, ref, 512, 99) == 42
    assert swap(box, ref, 4096, 98) == 0
    assert box.fails(ref, i32(0x7FFF0000) + i32(0)).code == "trap.out-of-bounds"
    assert swap(box, ref, 512, 0) == 42
    assert swap(box, ref, 4096, 0) == 0


def test_a_reused_slot_of_the_pool_is_clean(box: Box) -> None:
    """Memory that an agent has left behind is zero for the next one, first pages and grown pages alike."""
    grower = agent(
        """
        (local $at i32)
        (if (i32.eqz (local.get $len)) (then (drop (memory.grow (i32.const 64)))))
        (local.set $at (i32.const 1024))
        (loop $scan
          (global.set $result (i64.or (global.get $result) (i64.load (local.get $at))))
          (i64.store (local.get $at) (i64.const 0x5ec2e75ec2e7))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $scan (i32.lt_u (local.get $at) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8)))))
        (i32.const 0)""",
        items='(func (export "caxton_alloc") (param i32) (result i32) (i32.const 16))'
        '(func (export "caxton_free") (param i32 i32))',
    )
    for _ in range(8):
        ref = box.spawn(grower)
        assert number(box.ask(ref)) == 0, "somebody else's secret"
        assert box.ask(ref).usage.memory == 129 * PAGE
        box.run(ref.stop())


def test_a_message_of_the_last_turn_is_all_that_the_window_holds(box: Box) -> None:
    """Bytes of a longer message before it are the agent's own: no other agent's message ever lies there."""
    show = agent(
        "(global.set $at (local.get $ptr)) (i32.const 0)",
        items="(global $at (mut i32) (i32.const 0))",
        response="(memory.copy (local.get $ptr) (global.get $at) (i32.const 32)) (i32.const 32)",
    )
    one, other = box.spawn(show), box.spawn(show)
    assert box.ask(one, b"a secret of the first agent").payload.startswith(b"a secret")
    assert b"secret" not in box.ask(other, b"x").payload


@pytest.mark.parametrize(
    "address",
    [PAGE * 1000, MIB * 64, 2**31 - 4, 2**31, 2**32 - 4, 2**32 - 1],
)
def test_beyond_its_memory_a_guest_traps(box: Box, address: int) -> None:
    """Every address from the end of the memory to 4 GiB is a trap, and the neighbour has noticed nothing."""
    ref, neighbour = box.spawn(PEEK_POKE), box.spawn(PEEK_POKE)
    swap(box, neighbour, 512, 7)
    assert box.fails(ref, i32(address) + i32(1)).code == "trap.out-of-bounds"
    assert swap(box, neighbour, 512, 0) == 7


def test_a_static_offset_does_not_reach_further(box: Box) -> None:
    """Address plus offset is 33 bits wide: it does not wrap around to the memory's beginning."""
    ref = box.spawn(
        agent("(global.set $result (i64.load offset=0xfffffff8 (i32.load (local.get $ptr)))) (i32.const 0)")
    )
    for address in (0, 8, 16, 2**31, 2**32 - 1):
        assert box.fails(ref, i32(address)).code == "trap.out-of-bounds"


def test_tables_and_globals_are_an_instances_own(box: Box) -> None:
    """The same holds for what is not memory."""
    ref_text = agent(
        """
        (global.set $count (i64.add (global.get $count) (i64.const 1)))
        (table.set $refs (i32.const 0) (ref.func $handle))
        (global.set $result (i64.add (global.get $count) (i64.mul (i64.const 100)
          (i64.extend_i32_u (ref.is_null (table.get $refs (i32.const 1)))))))
        (if (i64.eq (global.get $count) (i64.const 2)) (then (table.set $refs (i32.const 1) (ref.func $handle))))
        (i32.const 0)""",
        items="(global $count (mut i64) (i64.const 0)) (table $refs 2 funcref) (elem declare func $handle)",
    )
    one, other = box.spawn(ref_text), box.spawn(ref_text)
    assert [number(box.ask(one)) for _ in range(3)] == [101, 102, 3]
    assert [number(box.ask(other)) for _ in range(3)] == [101, 102, 3]
