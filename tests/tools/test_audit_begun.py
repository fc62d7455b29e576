"""A call is in the audit before it has ended; and it is there once, however often its host, or the disk, fails."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import caxton
from caxton.cli import tools as verbs
from caxton.errors import HostError
from caxton.testing import call
from caxton.tools import audit_file
from caxton.tools.audit import BEGUN, UNKNOWN, Audit, Entry, Opened, entry
from caxton.tools.audit_file import AuditFile, query
from caxton.tools.policy.digest import digest
from tests.agents.lab import asking, lab
from tests.conftest import Run
from tests.tools.lab import Gate, audited, quiet, spawn


def _begun(number: int, **values: Any) -> Entry:
    known = {"agent": "planner", "tool": "t.pay", "arguments": digest({"n": number}), "rule": "r", "outcome": BEGUN}
    return Entry(time=1_700_000_000_000 + number, duration=0.0, key=f"key-{number}", **(known | values))


def _ended(opened: Opened, outcome: str = "ok") -> Entry:
    return opened.entry.ended("r", outcome, 0.25, 7, 3)


def _outcomes(path: Path) -> list[tuple[int, str]]:
    """Numbers and outcomes, oldest first."""
    return [(one.time - 1_700_000_000_000, one.outcome) for one in query(path, limit=10_000)][::-1]


def _ids(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT id FROM calls ORDER BY id")]


class Watched(AuditFile):
    """A real database. ``seen``: the outcomes that it was given, write by write; ``broken``: it takes nothing."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path, most)
        self.seen: list[list[str]] = []
        self.broken = False
        self.entered, self.open_gate = threading.Event(), threading.Event()
        self.open_gate.set()

    def write(self, entries: Sequence[Entry | Opened]) -> None:
        """Writes, as soon as it may."""
        self.entered.set()
        assert self.open_gate.wait(30)
        if self.broken:
            raise HostError("storage.failed", "the disk is full")
        self.seen.append([one.entry.outcome if isinstance(one, Opened) else one.outcome for one in entries])
        super().write(entries)


class Files:
    """The databases that an audit has opened."""

    def __init__(self) -> None:
        self.all: list[Watched] = []

    def make(self, path: Path, most: int) -> Watched:
        """Opens one."""
        self.all.append(Watched(path, most))
        return self.all[-1]


def test_a_call_that_is_over_soon_is_written_once(run: Run, tmp_path: Path) -> None:
    """What has ended before the next transaction is one row, with its end."""

    async def main() -> None:
        files = Files()
        audit = Audit(tmp_path / "a.db", group=60, make_file=files.make)
        await audit.open()
        for number in range(300):
            opened = audit.begin(_begun(number))
            audit.end(opened, _ended(opened))
        await audit.flush()
        assert [["ok"] * 300] == [seen for seen in files.all[0].seen if seen]
        assert 0 == audit._backlog
        await audit.close()

    run(main())
    assert [(number, "ok") for number in range(300)] == _outcomes(tmp_path / "a.db")


def test_a_call_that_lasts_is_there_meanwhile(run: Run, tmp_path: Path) -> None:
    """Its row is changed when it ends; others keep theirs, and their order."""
    path = tmp_path / "a.db"

    async def main() -> None:
        audit = Audit(path)
        await audit.open()
        audit.record(_begun(0, outcome="ok"))
        opened = audit.begin(_begun(1))
        audit.record(_begun(2, outcome="grant.denied"))
        await audit.flush()
        assert [(0, "ok"), (1, BEGUN), (2, "grant.denied")] == _outcomes(path)
        ids = _ids(path)
        audit.end(opened, _ended(opened, "tool.timeout"))
        await audit.flush()
        assert [(0, "ok"), (1, "tool.timeout"), (2, "grant.denied")] == _outcomes(path)
        assert ids == _ids(path)
        (found,) = query(path, outcome="tool.timeout")
        assert _begun(1).ended("r", "tool.timeout", 0.25, 7, 3) == found
        assert (250.0, 7, 3) == (found.duration, found.result, found.tokens)
        await audit.close()

    run(main())


