"""A component that lies about anything gets an error of the group ``module``, or works: the host goes on either way."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.sandbox.compiler import to_binary
from tests.components.guests import ECHO, agent, inside, text_agent
from tests.sandbox.guests import Box

_CALLS: Final = agent(
    "(call $log (i32.const 1) (i32.const 0) (i32.const 0)) (call $context (i32.const 160)) (call $answer (i32.const 0) "
    "(i32.const 0) (i32.load (i32.const 160)) (i32.load (i32.const 164)))",
    uses=["log", "context", "now-ms", "state-put"],
)
_TEXTS: Final = [text_agent(), ECHO, _CALLS, inside(_CALLS, uses=["log", "context", "now-ms", "state-put"])]
BINARIES: Final = [to_binary(text.encode()) for text in _TEXTS]
HEADER: Final = b"\0asm\x0d\0\x01\0"


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A component with some bytes changed, cut out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(BINARIES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(8, len(data) - 1))
        how = draw(st.sampled_from(("change", "cut", "double", "insert", "end")))
        if how == "change":
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 16))]
        elif how == "double":
            data[at:at] = data[at : at + 16]
        elif how == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        else:
            del data[at:]
        if len(data) <= 9:
            break
    return bytes(data)


@given(mutated())
@settings(max_examples=35, deadline=None)
def test_a_mutated_component_is_refused_or_works(shared_box: Box, data: bytes) -> None:
    """Whatever it is made into: an error by code, never a crash."""
    assert _what_comes_of(shared_box, data) in ("", "module", "limit", "trap", "abi", "agent")


def _what_comes_of(box: Box, data: bytes) -> str:
    """The group of the error's code; nothing where the agent answers."""
    try:
        ref = box.spawn(data, caxton.Limits(fuel=10_000_000, deadline=5.0))
        box.ask(ref, "hello")
        box.run(ref.stop())
    except caxton.CaxtonError as error:
        return error.code.partition(".")[0]
    return ""


REFUSED: Final[dict[str, tuple[str | bytes, str]]] = {
    "nothing": ("(component)", "module.missing-export"),
    "another type": (
        text_agent().replace("(result (result string (error string)))", "(result string)"),
        "module.missing-export",
    ),
    "another parameter": (
        text_agent().replace('(param "text" string)', '(param "txt" string)'),
        "module.missing-export",
    ),
    "another envelope": (ECHO.replace('(field "id" string)', '(field "id" u64)'), "module."),
    "another version": (ECHO.replace("caxton:agent/types@0.1.0", "caxton:agent/types@0.2.0"), "module.unknown-import"),
    "an unknown function": (
        agent("unreachable", uses=["now-ms"]).replace('"now-ms"', '"then-ms"'),
        "module.unknown-import",
    ),
    "a function of another type": (
        agent("unreachable", uses=["now-ms"]).replace(
            '(export "now-ms" (func (result u64)))', '(export "now-ms" (func (result s64)))'
        ),
        "module.unknown-import",
    ),
    "a core module from outside": ('(component (import "m" (core module)))', "module."),
    "a component from outside": ('(component (import "c" (component)))', "module."),
    "a function at the top": ('(component (import "f" (func)))', "module.unknown-import"),
    "an empty component": (HEADER, "module.missing-export"),
    "sections that break off": (HEADER + b"\x01\xff\xff\xff\xff\x0f", "module.invalid"),
    "another layer": (b"\0asm\x0d\0\x02\0", "module.invalid"),
    "shared memory": (text_agent(memory="1 2 shared"), "module.invalid"),
    "many instances": (
        "(component (core module $m) " + "(core instance (instantiate $m))" * 101 + ")",
        "module.invalid",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_agent_is_refused_by_name(box: Box, what: str) -> None:
    """Each with its code."""
    module, code = REFUSED[what]
    assert box.refused(module).code.startswith(code)


def test_a_huge_custom_section_changes_nothing(box: Box) -> None:
    """Nor does a name section that makes no sense."""
    size = 4_000_000
    custom = b"\0" + _leb(size + 6) + b"\x05extra" + bytes(size)
    names = b"\0" + _leb(15) + b"\x0ecomponent-name"
    ref = box.spawn(BINARIES[0] + custom + names)
    assert box.ask(ref, "hello").text == "hello"


def _leb(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def test_resources_of_its_own_cannot_be_made(box: Box) -> None:
    """They would take memory of the host's: `resource.new` traps."""
    text = text_agent("(drop (call $make (i32.const 1))) unreachable")
    text = text.replace(
        "(core module $m", '(core module $m (import "own" "make" (func $make (param i32) (result i32)))'
    )
    text = text.replace(
        "(core instance $i (instantiate $m))",
        '(type $r (resource (rep i32))) (core func $new (canon resource.new $r)) (core instance $own (export "make" '
        '(func $new))) (core instance $i (instantiate $m (with "own" (instance $own))))',
    )
    assert box.fails(box.spawn(text), "x").code in ("trap.other", "abi.protocol")
