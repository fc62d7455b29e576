"""The audit answers questions: while a host writes, from a database that may be damaged or made to do harm."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from caxton.cli import tools as verbs
from caxton.errors import HostError
from caxton.tools import audit_file
from caxton.tools.audit import Audit, Entry
from caxton.tools.audit_file import AuditFile, query
from caxton.tools.policy.decision import Decision
from caxton.tools.policy.explain import Explanation, Step
from tests.conftest import Run


def _made(number: int, **values: Any) -> Entry:
    known = {"agent": "planner", "tool": "http.fetch", "arguments": f"{number:064x}", "rule": "r", "outcome": "ok"}
    return Entry(time=1_700_000_000_000 + number, duration=1.5, **(known | values))


def _file(path: Path, *entries: Entry) -> Path:
    file = AuditFile(path, 1_000)
    file.write(entries)
    file.close()
    return path


@pytest.fixture
def some(tmp_path: Path) -> Path:
    """Six calls."""
    return _file(
        tmp_path / "audit.db",
        _made(0),
        _made(1, agent="other"),
        _made(2, tool="http.head", outcome="tool.failed"),
        _made(3, tool="fs.write", outcome="grant.denied"),
        _made(4, tool="a'; DROP TABLE calls; --"),
        _made(5),
    )


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ({}, [5, 4, 3, 2, 1, 0]),
        ({"limit": 2}, [5, 4]),
        ({"limit": 0}, []),
        ({"limit": -1}, []),
        ({"agent": "other"}, [1]),
        ({"agent": "othe"}, []),
        ({"tool": "http.fetch"}, [5, 1, 0]),
        ({"tool": "http.*"}, [5, 2, 1, 0]),
        ({"tool": "a'; DROP TABLE calls; --"}, [4]),
        ({"outcome": "ok"}, [5, 4, 1, 0]),
        ({"outcome": "grant.denied", "agent": "planner"}, [3]),
        ({"since": 1_700_000_000_004}, [5, 4]),
        ({"since": -(10**9)}, [5, 4, 3, 2, 1, 0]),
        ({"agent": "' OR 1=1 --"}, []),
    ],
)
def test_questions(some: Path, question: dict[str, Any], numbers: list[int]) -> None:
    """By agent, tool, outcome and time, together or alone."""
    assert numbers == [one.time % 1000 for one in query(some, **question)]


def test_a_number_that_is_none_of_sqlite_s(some: Path) -> None:
    """Is an error of the contract's."""
    with pytest.raises(HostError, match=r"storage\.failed"):
        query(some, since=10**30)


def test_reading_while_a_host_writes(run: Run, tmp_path: Path) -> None:
    """Each answer is whole, and never older than what was written before the question."""
    path = tmp_path / "audit.db"

    async def main() -> None:
        audit = Audit(path, group=0)
        await audit.open()
        for number in range(200):
            audit.record(_made(number))
            if number % 20 == 19:
                await audit.flush()
                found = await asyncio.to_thread(query, path, limit=1_000)
                assert list(range(number, -1, -1)) == [one.time - 1_700_000_000_000 for one in found]
        await audit.close()

    run(main())


def test_two_hosts_may_share_one(run: Run, tmp_path: Path) -> None:
    """Neither loses an entry."""
    path = tmp_path / "audit.db"

    async def main() -> None:
        audits = [Audit(path, group=0) for _ in range(3)]
        await asyncio.gather(*(audit.open() for audit in audits))
        for number in range(150):
            audits[number % 3].record(_made(number))
            await asyncio.sleep(0)
        await asyncio.gather(*(audit.close() for audit in audits))

    run(main())
    assert set(range(150)) == {one.time - 1_700_000_000_000 for one in query(path, limit=1_000)}


def test_files_are_closed_to_others(some: Path) -> None:
    """Also those that SQLite puts beside it, and one that was open before."""
    some.chmod(0o644)
    file = AuditFile(some, 10)
    file.write([_made(9)])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in some.parent.iterdir()}
    file.close()
    assert {0o600} == modes


# ---- hostile databases


def _sql(*statements: str) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    return apply


