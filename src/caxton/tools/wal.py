"""SQLite's write-ahead log, for databases that several processes may open at the same moment."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_AGAIN: Final = 0.01


def use_wal(database: sqlite3.Connection, seconds: float) -> None:
    """Puts the database into WAL mode, in which it stays. Blocks for at most about ``seconds``.

    Two that change the mode at once would wait for each other: SQLite tells one of them so at once, and does not wait
    as it does elsewhere (https://sqlite.org/c3ref/busy_handler.html). That one tries again here.

    Raises:
        sqlite3.Error: it cannot be done, or not in that time.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # The lowest byte says that somebody is in the way, the others who: one that mends the log, say.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN)
        else:
            return
