"""Notes in a database with full-text search (SQLite, FTS5). Everything here blocks, and belongs to one thread.

Each namespace has an index of its own: what others have written makes no search slower, and changes no order.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from caxton import jsontext
from caxton.errors import HostError, LimitError, ToolError
from caxton.tools.wal import use_wal

OVERHEAD: Final = 256
"""Bytes that a note counts beside its text, tags and key."""

MAX_NAMESPACES: Final = 4096
ANSWER_LIMIT: Final = 512 << 10
"""Bytes of texts that one search answers."""

T = TypeVar("T")

_SECONDS: Final = 5.0
"""What one operation may take."""

_MAX_WORDS: Final = 32
_WORD: Final = re.compile(r"\w+")
_APPLICATION: Final = 0x43585401
_OPCODES: Final = 5000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spaces (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name)
) STRICT;
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, space INTEGER NOT NULL REFERENCES spaces (id), key TEXT NOT NULL,
    text TEXT NOT NULL, tags TEXT NOT NULL, bytes INTEGER NOT NULL, made_ms INTEGER NOT NULL, UNIQUE (space, key)
) STRICT;
"""


class Namespace(NamedTuple):
    """Whose notes: an agent's own (kind ``agent``) or one that agents share (kind ``shared``). The kind keeps an agent
    that is named like a shared namespace out of it."""

    kind: str
    name: str


