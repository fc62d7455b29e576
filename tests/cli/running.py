"""What the tests of ``caxton up`` and its like share: commands that are still running, guests, configuration files."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from tests.cli.command import SECONDS, Done, command, ended, environment
from tests.tools.mcp.lab import HOSTILE

LOG: Final = '(import "caxton" "log" (func $log (param i32 i32 i32)))'


def quoted(command: Sequence[str]) -> str:
    """A list of texts in TOML."""
    return f"[{', '.join(repr(part) for part in command)}]"


def project(folder: Path, settings: str, **guests: str) -> Path:
    """A folder with a ``caxton.toml`` and guests beside it, as ``NAME.wat``; answers the file's path."""
    for name, text in guests.items():
        (folder / f"{name}.wat").write_text(text)
    file = folder / "caxton.toml"
    file.write_text(settings)
    return file


def hostile(*modes: str) -> str:
    """A table of the configuration: the server ``h``, which behaves badly."""
    return f"[tools.h]\ncommand = {quoted([*HOSTILE, *modes])}\n"


def caller(at_start: str = "", after: int = 10) -> str:
    """A guest that takes messages ``NAME ARGUMENTS``: it calls the tool and answers (and logs) the result; it fails
    where the call did. ``at_start`` is such a message, which it sends itself ``after`` milliseconds."""
    init = (
        f"""(data (i32.const 64) "{at_start.replace('"', chr(92) + "22")}")
  (func (export "caxton_init") (result i32)
    (drop (call $set_timer (i64.const {after}) (i64.const 0) (i32.const 64) (i32.const {len(at_start)})))
    (i32.const 0))"""
        if at_start
        else ""
    )
    return f"""(module
  (import "caxton" "call_tool" (func $call_tool (param i32 i32 i32 i32) (result i32)))
  (import "caxton" "read_result" (func $read_result (param i32 i32) (result i32)))
  (import "caxton" "set_timer" (func $set_timer (param i64 i64 i32 i32) (result i32)))
  {LOG}
  (memory (export "memory") 2)
  (global $length (mut i32) (i32.const 0))
  {init}
  (func (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    (local $at i32) (local $result i32)
    (block $found
      (loop $next
        (br_if $found (i32.ge_u (local.get $at) (local.get $len)))
        (br_if $found (i32.eq (i32.load8_u (i32.add (local.get $ptr) (local.get $at))) (i32.const 32)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.set $result
      (call $call_tool (local.get $ptr) (local.get $at)
        (i32.add (local.get $ptr) (i32.add (local.get $at) (i32.const 1)))
        (i32.sub (local.get $len) (i32.add (local.get $at) (i32.const 1)))))
    (global.set $length (call $read_result (i32.const 1024) (i32.const 100000)))
    (call $log (i32.const 2) (i32.const 1024) (global.get $length))
    (i32.lt_s (local.get $result) (i32.const 0)))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (if (i32.le_u (global.get $length) (local.get $len))
      (then (memory.copy (local.get $ptr) (i32.const 1024) (global.get $length))))
    (global.get $length)))"""


def working(turns: int, milliseconds: int) -> str:
    """A guest that sends itself some messages when it has started; each turn logs ``begun``, waits, and logs
    ``ended``."""
    timer = "(drop (call $set_timer (i64.const 10) (i64.const 0) (i32.const 0) (i32.const 0)))"
    return f"""(module
  {LOG}
  (import "caxton" "sleep_ms" (func $sleep (param i64) (result i32)))
  (import "caxton" "set_timer" (func $set_timer (param i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "begun") (data (i32.const 24) "ended")
  (func (export "caxton_init") (result i32) {timer * turns} (i32.const 0))
  (func (export "handle_message") (param i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 16) (i32.const 5))
    (drop (call $sleep (i64.const {milliseconds})))
    (call $log (i32.const 2) (i32.const 24) (i32.const 5))
    (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""


class Running:
    """A command that runs, and what it says on standard error.

    Args:
        process: the command.
        said: its standard error.
        keys: the other side of its standard input, where that is a terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes], keys: int = -1) -> None:
        self.process = process
        self.said: list[str] = []
        self._stream = said
        self._keys = keys

    def _lines(self) -> Iterator[str]:
        with contextlib.suppress(OSError):  # a terminal ends with an error, when nobody has it open any more
            for line in self._stream:
                self.said.append(line.decode().removesuffix("\n"))
                yield self.said[-1]

    def until(self, text: str) -> str:
        """Reads standard error up to the line that has this text; answers the line."""
        for line in self._lines():
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in {self.said}")

    def typed(self, text: str) -> None:
        """Types, or writes to the pipe."""
        data = text.encode()
        if self._keys >= 0:
            os.write(self._keys, data)
        else:
            assert self.process.stdin is not None
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Takes its terminal away."""
        self._stream.close()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def done(self) -> Done:
        """Waits for its end; ``err`` is all that it said on standard error, which is read first: what it puts on
        standard output is short."""
        list(self._lines())
        out, _ = self.process.communicate(timeout=SECONDS)
        return ended(self.process.returncode, out, "".join(f"{line}\n" for line in self.said).encode())


@contextlib.contextmanager
def running(*arguments: str, stdin: int = subprocess.DEVNULL, **options: Any) -> Iterator[Running]:
    """The command, as long as the block and never longer than it may take."""
    with _watched(command(*arguments), stdin=stdin, stderr=subprocess.PIPE, **options) as process:
        assert process.stderr is not None
        yield Running(process, process.stderr)


@contextlib.contextmanager
def at_terminal(*arguments: str, wrapper: Sequence[str] = (), **options: Any) -> Iterator[Running]:
    """The same, with a terminal as standard input and error. It does not show what is typed."""
    keys, terminal = pty.openpty()
    modes = termios.tcgetattr(terminal)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    with (
        os.fdopen(keys, "rb") as screen,
        _watched([*wrapper, *command(*arguments)], stdin=terminal, stderr=terminal, **options) as process,
    ):
        os.close(terminal)
        yield Running(process, screen, keys)


@contextlib.contextmanager
def _watched(line: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(line, stdout=subprocess.PIPE, env=environment(), **options) as process:
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.kill()


class Gone:
    """Waits for processes that are no children of this one."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._handles = [os.pidfd_open(pid) for pid in pids]

    def wait(self) -> bool:
        """Whether all of them end in time."""
        return all(select.select([handle], [], [], SECONDS)[0] for handle in self._handles)

    def close(self) -> None:
        """Lets go of them."""
        for handle in self._handles:
            os.close(handle)


SERVER: Final = (sys.executable, str(Path(__file__).with_name("shifting.py")))
"""A server, made with the official SDK, whose tool is described as a file says: the argument."""
