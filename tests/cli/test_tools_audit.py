"""``caxton tools audit`` shows what was called, and believes no file that is no audit."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from caxton.tools.audit_file import query
from tests.cli.command import EVIL, SECONDS, TOOLBOX, Done, caxton, caxton_each, is_harmless
from tests.cli.running import caller, project, running


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose agents have called this and that."""
    folder = tmp_path_factory.mktemp("audit")
    text = '[agents.a]\nmodule = "a.wat"\ntools = ["fs.*"]\n[agents.b]\nmodule = "a.wat"\ntools = ["*"]\n'
    file = project(folder, text, a=caller())
    calls = [("a", "fs.list {}"), ("a", "time.now {}"), ("b", "fs.list {}"), ("b", f"{EVIL} {{}}")]
    caxton_each([("up", str(file), "--send", *call) for call in calls], preload=("caxton.cli.up", *TOOLBOX))
    return file


FILTERS: Final[dict[tuple[str, ...], list[tuple[str, str, str]]]] = {
    (): [
        ("b", EVIL, "tool.unknown"),
        ("b", "fs.list", "ok"),
        ("a", "time.now", "grant.denied"),
        ("a", "fs.list", "ok"),
    ],
    ("--agent", "b"): [("b", EVIL, "tool.unknown"), ("b", "fs.list", "ok")],
    ("--tool", "fs.*"): [("b", "fs.list", "ok"), ("a", "fs.list", "ok")],
    ("--outcome", "ok", "--agent", "a"): [("a", "fs.list", "ok")],
    ("--outcome", "grant.denied"): [("a", "time.now", "grant.denied")],
    ("--limit", "1"): [("b", EVIL, "tool.unknown")],
    ("--since", "1h", "--limit", "10_000", "--agent", "a"): [("a", "time.now", "grant.denied"), ("a", "fs.list", "ok")],
    ("--since", "2200-01-01T00:00:00Z"): [],
    ("--agent", "' OR 1=1 --"): [],
    ("--agent", "\udcff\x1b"): [],
}
WRONG: Final[dict[tuple[str, ...], str]] = {
    ("--limit", "0"): "--limit",
    ("--limit", "10001"): "--limit",
    ("--limit", "x"): "--limit",
    ("--since", "yesterday"): "--since",
    ("--since", "-5m"): "--since",
    ("--since", EVIL): r"\x1b[31m",
    ("--outcme", "ok"): "did you mean --outcome?",
    ("x",): "unexpected extra argument",
}


@pytest.fixture(scope="module")
def queries(audited: Path) -> Mapping[tuple[str, ...], Done]:
    """What became of all queries."""
    lines = [*FILTERS, *((*line, "--json") for line in (*FILTERS, *WRONG))]
    done = caxton_each([("tools", "audit", *line, "--config", str(audited)) for line in lines], preload=TOOLBOX)
    return dict(zip(lines, done, strict=True))


@pytest.mark.parametrize("line", FILTERS)
def test_audit(queries: Mapping[tuple[str, ...], Done], line: tuple[str, ...]) -> None:
    """The newest first; each option leaves out what it does not name. A table, or one object."""
    done, plain = queries[(*line, "--json")], queries[line]
    assert (done.status, done.err, plain.status, plain.err) == (0, "", 0, "")
    shown = r"\x1b[31m\u202eevil\x07"
    wanted = [(agent, shown if tool == EVIL else tool, outcome) for agent, tool, outcome in FILTERS[line]]
    assert [(one["agent"], one["tool"], one["outcome"]) for one in done.object["entries"]] == wanted
    rows = [tuple(row.split()[2:5]) for row in plain.out.decode().splitlines()[1:]]
    assert rows == wanted
    assert wanted or plain.out == b"no such entry\n"
    assert is_harmless(plain.out.decode())


@pytest.mark.parametrize("line", WRONG)
def test_audit_nonsense(queries: Mapping[tuple[str, ...], Done], line: tuple[str, ...]) -> None:
    """One line that names the option, and one object."""
    done = queries[(*line, "--json")]
    assert (done.status, done.object["error"]["code"], len(done.lines)) == (2, "config.invalid", 1)
    assert WRONG[line] in done.err
    assert is_harmless(done.err)