def _bytes(content: bytes) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        path.write_bytes(content)

    return apply


_ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x"
_COLUMNS = "time, agent, tool, arguments, rule, outcome, duration, key, result"
_ROW = f"INSERT INTO calls (refused, {_COLUMNS}) VALUES "  # noqa: S608

HOSTILE: dict[str, Callable[[Path], None]] = {
    "empty": _bytes(b""),
    "no database": _bytes(b"\x7fELF" * 4096),
    "only a head": _bytes(b"SQLite format 3\0" + bytes(84)),
    "another one": _sql("DROP TABLE calls", "CREATE TABLE notes (x)"),
    "a trigger": _sql("CREATE TRIGGER t AFTER INSERT ON calls BEGIN DELETE FROM calls; END"),
    "a view beside it": _sql("CREATE VIEW v AS SELECT 1"),
    "a view in its place": _sql("DROP TABLE calls", f"CREATE VIEW calls AS {_ENDLESS} AS id FROM n"),
    "another table": _sql("ALTER TABLE calls ADD COLUMN more"),
    "an index on an expression": _sql("CREATE INDEX i ON calls (abs(time))"),
    "a blob for a text": _sql(f"{_ROW} (0, 1, x'00', 't', 'a', 'r', 'ok', 1.0, 'k', 1)"),
    "a text for a number": _sql(f"{_ROW} (0, 'now', 'a', 't', 'a', 'r', 'ok', 1.0, 'k', 1)"),
    "a fraction for a number": _sql(f"{_ROW} (0, 1.5, 'a', 't', 'a', 'r', 'ok', 1.0, 'k', 1)"),
    "a large text": _sql(f"{_ROW} (0, 1, 'a', hex(zeroblob(1000000)), 'a', 'r', 'ok', 1.0, 'k', 1)"),
    "no UTF-8": _sql(f"{_ROW} (0, 1, CAST(x'ff' AS TEXT), 't', 'a', 'r', 'ok', 1.0, 'k', 1)"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_database_is_refused(some: Path, what: str) -> None:
    """With one code, whatever is wrong."""
    HOSTILE[what](some)
    with pytest.raises(HostError) as caught:
        query(some)
    assert "storage.failed" == caught.value.code
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "what",
    [name for name in HOSTILE if not name.startswith(("a blob", "a text", "a fraction", "a large", "no UTF", "empty"))],
)
def test_a_host_does_not_write_into_one(some: Path, what: str) -> None:
    """It would run what somebody else wrote there."""
    HOSTILE[what](some)
    with pytest.raises(HostError) as caught:
        AuditFile(some, 10)
    assert "storage.failed" == caught.value.code


def test_hostile_texts_are_made_safe(some: Path) -> None:
    """A row is data: what it says cannot control a terminal."""
    _sql(f"{_ROW} (0, 1, 'a' || char(27) || '[2J', 't', 'a', 'r', 'ok', 1.0, 'k' || char(8238), 1)")(some)
    (found,) = query(some, limit=1)
    assert (r"a\x1b[2J", r"k\u202e") == (found.agent, found.key)


def test_damage_anywhere_is_survived(some: Path, tmp_path: Path) -> None:
    """Bytes changed at random: an answer of sound entries, or the one error. Never anything else."""
    sound = some.read_bytes()
    generator = random.Random(7)
    answers = 0
    for number in range(300):
        data = bytearray(sound)
        for _ in range(generator.choice([1, 1, 4, 64])):
            data[generator.randrange(len(data))] = generator.randrange(256)
        if number % 5 == 0:
            del data[generator.randrange(len(data)) :]
        path = tmp_path / f"{number}.db"
        path.write_bytes(data)
        try:
            found = query(path)
        except HostError as error:
            assert "storage.failed" == error.code  # noqa: PT017
        else:
            answers += 1
            assert all(isinstance(one, Entry) for one in found)
    assert answers > 0


def test_a_question_takes_a_bounded_time(some: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is to look through."""
    _sql(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) "  # noqa: S608
        f"INSERT INTO calls (refused, {_COLUMNS}) SELECT 0, 1, 'a', 't', 'a', 'r', 'ok', 1.0, 'k', 1 FROM n"
    )(some)
    assert [] == query(some, agent="nobody")
    monkeypatch.setattr(audit_file, "_QUERY_SECONDS", -1.0)
    with pytest.raises(HostError, match="interrupted"):
        query(some, agent="nobody")


@pytest.mark.parametrize("what", ["none", "a directory", "a pipe", "a device", "a link"])
def test_what_is_no_file_is_refused(tmp_path: Path, what: str) -> None:
    """Nothing is made, and nothing waits."""
    path = {"a device": Path("/dev/zero")}.get(what, tmp_path / "audit.db")
    if what == "a directory":
        path.mkdir()
    if what == "a pipe":
        os.mkfifo(path)
    if what == "a link":
        path.symlink_to(_file(tmp_path / "real.db", _made(1)))
    with pytest.raises(HostError, match=r"storage\.failed"):
        query(path)
    assert path.exists() == (what != "none")


# ---- on the command line


def test_the_table(some: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Newest first, a line a call."""
    assert 0 == verbs.audit(some, tool="http.*", json=False)
    lines = capfd.readouterr().out.splitlines()
    assert ["time", "agent", "tool", "outcome", "ms", "bytes", "rule", "arguments"] == lines[0].split()
    assert "2023-11-14 22:13:20.005Z" in lines[1]
    assert ["http.fetch", "http.head", "http.fetch", "http.fetch"] == [line.split()[3] for line in lines[1:]]
    assert 0 == verbs.audit(some, agent="nobody", json=False)
    assert "no such entry\n" == capfd.readouterr().out


def test_as_json(some: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One object with the entries as they are."""
    import json

    assert 0 == verbs.audit(some, limit=1, json=True)
    found = json.loads(capfd.readouterr().out)
    assert {"ok": True, "entries": [_made(5).as_json()]} == found


def test_times_that_are_no_dates(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A damaged number is shown as it is."""
    verbs.audit(_file(tmp_path / "a.db", _made(2**62), _made(-(2**62))), json=False)
    assert str(1_700_000_000_000 + 2**62) in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("10s", 990_000), ("5m", 700_000), ("500ms", 999_500), ("1970-01-01T00:00:01Z", 1_000)],
)
def test_since(text: str, milliseconds: int) -> None:
    """A time before now, or a date."""
    assert milliseconds == verbs.moment_since(text, now=1000.0)


@pytest.mark.parametrize("text", ["", "yesterday", "-5m", "1970", "10", "\x1b"])
def test_since_something_else(text: str) -> None:
    """Is wrong usage."""
    with pytest.raises(HostError, match="--since"):
        verbs.moment_since(text)


def test_row_limits() -> None:
    """From 1 to as many as one answer has."""
    assert [1, 10_000] == [verbs.row_limit(text) for text in ("1", "10_000")]
    for text in ("0", "10001", "x", "-1"):
        with pytest.raises(HostError, match="--limit"):
            verbs.row_limit(text)


def test_an_explanation(capfd: pytest.CaptureFixture[str]) -> None:
    """Its steps and its verdict; the exit status tells them apart."""
    import json

    step = Step('tools = "http.*"', "passed", "it matches")
    yes = Explanation("http.fetch", Decision(True, None, 'tools = "http.*"', "granted"), (step,))
    no = Explanation("fs.\x1bx", Decision(False, "grant.denied", "tools", "the tool x is not granted"), (step,))
    assert 0 == verbs.explanation(yes, agent="planner", json=False)
    assert 'allowed: planner may call http.fetch, by tools = "http.*"' in capfd.readouterr().out
    assert 6 == verbs.explanation(no, agent="planner", json=False)
    out = capfd.readouterr().out
    assert "denied (grant.denied), by tools: the tool x is not granted" in out
    assert "\x1b" not in out
    assert 6 == verbs.explanation(no, agent="planner", json=True)
    found = json.loads(capfd.readouterr().out)
    assert (False, "grant.denied", [step.as_json()]) == (found["ok"], found["error"]["code"], found["steps"])
