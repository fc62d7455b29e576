"""A database may be put into WAL mode while another process has it: who is in the way is waited for, for so long."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from caxton.tools.wal import use_wal


def opened(path: Path) -> sqlite3.Connection:
    """A connection that waits for nobody by itself."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def test_one_that_is_in_the_way_is_waited_for(tmp_path: Path) -> None:
    """Until it is done."""
    one, other = opened(tmp_path / "a.db"), opened(tmp_path / "a.db")
    one.execute("PRAGMA busy_timeout = 60000")  # the other one looks in now and then
    one.execute("BEGIN IMMEDIATE")
    one.execute("CREATE TABLE t (x)")
    waiting = threading.Thread(target=use_wal, args=(other, 60.0))
    waiting.start()
    one.execute("COMMIT")
    waiting.join(60)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_not_for_ever(tmp_path: Path) -> None:
    """It is SQLite's error then."""
    one, other = opened(tmp_path / "a.db"), opened(tmp_path / "a.db")
    one.execute("BEGIN IMMEDIATE")
    one.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_wal(other, 0.0)
    one.execute("COMMIT")


class Recovering(sqlite3.Connection):
    """Finds twice that another one mends the log just now, which takes too short a time to be met on purpose."""

    times = 2

    def execute(self, *given: Any) -> sqlite3.Cursor:
        if self.times:
            self.times -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
            raise error
        return super().execute(*given)


def test_one_that_mends_the_log_is_waited_for(tmp_path: Path) -> None:
    """It is busy too, in more detail."""
    database = sqlite3.connect(tmp_path / "a.db", timeout=0, isolation_level=None, factory=Recovering)
    use_wal(database, 60.0)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_many_at_once(tmp_path: Path) -> None:
    """Whoever is first."""
    threads = [
        threading.Thread(target=use_wal, args=(opened(tmp_path / "a.db"), 60.0), name=f"wal-{number}")
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert opened(tmp_path / "a.db").execute("PRAGMA journal_mode").fetchone() == ("wal",)
