"""A component's trap has the code that a core module's would have, with the guest's stack; its instance is replaced."""

from __future__ import annotations

from typing import Final

import pytest

import caxton
from tests.components.guests import ECHO_TEXT, agent, inside, text_agent
from tests.sandbox.guests import Box

TRAPS: Final = {
    "trap.unreachable": "unreachable",
    "trap.out-of-bounds": "(drop (i32.load (i32.const -1)))",
    "trap.divide-by-zero": "(drop (i32.div_u (local.get $p) (i32.const 0)))",
    "trap.integer-overflow": "(drop (i32.trunc_f64_u (f64.const 1e20)))",
    "trap.indirect-call": "(call_indirect (i32.const 0))",
    "trap.stack-overflow": "(drop (call $handle (local.get $p) (local.get $n)))",
}
PROTOCOL: Final = {
    "text outside the memory": "(call $answer (i32.const 0) (i32.const -1) (i32.const 4))",
    "text of impossible length": "(call $answer (i32.const 0) (i32.const 64) (i32.const -1))",
    "text that is not UTF-8": (
        "(i32.store8 (i32.const 64) (i32.const 255)) (call $answer (i32.const 0) (i32.const 64) (i32.const 1))"
    ),
    "a case that there is not": "(call $answer (i32.const 7) (i32.const 64) (i32.const 1))",
    "a result outside the memory": "(i32.const -4)",
    "a result that is not aligned": "(i32.const 17)",
}


@pytest.mark.parametrize("code", TRAPS)
def test_a_trap_has_its_code_and_its_stack(box: Box, code: str) -> None:
    """Every kind of trap, and life afterwards."""
    handle = f"(if (i32.eq (local.get $n) (i32.const 4)) (then {TRAPS[code]})) {ECHO_TEXT}"
    ref = box.spawn(text_agent(handle, items="(table 1 funcref)"))
    error = box.fails(ref, "trap")
    assert error.code == code
    assert error.frames[0].function == "handle"
    assert len(error.frames) <= 64
    assert box.ask(ref, "hello").payload == b"hello"
    assert ref.statistics().restarts == 1


def test_a_stack_has_names_wherever_the_function_is(box: Box) -> None:
    """A component inside a component is changed when it is compiled; its functions are found all the same."""
    ref = box.spawn(inside(inside(agent("(call $down) unreachable", items="(func $down unreachable)"))))
    assert [frame.function for frame in box.fails(ref, b"\xff").frames] == ["down", "handle"]


@pytest.mark.parametrize("what", PROTOCOL)
def test_a_result_that_makes_no_sense_is_abi_protocol(box: Box, what: str) -> None:
    """Wasmtime looks at every pointer and every case; whatever it refuses is the guest's breach of the protocol."""
    ref = box.spawn(text_agent(PROTOCOL[what]))
    for _ in range(3):
        assert box.fails(ref, "x").code == "abi.protocol"


@pytest.mark.parametrize(
    "arguments",
    ["(i32.const 9) (i32.const 64) (i32.const 1)", "(i32.const 1) (i32.const -1) (i32.const 4)"],
    ids=["a level that there is not", "text outside the memory"],
)
def test_an_argument_that_makes_no_sense_is_abi_protocol(box: Box, arguments: str) -> None:
    """The same for what a host call is given."""
    ref = box.spawn(agent(f"(call $log {arguments}) unreachable", uses=["log"]))
    assert box.fails(ref, "x").code == "abi.protocol"


def test_an_allocator_that_lies_is_abi_protocol(box: Box) -> None:
    """It is asked for a place for the message, and gives one outside the memory, or one that is not aligned."""
    for answer in ("(i32.const -8)", "(i32.const 65535)"):
        text = text_agent().replace("(local.get $at))\n  (func $free", f"{answer})\n  (func $free")
        assert box.fails(box.spawn(text), "hello").code == "abi.protocol"


def test_an_allocator_that_traps(box: Box) -> None:
    """Its trap is the turn's."""
    text = text_agent().replace("(local.get $at))\n  (func $free", "unreachable)\n  (func $free")
    assert box.fails(box.spawn(text), "hello").code == "trap.unreachable"


def test_a_trap_while_it_starts(box: Box) -> None:
    """The agent does not start, and the error is the trap's."""
    error = box.refused(text_agent(start="(func $no unreachable) (start $no)"))
    assert error.code == "trap.unreachable"


def test_a_free_that_traps_ends_the_turn(box: Box) -> None:
    """What the guest does after it has answered is part of the turn."""
    text = text_agent().replace("(param i32) (global.set $top (i32.const 4096))", "(param i32) unreachable")
    assert box.fails(box.spawn(text), "hello").code == "trap.unreachable"


def test_the_error_is_the_guests(box: Box) -> None:
    """It is one of Caxton's, with memory and limit."""
    error = box.fails(box.spawn(text_agent("unreachable")), "x")
    assert isinstance(error, caxton.CaxtonError)
    assert error.memory_used == 65_536
    assert error.memory_limit == 64 << 20
