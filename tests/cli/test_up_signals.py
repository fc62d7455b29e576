"""The first signal lets ``caxton up`` end what has begun; the second ends it at once; no tool server outlives it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command import GUESTS
from tests.cli.running import Gone, Running, caller, hostile, project, running, working

SLEEPING = '[agents.a]\nmodule = "sleeping.wat"\nlimits = { deadline = "1h" }\n'
UP = "caxton: 1 agent up; Ctrl-C ends"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal(tmp_path: Path, number: signal.Signals) -> None:
    """The turn that runs ends, and the messages behind it are delivered; then it ends well."""
    file = project(tmp_path, '[agents.a]\nmodule = "a.wat"\n', a=working(3, 60))
    with running("up", str(file)) as up:
        up.until("begun")
        up.signal(number)
        done = up.done()
    assert (done.status, done.out) == (0, b"")
    assert sum("ended" in line for line in done.lines) == 3
    assert [line for line in done.lines if not line.startswith("caxton: info: a: ")] == [
        UP,
        "caxton: ending what has begun; Ctrl-C again ends at once",
    ]


def test_a_host_that_is_idle(tmp_path: Path) -> None:
    """Ends at once."""
    with running("up", str(project(tmp_path, '[agents.a]\nmodule = "a.wat"\n', a=GUESTS["echo"]))) as up:
        up.until(UP)
        up.signal(signal.SIGTERM)
        assert up.done().status == 0


@pytest.mark.parametrize(("first", "second"), [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)])
def test_the_second_signal(tmp_path: Path, first: signal.Signals, second: signal.Signals) -> None:
    """Ends it in the middle of a turn; the exit status is that signal's."""
    with running("up", str(project(tmp_path, SLEEPING, sleeping=working(1, 1_000_000)))) as up:
        up.until("begun")
        up.signal(first)
        up.until("ending what has begun")
        up.signal(second)
        done = up.done()
    assert done.status == 128 + second
    assert "ended" not in done.err.replace("ending", "")


def test_a_signal_while_an_agent_starts(tmp_path: Path) -> None:
    """Nothing has begun that could come to its end: the exit status is the signal's, and nothing is said."""
    text = '[agents.a]\nmodule = "a.wat"\nlimits = { deadline = "1h", fuel = 1_000_000_000_000_000 }\n'
    with running("up", str(project(tmp_path, text, a=GUESTS["start-spinning"]))) as up:
        up.until("ready")
        up.signal(signal.SIGTERM)
        done = up.done()
    assert (done.status, done.lines) == (128 + signal.SIGTERM, ["caxton: info: a: ready"])


def test_a_signal_while_one_is_asked(tmp_path: Path) -> None:
    """``--send`` gives up: the exit status is the signal's."""
    with running("up", str(project(tmp_path, SLEEPING, sleeping=GUESTS["sleeping"])), "--send", "a", "x") as up:
        up.until("ready")
        up.signal(signal.SIGINT)
        done = up.done()
    assert (done.status, done.out, len(done.lines)) == (128 + signal.SIGINT, b"", 1)


@pytest.fixture
def with_servers(tmp_path: Path) -> Iterator[tuple[Running, Gone]]:
    """A host whose agent has called a tool that has started processes which ignore SIGTERM."""
    text = hostile() + '[agents.a]\nmodule = "a.wat"\ntools = ["h.*"]\n'
    with running("up", str(project(tmp_path, text, a=caller("h.spawn {}")))) as up:
        line = up.until('{"content"').partition("caxton: info: a: ")[2]
        pids = json.loads(json.loads(line)["content"][0]["text"])
        assert len(pids) == 4
        with closing(Gone(pids)) as gone:
            yield up, gone


def test_a_signal_ends_the_servers(with_servers: tuple[Running, Gone]) -> None:
    """All that they have started is gone when the command is."""
    up, gone = with_servers
    up.signal(signal.SIGTERM)
    assert up.done().status == 0
    assert gone.wait()


@pytest.mark.parametrize("how", ["killed", "twice"])
def test_no_orphans(with_servers: tuple[Running, Gone], how: str) -> None:
    """Nor do they outlive a host that had no time for anything: it was killed, or told twice to end."""
    up, gone = with_servers
    if how == "killed":
        up.signal(signal.SIGKILL)
    else:
        up.signal(signal.SIGTERM)
        up.until("ending what has begun")
        up.signal(signal.SIGTERM)
    assert up.process.wait() == (-signal.SIGKILL if how == "killed" else 128 + signal.SIGTERM)
    assert gone.wait()
