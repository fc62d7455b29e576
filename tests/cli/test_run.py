"""``caxton run`` hands on messages, answers, parameters, tools, time and chance as it is told to."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import Guests, caxton

NOON = 1_769_860_800_123


def test_no_message_is_an_empty_one(guest: Guests) -> None:
    """Without --message the agent gets one empty message."""
    done = caxton("run", guest("picky"))
    assert (done.status, done.out) == (0, b"0")


def test_answers_are_nothing_but_bytes(guest: Guests) -> None:
    """Where no terminal is, the answers' bytes come out as they are, one after another."""
    done = caxton("run", guest("binary"), "--message", "a", "--message", "b")
    assert (done.status, done.out) == (0, b"\xfe\x80\xff\x00" * 2)


def test_messages_in_their_order(guest: Guests, tmp_path: Path) -> None:
    """Messages are delivered in the order in which they are given, wherever each comes from."""
    (tmp_path / "file").write_bytes(b"2\xff")
    arguments = ("--message", "1", "--message-file", str(tmp_path / "file"), "--message", "3", "--message-file", "-")
    done = caxton("run", guest("echo"), *arguments, "--message", "--json", stdin=b"4\0")
    assert (done.status, done.out) == (0, b"12\xff34\0--json")


def test_message_at_its_limit(guest: Guests) -> None:
    """A message of 1 MiB goes there and back; a longer one is limit.message-size."""
    exact = bytes(range(256)) * 4096
    done = caxton("run", guest("echo"), "--message-file", "-", stdin=exact)
    assert (done.status, done.out) == (0, exact)
    done = caxton("run", guest("echo"), "--message-file", "-", stdin=exact + b"!")
    assert (done.status, done.out) == (5, b"")
    assert done.err.startswith("caxton: limit.message-size: ")


def test_log_on_standard_error(guest: Guests) -> None:
    """What the agent logs is one line on standard error: the level, and the text made safe."""
    done = caxton("run", guest("logging"))
    assert (done.status, done.out) == (0, b"")
    assert done.lines == [r"warning: one\x0atwo \x1b[31m\x07\u202e\x9b\x7f"]


def test_parameters(guest: Guests) -> None:
    """--param gives the agent JSON where it is JSON, and text where it is not."""
    arguments = ("--param", "a=[1,true]", "--param", "b=plain", "--param", "c=x=y", "--param", "d=01", "--param", "e=")
    done = caxton("run", guest("context"), *arguments)
    assert json.loads(done.out)["params"] == {"a": [1, True], "b": "plain", "c": "x=y", "d": "01", "e": ""}


def test_limits_and_name(guest: Guests) -> None:
    """--fuel and --deadline are what the agent is told that it has; it is called what its file is called."""
    found = json.loads(caxton("run", guest("context"), "--fuel", "5_000_000", "--deadline", "2m").out)
    assert found["agent"] == "context"
    assert 4_990_000 < found["fuel"] < 5_000_000
    assert found["deadline_ms"] == 120_000


def test_stub(guest: Guests, tmp_path: Path) -> None:
    """--stub grants a tool that answers with a file's content: JSON as it is, other text as a JSON text."""
    (tmp_path / "json").write_text('{"time":  1.50}')
    (tmp_path / "text").write_text('half "past" one\n')
    assert caxton("run", guest("calling"), "--stub", f"time.now={tmp_path}/json").out == b'{"time":  1.50}'
    assert caxton("run", guest("calling"), "--stub", f"time.now={tmp_path}/text").out == rb'"half \"past\" one\n"'


def test_grant(guest: Guests) -> None:
    """Without a grant a tool is denied; with one it is still unknown, when nobody has it."""
    assert int.from_bytes(caxton("run", guest("calling")).out, "little", signed=True) == -2
    granted = caxton("run", guest("calling"), "--grant", "time.*")
    assert int.from_bytes(granted.out, "little", signed=True) == -9


def test_seed(guest: Guests) -> None:
    """The same --seed gives the same random numbers, another one others."""
    first, again, other = (caxton("run", guest("random"), "--seed", seed).out for seed in ("7", "7", "-8"))
    assert len(first) == 8
    assert first == again != other


def test_clock(guest: Guests) -> None:
    """--clock says what time it is; only waiting makes it later. So runs can be repeated."""
    done = caxton("run", guest("clock"), "--clock", "2026-01-31T12:00:00.123Z", "--message", "a", "--message", "b")
    times = [int.from_bytes(done.out[at : at + 8], "little") for at in (0, 8)]
    assert times == [NOON, NOON + 30]


def test_a_file_is_no_text(guest: Guests, tmp_path: Path) -> None:
    """MODULE is always a path, even where it looks like WebAssembly text."""
    done = caxton("run", "(module)", cwd=tmp_path)
    assert (done.status, done.err.startswith("caxton: module.not-found: ")) == (3, True)
    (tmp_path / "(module)").write_text(Path(guest("echo")).read_text())
    assert caxton("run", "(module)", "--message", "x", cwd=tmp_path).out == b"x"
