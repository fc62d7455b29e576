"""A memory that was made small takes no pages; when the next turn begins it is byte for byte what it was."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.agents.ports import MORE
from caxton.sandbox.core_abi import CoreGuest
from caxton.sandbox.module import Module
from caxton.sandbox.native import ffi
from tests.components.guests import text_agent
from tests.sandbox.guests import MIB, PAGE, Box, agent, guest_limits, module_of, started, warmed

PAGES: Final = 4
OS_PAGE: Final = 4096
WORDS: Final = OS_PAGE // 4
FILL, GROW = 0, 1

# A message is any number of records: what to do, where, how many bytes, which byte. A module with data in its first
# and last pages, and none in between.
GUEST: Final = agent(
    """(local $at i32) (local $end i32)
    (local.set $at (local.get $ptr))
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end)) (then
        (if (i32.load (local.get $at))
          (then (drop (memory.grow (i32.load offset=8 (local.get $at)))))
          (else (memory.fill (i32.load offset=4 (local.get $at)) (i32.load offset=12 (local.get $at))
                             (i32.load offset=8 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next))))
    (i32.const 0)""",
    items=f"""(data (i32.const 100) "{"some words " * 500}")
    (data (i32.const {(PAGES - 1) * PAGE}) "{"others " * 9000}")""",
    response="(i32.const 0)",
    memory=str(PAGES),
)


@pytest.fixture(scope="module")
def pagemap() -> Iterator[int]:
    """What the kernel tells of this process's pages."""
    number = os.open("/proc/self/pagemap", os.O_RDONLY)
    yield number
    os.close(number)


@pytest.fixture(scope="module", params=["cold", "warm"])
def module(request: pytest.FixtureRequest) -> Module:
    """The guest's module; one that begins behind its initialisation has another image."""
    return module_of(GUEST) if request.param == "cold" else warmed(GUEST)


def contents(guest: CoreGuest) -> bytes:
    """All of the memory."""
    return bytes(ffi.buffer(guest.slot.base, guest.slot.size))


def turn(guest: CoreGuest, *records: tuple[int, int, int, int]) -> None:
    """One turn."""
    payload = b"".join(struct.pack("<IIII", *record) for record in records)
    status = guest.deliver(payload, 0)
    while status == 2:
        status = guest.run(1_000, 0)
    assert status == 3
    guest.response()


def compact(guest: CoreGuest, pagemap: int, least: int = 0) -> int | None:
    """Calls until there is no more to do."""
    for _ in range(1_000):
        kept = guest.compact(pagemap, least)
        if kept != MORE:
            return kept
        assert not guest.is_compact
    raise AssertionError("it has no end")


def own_pages(pagemap: int, address: int, size: int) -> tuple[int, int]:
    """Pages that are there: the process's own ones, and others."""
    data = os.pread(pagemap, size // OS_PAGE * 8, address // OS_PAGE * 8)
    entries = [entry for (entry,) in struct.iter_unpack("<Q", data) if entry >> 62]
    own = sum(1 for entry in entries if not entry >> 61 & 1)
    return own, len(entries) - own


ADDRESSES: Final = st.integers(0, PAGES * PAGE - 1)
LENGTHS: Final = st.sampled_from([1, 2, 3, 4, 5, 8, 100, OS_PAGE - 1, OS_PAGE, OS_PAGE + 1, 3 * OS_PAGE, PAGE])
RECORDS: Final = st.tuples(ADDRESSES, LENGTHS, st.integers(0, 255)).map(
    lambda p: (FILL, p[0], min(p[1], PAGES * PAGE - p[0]), p[2])
) | st.integers(0, 2).map(lambda pages: (GROW, 0, pages, 0))
TURNS: Final = st.lists(st.lists(RECORDS, max_size=12), min_size=1, max_size=3)


@settings(deadline=None)
@given(TURNS)
def test_any_writes(module: Module, pagemap: int, turns: list[list[tuple[int, int, int, int]]]) -> None:
    """Turn after turn."""
    guest = started(module, guest_limits(message=4096, response=4096))
    try:
        for records in turns:
            turn(guest, *records)
            had = contents(guest)
            assert compact(guest, pagemap) is not None
            turn(guest)
            assert contents(guest) == had
    finally:
        guest.close()


def test_noise(module: Module, pagemap: int) -> None:
    """Words that differ here and there, next to each other and apart, at the edges of pages."""
    chance = random.Random(7)
    guest = started(module)
    memory = ffi.buffer(guest.slot.base, guest.slot.size)
    for share in (0.001, 0.1, 0.5, 0.9, 1.0):
        for at in range(0, PAGES * PAGE, 4):
            if chance.random() < share:
                memory[at : at + 4] = chance.randbytes(4)
        had = contents(guest)
        kept = compact(guest, pagemap)
        assert kept is not None
        assert kept <= guest.slot.size * 1.01 + OS_PAGE
        turn(guest)
        assert contents(guest) == had
    guest.close()


def fold_by_hand(guest: CoreGuest, pages: list[tuple[int, bytes]]) -> None:
    """Writes whole pages, as a turn would."""
    memory = ffi.buffer(guest.slot.base, guest.slot.size)
    for page, content in pages:
        memory[page * OS_PAGE : (page + 1) * OS_PAGE] = content


def pattern(step: int, run: int, length: int) -> bytes:
    """A page on which, up to a length, each ``run`` of ``step`` words differs from any image."""
    words = (b"\xa5\x5a\xc3\x3c" if at % step < run else bytes(4) for at in range(WORDS))
    return b"".join(words)[:length].ljust(OS_PAGE, b"\0")


PATTERNS: Final = st.builds(
    pattern,
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([4, 8, 2030, 2034, 2036, 2040, 2044, 2048, 4092, OS_PAGE]),
)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 63), PATTERNS, max_size=40))
def test_pages_of_every_density(module: Module, pagemap: int, pages: dict[int, bytes]) -> None:
    """From a word to the whole page, with runs of words and gaps between them: what is more than a half stays."""
    guest = started(module)
    fold_by_hand(guest, list(pages.items()))
    had = contents(guest)
    kept = compact(guest, pagemap)
    assert kept is None or kept <= (len(pages) + 8) * OS_PAGE // 2
    turn(guest)
    assert contents(guest) == had
    guest.close()


