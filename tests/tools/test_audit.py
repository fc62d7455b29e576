"""Every call has its entry: none is lost, none is late, and what cannot be audited is not done."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.errors import HostError
from caxton.text import safe
from caxton.tools.audit import BEFORE_THE_TOOL, Audit, Entry, Opened, entry
from caxton.tools.audit_file import AuditFile, query
from caxton.tools.policy.digest import digest
from tests.conftest import Run


def made(number: int = 0, **values: Any) -> Entry:
    """An entry."""
    known: dict[str, Any] = {
        "time": 1_700_000_000_000 + number,
        "agent": "planner",
        "tool": "http.fetch",
        "arguments": digest({"n": number}),
        "rule": 'tools = "http.*"',
        "outcome": "ok",
        "duration": 1.5,
        "key": f"key-{number}",
        "result": 120,
    }
    return Entry(**(known | values))


class Gate(AuditFile):
    """A real database that writes when a test lets it, and fails when a test says so."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path, most)
        self.sizes: list[int] = []

    open_gate = threading.Event()
    broken = threading.Event()
    entered = threading.Event()

    def write(self, entries: Sequence[Entry | Opened]) -> None:
        """Waits for the gate."""
        self.entered.set()
        assert self.open_gate.wait(30)
        if self.broken.is_set():
            raise HostError("storage.failed", "the disk is full")
        self.sizes.append(len(entries))
        super().write(entries)


@pytest.fixture
def gate() -> type[Gate]:
    """An open gate."""

    class OfThisTest(Gate):
        open_gate, broken, entered = threading.Event(), threading.Event(), threading.Event()

    OfThisTest.open_gate.set()
    return OfThisTest


FIRST = """\
CREATE TABLE calls (id INTEGER PRIMARY KEY, refused INTEGER NOT NULL, time INTEGER NOT NULL, agent TEXT NOT NULL, \
tool TEXT NOT NULL, arguments TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL, \
duration REAL NOT NULL, key TEXT NOT NULL, result INTEGER NOT NULL);
CREATE INDEX calls_by_kind ON calls (refused, id);
INSERT INTO calls VALUES (1, 0, 1, 'old', 't', 'a', 'r', 'ok', 1.0, 'k', 1);
"""


def test_a_database_from_before_there_were_tokens(tmp_path: Path) -> None:
    """Is read as it is, and gets the column from the first host that writes; its entries stay."""
    path = tmp_path / "audit.db"
    database = sqlite3.connect(path)
    database.executescript(FIRST)
    database.close()
    before = path.read_bytes()
    assert [("old", 0)] == [(one.agent, one.tokens) for one in query(path)]
    assert before == path.read_bytes()
    for number in range(2):
        file = AuditFile(path, 100)
        file.write([made(number, tokens=7)])
        file.close()
    assert [("planner", 7), ("planner", 7), ("old", 0)] == [(one.agent, one.tokens) for one in query(path)]
    new = tmp_path / "new.db"
    AuditFile(new, 100).close()
    tables = [sqlite3.connect(one).execute("SELECT sql FROM sqlite_schema").fetchall() for one in (path, new)]
    assert tables[0] == tables[1]


def test_a_call_without_a_digest_is_a_refused_one() -> None:
    """Whatever its code: no tool has seen it."""
    assert made(arguments="", outcome="tool.bad-arguments").refused
    assert made(outcome="grant.denied").refused
    assert not made(outcome="tool.bad-arguments").refused


def test_entries_are_kept_and_found(run: Run, tmp_path: Path) -> None:
    """As they were, newest first, also after the host has ended."""
    path = tmp_path / "data" / "audit.db"
    entries = [made(number, tool=f"t{number % 3}.x") for number in range(30)]

    async def main() -> None:
        audit = Audit(path)
        await audit.open()
        for one in entries:
            await audit.admit()
            audit.record(one)
        await audit.flush()
        assert entries[::-1] == query(path)
        await audit.close()

    run(main())
    assert entries[::-1] == query(path)
    assert 0o600 == path.stat().st_mode & 0o777


def test_an_entry_knows_when_the_call_began() -> None:
    """And what comes from an agent is made safe."""
    before = time.time() * 1000
    found = entry(
        agent="a", tool="x\x1b[2J\n" + "y" * 5000, arguments="0" * 64, rule="r", outcome="ok", began=10.0, now=10.25
    )
    assert abs(found.time - (before - 250)) < 5_000
    assert 250.0 == found.duration
    assert found.tool.startswith(r"x\x1b[2J\x0ayyy")
    assert len(found.tool.encode()) <= 256


