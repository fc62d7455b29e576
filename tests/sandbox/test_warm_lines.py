"""A module that starts warm tells the same places as it does cold: its code lies elsewhere, and that is taken off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import caxton
from caxton.sandbox.compiler import to_binary
from tests.sandbox.guests import BUMP, Box, agent, warmed, watched_box, zig_cc

# Globals that become long constants, so that the code moves.
MOVING = BUMP + "".join(f"(global $g{i} (mut i64) (i64.const 0))" for i in range(8))
TEXT = agent(
    "(call $deep)",
    items=MOVING
    + "(func $deep (result i32) (nop) (nop) unreachable)"
    + '(func (export "_initialize")'
    + "".join(f"(global.set $g{i} (i64.const -9000000000000000000))" for i in range(8))
    + ")",
)

C_AGENT = """
static unsigned char heap[1 << 16];
static unsigned top;
static volatile unsigned table[1000];

__attribute__((constructor)) static void fill(void) {
  for (unsigned i = 0; i < 1000; i++) table[i] = i * i;
}
__attribute__((export_name("_initialize"))) void begin(void) { fill(); }
__attribute__((export_name("caxton_alloc"))) void *take(unsigned size) {
  void *found = heap + top % 32768;
  top += (size + 15) & ~15u;
  return found;
}
__attribute__((export_name("caxton_free"))) void give(void *at, unsigned size) { (void)at; (void)size; }

__attribute__((noinline)) static int broken(unsigned length) {
  if (table[length] == length * length)
    __builtin_trap();
  return 0;
}
__attribute__((export_name("handle_message"))) int handle(void *at, unsigned length) {
  (void)at;
  return broken(length);
}
__attribute__((export_name("get_response"))) int respond(void *at, unsigned room) { (void)at; return (int)room * 0; }
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Box]:
    """One host."""
    with watched_box() as made:
        yield made


def trapped(box: Box, module: str | bytes, *, warm: bool) -> caxton.CaxtonError:
    """What a message ends with."""
    return box.fails(box.spawn(module, warm=warm), b"12345")


def test_offsets_are_the_modules_own(shared: Box) -> None:
    """The bytes of the file that was given, not of the module that runs."""
    warmth = warmed(TEXT).facts.warmth
    assert warmth.state == "warm"
    assert warmth.shift > 8
    warm, cold = trapped(shared, TEXT, warm=True), trapped(shared, TEXT, warm=False)
    assert warm.frames == cold.frames
    assert len(warm.frames) == 2
    binary = to_binary(TEXT.encode())
    assert binary[warm.frames[0].offset or 0] == 0  # unreachable


def test_lines_of_c(shared: Box) -> None:
    """File, line and column of the statement that failed, with a table that the constructor has filled."""
    binary = zig_cc(C_AGENT, "-nostdlib", "-O1", "-g", "-Wl,--no-entry")
    assert warmed(binary).facts.warmth.state == "warm"
    warm, cold = trapped(shared, binary, warm=True), trapped(shared, binary, warm=False)
    line = C_AGENT.splitlines().index("    __builtin_trap();") + 1
    assert [frame.line for frame in warm.frames][:1] == [line]
    assert (warm.frames[0].file or "").endswith("guest.c")
    assert warm.frames == cold.frames
