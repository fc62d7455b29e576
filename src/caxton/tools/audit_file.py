"""The audit's database: SQLite, with one host that writes and any number of others that read.

The file belongs to the user and is closed to everybody else. It is taken for an audit only if it has exactly the tables
that are made here: a database with a trigger or a view in it would run what somebody else wrote.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from caxton.errors import HostError
from caxton.text import safe, safe_name
from caxton.tools.audit import Entry, Opened
from caxton.tools.wal import use_wal

_COLUMNS: Final = "time agent tool arguments rule outcome duration key result tokens"
_values: Final = attrgetter(*_COLUMNS.split())
_FIRST_TABLE: Final = (
    "CREATE TABLE calls (id INTEGER PRIMARY KEY, refused INTEGER NOT NULL, time INTEGER NOT NULL, agent TEXT NOT NULL, "
    "tool TEXT NOT NULL, arguments TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL, duration REAL NOT NULL, "
    "key TEXT NOT NULL, result INTEGER NOT NULL)"
)
_INDEX: Final = "CREATE INDEX calls_by_kind ON calls (refused, id)"
_TOKENS: Final = "tokens INTEGER NOT NULL DEFAULT 0"
_TABLE: Final = f"{_FIRST_TABLE[:-1]}, {_TOKENS})"  # as SQLite writes it where the column was added
_BEGUN_INDEX: Final = "CREATE INDEX calls_begun ON calls (id) WHERE outcome = 'begun'"
_SCHEMA: Final = frozenset({_TABLE, _INDEX, _BEGUN_INDEX})
_SECOND_SCHEMA: Final = frozenset({_TABLE, _INDEX})
"""Of databases that were made before calls were written that go on."""
_FIRST_SCHEMA: Final = frozenset({_FIRST_TABLE, _INDEX})
"""Of databases that were made before entries had tokens."""

# All rows in one step: the thread keeps the interpreter's lock away from the event loop once, not once a row.
_VALUES: Final = (
    "json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), "
    "json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), "
    "json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'), "
    "json_extract(value, '$[9]'), json_extract(value, '$[10]') FROM json_each(:rows)"
)
_INTO: Final = "INTO calls (id, refused, time, agent, tool, arguments, rule, outcome, duration, key, result, tokens)"
_ADD: Final = f"INSERT {_INTO} SELECT :free + json_each.key, {_VALUES}"
# A row is replaced only if it is that call's still: it may have been pruned, or the database be another by now.
_REPLACE: Final = (
    f"INSERT OR REPLACE {_INTO} SELECT coalesce("  # noqa: S608
    "(SELECT id FROM calls WHERE id = json_extract(value, '$[11]') AND outcome IN ('begun', 'unknown') "
    "AND time = json_extract(value, '$[1]') AND key = json_extract(value, '$[8]')), "
    f":free + json_each.key), {_VALUES}"
)
_LOSE: Final = "UPDATE calls SET outcome = 'unknown' WHERE outcome = 'begun'"
_PRUNE: Final = (
    "DELETE FROM calls WHERE refused = :kind AND id <= "
    "(SELECT id FROM calls WHERE refused = :kind ORDER BY id DESC LIMIT 1 OFFSET :most)"
)
_PRUNE_AFTER: Final = 10_000
_BATCH: Final = 200
_BUSY_SECONDS: Final = 5.0
_QUERY_SECONDS: Final = 10.0
_TEXT: Final = 4096
MOST_ROWS: Final = 10_000
"""Entries that one query answers at most."""


class AuditFile:
    """A database that is written to. All of it on one thread.

    Raises:
        HostError: ``storage.failed``, it cannot be opened or made, is another's, or is no audit.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._half = max(1, most // 2)
        self._since_pruned = 0
        try:
            _claim(path)
            self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error, ValueError) as error:
            raise _failed(path, error) from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            raise _failed(path, error) from None
        except HostError:
            self._database.close()
            raise

    def _prepare(self) -> None:
        database = self._database
        _distrust(database)
        if _objects(database) == frozenset():
            database.execute("BEGIN IMMEDIATE")
            if _objects(database) == frozenset():  # another host may have been faster
                database.execute(_TABLE)
                database.execute(_INDEX)
                database.execute(_BEGUN_INDEX)
            database.execute("COMMIT")
        elif _objects(database) in (_FIRST_SCHEMA, _SECOND_SCHEMA):
            database.execute("BEGIN IMMEDIATE")
            if _objects(database) == _FIRST_SCHEMA:
                database.execute(f"ALTER TABLE calls ADD COLUMN {_TOKENS}")
            if _objects(database) == _SECOND_SCHEMA:
                database.execute(_BEGUN_INDEX)
            database.execute("COMMIT")
        _check_schema(database, self._path)
        use_wal(database, _BUSY_SECONDS)
        # What is committed outlives the process; the last moments before the machine loses power may be missing.
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA journal_size_limit = 16777216")

    def write(self, entries: Sequence[Entry | Opened]) -> None:
        """Adds entries, all or none; those of calls that have been written before take the place of what was.

        Raises:
            HostError: ``storage.failed``.
        """
        found = list(_unsaved(entries))
        if not found:
            return
        free = self._written(found)
        for number, (one, entry) in enumerate(found, free):
            if isinstance(one, Opened):
                one.saved, one.row = entry, number

    def _written(self, found: Sequence[tuple[Entry | Opened, Entry]]) -> int:
        """Writes them; answers the number of the first row, if it was a new one."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                (free,) = self._database.execute("SELECT coalesce(max(id), 0) + 1 FROM calls").fetchone()
                for first in range(0, len(found), _BATCH):
                    some = found[first : first + _BATCH]
                    known = any(isinstance(one, Opened) and one.row for one, _ in some)
                    rows = {"rows": _rows(some), "free": free + first}
                    self._database.execute(_REPLACE if known else _ADD, rows)
                self._since_pruned += len(found)
                if self._since_pruned >= min(_PRUNE_AFTER, self._half):
                    self._prune()
                self._database.execute("COMMIT")
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _failed(self._path, error) from None
        return int(free)

    def lose_begun(self) -> None:
        """Says of every call that goes on that its end is unknown; for when no host is left that could make them.

        Raises:
            HostError: ``storage.failed``.
        """
        try:
            self._database.execute(_LOSE)
        except sqlite3.Error as error:
            raise _failed(self._path, error) from None

    def _prune(self) -> None:
        for kind in (0, 1):
            self._database.execute(_PRUNE, {"kind": kind, "most": self._half})
        self._since_pruned = 0

    def close(self) -> None:
        """Closes the database."""
        try:
            self._database.close()
        except sqlite3.Error:
            return


def _unsaved(entries: Sequence[Entry | Opened]) -> Iterator[tuple[Entry | Opened, Entry]]:
    """What is to be written, each call once, and as it is now: should it end meanwhile, it comes again."""
    seen: set[Opened] = set()
    for one in entries:
        if not isinstance(one, Opened):
            yield one, one
        elif one.saved is not (entry := one.entry) and one not in seen:
            seen.add(one)
            yield one, entry


def _rows(found: Iterable[tuple[Entry | Opened, Entry]]) -> str:
    """The rows as JSON: their values, and the number of the row that there is already, or 0."""
    return json.dumps(
        [(int(entry.refused), *_values(entry), one.row if isinstance(one, Opened) else 0) for one, entry in found]
    )


def _claim(path: Path) -> None:
    """Makes the file where there is none, and looks whether it is the user's own."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, flags, 0o600)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise ValueError("it is not a file of this user")
        if stat.S_IMODE(found.st_mode) != 0o600:
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def query(
    path: Path,
    *,
    agent: str | None = None,
    tool: str | None = None,
    outcome: str | None = None,
    since: int | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The newest entries, newest first, also while a host writes.

    Args:
        agent, tool, outcome: exactly these; ``tool`` may be a glob (``http.*``).
        since: Unix time in milliseconds; none that began before.
        limit: how many at most; never more than 10,000.

    Raises:
        HostError: ``storage.failed``, there is none, it is damaged or is something else, or it takes too long to read.
    """
    given = {"agent = ?": agent, "tool GLOB ?": tool, "outcome = ?": outcome, "time >= ?": since}
    wanted = {condition: value for condition, value in given.items() if value is not None}
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    try:
        claimed = _own_file(path)
        with closing(_read_only(path)) as database:
            if _own_file(path) != claimed:
                raise ValueError("it is another file than it was a moment ago")
            columns = _check_schema(database, path)
            # The conditions are the four texts above; every value is passed beside them.
            statement = f"SELECT {columns} FROM calls {where} ORDER BY id DESC LIMIT ?"  # noqa: S608
            rows = database.execute(statement, (*wanted.values(), max(0, min(limit, MOST_ROWS)))).fetchall()
    except (OSError, sqlite3.Error, ValueError, OverflowError) as error:
        raise _failed(path, error) from None
    return [_entry(row, path) for row in rows]


def _own_file(path: Path) -> tuple[int, int]:
    """Which file it is. A link is none, as for the writer: SQLite would follow it.

    Raises:
        OSError, ValueError: it is none.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is a link" if stat.S_ISLNK(found.st_mode) else "it is not a file")
    return found.st_dev, found.st_ino


def _read_only(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    database = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        until = time.monotonic() + _QUERY_SECONDS
        database.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 20)
        database.execute("PRAGMA query_only = ON")
        _distrust(database)
    except BaseException:
        database.close()
        raise
    return database


def _distrust(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.execute("PRAGMA mmap_size = 0")


def _objects(database: sqlite3.Connection) -> frozenset[Any]:
    rows = database.execute("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' LIMIT 10")
    return frozenset(row[0] for row in rows)


def _check_schema(database: sqlite3.Connection, path: Path) -> str:
    """What to select for an entry: an older database has no tokens, and a reader does not change it."""
    found, columns = _objects(database), ", ".join(_COLUMNS.split())
    if found == _FIRST_SCHEMA:
        return columns.replace("tokens", "0")
    if found not in (_SCHEMA, _SECOND_SCHEMA):
        raise HostError("storage.failed", f"{safe_name(str(path))} is no audit of this version")
    return columns


def _entry(row: Sequence[Any], path: Path) -> Entry:
    """A row, if each value is of its column's kind: SQLite itself does not care."""
    times, *texts, duration, key, result, tokens = row
    sound = all(type(number) is int for number in (times, result, tokens)) and isinstance(duration, int | float)
    if not sound or not all(isinstance(text, str) for text in (*texts, key)):
        raise HostError("storage.failed", f"{safe_name(str(path))} has a row that is no entry")
    agent, tool, arguments, rule, outcome = (safe(text, _TEXT) for text in texts)
    return Entry(times, agent, tool, arguments, rule, outcome, float(duration), safe(key, _TEXT), result, tokens)


def _failed(path: Path, error: Exception) -> HostError:
    why = getattr(error, "strerror", None) or str(error)
    return HostError("storage.failed", f"{safe_name(str(path))}: {why}")