# ---- the log


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "agent=planner tool=http.fetch"),
        ({"rule": 'rules."a b".x'}, 'rule="rules.\\"a b\\".x"'),
        ({"key": ""}, 'key=""'),
        ({"tool": "a outcome=ok"}, 'tool="a outcome=ok"'),
        ({"tool": "a\nb\x1b"}, 'tool="a\\nb\\u001b"'),
        ({"tool": "\u202eb"}, 'tool="\\u202eb"'),
        ({"tool": 'a"b\\'}, 'tool="a\\"b\\\\"'),
        ({"agent": "\u0430"}, 'agent="\u0430"'),
    ],
)
def test_a_line_has_one_meaning(values: dict[str, Any], words: str) -> None:
    """What an agent has named cannot add a word, or another line."""
    line = made(**values).line()
    assert words in line
    assert line.isprintable()
    assert line.startswith("time=1700000000000 agent=")
    assert line.endswith(" bytes=120 tokens=0")


@given(st.text(), st.text() | st.text('"\\ =', min_size=500))
def test_any_entry_is_one_line(tool: str, rule: str) -> None:
    """Without anything that controls a terminal, and with each key once outside of quotes."""
    line = made(tool=tool, rule=rule).line()
    assert line == safe(line, 100_000)
    outside = "".join(line.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    assert 1 == outside.count(" outcome=")


def test_every_call_is_in_the_log(caplog: pytest.LogCaptureFixture, run: Run) -> None:
    """At level info, with or without a database."""

    async def main() -> None:
        audit = Audit()
        await audit.open()
        await audit.admit()
        audit.record(made(outcome="grant.denied"))
        await audit.flush()
        await audit.close()

    with caplog.at_level(logging.INFO, "caxton.tools.audit"):
        run(main())
    assert [made(outcome="grant.denied").line()] == [record.getMessage() for record in caplog.records]


# ---- the writer


def test_entries_are_written_together(run: Run, tmp_path: Path, gate: type[Gate]) -> None:
    """While one transaction goes on the next ones gather."""

    async def main() -> None:
        files: list[Gate] = []

        def make(path: Path, most: int) -> Gate:
            files.append(gate(path, most))
            return files[-1]

        audit = Audit(tmp_path / "a.db", make_file=make)
        await audit.open()
        gate.open_gate.clear()
        gate.entered.clear()
        audit.record(made())
        await asyncio.to_thread(gate.entered.wait, 30)
        for number in range(1000):
            audit.record(made(number))
        gate.open_gate.set()
        await audit.flush()
        assert [0, 1, 1000] == files[0].sizes
        await audit.close()

    run(main())
    assert 1001 == len(query(tmp_path / "a.db", limit=5000))


def test_calls_wait_while_too_many_entries_do(run: Run, tmp_path: Path, gate: type[Gate]) -> None:
    """They are not refused, and no entry is dropped; calls that had begun still leave theirs."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", waiting=10, make_file=gate)
        await audit.open()
        gate.open_gate.clear()
        for number in range(15):
            if number < 10:
                await audit.admit()
            audit.record(made(number))
        calls = [asyncio.create_task(audit.admit()) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(call.done() for call in calls)
        gate.open_gate.set()
        await asyncio.gather(*calls)
        await audit.close()

    run(main())
    assert 15 == len(query(tmp_path / "a.db"))


def test_refused_calls_fill_no_memory(
    run: Run, tmp_path: Path, gate: type[Gate], caplog: pytest.LogCaptureFixture
) -> None:
    """While nothing is written they are only counted from some number on; calls that were made are kept."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", waiting=10, make_file=gate)
        await audit.open()
        gate.open_gate.clear()
        for number in range(1_000):
            audit.record(made(number, outcome="grant.denied"))
        audit.record(made(1_000))
        assert 980 == audit.unwritten
        assert 1 == len(caplog.records)
        gate.open_gate.set()
        await audit.close()

    run(main())
    assert [1_000, *range(19, -1, -1)] == [one.time - 1_700_000_000_000 for one in query(tmp_path / "a.db")]


def test_a_call_that_waits_can_be_cancelled(run: Run, tmp_path: Path, gate: type[Gate]) -> None:
    """And the others go on."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", waiting=1, make_file=gate)
        await audit.open()
        gate.open_gate.clear()
        audit.record(made())
        first, second = (asyncio.create_task(audit.admit()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.open_gate.set()
        await second
        await audit.close()

    run(main())


def test_what_cannot_be_audited_is_not_done(run: Run, tmp_path: Path, gate: type[Gate]) -> None:
    """New calls are refused, those that wait too; when the database takes entries again, none is missing."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", waiting=3, make_file=gate)
        await audit.open()
        gate.open_gate.clear()
        gate.broken.set()
        for number in range(3):
            audit.record(made(number))
        waiting = asyncio.create_task(audit.admit())
        await asyncio.sleep(0)
        gate.open_gate.set()
        for call in (waiting, audit.flush(), audit.admit()):
            with pytest.raises(HostError, match="the disk is full") as caught:
                await call
            assert "storage.failed" == caught.value.code
        audit.record(made(3))  # of a call that had begun before
        gate.broken.clear()
        await audit.flush()
        await audit.admit()
        assert 0 == audit._backlog
        assert [3, 2, 1, 0] == [one.time % 1000 for one in query(tmp_path / "a.db")]
        await audit.close()

    run(main())