def test_what_ends_while_it_is_written(run: Run, tmp_path: Path) -> None:
    """The transaction has it as it was, or as it is; the next one has the end."""

    async def main() -> None:
        files = Files()
        audit = Audit(tmp_path / "a.db", group=0, make_file=files.make)
        await audit.open()
        file = files.all[0]
        file.entered.clear()
        file.open_gate.clear()
        opened = audit.begin(_begun(1))
        await asyncio.to_thread(file.entered.wait, 30)
        audit.end(opened, _ended(opened))
        file.open_gate.set()
        await audit.flush()
        assert 0 == audit._backlog
        await audit.close()

    run(main())
    assert [(1, "ok")] == _outcomes(tmp_path / "a.db")


def test_what_was_going_on_when_the_host_was_killed(run: Run, tmp_path: Path) -> None:
    """Stays as it was until the next host begins, which says that its end is not known."""
    path = tmp_path / "a.db"
    run(_killed(path, 1))
    assert [(1, BEGUN)] == _outcomes(path)
    run(_killed(path, 2))
    assert [(1, UNKNOWN), (2, BEGUN)] == _outcomes(path)
    assert 1 == len(query(path, outcome=UNKNOWN))


async def _killed(path: Path, number: int) -> None:
    """A host that ends without an end of its call, as by a SIGKILL."""
    audit = Audit(path)
    await audit.open()
    audit.begin(_begun(number))
    await audit.close()


def test_a_host_that_lives_keeps_its_calls(run: Run, tmp_path: Path) -> None:
    """Whoever begins beside it says nothing of them, nor of those of a third that was killed; the next one that is
    alone does."""
    path = tmp_path / "a.db"

    async def main() -> None:
        living = Audit(path)
        await living.open()
        opened = living.begin(_begun(1))
        await living.flush()
        await _killed(path, 2)
        await _killed(path, 3)
        assert [(1, BEGUN), (2, BEGUN), (3, BEGUN)] == _outcomes(path)
        living.end(opened, _ended(opened))
        await living.close()

    run(main())
    run(_killed(path, 4))
    assert [(1, "ok"), (2, UNKNOWN), (3, UNKNOWN), (4, BEGUN)] == _outcomes(path)


def test_a_call_that_was_thought_lost(run: Run, tmp_path: Path) -> None:
    """Where the file system has no locks another host may say so too early; its end puts that right."""
    path = tmp_path / "a.db"

    async def main() -> None:
        audit = Audit(path)
        await audit.open()
        opened = audit.begin(_begun(1))
        await audit.flush()
        file = AuditFile(path, 100)
        file.lose_begun()
        file.close()
        assert [(1, UNKNOWN)] == _outcomes(path)
        audit.end(opened, _ended(opened))
        await audit.close()

    run(main())
    assert [(1, "ok")] == _outcomes(path)


def test_a_database_from_before_calls_were_written_that_go_on(tmp_path: Path) -> None:
    """Is read as it is, and gets its index from the first host that writes."""
    path, new = tmp_path / "a.db", tmp_path / "b.db"
    for one in (path, new):
        file = AuditFile(one, 100)
        file.write([_begun(1)])
        file.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP INDEX calls_begun")
    before = path.read_bytes()
    assert [(1, BEGUN)] == _outcomes(path)
    assert before == path.read_bytes()
    AuditFile(path, 100).close()
    schemas = []
    for one in (path, new):
        with closing(sqlite3.connect(one)) as database:
            schemas.append(database.execute("SELECT sql FROM sqlite_schema").fetchall())
            plan = str(database.execute(f"EXPLAIN QUERY PLAN {audit_file._LOSE}").fetchall())
            assert "calls_begun" in plan  # not a look at a million rows
    assert schemas[0] == schemas[1]


