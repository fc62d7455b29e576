"""WASI 0.2 for components, deny by default: clocks, random numbers and output are the host's, the rest is empty."""

from __future__ import annotations

from typing import Final

import pytest

import caxton
from tests.components.wasi_guests import CLOCK, DIGIT, PLAIN, POLL, STREAMS, wasi_guest
from tests.sandbox.guests import Box


def test_a_wait_for_a_clock_suspends(box: Box) -> None:
    """It takes no CPU, the clock has advanced behind it, and other agents run meanwhile."""
    ref = box.spawn(
        wasi_guest(
            POLL,
            CLOCK,
            """(i64.store (i32.const 128) (call $now))
            (i32.store (i32.const 136) (call $subscribe (i64.const 50000000)))
            (i32.store (i32.const 140) (call $ready (i32.load (i32.const 136))))
            (call $block (i32.load (i32.const 136)))
            """
            + DIGIT.format(
                value="""(i32.or (i32.shl (i32.load (i32.const 140)) (i32.const 2))
                (i32.or (i32.shl (call $ready (i32.load (i32.const 136))) (i32.const 1))
                (i64.ge_u (i64.sub (call $now) (i64.load (i32.const 128))) (i64.const 50000000))))"""
            ),
        )
    )
    reply = box.ask(ref)
    assert reply.text == "3"  # not ready before, ready after, and 50 ms later
    assert reply.usage is not None
    assert reply.usage.fuel < 20_000


def test_poll_answers_what_is_ready_first(box: Box) -> None:
    """Of two pollables the earlier one; the number of the other is not there."""
    ref = box.spawn(
        wasi_guest(
            POLL,
            CLOCK,
            """(i32.store (i32.const 128) (call $subscribe (i64.const 60000000000)))
            (i32.store (i32.const 132) (call $subscribe (i64.const 20000000)))
            (call $poll (i32.const 128) (i32.const 2) (i32.const 140))
            """
            + DIGIT.format(
                value="""(i32.add (i32.shl (i32.load (i32.const 144)) (i32.const 2))
                (i32.load (i32.load (i32.const 140))))"""
            ),
        )
    )
    assert box.ask(ref).text == "5"  # one of them, and it is number 1


def test_pollables_have_a_limit(box: Box) -> None:
    """They take memory of the host's: a guest that keeps thousands is ended."""
    ref = box.spawn(
        wasi_guest(POLL, CLOCK, "(loop (drop (call $subscribe (i64.const 1))) (br 0)) unreachable"),
        caxton.Limits(host_calls=100_000),
    )
    error = box.fails(ref)
    assert error.code == "abi.protocol"
    assert "too many" in error.message


def test_output_becomes_lines_of_the_log(box: Box) -> None:
    """Standard output as information, standard error as warnings."""
    functions = {
        "stdout": ("stdout", "get-stdout", "(result i32)"),
        "stderr": ("stderr", "get-stderr", "(result i32)"),
        "write": ("streams", "[method]output-stream.blocking-write-and-flush", "(param i32 i32 i32 i32)"),
    }
    ref = box.spawn(
        wasi_guest(
            STREAMS,
            functions,
            """(call $write (call $stdout) (local.get $p) (local.get $n) (i32.const 128))
            (call $write (call $stderr) (local.get $p) (local.get $n) (i32.const 128))
            """
            + DIGIT.format(value="(i32.load8_u (i32.const 128))"),
        )
    )
    assert box.ask(ref, "one\ntwo\n").text == "0"
    assert [(level, line) for _, level, line in box.logs] == [
        ("info", "one"),
        ("info", "two"),
        ("warning", "one"),
        ("warning", "two"),
    ]


EVERYTHING: Final = {
    "environment": ("environment", "get-environment", "(param i32)"),
    "arguments": ("environment", "get-arguments", "(param i32)"),
    "exit": ("exit", "exit", "(param i32)"),
    "wall": ("wall", "now", "(param i32)"),
    "bytes": ("random", "get-random-bytes", "(param i64 i32)"),
    "number": ("random", "get-random-u64", "(result i64)"),
    "directories": ("preopens", "get-directories", "(param i32)"),
}


def test_there_is_no_environment_and_no_file(box: Box) -> None:
    """No variables, no arguments, no directories."""
    ref = box.spawn(
        wasi_guest(
            PLAIN,
            EVERYTHING,
            """(call $environment (i32.const 128)) (call $arguments (i32.const 136)) (call $directories (i32.const 144))
            """
            + DIGIT.format(
                value="""(i32.add (i32.load (i32.const 132))
                (i32.add (i32.load (i32.const 140)) (i32.load (i32.const 148))))"""
            ),
        )
    )
    assert box.ask(ref).text == "0"


def test_random_numbers_and_the_clock_are_the_hosts(box: Box) -> None:
    """As many bytes as were asked for; the seconds since 1970."""
    ref = box.spawn(
        wasi_guest(
            PLAIN,
            EVERYTHING,
            """(call $bytes (i64.const 1000) (i32.const 128)) (call $wall (i32.const 144))
            (drop (call $number))
            """
            + DIGIT.format(
                value="""(i32.and (i32.eq (i32.load (i32.const 132)) (i32.const 1000))
                (i64.gt_u (i64.load (i32.const 144)) (i64.const 1500000000)))"""
            ),
        )
    )
    assert box.ask(ref).text == "1"


def test_exit_ends_the_turn(box: Box) -> None:
    """Badly: it is the agent's failure, and the instance is replaced. Well: there is an empty reply."""
    text = wasi_guest(PLAIN, EVERYTHING, "(call $exit (local.get $n)) unreachable")
    ref = box.spawn(text)
    assert box.fails(ref, "x").code == "agent.failed"
    assert box.ask(ref, "").payload == b""


@pytest.mark.parametrize(
    ("interface", "code"),
    [
        ("wasi:cli/exit@0.2.99", None),
        ("wasi:cli/exit@0.3.0", "module.unknown-import"),
        ("wasi:cli/exit@1.2.0", "module.unknown-import"),
        ("wasi:cli/run@0.2.0", "module.unknown-import"),
        ("wasi:http/types@0.2.0", "module.unknown-import"),
        ("caxton:agent/host@0.2.0", "module.unknown-import"),
    ],
)
def test_what_is_not_there_is_refused_by_name(box: Box, interface: str, code: str | None) -> None:
    """Any version 0.2, the interfaces that there are, and nothing else."""
    text = wasi_guest(
        PLAIN.replace("wasi:cli/exit@0.2.0", interface), EVERYTHING, "(call $answer (i32.const 0) (i32.const 0))"
    )
    if code is None:
        assert box.ask(box.spawn(text)).payload == b""
        return
    error = box.refused(text)
    assert error.code == code
    assert interface in error.message


def test_a_function_of_another_type_is_refused(box: Box) -> None:
    """The message names it, its type and the one that was asked for."""
    text = wasi_guest(
        PLAIN.replace('(func (param "status" (result)))', '(func (param "status" u32))'),
        EVERYTHING,
        "(call $answer (i32.const 0) (i32.const 0))",
    )
    error = box.refused(text)
    assert error.code == "module.unknown-import"
    assert "func(status: u32)" in error.message
