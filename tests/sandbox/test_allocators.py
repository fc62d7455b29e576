"""Where messages and responses lie: the guest's allocator, C's `malloc`, or a window that the host adds."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import MIB, PAGE, Box, agent, i32, imports, number

# Logs one letter for each call of the allocator, with the numbers that it got; hands out `$next`.
NOTE = """
  (func $note (param $letter i32) (param $a i32) (param $b i32)
    (i32.store8 (i32.const 0) (local.get $letter))
    (call $number (i32.const 1) (local.get $a))
    (call $number (i32.const 8) (local.get $b))
    (call $log (i32.const 2) (i32.const 0) (i32.const 15)))
  (func $number (param $at i32) (param $n i32) (local $i i32)
    (local.set $i (i32.const 7))
    (loop $digit
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (i32.store8 (i32.add (local.get $at) (local.get $i))
        (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (br_if $digit (local.get $i))))
  (global $next (mut i32) (i32.const 4096))
  (func $take (param $n i32) (result i32)
    (call $note (i32.const 65) (local.get $n) (global.get $next))
    (global.set $next (i32.add (global.get $next) (i32.const 16384)))
    (i32.sub (global.get $next) (i32.const 16384)))
"""
CAXTON = f"""{NOTE}
  (func (export "caxton_alloc") (param $n i32) (result i32) (call $take (local.get $n)))
  (func (export "caxton_free") (param $p i32) (param $n i32) (call $note (i32.const 70) (local.get $p) (local.get $n)))
"""
MALLOC = f"""{NOTE}
  (func (export "malloc") (param $n i32) (result i32) (call $take (local.get $n)))
  (func (export "free") (param $p i32) (call $note (i32.const 70) (local.get $p) (i32.const 0)))
"""
LONG = "(memory.fill (local.get $ptr) (i32.const 33) (local.get $len)) (i32.const 6000)"


def calls(box: Box, items: str, message: bytes, response: str) -> list[tuple[str, int, int]]:
    """What the allocator was called for in one turn: (A)lloc length -> address, or (F)ree address, length."""
    ref = box.spawn(agent(items=items, uses=imports("log"), memory="4", response=response))
    box.logs.clear()
    box.ask(ref, message)
    return [(line[0], int(line[1:8]), int(line[8:15])) for line in box.lines()]


def test_caxton_alloc_gets_both_back(box: Box) -> None:
    """One place for the message and one for the response; after the turn both are freed, with their lengths."""
    assert calls(box, CAXTON, b"x" * 100, "(i32.const 0)") == [
        ("A", 100, 4096),
        ("A", 4096, 20480),
        ("F", 20480, 4096),
        ("F", 4096, 100),
    ]


def test_a_second_offer_frees_the_first(box: Box) -> None:
    """Where the response needs more room, the small place is freed before the large one is asked for."""
    assert calls(box, CAXTON, b"x", LONG) == [
        ("A", 1, 4096),
        ("A", 4096, 20480),
        ("F", 20480, 4096),
        ("A", 6000, 36864),
        ("F", 36864, 6000),
        ("F", 4096, 1),
    ]


def test_malloc_and_free(box: Box) -> None:
    """C's allocator serves as well; `free` takes the pointer alone."""
    assert calls(box, MALLOC, b"x" * 7, LONG) == [
        ("A", 7, 4096),
        ("A", 4096, 20480),
        ("F", 20480, 0),
        ("A", 6000, 36864),
        ("F", 36864, 0),
        ("F", 4096, 0),
    ]


def test_caxton_alloc_comes_before_malloc(box: Box) -> None:
    """A module with both is asked through the contract's own."""
    both = CAXTON + '(func (export "malloc") (param i32) (result i32) (unreachable)) (func (export "free") (param i32))'
    assert [kind for kind, _, _ in calls(box, both, b"x", "(i32.const 0)")] == ["A", "A", "F", "F"]


LAME = {
    "malloc alone": '(func (export "malloc") (param i32) (result i32) (unreachable))',
    "free alone": '(func (export "free") (param i32) (unreachable))',
    "another malloc": """(func (export "malloc") (param i64) (result i32) (unreachable))
        (func (export "free") (param i32))""",
    "another free": """(func (export "malloc") (param i32) (result i32) (unreachable))
        (func (export "free") (param i32) (result i32) (unreachable))""",
    "no functions": '(global (export "malloc") i32 (i32.const 0)) (global (export "free") i32 (i32.const 0))',
}


@pytest.mark.parametrize("items", LAME.values(), ids=LAME.keys())
def test_half_an_allocator_is_none(box: Box, items: str) -> None:
    """Without both, of C's types, the host adds a window."""
    reply = box.ask(box.spawn(agent(items=items)), b"hello")
    assert reply.usage.memory > PAGE


def test_an_empty_message_has_a_place(box: Box) -> None:
    """The pointer of an empty message is inside the memory, and never asked for as 0 bytes."""
    assert calls(box, CAXTON, b"", "(i32.const 0)")[0] == ("A", 1, 4096)
    assert calls(box, MALLOC, b"", "(i32.const 0)")[0] == ("A", 1, 4096)


@pytest.mark.parametrize("names", [("caxton_alloc", "caxton_free", "i32 i32"), ("malloc", "free", "i32")])
def test_an_allocator_that_answers_0_has_no_memory_left(box: Box, names: tuple[str, str, str]) -> None:
    """For the message, for the response, or for the second offer: `limit.memory`, and the next message is served."""
    alloc, free, parameters = names
    text = agent(
        "(global.set $fail (i32.load8_u (local.get $ptr))) (i32.const 0)",
        memory="2",
        items=f"""
        (global $fail (mut i32) (i32.const 0))
        (global $calls (mut i32) (i32.const 0))
        (func (export "{alloc}") (param i32) (result i32)
          (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
          (if (i32.gt_u (local.get 0) (i32.const 60000)) (then (return (i32.const 0))))
          (if (i32.eq (global.get $calls) (global.get $fail)) (then (return (i32.const 0))))
          (i32.const 8192))
        (func (export "{free}") (param {parameters}))""",
        response="(i32.const 6000)",
    )
    ref = box.spawn(text)
    assert box.fails(ref, b"x" * 60_001).code == "limit.memory"
    for which in (2, 3):
        error = box.fails(ref, bytes([which]))
        assert error.code == "limit.memory"
        assert error.memory_used == 2 * PAGE
    assert len(box.ask(ref, b"\0").payload) == 6000


def test_an_allocator_may_wait_and_grow(box: Box) -> None:
    """An allocator is code like any other: it may ask the host, grow the memory, and be suspended."""
    text = agent(
        """
        (global.set $result (i64.load (local.get $ptr)))
        (i32.const 0)""",
        uses=imports("sleep_ms"),
        items="""
        (func (export "caxton_alloc") (param $n i32) (result i32)
          (drop (call $sleep_ms (i64.const 0)))
          (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
        (func (export "caxton_free") (param i32 i32) (drop (call $sleep_ms (i64.const 0))))""",
    )
    ref = box.spawn(text, caxton.Limits(memory=MIB))
    for n in range(4):
        assert number(box.ask(ref, n.to_bytes(8, "little"))) == n


def test_the_window_is_there_before_initialize(box: Box) -> None:
    """A module without a heap sees its final memory from `_initialize` on: it never takes the window's pages."""
    text = agent(
        "(global.set $result (i64.extend_i32_u (global.get $seen))) (i32.const 0)",
        items="""
        (global $seen (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $seen (memory.size)))""",
    )
    reply = box.ask(box.spawn(text))
    assert number(reply) * PAGE == reply.usage.memory > 2 * MIB


def test_a_guest_may_grow_beyond_its_window(box: Box) -> None:
    """The window stays where it is, and stays usable, when the guest grows its memory afterwards."""
    text = agent("(drop (memory.grow (i32.load (local.get $ptr)))) (i32.const 0)")
    ref = box.spawn(text)
    sizes = [box.ask(ref, i32(n)).usage.memory for n in (0, 1, 100, 0)]
    assert [size - sizes[0] for size in sizes] == [0, PAGE, 101 * PAGE, 101 * PAGE]


def test_a_module_with_no_room_for_a_window(box: Box) -> None:
    """No allocator and a memory that cannot grow: `module.no-message-buffer`; with room for one page it can be used."""
    for memory in ("1 1", "0 0", "16 16"):
        assert box.refused(agent(memory=memory)).code == "module.no-message-buffer"
    ref = box.spawn(agent(memory="1 2"))
    assert box.ask(ref, b"x").usage.memory == 2 * PAGE
    box.spawn(agent(memory="1 1", items=CAXTON, uses=imports("log")))


def test_a_memory_of_no_pages(box: Box) -> None:
    """A module may begin with an empty memory: the window is all it has."""
    text = agent(memory="0", response="(i32.const 0)")
    assert box.ask(box.spawn(text), b"hello").payload == b""
    assert box.ask(box.spawn(agent(memory="0 1", response="(i32.const 3)")), b"hello").payload == b"\0\0\0"