def test_a_disk_that_is_full_for_a_while(run: Run, tmp_path: Path) -> None:
    """Each call has one row in the end: those that began and ended before, meanwhile and after."""

    async def main() -> None:
        files = Files()
        audit = Audit(tmp_path / "a.db", make_file=files.make)
        await audit.open()
        before = [audit.begin(_begun(number)) for number in range(4)]
        await audit.flush()
        files.all[-1].broken = True
        audit.end(before[0], _ended(before[0]))
        meanwhile = [audit.begin(_begun(number)) for number in range(4, 8)]
        audit.end(meanwhile[0], _ended(meanwhile[0]))
        with pytest.raises(HostError):
            await audit.flush()
        audit.end(before[1], _ended(before[1]))
        audit.end(meanwhile[1], _ended(meanwhile[1]))
        await audit.flush()
        assert 2 == len(files.all)
        for opened in (before[2], meanwhile[2]):
            audit.end(opened, _ended(opened))
        await audit.flush()
        assert 0 == audit._backlog
        await audit.close()

    run(main())
    wanted = [(number, BEGUN if number in (3, 7) else "ok") for number in range(8)]
    assert wanted == sorted(_outcomes(tmp_path / "a.db"))


def test_another_database_in_its_place(run: Run, tmp_path: Path) -> None:
    """A row of the old one is nothing in the new one: nobody else's is replaced."""
    path, other = tmp_path / "a.db", tmp_path / "b.db"
    file = AuditFile(other, 1_000)
    file.write([_begun(number + 50) for number in range(3)])
    file.close()

    async def main() -> None:
        files = Files()
        audit = Audit(path, make_file=files.make)
        await audit.open()
        opened = [audit.begin(_begun(number)) for number in range(3)]
        await audit.flush()
        files.all[-1].broken = True
        audit.record(_begun(9, outcome="ok"))
        with pytest.raises(HostError):
            await audit.flush()
        other.replace(path)
        for suffix in ("-wal", "-shm"):
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
        for one in opened:
            audit.end(one, _ended(one))
        await audit.flush()
        await audit.close()

    run(main())
    mine = [(9, "ok"), *((number, "ok") for number in range(3))]
    assert [*((number + 50, BEGUN) for number in range(3)), *mine] == _outcomes(path)


def test_a_call_that_outlasts_what_is_kept(run: Run, tmp_path: Path) -> None:
    """Its row went with the old ones; its end is a row again."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db", most=20)
        await audit.open()
        opened = audit.begin(_begun(0))
        await audit.flush()
        for number in range(1, 40):
            audit.record(_begun(number, outcome="ok"))
        await audit.flush()
        assert (0, BEGUN) not in _outcomes(tmp_path / "a.db")
        audit.end(opened, _ended(opened))
        await audit.close()

    run(main())
    assert (0, "ok") == _outcomes(tmp_path / "a.db")[-1]


def test_calls_that_are_alike(run: Run, tmp_path: Path) -> None:
    """Are as many entries as there were calls."""

    async def main() -> None:
        audit = Audit(tmp_path / "a.db")
        await audit.open()
        for _ in range(3):
            audit.record(_begun(0, outcome="grant.denied"))
            audit.begin(_begun(1))
        await audit.close()

    run(main())
    assert [(0, "grant.denied"), (1, BEGUN)] * 3 == _outcomes(tmp_path / "a.db")


def test_hosts_that_share_one_in_any_order(run: Run, tmp_path: Path) -> None:
    """Calls begin and end, entries are written and refused, at random: each call has exactly one row, with its end."""
    path = tmp_path / "a.db"
    generator = random.Random(11)

    async def main() -> dict[int, str]:
        audits = [Audit(path, group=0) for _ in range(3)]
        for audit in audits:
            await audit.open()
        numbers, going, wanted = itertools.count(), [], {}
        for _ in range(600):
            audit, what = generator.choice(audits), generator.random()
            if what < 0.45:
                number = next(numbers)
                wanted[number] = BEGUN
                going.append((audit, number, audit.begin(_begun(number))))
            elif what < 0.8 and going:
                audit, number, opened = going.pop(generator.randrange(len(going)))
                wanted[number] = generator.choice(["ok", "tool.failed", "grant.denied"])
                audit.end(opened, _ended(opened, wanted[number]))
            elif what < 0.9:
                await audit.flush()
            else:
                await asyncio.sleep(0)
        await asyncio.gather(*(audit.close() for audit in audits))
        return wanted

    wanted = run(main())
    assert sorted(wanted.items()) == sorted(_outcomes(path))


def test_the_log_has_calls_when_they_have_ended(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A line each, with or without a database."""

    async def main() -> None:
        audit = Audit()
        await audit.open()
        opened = audit.begin(_begun(0))
        assert [] == caplog.records
        audit.end(opened, _ended(opened))
        await audit.close()

    with caplog.at_level(logging.INFO, "caxton.tools.audit"):
        run(main())
    assert [_begun(0).ended("r", "ok", 0.25, 7, 3).line()] == [record.getMessage() for record in caplog.records]


