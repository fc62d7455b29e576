"""What a component hands over in a host call, and what it gets, stays in its memory: bytes cross as bytes, and whatever
an agent says of its memory is looked at before it is believed."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from tests.components.guests import CALLS, ECHO, agent, inside
from tests.sandbox.guests import MIB, Box

LARGE: Final = caxton.Limits(message="8 MiB", response="8 MiB", memory="96 MiB", fuel=10**9)
ANSWER: Final = "(call $answer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"
NAME: Final = "(i32.store (i32.const 64) (i32.const 0x6f686365))"
"""At 64: ``echo``."""
PAYLOAD: Final = (
    "(i32.load8_u offset=120 (local.get $m)) (i32.load offset=124 (local.get $m)) (i32.load offset=128 (local.get $m))"
)
ASKS: Final = agent(
    f"""{NAME} (call $ask (i32.const 64) (i32.const 4) {PAYLOAD} (i64.const 60000) (i32.const 160))
    (call $answer (i32.load8_u (i32.const 160)) (i32.load8_u (i32.const 168)) (i32.load (i32.const 172))
      (i32.load (i32.const 176)))""",
    uses=["ask"],
)
"""Asks another agent with its message, and answers with the answer."""


@pytest.mark.parametrize(
    "text", [ASKS, inside(ASKS, uses=["ask"]), inside(inside(ASKS, uses=["ask"]), uses=["ask", "tell", "now-ms"])]
)
def test_bytes_cross_as_bytes(box: Box, text: str) -> None:
    """As values, one for each byte, so many would be more than Wasmtime lets cross, there and back."""
    box.spawn(ECHO, LARGE, name="echo")
    ref = box.spawn(text, LARGE, grants=caxton.Grants(peers=["echo"]))
    for payload in (b"\xff" * (8 * MIB), b"\xff\0", b"text", b""):
        assert box.ask(ref, payload).payload == payload


def test_a_message_beyond_the_limit_is_refused(box: Box) -> None:
    """By its size alone, as for core modules: the fourth kind of error."""
    call = "(call $emit (i32.const 1) (i32.const 0) (i32.const 2097152) (i32.const 160))"
    digit = "(i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load8_u (i32.const 164))))"
    text = agent(
        f"{call} {digit} (call $answer (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 1))",
        uses=["emit"],
        memory="64",
    )
    assert box.ask(box.spawn(text)).text == "3"


WRONG: Final = {
    "a name outside the memory": ("state-get", "(i32.const -1) (i32.const 4) (i32.const 160)"),
    "a name of impossible length": ("state-get", "(i32.const 64) (i32.const -1) (i32.const 160)"),
    "a name that is not UTF-8": ("state-get", "(i32.const 32) (i32.const 1) (i32.const 160)"),
    "a payload outside the memory": ("emit", "(i32.const 1) (i32.const 65535) (i32.const 2) (i32.const 160)"),
    "a payload of impossible length": ("emit", "(i32.const 1) (i32.const 1) (i32.const -1) (i32.const 160)"),
    "a text that is not UTF-8": ("emit", "(i32.const 0) (i32.const 32) (i32.const 1) (i32.const 160)"),
    "a case that there is not": ("emit", "(i32.const 2) (i32.const 64) (i32.const 1) (i32.const 160)"),
    "handles outside the memory": ("wait", "(i32.const 65532) (i32.const 2) (i64.const 0) (i32.const 160)"),
    "handles that are not aligned": ("wait", "(i32.const 66) (i32.const 1) (i64.const 0) (i32.const 160)"),
    "handles of impossible number": ("wait", "(i32.const 64) (i32.const 0x40000001) (i64.const 0) (i32.const 160)"),
    "a level that there is not": ("log", "(i32.const 5) (i32.const 64) (i32.const 1)"),
    "a result outside the memory": ("state-get", "(i32.const 64) (i32.const 4) (i32.const 65496)"),
    "a result that is not aligned": ("state-get", "(i32.const 64) (i32.const 4) (i32.const 162)"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_makes_no_sense_is_abi_protocol(box: Box, what: str) -> None:
    """Every address, length, alignment and case, and every text."""
    name, arguments = WRONG[what]
    ref = box.spawn(
        agent(f"(i32.store8 (i32.const 32) (i32.const 255)) (call ${name} {arguments}) {ANSWER}", uses=[name])
    )
    for _ in range(2):
        assert box.fails(ref, "x").code == "abi.protocol"


SHAPES: Final = ("log", "context", "tell", "ask", "call-tool", "emit", "state-get", "state-keys", "set-timer", "cancel")
NUMBERS: Final = st.one_of(
    st.integers(0, 300), st.sampled_from([0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF])
)


@given(name=st.sampled_from(SHAPES), data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_numbers(shared_box: Box, name: str, data: st.DataObject) -> None:
    """Whatever an agent hands over, in any call: an answer, or an error with a code."""
    kinds = CALLS[name][1].partition(":")[0].split()
    numbers = b"".join(data.draw(NUMBERS).to_bytes(8, "little") for _ in kinds)
    given = (f"({kind}.load offset={8 * i} (i32.load offset=124 (local.get $m)))" for i, kind in enumerate(kinds))
    drop = "drop" if CALLS[name][1].endswith(":i64") else "block"
    ref = shared_box.spawn(agent(f"({drop} (call ${name} {' '.join(given)})) {ANSWER}", uses=[name]))
    assert _code(shared_box, ref, numbers).partition(".")[0] in ("", "abi", "limit", "trap", "agent")
    shared_box.run(ref.stop())


def _code(box: Box, ref: caxton.AgentRef, message: bytes) -> str:
    """The code of the error, where there is one."""
    try:
        box.ask(ref, message)
    except caxton.CaxtonError as error:
        return error.code
    return ""


KEY: Final = "(i32.const 64) (i32.const 4)"


def _getting(for_them: str, *, items: str = "", heap: str = "") -> str:
    """An agent that puts 3,000 bytes into its state and gets them. What its allocator does for so many is given."""
    text = agent(
        f"""{NAME} (call $state-put {KEY} (i32.const 0) (i32.const 64) (i32.const 3000) (i32.const 160))
        (call $state-get {KEY} (i32.const 160)) {ANSWER}""",
        uses=["state-put", "state-get"],
        items=items,
    )
    code = f"(if (i32.eq (i32.const 3000) (local.get 3)) (then {for_them})) (local.get $at)) {heap}\n  (func $free"
    return text.replace("(local.get $at))\n  (func $free", code)


@pytest.mark.parametrize("place", ["(i32.const -8)", "(i32.const 63000)", "(i32.const 65537)"])
def test_an_allocator_that_lies_is_abi_protocol(box: Box, place: str) -> None:
    """A place outside the memory is none."""
    assert box.fails(box.spawn(_getting(f"(return {place})")), b"x").code == "abi.protocol"


def test_an_allocator_that_traps(box: Box) -> None:
    """Its trap is the turn's, and it is in the stack."""
    error = box.fails(box.spawn(_getting("unreachable")), b"x")
    assert error.code == "trap.unreachable"
    assert [error.frames[0].function, error.frames[-1].function] == ["realloc", "handle"]


