"""The host calls of a component are told as those of a core module are: WASI's too, and the one that ends a turn."""

from __future__ import annotations

import contextlib

import pytest

import caxton
from tests.components.guests import agent
from tests.components.wasi_guests import DIGIT, STREAMS, wasi_guest
from tests.sandbox.guests import Box

AGENT = agent(
    """
    (call $log (i32.const 2) (i32.const 512) (i32.const 5))
    (call $tell (i32.const 512) (i32.const 5)
      (i32.load8_u offset=120 (local.get $m)) (i32.load offset=124 (local.get $m)) (i32.load offset=128 (local.get $m))
      (i32.const 1024))
    (i32.store (i32.const 640) (i32.const 7)) (i32.store (i32.const 644) (i32.const -1))
    (call $wait (i32.const 640) (i32.const 2) (i64.const 5) (i32.const 1024))
    (call $state-get (i32.const 512) (i32.const 5) (i32.const 1024))
    (call $sleep-ms (i64.const 1) (i32.const 1024))
    (drop (call $now-ms))
    (if (i32.eq (i32.load offset=128 (local.get $m)) (i32.const 3)) (then
      (call $random (i32.const 65537) (i32.const 1024))))
    (call $answer (i32.const 0) (i32.const 0) (i32.const 512) (i32.const 5))""",
    uses=("log", "tell", "wait", "state-get", "sleep-ms", "now-ms", "random"),
    items="(func $noted (i32.store8 (i32.const 512) (i32.const 104)) (i32.store8 (i32.const 513) (i32.const 105))"
    " (i32.store8 (i32.const 514) (i32.const 33)) (i32.store8 (i32.const 515) (i32.const 33))"
    " (i32.store8 (i32.const 516) (i32.const 33))) (start $noted)",
)


def told(box: Box, ref: caxton.AgentRef, message: bytes) -> list[tuple[object, ...]]:
    """What is told of a turn's host calls: name, arguments for people, answer, code."""
    with ref.trace() as trace, contextlib.suppress(caxton.ProtocolError):
        box.ask(ref, message)
    assert {call.module for call in trace} == {"caxton:agent/host"}
    fuel = [call.fuel for call in trace]
    assert fuel == sorted(fuel)
    return [(call.name, " ".join(map(str, call.arguments)), call.answer, call.code) for call in trace]


def test_every_call(box: Box) -> None:
    """Text and payloads as they are, handles as numbers, errors with their codes."""
    *calls, now = told(box, box.spawn(AGENT), b"ab")
    assert calls == [
        ("log", '2 "hi!!!"', 0, None),
        ("tell", '"hi!!!" "ab"', -2, "grant.denied"),
        ("wait", "7 -1 5", -3, "envelope.invalid"),
        ("state-get", '"hi!!!"', -1, None),
        ("sleep-ms", "1", 0, None),
    ]
    assert (now[0], isinstance(now[2], int), now[3]) == ("now-ms", True, None)


def test_bytes_and_the_call_that_ends_a_turn(box: Box) -> None:
    """A payload that is no text; and a call without an answer at the end."""
    calls = told(box, box.spawn(AGENT), b"\xff\x00z")
    assert calls[1][1] == '"hi!!!" 0xff007a'
    assert calls[-1] == ("random", "65537", None, "abi.protocol")


@pytest.mark.parametrize("case", [0, 1], ids=["text", "bytes"])
def test_what_is_too_large_is_not_looked_at(box: Box, case: int) -> None:
    """A payload beyond the limit is not copied for the guest, nor for the watcher, who is told its size."""
    handle = f"""(call $emit (i32.const {case}) (i32.const 40000) (i32.const 5000) (i32.const 50000))
    (call $answer (i32.const 0) (i32.const 0) (i32.const 512) (i32.const 0))"""
    ref = box.spawn(agent(handle, uses=["emit"]), caxton.Limits(message=100))
    with ref.trace() as trace:
        box.ask(ref, b"a")
    (call,) = trace
    assert (call.answer, call.code) == (-4, "limit.message-size")
    assert str(call.arguments[0]).endswith("... (5,000 bytes)")


def test_wasi_too(box: Box) -> None:
    """What a toolchain's own output asks for."""
    functions = {
        "stdout": ("stdout", "get-stdout", "(result i32)"),
        "write": ("streams", "[method]output-stream.blocking-write-and-flush", "(param i32 i32 i32 i32)"),
    }
    handle = "(call $write (call $stdout) (local.get $p) (local.get $n) (i32.const 128)) "
    ref = box.spawn(wasi_guest(STREAMS, functions, handle + DIGIT.format(value="(i32.const 1)")))
    with ref.trace() as trace:
        box.ask(ref, "one line\n")
    output, write = trace
    assert (output.module, output.name) == ("wasi:cli/stdout", "get-stdout")
    assert (write.module, write.name) == ("wasi:io/streams", "[method]output-stream.blocking-write-and-flush")
    assert str(write.arguments[-1]) == r'"one line\x0a"'