@contextlib.contextmanager
def _database(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        yield database
        database.commit()


def _damage(kind: str, sound: Path, file: Path) -> None:
    """Puts something in the place of an audit."""
    if kind == "nothing":
        return
    if kind == "a directory":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    elif kind == "a device":
        file.symlink_to("/dev/zero")
    elif kind == "a loop":
        file.symlink_to(file)
    elif kind == "no database":
        file.write_bytes(b"\x1b[31m" * 10_000)
    elif kind == "empty":
        file.write_bytes(b"")
    else:
        with _database(sound) as source, _database(file) as copy:
            source.backup(copy)
        _spoil(kind, file)


def _spoil(kind: str, file: Path) -> None:
    if kind == "cut off":
        os.truncate(file, file.stat().st_size // 2)
        return
    if kind == "torn":
        data = file.read_bytes()
        file.write_bytes(data[:200] + bytes(len(data) - 200))
        return
    statements = {
        "another's": "CREATE TABLE more (x)",
        "with a trigger": "CREATE TRIGGER t AFTER INSERT ON calls BEGIN SELECT 1; END",
        "wrong kinds": "UPDATE calls SET time = 'never'",
        "blobs": "UPDATE calls SET tool = x'1b5b'",
    }
    with _database(file) as database:
        database.execute(statements[kind])


DAMAGED: Final = (
    "nothing", "a directory", "a pipe", "a device", "a loop", "no database", "empty",
    "cut off", "torn", "another's", "with a trigger", "wrong kinds", "blobs",
)  # fmt: skip


@pytest.fixture(scope="module")
def damaged(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Done]:
    """What became of queries of what is no audit."""
    lines = []
    for kind in DAMAGED:
        folder = tmp_path_factory.mktemp("damaged")
        (folder / ".caxton").mkdir()
        _damage(kind, audited.parent / ".caxton" / "audit.db", folder / ".caxton" / "audit.db")
        lines.append(("tools", "audit", "--json", "--config", str(project(folder, '[agents.a]\nmodule = "x"\n'))))
    return dict(zip(DAMAGED, caxton_each(lines, preload=TOOLBOX), strict=True))


@pytest.mark.parametrize("kind", DAMAGED)
def test_audit_of_what_is_none(damaged: Mapping[str, Done], kind: str) -> None:
    """A file that is missing, damaged, or something else is ``storage.failed``, in one line."""
    done = damaged[kind]
    assert (done.status, done.object["error"]["code"], len(done.lines)) == (6, "storage.failed", 1)
    assert done.err.startswith("caxton: storage.failed: ")
    assert is_harmless(done.err)


def test_audit_while_the_host_runs(tmp_path: Path) -> None:
    """It can be asked at any time, and has everything when the host has ended."""
    text = '[agents.a]\nmodule = "a.wat"\ntools = ["fs.*"]\n'
    with running("up", str(project(tmp_path, text, a=caller("fs.list {}")))) as up:
        up.until("{")
        during = caxton("tools", "audit", "--json", cwd=tmp_path)
        up.signal(signal.SIGTERM)
        assert up.done().status == 0
    after = caxton("tools", "audit", "--json", cwd=tmp_path)
    assert (during.status, after.status) == (0, 0)
    assert [one["tool"] for one in during.object["entries"]] in ([], ["fs.list"])
    assert [one["tool"] for one in after.object["entries"]] == ["fs.list"]


def test_audit_of_a_host_that_was_killed(tmp_path: Path) -> None:
    """A call that goes on is there; and it is still there, without an end, when its host was killed meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        rule = f'[agents.a.rules."http.fetch"]\nhosts = ["{address}"]\nprivate = ["{address}"]\n'
        text = f'[agents.a]\nmodule = "a.wat"\ntools = ["http.*"]\n{rule}'
        guest = caller(f'http.fetch {{"url":"http://{address}/"}}')
        with running("up", str(project(tmp_path, text, a=guest))) as up:
            asked, _ = silent.accept()
            with asked:
                while not query(tmp_path / ".caxton" / "audit.db"):
                    assert up.process.poll() is None
                during = caxton("tools", "audit", "--json", cwd=tmp_path)
                up.signal(signal.SIGKILL)
                assert -signal.SIGKILL == up.process.wait(SECONDS)
    after = caxton("tools", "audit", "--json", "--outcome", "begun", cwd=tmp_path)
    plain = caxton("tools", "audit", cwd=tmp_path)
    (tmp_path / "a.wat").write_text(caller())
    assert caxton("up", "--send", "a", "fs.list {}", cwd=tmp_path).status == 1
    later = caxton("tools", "audit", "--json", "--outcome", "unknown", cwd=tmp_path)
    assert [{**found, "outcome": "unknown"} for found in after.object["entries"]] == later.object["entries"]
    (found,) = after.object["entries"]
    assert during.object["entries"] == [found]
    assert ("a", "http.fetch", "begun", 0.0) == tuple(found[key] for key in ("agent", "tool", "outcome", "duration"))
    assert ["a", "http.fetch", "begun", "-", "-"] == plain.out.decode().splitlines()[1].split()[2:7]
