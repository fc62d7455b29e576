"""What the command line's tests share: the real command as a process of its own, and guests to run with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SECONDS: Final = 300
"""After so long a command hangs."""

Guests = Callable[[str], str]
"""The path of a guest's file, by its name in GUESTS."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    status: int
    out: bytes
    err: str

    @property
    def objects(self) -> list[Any]:
        """Standard output as JSON, an object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self) -> Any:
        """Standard output as one JSON object."""
        (found,) = self.objects
        return found

    @property
    def lines(self) -> list[str]:
        """The lines of standard error."""
        return self.err.splitlines()


def command(*arguments: str) -> list[str]:
    """The command line, for this interpreter."""
    return [sys.executable, "-m", "caxton", *arguments]


def caxton(*arguments: str, stdin: bytes = b"", **options: Any) -> Done:
    """Runs the command to its end. Whatever happens, it dies of no signal and shows no traceback."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env=environment(),
        **options,
    )
    return ended(done.returncode, done.stdout, done.stderr)


def ended(status: int, out: bytes, err: bytes) -> Done:
    """A command that has ended as it may: by no signal, and without a traceback."""
    text = err.decode()
    assert status >= 0, text
    assert "Traceback" not in text
    assert 'File "' not in text
    return Done(status, out, text)


_MANY: Final = """
import importlib, json, os, sys, tempfile, traceback
from caxton.cli import main
for module in sys.argv[1:]:
    importlib.import_module(module)
for arguments in json.load(sys.stdin):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((nothing, out.fileno(), err.fileno())):
            os.dup2(descriptor, number)
        sys.argv[1:] = arguments
        try:
            status = main()
        except BaseException:
            traceback.print_exc()
            status = 99
        sys.stdout.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    parts = []
    for file in (out, err):
        file.seek(0)
        parts.append(file.read().hex())
        file.close()
    print(json.dumps([status, *parts]), flush=True)
"""


def caxton_each(lines: Sequence[Sequence[str]], cwd: Path | None = None, preload: Sequence[str] = ()) -> list[Done]:
    """Runs many command lines, each in a process of its own; they share the time that importing takes (of ``preload``
    too)."""
    done = subprocess.run(
        [sys.executable, "-c", _MANY, *preload],
        input=json.dumps([list(line) for line in lines]).encode(),
        capture_output=True,
        timeout=SECONDS + 10 * len(lines),
        check=False,
        cwd=cwd,
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(lines)
    return [ended(status, bytes.fromhex(out), bytes.fromhex(err)) for status, out, err in found]


def environment(**more: str) -> Mapping[str, str]:
    """This process's environment, without what would colour the output."""
    return {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "COLUMNS")} | more


