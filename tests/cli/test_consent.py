"""A call with ``approve = "ask"`` waits for a person who has seen it, and is refused where there is none."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from caxton.cli import output
from caxton.cli.held import HELD_BYTES, HELD_LINES, Held
from tests.cli.command import SECONDS, command, environment, is_harmless
from tests.cli.running import LOG, Running, at_terminal, caller, project, running

ASKING: Final = """
[agents.{name}]
module = "{name}.wat"
tools = ["*"]
limits = {{ deadline = "{deadline}" }}
[agents.{name}.rules."*"]
approve = "ask"
"""
WRITE: Final = 'fs.write {"path": "a.txt", "text": "hello"}'
REFUSED: Final = b"fs.write: refused at the terminal"
NOBODY: Final = b"fs.write: there is nobody to ask"


def asking(folder: Path, deadline: str = "1h", **guests: str) -> Path:
    """A file whose agents may call every tool, if a person agrees."""
    return project(folder, "".join(ASKING.format(name=name, deadline=deadline) for name in guests), **guests)


@pytest.fixture
def one(tmp_path: Path) -> tuple[str, ...]:
    """The command that makes one agent write a file."""
    return ("up", str(asking(tmp_path, a=caller())), "--send", "a", WRITE)


def question(up: Running) -> str:
    """Waits for the next question; answers the line that says what is to be called."""
    up.until("? [y/N]")
    return next(line for line in reversed(up.said) if " asks to call " in line)


@pytest.mark.parametrize(
    ("typed", "allowed"),
    [
        ("y\n", True),
        ("YES\r\n", True),
        ("\n", False),
        ("y\x04\x04", False),
        ("no y\n", False),
    ],
)
def test_at_a_terminal(one: tuple[str, ...], tmp_path: Path, typed: str, allowed: bool) -> None:
    """y and yes are consent; whatever else is typed is none. What is asked names agent, tool, arguments and rule."""
    with at_terminal(*one) as up:
        assert question(up) == """caxton: a asks to call fs.write with {"path": "a.txt", "text": "hello"}"""
        assert re.fullmatch(r'caxton: by rules."\*".approve; SHA-256 of the arguments [0-9a-f]{16}\.\.\.', up.said[-2])
        assert up.said[-1] == "caxton: may a call fs.write? [y/N]"
        up.typed(typed)
        done = up.done()
    assert (done.status, len(list(tmp_path.rglob("a.txt")))) == ((0, 1) if allowed else (1, 0))
    assert allowed or done.out == REFUSED


@pytest.mark.parametrize("early", ["y\ny\ny\n", "y"])
def test_typed_ahead(one: tuple[str, ...], early: str) -> None:
    """What was typed before the question does not answer it, nor does it count as a part of the answer."""
    with at_terminal(*one) as up:
        up.typed(early)  # long before the command looks
        question(up)
        up.typed("\n")
        done = up.done()
    assert (done.status, done.out) == (1, REFUSED)


def test_answers_for_questions_to_come(tmp_path: Path) -> None:
    """Several answers at once are one: the next call was not shown yet."""
    start = caller('fs.write {"path": "x", "text": "hello"}')
    with at_terminal("up", str(asking(tmp_path, a=start, b=start, c=start))) as up:
        shown = [question(up)]
        up.typed("y\ny\ny\n")
        shown.append(question(up))
        up.typed("n\nyes\n")
        shown.append(question(up))
        up.typed("\n")
        up.until(REFUSED.decode())
        up.signal(signal.SIGTERM)
        assert up.done().status == 0
    assert sorted(line.split()[1] for line in shown) == ["a", "b", "c"]
    assert [path.parent.name for path in tmp_path.rglob("x")] == [shown[0].split()[1]]


def test_a_call_that_was_given_up(tmp_path: Path) -> None:
    """The answer to it is not taken for an answer to the call behind it, which is shown afterwards."""
    brief = ASKING.format(name="a", deadline="2s")
    brief = brief.replace("tools", 'restart = { strategy = "temporary" }\ntools')  # or it might ask once more
    patient = ASKING.format(name="b", deadline="1h")
    file = project(tmp_path, brief + patient, a=caller(WRITE), b=caller(WRITE, after=3_000))
    with at_terminal("up", str(file)) as up:
        assert question(up).split()[1] == "a"
        up.until("the call above was given up, and others wait: press Enter")
        up.typed("y\n")
        assert question(up).split()[1] == "b"
        up.typed("n\n")
        up.until(REFUSED.decode())
        up.signal(signal.SIGTERM)
        assert up.done().status == 0
    assert list(tmp_path.rglob("a.txt")) == []


def test_hostile_names_and_arguments(tmp_path: Path) -> None:
    """Neither can control the terminal, nor push out of sight what is asked."""
    evil = "\x1b[2J\x1b[31m\u202e\x07"
    text = ASKING.format(name="a", deadline="1h") + '[tools.h]\ncommand = ["nowhere"]\n'
    arguments = json.dumps({f"{number}{evil}": "y" * 3000 for number in range(30)})
    with at_terminal("up", str(project(tmp_path, text, a=caller())), "--send", "a", f"h.{evil} {arguments}") as up:
        shown = question(up)
        up.typed("n\n")
        done = up.done()
    assert shown.startswith(r"caxton: a asks to call h.\x1b[2J\x1b[31m\u202e\x07 with {")
    assert shown.endswith("(there is more)")
    assert len(shown.encode()) < 5000
    assert "may a call h." in done.err
    assert is_harmless(done.err)
    assert done.status == 1


# ---- what stands below the question


def liar(line: str, times: int) -> str:
    """A guest that logs a line, starts a call of fs.list, logs lines while the question is open, and then writes the
    file ``a.txt``."""
    data = "".join(f"\\{byte:02x}" for byte in WRITE.encode())
    tool = WRITE.index(" ")
    return f"""(module
  (import "caxton" "tool_start" (func $start (param i32 i32 i32 i32 i64) (result i32)))
  (import "caxton" "call_tool" (func $call_tool (param i32 i32 i32 i32) (result i32)))
  (import "caxton" "wait" (func $wait (param i32 i32 i64) (result i32)))
  (import "caxton" "sleep_ms" (func $sleep (param i64) (result i32)))
  {LOG}
  (memory (export "memory") 2)
  (data (i32.const 64) "fs.list{{}}") (data (i32.const 128) "{data}") (data (i32.const 1000) "{line}")
  (func $say (call $log (i32.const 4) (i32.const 1000) (i32.const {len(line)})))
  (func (export "handle_message") (param i32 i32) (result i32) (local $left i32)
    (call $say)
    (i32.store (i32.const 16)
      (call $start (i32.const 64) (i32.const 7) (i32.const 71) (i32.const 2) (i64.const 60000)))
    (drop (call $sleep (i64.const 20)))
    (local.set $left (i32.const {times}))
    (loop $again
      (call $say)
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (call $call_tool
      (i32.const 128) (i32.const {tool}) (i32.const {128 + tool + 1}) (i32.const {len(WRITE) - tool - 1})))
    (drop (call $wait (i32.const 16) (i32.const 1) (i64.const 60000)))
    (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""


FAKE: Final = " " * 1_600 + "caxton: may a call memory.search? [y/N]"
TAME: Final = "caxton: error: a: [1,601 blanks] caxton: may a call memory.search? [y/N]"
LISTING: Final = """
[agents.a]
module = "a.wat"
tools = ["*"]
limits = { deadline = "1h" }
[agents.a.rules."fs.list"]
approve = "ask"
"""


@pytest.mark.parametrize("times", [1, 3])
def test_a_faked_question(tmp_path: Path, times: int) -> None:
    """What an agent logs below a question waits until it is answered; and nobody can lay out a screen with blanks."""
    file = project(tmp_path, LISTING, a=liar(FAKE, times))
    with at_terminal("up", str(file), "--send", "a", "x") as up:
        up.until("may a call fs.list? [y/N]")
        while not list(tmp_path.rglob("a.txt")) and up.process.poll() is None:  # it has logged before
            select.select([], [], [], 0.01)
        up.typed("n\n")
        done = up.done()
    question = [
        "caxton: a asks to call fs.list with {}",
        'caxton: by rules."fs.list".approve; SHA-256 of the arguments 44136fa355b3678a...',
        "caxton: may a call fs.list? [y/N]",
    ]
    assert done.err.splitlines() == [TAME, *question, *[TAME] * times]


def test_fake_lines_of_others_are_held(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings of the library and what an agent logs wait; what the command itself says does not."""
    output.held.hold()
    output.log("a", "info", "one")
    output.remark("two")
    output.say("three")
    assert capsys.readouterr().err == "three\n"
    output.held.release()
    assert capsys.readouterr().err == "info: one\ntwo\n"
    output.remark("a" + " " * 20 + "b")  # no terminal: as it is
    monkeypatch.setattr(output, "_is_seen", lambda: True)
    output.remark("a" + " " * 20 + "b")
    output.remark("a" + "\u3000" * 9 + "b" + " " * 8 + "c")
    assert capsys.readouterr().err == f"a{' ' * 20}b\na [20 blanks] b\na [9 blanks] b{' ' * 8}c\n"


def test_what_waits_is_bounded() -> None:
    """By lines and by bytes; what is lost is counted, and nothing that comes later is put before it."""
    for line, kept in (("x", HELD_LINES), ("x" * 1_000, HELD_BYTES // 1_000), ("x" * (HELD_BYTES + 1), 0)):
        written: list[str] = []
        held = Held(written.append)
        held.put("at once")
        held.hold()
        for _ in range(500):
            held.put(line)
        assert written == ["at once"]
        held.release()
        lost = f"caxton: warning: {500 - kept} lines were lost, which came while a question was open"
        assert written == ["at once", *[line] * kept, lost]
        held.put("at once")
        held.hold()
        held.release()
        assert written[-1] == "at once"


def test_the_process_was_stopped(one: tuple[str, ...]) -> None:
    """A shell may have shown anything meanwhile: the question is asked again, and what was typed is thrown away."""
    with at_terminal(*one) as up:
        first = question(up)
        up.typed("y")
        up.signal(signal.SIGSTOP)
        up.signal(signal.SIGCONT)
        assert question(up) == first
        up.typed("\n")
        assert up.done().out == REFUSED


def test_something_else_was_said(tmp_path: Path) -> None:
    """An answer counts only if the question is the last on the screen; else it is asked again, in full."""
    file = str(asking(tmp_path, a=caller(WRITE)))
    with at_terminal("up", file) as up:
        first = question(up)
        up.signal(signal.SIGTERM)
        up.until("ending what has begun")
        up.typed("y\n")
        assert question(up) == first
        assert list(tmp_path.rglob("a.txt")) == []
        up.typed("y\n")
        assert up.done().status == 0
    assert len(list(tmp_path.rglob("a.txt"))) == 1


def test_blanks_in_what_is_asked(tmp_path: Path) -> None:
    """Neither a tool's name nor an argument can move the question."""
    text = ASKING.format(name="a", deadline="1h") + '[tools.h]\ncommand = ["nowhere"]\n'
    message = "h.x" + "\u3000" * 40 + ' {"a": "' + " " * 150 + '"}'
    with at_terminal("up", str(project(tmp_path, text, a=caller())), "--send", "a", message) as up:
        shown = question(up)
        up.typed("n\n")
        up.done()
    assert shown == 'caxton: a asks to call h.x [41 blanks] with {"a": " [150 blanks] "} (there is more)'
    assert "caxton: may a call h.x [40 blanks] ? [y/N]" in up.said


# ---- nobody


@pytest.mark.parametrize("how", ["< /dev/null", "<&-", "< yes.txt", "< /dev/zero"])
def test_nobody(one: tuple[str, ...], tmp_path: Path, how: str) -> None:
    """Whoever cannot have seen the question cannot agree: a file has its answers beforehand."""
    (tmp_path / "yes.txt").write_text("y\n" * 1000)
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {how}', "sh", *command(*one)],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        cwd=tmp_path,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (1, NOBODY)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("before", ["", "y\n" * 30_000])
def test_a_pipe(one: tuple[str, ...], before: str) -> None:
    """Is nobody either, whatever stands in it and however long it stays open: it may talk without having read."""
    with running(*one, stdin=subprocess.PIPE) as up:
        up.typed(before)
        assert up.process.wait(SECONDS) == 1
        assert up.process.stdout is not None
        assert up.process.stdout.read() == NOBODY


def test_one_who_always_agrees(one: tuple[str, ...]) -> None:
    """``yes | caxton up``."""
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as yes:
        assert yes.stdout is not None
        with running(*one, stdin=yes.stdout.fileno()) as up:
            done = up.done()
        yes.kill()
    assert (done.status, done.out) == (1, NOBODY)
    assert "[y/N]" not in done.err


def test_questions_that_nobody_sees(one: tuple[str, ...]) -> None:
    """A terminal for answers alone is not enough."""
    keys, terminal = os.openpty()
    with running(*one, stdin=terminal) as up:
        os.write(keys, b"y\n")
        done = up.done()
    os.close(terminal)
    os.close(keys)
    assert (done.status, done.out) == (1, NOBODY)


def test_a_terminal_that_goes_away(one: tuple[str, ...]) -> None:
    """Takes the person with it."""
    with at_terminal(*one) as up:
        question(up)
        up.hang_up()
        assert up.process.wait(SECONDS) == 1
        assert up.process.stdout is not None
        assert up.process.stdout.read() in (NOBODY, REFUSED)


# ---- when

_BACKGROUND: Final = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
try:
    os.setpgid(child, child)
except PermissionError:
    pass  # the child was faster, and has done it itself
os.read(int(os.environ["WHEN"]), 1)
os.tcsetpgrp(0, child)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, os.WUNTRACED)[1]))
"""
"""A shell's part: a session with a terminal, and the command as a job in its background, until a byte comes."""


def test_a_job_in_the_background(one: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not stopped by the terminal for wanting to ask, and asks when it is in the foreground."""
    when, now = os.pipe()
    monkeypatch.setenv("WHEN", str(when))
    with at_terminal(*one, wrapper=[sys.executable, "-c", _BACKGROUND], pass_fds=[when]) as up:
        up.typed("y\n")  # to the shell
        up.until("bring this job to the foreground")
        os.write(now, b"x")
        question(up)
        up.typed("y\n")
        assert up.done().status == 0
    os.close(when)
    os.close(now)


def test_an_agent_that_asks_as_it_starts(tmp_path: Path) -> None:
    """Its call is shown too, before the host is up."""
    starting = caller().replace(
        '(func (export "handle_message")',
        """(data (i32.const 64) "fs.list{}")
  (func (export "caxton_init") (result i32)
    (i32.lt_s (call $call_tool (i32.const 64) (i32.const 7) (i32.const 71) (i32.const 2)) (i32.const 0)))
  (func (export "handle_message")""",
    )
    file = str(asking(tmp_path, a=starting))
    for typed, status in (("y\n", 0), ("n\n", 1)):
        with at_terminal("up", file, "--send", "a", "fs.list {}") as up:
            assert "fs.list" in question(up)
            up.typed(typed)
            if status == 0:
                question(up)
                up.typed(typed)
            assert up.done().status == status


def test_ctrl_c_at_the_question(one: tuple[str, ...]) -> None:
    """Ends the command."""
    with at_terminal(*one) as up:
        question(up)
        up.signal(signal.SIGINT)
        assert up.done().status == 128 + signal.SIGINT