def test_an_allocator_that_calls_the_host_is_abi_protocol(box: Box) -> None:
    """The component model forbids it, and so does the host: a result comes whole, or not at all."""
    text = _getting(
        "(call_indirect (i32.const 0))",
        items=f"(elem (i32.const 0) $again) (func $again (call $state-get {KEY} (i32.const 200)))",
        heap='(table (export "table") 1 funcref)',
    )
    memory = '(import "heap" "memory" (memory 1))'
    text = text.replace(memory, f'{memory} (import "heap" "table" (table 1 funcref))')
    assert box.fails(box.spawn(text), b"x").code == "abi.protocol"


def test_a_start_function_may_call_the_host(box: Box) -> None:
    """There is a memory then, and no instance that would be finished."""
    text = agent(
        ANSWER,
        uses=["log", "context"],
        items="""(data (i32.const 64) "hello") (start $start) (func $start
          (call $context (i32.const 160)) (call $log (i32.const 2) (i32.const 64) (i32.const 5))
          (call $log (i32.const 2) (i32.load (i32.const 160)) (i32.load (i32.const 164))))""",
    )
    box.ask(box.spawn(text))
    assert box.lines()[0] == "hello"
    assert '"agent"' in box.lines()[1]


@pytest.mark.parametrize(("at", "said"), [(172, "grant.denied"), (184, "echo")])
def test_an_error_comes_whole(box: Box, at: int, said: str) -> None:
    """Its code and its sentence, each where the component model wants it."""
    text = agent(
        f"""(call $ask {KEY} (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 10) (i32.const 160))
        (call $answer (i32.const 0) (i32.const 0) (i32.load (i32.const {at})) (i32.load (i32.const {at + 4})))""",
        uses=["ask"],
        items='(data (i32.const 64) "echo")',
    )
    assert said in box.ask(box.spawn(text)).text