FROM: Final = 1_024
"""The first page behind those that messages pass through."""

LARGE: Final = agent(
    "(drop (memory.grow (i32.load (local.get $ptr)))) (i32.const 0)", response="(i32.const 0)", memory="16"
)


def large(pages: int) -> CoreGuest:
    """A guest with a memory of so many of WebAssembly's pages, or some more."""
    guest = started(module_of(LARGE))
    status = guest.deliver(struct.pack("<I", pages), 0)
    assert status == 3
    guest.response()
    return guest


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_much_that_differs_everywhere(pagemap: int, share: float) -> None:
    """Of 32 MiB, with some pages of little difference among them: nothing is written beside what is kept, and no page
    that is kept costs more than a half of it."""
    chance = random.Random(3)
    guest = large(512)
    dense, sparse = b"\x41" * OS_PAGE, pattern(6, 1, 64)
    fold_by_hand(guest, [(FROM + page, dense if chance.random() < share else sparse) for page in range(7_000)])
    had = contents(guest)
    kept = compact(guest, pagemap)
    assert (kept or 0) <= (OS_PAGE if share == 1.0 else 1_040 * OS_PAGE // 2)
    status = guest.deliver(bytes(4), 0)
    assert status == 3
    guest.response()
    assert contents(guest)[FROM * OS_PAGE :] == had[FROM * OS_PAGE :]
    guest.close()


def test_what_is_kept_has_a_bound(pagemap: int) -> None:
    """The next turn waits until it is written back; pages beyond the bound stay as they are."""
    guest = large(512)
    fold_by_hand(guest, [(FROM + page, pattern(5, 1, OS_PAGE)) for page in range(7_000)])
    place, size = int(ffi.cast("uintptr_t", guest.slot.base)), int(guest.slot.size)
    had = contents(guest)  # which makes a page of zeros of each that was not there
    before, _ = own_pages(pagemap, place, size)
    kept = compact(guest, pagemap)
    assert kept is not None
    assert 1_000 * 1_600 < kept <= 1_040 * 1_650
    assert before - own_pages(pagemap, place, size)[0] in range(FROM + 1_000, FROM + 1_100)
    guest.deliver(bytes(4), 0)
    guest.response()
    assert contents(guest)[FROM * OS_PAGE :] == had[FROM * OS_PAGE :]
    guest.close()


@pytest.mark.parametrize("calls", [1, 2])
def test_a_turn_between_two_calls(pagemap: int, calls: int) -> None:
    """It finds all as it was, whatever has been done already; and the next time all begins anew."""
    guest = large(128)
    fold_by_hand(guest, [(FROM + page, pattern(6, 1, 64)) for page in range(1_000)])
    had = contents(guest)
    for _ in range(3):
        for _ in range(calls):
            assert guest.compact(pagemap, 0) == MORE
            assert not guest.is_compact
        guest.deliver(bytes(4), 0)
        guest.response()
        assert contents(guest)[FROM * OS_PAGE :] == had[FROM * OS_PAGE :]
    assert guest.compact(pagemap, 0) == MORE
    guest.close()


def test_pages_go(module: Module, pagemap: int) -> None:
    """A memory that is small has no page, its own or another's; a word on each of 48 pages is little to keep."""
    guest = started(module)
    turn(guest, *[(FILL, page * OS_PAGE + 64, 4, 7) for page in range(48)])
    place, size = int(ffi.cast("uintptr_t", guest.slot.base)), int(guest.slot.size)
    assert own_pages(pagemap, place, size)[0] >= 48
    kept = compact(guest, pagemap)
    assert kept is not None
    assert kept < 48 * 64 + 2048  # the message and the response lie there too
    assert (0, 0) == own_pages(pagemap, place, size)
    assert bool(guest.is_compact) is True
    turn(guest)
    assert not guest.is_compact
    guest.close()


def test_no_page_of_the_image_stays(pagemap: int) -> None:
    """To compare maps pages of the image, more than one at a time: all of them go again, wherever the memory begins."""
    data = "".join(f'(data (i32.const {at}) "{"image " * 600}")' for at in range(2 << 20, 12 << 20, OS_PAGE))
    module = module_of(agent("(i32.const 0)", items=data, response="(i32.const 0)", memory="200"))
    guests = [started(module) for _ in range(4)]
    for guest in guests:
        memory = ffi.buffer(guest.slot.base, guest.slot.size)
        for page in range(513, 3_000, 3):
            memory[page * OS_PAGE : page * OS_PAGE + 4] = b"word"
        place, size = int(ffi.cast("uintptr_t", guest.slot.base)), int(guest.slot.size)
        assert sum(own_pages(pagemap, place, size)) > 200
        assert compact(guest, pagemap) is not None
        assert (0, 0) == own_pages(pagemap, place, size)
    for guest in guests:
        guest.close()


def test_too_little_to_win(module: Module, pagemap: int) -> None:
    """It stays as it is."""
    guest = started(module)
    turn(guest)
    assert compact(guest, pagemap, MIB) is None
    assert not guest.is_compact
    guest.close()


def test_twice(module: Module, pagemap: int) -> None:
    """What is small already is left alone."""
    guest = started(module)
    turn(guest, (FILL, 0, PAGE, 1))
    had = contents(guest)
    assert compact(guest, pagemap) is not None
    assert compact(guest, pagemap) is None
    turn(guest)
    assert contents(guest) == had
    guest.close()


def test_no_pagemap(module: Module, tmp_path: Path) -> None:
    """Where the kernel does not tell, or not enough, nothing is touched."""
    guest = started(module)
    turn(guest, (FILL, 0, PAGE, 1))
    had = contents(guest)
    empty = os.open(tmp_path / "empty", os.O_RDWR | os.O_CREAT)
    for number in (-1, empty):
        assert compact(guest, number) is None
        assert contents(guest) == had
    os.close(empty)
    guest.close()


def test_in_the_middle_of_a_turn(pagemap: int) -> None:
    """Never: here the response has not been taken yet."""
    guest = started(module_of(agent("(i32.const 0)", items=_ALLOCATOR)))
    assert guest.deliver(b"x", 0) == 3
    assert compact(guest, pagemap) is None
    assert guest.run(1, 0) == 0
    assert compact(guest, pagemap) is not None
    guest.close()


_ALLOCATOR: Final = """
  (func (export "caxton_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "caxton_free") (param i32 i32))"""


def test_the_end_of_one_that_is_small(module: Module, pagemap: int) -> None:
    """Frees it; the next one in its place begins afresh."""
    fresh = started(module)
    before = contents(fresh)
    fresh.close()
    for _ in range(50):
        guest = started(module)
        turn(guest, (FILL, 0, PAGES * PAGE, 255))
        assert compact(guest, pagemap) is not None
        guest.close()
    fresh = started(module)
    assert contents(fresh) == before
    fresh.close()


def test_a_trap_after_it(box: Box, pagemap: int) -> None:
    """The turn finds its memory, fails as ever, and the next instance begins afresh."""
    text = agent(
        """(if (i32.eq (local.get $len) (i32.const 1)) (then (i64.store (i32.const 5000) (i64.const 77))))
        (global.set $result (i64.load (i32.const 5000)))
        (if (i32.eq (local.get $len) (i32.const 2)) (then unreachable))
        (i32.const 0)"""
    )
    ref = box.spawn(text)
    box.ask(ref, b"1")
    assert ref._agent.compact(pagemap, 0) is not None
    assert ref.statistics().compact
    assert box.ask(ref).payload == (77).to_bytes(8, "little")
    assert ref._agent.compact(pagemap, 0) is not None
    assert "trap.unreachable" == box.fails(ref, b"22").code
    assert box.ask(ref).payload == bytes(8)


def test_a_large_message_after_it(box: Box, pagemap: int) -> None:
    """Lies where messages lie."""
    ref = box.spawn(
        agent(
            "(global.set $result (i64.load8_u (i32.add (local.get $ptr) (i32.sub (local.get $len) (i32.const 1)))))"
            "(i32.const 0)"
        )
    )
    for last in range(3):
        assert box.ask(ref, bytes(MIB - 1) + bytes([last])).payload[0] == last
        assert ref._agent.compact(pagemap, 0) is not None


def test_a_component(box: Box, pagemap: int) -> None:
    """Its memory too."""
    text = text_agent(
        """(i32.store8 (i32.const 9000) (i32.add (i32.load8_u (i32.const 9000)) (local.get $n)))
        (i32.store8 (i32.const 65535) (i32.load8_u (i32.const 9000)))
        (call $answer (i32.const 0) (i32.const 65535) (i32.const 1))""",
        items='(data (i32.const 9000) "A")',
    )
    ref = box.spawn(text)
    for expected in ("B", "C", "D"):
        assert box.ask(ref, "x").text == expected
        assert ref._agent.compact(pagemap, 0) is not None


_ON_DEMAND: Final = """
import asyncio, os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
import caxton
async def main():
    pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
    async with caxton.Host(memory="1 GiB") as host:
        agent = await host.spawn("a", sys.argv[1])
        for expected in range(1, 4):
            found = int.from_bytes((await agent.ask(b"")).payload, "little")
            print(found == expected, agent._agent.compact(pagemap, 0) is not None)
asyncio.run(main())
"""


def test_without_a_pool() -> None:
    """Where instances are made on demand."""
    text = agent(
        """(i64.store (i32.const 5000) (i64.add (i64.load (i32.const 5000)) (i64.const 1)))
        (global.set $result (i64.load (i32.const 5000)))
        (i32.const 0)"""
    )
    done = subprocess.run(
        [sys.executable, "-c", _ON_DEMAND, text], capture_output=True, text=True, timeout=120, check=False
    )
    assert "True True\n" * 3 == done.stdout, done.stderr
