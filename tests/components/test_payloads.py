"""A component gets what was sent and its answer arrives, byte for byte: as text where it is UTF-8, else as bytes."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from tests.components.guests import ECHO, agent, inside, text_agent
from tests.sandbox.guests import MIB, Box

TEXTS: Final = [b"", b"hello", "häß 語 🦊".encode(), b"\0" * 100, b"a" * 100_000]
PAYLOADS: Final = [*TEXTS, bytes(range(256)), b"\xff", b"\xe2\x82"]
CASE: Final = agent(
    "(i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load8_u offset=120 (local.get $m))))"
    "(call $answer (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 1))"
)
"""Says which case of the payload it was given: 0 for text, 1 for bytes."""


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda data: repr(data[:8]))
def test_what_was_sent_comes_back(box: Box, payload: bytes) -> None:
    """Nothing is lost, added or changed."""
    ref = box.spawn(ECHO)
    assert box.ask(ref, payload).payload == payload
    assert box.ask(ref, payload).payload == payload


@given(st.binary(max_size=5_000) | st.text(max_size=2_000).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=200, deadline=None)
def test_any_bytes_come_back(shared_box: Box, payload: bytes) -> None:
    """Whatever the bytes, whether they are text or almost."""
    if "echo" not in [ref.name for ref in _agents(shared_box)]:
        shared_box.spawn(ECHO, name="echo")
    ref = shared_box.host.agent("echo")
    assert shared_box.ask(ref, payload).payload == payload


def _agents(box: Box) -> list[caxton.AgentRef]:
    try:
        return [box.host.agent("echo")]
    except caxton.CaxtonError:
        return []


def _is_text(payload: bytes) -> bool:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("payload", [*PAYLOADS, b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\xa6\x8a"])
def test_text_is_what_python_takes_for_text(box: Box, payload: bytes) -> None:
    """The shim and Python agree about UTF-8, overlong forms and surrogates included."""
    ref = box.spawn(CASE)
    assert box.ask(ref, payload).payload == (b"0" if _is_text(payload) else b"1")


def test_a_mebibyte_of_text_and_of_bytes(box: Box) -> None:
    """The largest message of the default limits crosses in both directions."""
    ref = box.spawn(ECHO)
    for payload in (b"x" * MIB, b"\xff" * MIB):
        assert box.ask(ref, payload).payload == payload


@pytest.mark.parametrize("text", [ECHO, inside(ECHO), inside(inside(ECHO))], ids=["outside", "inside", "deep inside"])
def test_bytes_cross_as_bytes_wherever_the_function_is(box: Box, text: str) -> None:
    """As values, one for each byte, so many would be more than Wasmtime lets cross; a memory holds them."""
    ref = box.spawn(text, limits=caxton.Limits(message="8 MiB", response="8 MiB", memory="64 MiB", fuel=10**9))
    for payload in (b"\xff" * (8 * MIB), b"\xff", b"text"):
        assert box.ask(ref, payload).payload == payload


def test_the_short_form_takes_text(box: Box) -> None:
    """Text in, text out."""
    ref = box.spawn(text_agent())
    for text in ("", "hello", "häß 語 🦊", "x" * 100_000):
        assert box.ask(ref, text).text == text


def test_the_short_form_refuses_what_is_no_text(box: Box) -> None:
    """The code is envelope.invalid, and the instance goes on as if nothing had been sent."""
    ref = box.spawn(text_agent())
    assert box.fails(ref, b"\xff").code == "envelope.invalid"
    assert box.ask(ref, b"fine").payload == b"fine"
    assert ref.statistics().restarts == 0


def test_a_failure_carries_its_payload(box: Box) -> None:
    """The error case is the agent's failure status; the instance stays."""
    handle = "(call $answer (i32.const 1) (local.get $p) (local.get $n))"
    ref = box.spawn(text_agent(handle))
    for _ in range(2):
        error = box.fails(ref, "no")
        assert isinstance(error, caxton.AgentFailed)
        assert error.reply.payload == b"no"
    assert ref.statistics().restarts == 0


def test_a_failure_of_the_long_form(box: Box) -> None:
    """The same with bytes, in the world `agent`."""
    echo = ECHO.replace("(call $answer (i32.const 0)", "(call $answer (i32.const 1)")
    error = box.fails(box.spawn(echo), b"\xff\xfe")
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.payload == b"\xff\xfe"