def test_a_refused_call_has_the_writer_try_again(run: Run, tmp_path: Path, gate: type[Gate]) -> None:
    """Nobody has to restart the host when the disk has room again."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", make_file=gate)
        await audit.open()
        gate.broken.set()
        audit.record(made())
        with pytest.raises(HostError):
            await audit.flush()
        gate.broken.clear()
        with pytest.raises(HostError):
            await audit.admit()
        while True:
            try:
                await audit.admit()
                break
            except HostError:
                await asyncio.to_thread(gate.entered.wait, 0.001)
        await audit.close()

    run(main())
    assert [made()] == query(tmp_path / "a.db")


def test_a_mistake_of_the_writer_is_a_failure(run: Run, tmp_path: Path) -> None:
    """Not a thread that is gone, so that everybody waits."""

    class Wrong(AuditFile):
        def write(self, entries: Sequence[Entry | Opened]) -> None:
            if entries:
                raise ZeroDivisionError("a mistake")

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", make_file=Wrong)
        await audit.open()
        audit.record(made())
        with pytest.raises(HostError, match="ZeroDivisionError: a mistake"):
            await audit.flush()
        logging.getLogger("caxton.tools.audit").disabled = True
        try:
            await audit.close()
        finally:
            logging.getLogger("caxton.tools.audit").disabled = False

    run(main())
    assert not any(thread.name == "caxton-audit" for thread in threading.enumerate())


def test_entries_that_are_lost_at_the_end_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, gate: type[Gate]
) -> None:
    """As an error in the log, with their number."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", make_file=gate)
        await audit.open()
        gate.broken.set()
        for number in range(3):
            audit.record(made(number))
        await audit.close()

    with caplog.at_level(logging.ERROR, "caxton.tools.audit"):
        asyncio.run(main())
    assert ["3 entries of the audit could not be written: the disk is full"] == [one.message for one in caplog.records]


@pytest.mark.parametrize("what", ["a directory", "another's database", "no database", "a link", "below a file"])
def test_what_cannot_be_opened_fails_at_the_start(run: Run, tmp_path: Path, what: str) -> None:
    """The host does not start, and no thread is left."""
    path = tmp_path / "a.db"
    if what == "a directory":
        path.mkdir()
    elif what == "another's database":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE mine (x)")
        database.close()
    elif what == "no database":
        path.write_bytes(b"something else entirely" * 1000)
    elif what == "a link":
        path.symlink_to(tmp_path / "elsewhere.db")
    else:
        path.write_bytes(b"")
        path = path / "a.db"

    async def main() -> None:
        audit = Audit(path)
        with pytest.raises(HostError) as caught:
            await audit.open()
        assert "storage.failed" == caught.value.code
        await audit.close()

    run(main())
    assert not any(thread.name == "caxton-audit" for thread in threading.enumerate())
    assert not (tmp_path / "elsewhere.db").exists()


def test_refused_calls_push_out_no_others(run: Run, tmp_path: Path) -> None:
    """The newest of each kind are kept: an agent cannot bury what it did under what it was denied."""
    path = tmp_path / "a.db"

    async def main() -> None:
        audit = Audit(path, most=40)
        await audit.open()
        for number in range(10):
            audit.record(made(number))
        for number in range(500):
            await audit.admit()
            audit.record(made(1000 + number, outcome=sorted(BEFORE_THE_TOOL)[number % len(BEFORE_THE_TOOL)]))
            if number % 100 == 0:
                await audit.flush()
        await audit.close()

    run(main())
    found = query(path, limit=1000)
    assert 10 == sum(one.outcome == "ok" for one in found)
    assert 20 <= len(found) - 10 <= 40
    assert 1_700_000_001_499 == found[0].time


def test_an_entry_costs_the_loop_little(run: Run, tmp_path: Path) -> None:
    """Admission, the digest of the arguments and the entry: some dozens of calls, with no database among them."""

    async def main() -> list[int]:
        audit = Audit(tmp_path / "a.db")
        await audit.open()
        calls, counts = 0, []

        def note(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += 1

        for number in range(2_000):
            calls = 0
            sys.setprofile(note)
            await audit.admit()
            hashed = digest({"url": "https://docs.example.org/", "n": number})
            audit.record(entry(agent="a", tool="t", arguments=hashed, rule="r", outcome="ok", began=0, now=0.1))
            sys.setprofile(None)
            counts.append(calls)
            await asyncio.sleep(0)
        await audit.close()
        return counts

    assert statistics.median(run(main())) < 100
    assert 2_000 == len(query(tmp_path / "a.db", limit=5_000))