class Notes:
    """One database; opened when it is first used, and again after an error."""

    def __init__(self, path: Path | None, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._open: sqlite3.Connection | None = None
        self._deadline = 0.0

    def put(self, space: Namespace, key: str, text: str, tags: list[str], made_ms: int) -> dict[str, Any]:
        """Keeps a note, in place of the one that had its key.

        Raises:
            LimitError: ``limit.budget``, the namespace is full, or there are too many of them.
            HostError: ``storage.failed``.
            ToolError: ``tool.timeout``.
        """
        told = jsontext.dumps(tags).decode()
        cost = OVERHEAD + sum(len(part.encode("utf-8")) for part in (key, text, told))
        with self._transaction() as db:
            number, used = self._space(db, space)
            freed = self._forget(db, number, key)
            left = self._max_bytes - used + freed
            if cost > left:
                raise LimitError("limit.budget", f"the namespace has {max(left, 0)} bytes left; the note needs {cost}")
            row = (number, key, text, told, cost, made_ms)
            made = db.execute(
                "INSERT INTO notes (space, key, text, tags, bytes, made_ms) VALUES (?, ?, ?, ?, ?, ?)", row
            )
            index = (made.lastrowid, text, told)
            db.execute(f"INSERT INTO words_{number:d} (rowid, text, tags) VALUES (?, ?, ?)", index)  # noqa: S608 - a number
            db.execute("UPDATE spaces SET bytes = ? WHERE id = ?", (used - freed + cost, number))
            return {"key": key, "replaced": freed > 0, "bytes_left": left - cost}

    def search(self, space: Namespace, query: str, limit: int) -> dict[str, Any]:
        """The best notes for a query, and whether more were found than fit.

        Raises:
            HostError: ``storage.failed``.
            ToolError: ``tool.timeout``.
        """
        found: list[dict[str, Any]] = []
        match = match_of(query)
        with self._transaction("BEGIN") as db:
            row = db.execute("SELECT id FROM spaces WHERE kind = ? AND name = ?", space).fetchone()
            if row is None or not match:
                return {"notes": found, "truncated": False}
            number = _typed(row[0], int)
            table = f"words_{number:d}"
            rows = db.execute(
                f"SELECT n.key, n.text, n.tags, n.made_ms FROM {table} JOIN notes n ON n.id = {table}.rowid "  # noqa: S608 - a number
                f"WHERE {table} MATCH ? AND n.space = ? ORDER BY {table}.rank LIMIT ?",
                (match, number, limit + 1),
            )
            left = ANSWER_LIMIT
            for key, text, tags, made_ms in rows:
                left -= len(_typed(text, str))
                if len(found) == limit or left < 0:
                    return {"notes": found, "truncated": True}
                told = jsontext.loads(_typed(tags, str))
                found.append({"key": _typed(key, str), "text": text, "tags": told, "made_ms": _typed(made_ms, int)})
        return {"notes": found, "truncated": False}

    def delete(self, space: Namespace, key: str) -> bool:
        """Forgets a note; answers whether there was one.

        Raises:
            HostError: ``storage.failed``.
            ToolError: ``tool.timeout``.
        """
        with self._transaction() as db:
            row = db.execute("SELECT id FROM spaces WHERE kind = ? AND name = ?", space).fetchone()
            freed = 0 if row is None else self._forget(db, _typed(row[0], int), key)
            if freed:
                db.execute("UPDATE spaces SET bytes = bytes - ? WHERE id = ?", (freed, row[0]))
            return freed > 0

    def close(self) -> None:
        """Closes the database."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _space(self, db: sqlite3.Connection, space: Namespace) -> tuple[int, int]:
        row = db.execute("SELECT id, bytes FROM spaces WHERE kind = ? AND name = ?", space).fetchone()
        if row is not None:
            return _typed(row[0], int), _typed(row[1], int)
        if db.execute("SELECT count(*) FROM spaces").fetchone()[0] >= MAX_NAMESPACES:
            raise LimitError("limit.budget", f"there are {MAX_NAMESPACES} namespaces already")
        number = db.execute("INSERT INTO spaces (kind, name) VALUES (?, ?)", space).lastrowid or 0
        db.execute(
            f"CREATE VIRTUAL TABLE words_{number:d} USING fts5 (text, tags, content='notes', content_rowid='id')"
        )
        return number, 0

    def _forget(self, db: sqlite3.Connection, number: int, key: str) -> int:
        """Removes a note; answers the bytes that it had."""
        query = "SELECT id, text, tags, bytes FROM notes WHERE space = ? AND key = ?"
        row = db.execute(query, (number, key)).fetchone()
        if row is None:
            return 0
        table = f"words_{number:d}"
        db.execute(f"INSERT INTO {table} ({table}, rowid, text, tags) VALUES ('delete', ?, ?, ?)", row[:3])  # noqa: S608 - a number
        db.execute("DELETE FROM notes WHERE id = ?", row[:1])
        return _typed(row[3], int)

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """All or nothing, in bounded time; SQLite's errors are translated."""
        self._deadline = time.monotonic() + _SECONDS
        try:
            db = self._database()
            db.execute(begin)
            try:
                yield db
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
            self._deadline = float("inf")  # what is written whole may be kept
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise ToolError("tool.timeout", f"the notes took more than {_SECONDS:g} s") from None
            with suppress(sqlite3.Error):
                self.close()
            raise HostError("storage.failed", f"the database of notes: {error}") from None
        except (OSError, jsontext.InvalidJson, UnicodeError) as error:  # the last also in SQLite's own messages
            raise HostError("storage.failed", f"the database of notes: {_said(error)}") from None

    def _database(self) -> sqlite3.Connection:
        if self._open is None:
            if self._path is not None:
                _prepare(self._path)
            db = sqlite3.connect(self._path or ":memory:", timeout=_SECONDS, isolation_level=None)
            try:
                self._set_up(db)
            except BaseException:
                db.close()
                raise
            self._open = db
        return self._open

    def _set_up(self, db: sqlite3.Connection) -> None:
        db.set_progress_handler(lambda: int(time.monotonic() > self._deadline), _OPCODES)
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        db.execute("PRAGMA temp_store = MEMORY")
        application = db.execute("PRAGMA application_id").fetchone()[0]
        empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if application != _APPLICATION and not (application == 0 and empty):
            raise sqlite3.DatabaseError("it is another program's")
        use_wal(db, _SECONDS)
        db.execute("PRAGMA synchronous = NORMAL")
        if empty:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION:d}")
            db.execute("COMMIT")


def match_of(query: str) -> str:
    """An FTS5 expression for a text: any of its first words, each quoted, so that nothing in it is an operator."""
    words = list(dict.fromkeys(word for word in _WORD.findall(query.replace("\0", " "))))[:_MAX_WORDS]
    return " OR ".join(f'"{word}"' for word in words)


def _prepare(path: Path) -> None:
    """Sees to it that only the user can read the database; SQLite gives its other files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process was faster
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError(None, "it is not a file of this user's")
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.chmod(path, 0o600, follow_symlinks=os.chmod not in os.supports_follow_symlinks)


def _typed(value: object, kind: type[T]) -> T:
    """What a column holds, if it is what a column of ours holds: a damaged one may hold anything."""
    if not isinstance(value, kind):
        raise sqlite3.DatabaseError("a damaged row")
    return value


def _said(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "a damaged text"