def test_an_entry_that_has_begun() -> None:
    """No duration, and the time at which it is written; its end keeps who, what and when."""
    found = entry(agent="a", tool="t", arguments="0" * 64, rule="r", outcome=BEGUN, began=10.0, now=10.25)
    assert (0.0, BEGUN) == (found.duration, found.outcome)
    assert not found.refused
    ended = found.ended("r2", "ok", -1.0, 5, -2)
    assert replace(found, rule="r2", outcome="ok", duration=0.0, result=5, tokens=0) == ended


# ---- calls of agents


def test_a_call_is_written_before_it_is_made(run: Run, tmp_path: Path) -> None:
    """While a tool runs its call is in the database; one that waits for a person is not being made yet."""
    path = tmp_path / "audit.db"
    rules = {"asks": caxton.Rule(approve="ask")}

    async def main() -> None:
        with audited() as entries, quiet():
            async with lab(tools=caxton.ToolSettings(audit=path)) as a:
                audit = a.host._tooling._audit
                assert audit is not None
                gates = [Gate(a, "gate"), Gate(a, "asks")]
                agent = await spawn(a, rules=rules)
                steps = [call("tool_start", name, "{}", 9_000) for name in ("gate", "asks", "none.such")]
                waiting = asking(agent, *steps, call("call_tool", "gate", "{}"))
                await a.settle()
                await audit.flush()
                found = sorted((one.tool, one.outcome) for one in query(path))
                assert [("gate", BEGUN), ("gate", BEGUN), ("none.such", "tool.unknown")] == found
                assert ["none.such"] == [one["tool"] for one in entries.found]
                a.host.approvals.approve(a.host.approvals.pending()[0].id)
                await a.settle()
                await audit.flush()
                (asked,) = query(path, tool="asks")
                assert (BEGUN, 'tools = "*"; rules."asks".approve') == (asked.outcome, asked.rule)
                for gate in gates:
                    gate.open()
                await waiting
        assert {"ok", "cancelled", "tool.unknown"} >= {one.outcome for one in query(path)}
        assert 4 == len(query(path)) == len(entries.lines)

    run(main())


def test_the_page_of_what_has_begun(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No time and no bytes: nobody knows them."""
    file = AuditFile(tmp_path / "a.db", 100)
    file.write([_begun(0)])
    file.close()
    assert 0 == verbs.audit(tmp_path / "a.db", outcome=BEGUN, json=False)
    assert ["planner", "t.pay", "begun", "-", "-", "r"] == capfd.readouterr().out.splitlines()[1].split()[2:8]