def is_harmless(text: str) -> bool:
    """Whether no character of it could control a terminal, or turn text around."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for c in text if c != "\n")


HOSTILE: Final = r"\1b[31m\07\e2\80\ae\c2\9b\7f"
"""Escapes of WebAssembly text: ESC, BEL, a right-to-left override, CSI as one character, DEL."""


EVIL: Final = "\x1b[31m\u202eevil\x07"
"""The same kind, in a name; it should be shown as ``\\x1b[31m\\u202eevil\\x07``."""

TOOLBOX: Final = ("caxton.cli.toolbox", "caxton.config", "caxton.tools.builtin.provider")
"""What ``caxton tools`` imports, to be preloaded."""

MARK: Final = "\u0301"
FILLERS: Final = "\u3164\u115f\u2800\U000e0100"
"""A mark to pile up, and characters that leave nothing to see and are of no category that controls anything."""


def agent(handle: str = "", *, items: str = "", response: str = "(i32.const 0)", status: int = 0) -> str:
    """An agent's text: what it does with a message (no value), and what it answers (a length)."""
    return f"""(module
  {items}
  (func (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    {handle}
    (i32.const {status}))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    {response}))"""


MEMORY: Final = '(memory (export "memory") 1)'
_NUMBER: Final = "(i64.store (local.get $ptr) (global.get $number)) (i32.const 8)"
_RESULT: Final = """
    (if (result i32) (i32.lt_s (global.get $got) (i32.const 0))
      (then (i32.store (local.get $ptr) (global.get $got)) (i32.const 4))
      (else (call $read_result (local.get $ptr) (local.get $len))))"""
_READ_RESULT: Final = '(import "caxton" "read_result" (func $read_result (param i32 i32) (result i32)))'
_LOG: Final = '(import "caxton" "log" (func $log (param i32 i32 i32)))'
_READY: Final = '(data (i32.const 16) "ready") (func $ready (call $log (i32.const 2) (i32.const 16) (i32.const 5)))'

GUESTS: Final[dict[str, str]] = {
    "echo": agent(
        "(global.set $from (local.get $ptr)) (global.set $size (local.get $len))",
        items=f"{MEMORY} (global $from (mut i32) (i32.const 0)) (global $size (mut i32) (i32.const 0))",
        response="""
    (if (i32.le_u (global.get $size) (local.get $len))
      (then (memory.copy (local.get $ptr) (global.get $from) (global.get $size))))
    (global.get $size)""",
    ),
    # Answers with the length of the message, in one digit; fails at two bytes, traps at three.
    "picky": agent(
        """(global.set $size (local.get $len))
    (if (i32.eq (local.get $len) (i32.const 3)) (then unreachable))
    (if (i32.eq (local.get $len) (i32.const 2)) (then (return (i32.const 1))))""",
        items=f"{MEMORY} (global $size (mut i32) (i32.const 0))",
        response="""(i32.store8 (local.get $ptr) (i32.add (i32.const 48) (global.get $size))) (i32.const 1)""",
    ),
    "failing": agent(items=MEMORY, response="(i32.store8 (local.get $ptr) (i32.const 33)) (i32.const 1)", status=7),
    "binary": agent(items=MEMORY, response="(i32.store (local.get $ptr) (i32.const 0x00ff80fe)) (i32.const 4)"),
    "trapping": agent("(call $outer)", items=f"{MEMORY} (func $outer (call $inner)) (func $inner unreachable)"),
    "lying": agent(items=MEMORY, response="(i32.const -1)"),
    "spinning": agent("(call $ready) (loop $again (br $again))", items=f"{_LOG} {MEMORY} {_READY}"),
    "sleeping": agent(
        "(call $ready) (drop (call $sleep (i64.const 1000000)))",
        items=f'{_LOG} (import "caxton" "sleep_ms" (func $sleep (param i64) (result i32))) {MEMORY} {_READY}',
    ),
    "start-spinning": agent(
        items=f'{_LOG} {MEMORY} {_READY} (func (export "_initialize") (call $ready) (loop $again (br $again)))'
    ),
    "start-trapping": agent(items=f"{MEMORY} (func $begin unreachable) (start $begin)"),
    "refusing": agent(items=f'{MEMORY} (func (export "caxton_init") (result i32) (i32.const 1))'),
    "hungry": agent(items='(memory (export "memory") 200)'),
    "no-response": '(module (memory (export "memory") 1) (func (export "handle_message") (param i32 i32) (result i32)'
    " (i32.const 0)))",
    "unknown-import": agent(items=f'(import "env" "door" (func)) {MEMORY}'),
    "no-buffer": agent(items='(memory (export "memory") 1 1)'),
    "small": agent(items='(memory (export "memory") 1 3)'),
    # Defers each reply, and keeps itself busy with timers.
    "restless": agent(
        """(if (i32.ge_s (call $defer) (i32.const 0)) (then
      (local.set $len (i32.const 100))
      (loop $again
        (drop (call $set_timer (i64.const 10) (i64.const 10) (i32.const 0) (i32.const 0)))
        (br_if $again (local.tee $len (i32.sub (local.get $len) (i32.const 1))))))
    (else
      (local.set $len (i32.const 10_000_000))
      (loop $burn (br_if $burn (local.tee $len (i32.sub (local.get $len) (i32.const 1)))))))""",
        items='(import "caxton" "defer" (func $defer (result i32)))'
        f'(import "caxton" "set_timer" (func $set_timer (param i64 i64 i32 i32) (result i32))) {MEMORY}',
    ),
    "growing": agent("(drop (memory.grow (i32.const 1)))", items=MEMORY),
    "ill-typed": f'(module {MEMORY} (func (export "f") (result i32) (i64.const 1)))',
    "deferring": agent("(drop (call $defer))", items=f'(import "caxton" "defer" (func $defer (result i32))) {MEMORY}'),
    "random": agent(
        "(call $random (i32.const 64) (i32.const 8)) (global.set $number (i64.load (i32.const 64)))",
        items=f'(import "caxton" "random" (func $random (param i32 i32))) {MEMORY}'
        " (global $number (mut i64) (i64.const 0))",
        response=_NUMBER,
    ),
    "clock": agent(
        "(global.set $number (call $now)) (drop (call $sleep (i64.const 30)))",
        items='(import "caxton" "now_ms" (func $now (result i64)))'
        '(import "caxton" "sleep_ms" (func $sleep (param i64) (result i32)))'
        f"{MEMORY} (global $number (mut i64) (i64.const 0))",
        response=_NUMBER,
    ),
    "context": agent(
        "(global.set $got (call $context))",
        items=f'{_READ_RESULT} (import "caxton" "context" (func $context (result i32)))'
        f"{MEMORY} (global $got (mut i32) (i32.const 0))",
        response=_RESULT,
    ),
    # Calls the tool time.now with {}; answers with its result, or with the error's number as four bytes.
    "calling": agent(
        "(global.set $got (call $call (i32.const 16) (i32.const 8) (i32.const 32) (i32.const 2)))",
        items=f"""{_READ_RESULT}
  (import "caxton" "call_tool" (func $call (param i32 i32 i32 i32) (result i32))) {MEMORY}
  (global $got (mut i32) (i32.const 0)) (data (i32.const 16) "time.now") (data (i32.const 32) "{{}}")""",
        response=_RESULT,
    ),
    "logging": agent(
        "(call $log (i32.const 3) (i32.const 16) (i32.const 20))",
        items=f'{_LOG} {MEMORY} (data (i32.const 16) "one\\0atwo {HOSTILE}")',
    ),
    "evil-names": f"""(module
  (@custom "{HOSTILE}" "x")
  {MEMORY}
  (func $"{HOSTILE}" (export "{HOSTILE}") unreachable)
  (func (export "handle_message") (param i32 i32) (result i32) (call $"{HOSTILE}") (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))""",
    "piled-import": agent(items=f'(import "a{MARK * 60}" "{FILLERS}" (func)) {MEMORY}'),
    "evil-import": agent(items=f'(import "{HOSTILE}" "{HOSTILE}" (func)) {MEMORY}'),
    "evil-answer": agent(
        items=f'{MEMORY} (data (i32.const 16) "{HOSTILE}")',
        response="(memory.copy (local.get $ptr) (i32.const 16) (i32.const 12)) (i32.const 12)",
        status=1,
    ),
}


def write_guests(folder: Path) -> Guests:
    """Puts the guests into a folder; answers with their paths, by name."""
    for name, text in GUESTS.items():
        (folder / f"{name}.wat").write_text(text)
    return lambda name: str(folder / f"{name}.wat")
