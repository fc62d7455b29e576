"""The thread that has the audit's database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from caxton.errors import HostError
from caxton.tools.presence import Presence

if TYPE_CHECKING:
    from caxton.tools.audit import Entry, Opened
    from caxton.tools.audit_file import AuditFile


class Writer:
    """Takes all entries that wait at once, and writes them in one transaction.

    Args:
        path, most: the database, and the rows that it keeps.
        group: seconds that the first entry waits for others.
        make_file: opens the database, on the thread.
        written: is told on the event loop how many entries have been written; none after a failure.
    """

    def __init__(
        self,
        path: Path,
        most: int,
        group: float,
        make_file: Callable[[Path, int], AuditFile] | None,
        written: Callable[[int], None],
    ) -> None:
        self.failure = ""
        self._path = path
        self._rows = most
        self._group = group
        self._make_file = make_file
        self._written = written
        self._entries: list[Entry | Opened] = []
        self._taking = threading.Lock()
        self._rounds = 0
        self._flushes: list[asyncio.Future[None]] = []
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stopping = False
        self._presence: Presence | None = None  # from the first database on, also while that is opened again
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None

    # ---- on the event loop

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the thread."""
        self._loop = loop
        self._ended = loop.create_future()
        self._thread = threading.Thread(target=self._work, name="caxton-audit", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Returns unless the last attempt to write has failed; then it also has the thread try again.

        Raises:
            HostError: ``storage.failed``.
        """
        if self.failure:
            self._hurry.set()
            self._wake.set()
            raise HostError("storage.failed", f"the audit cannot be written: {self.failure}")

    def add(self, entry: Entry | Opened) -> None:
        """Takes an entry."""
        # One thread appends, another takes the whole list away: neither needs a lock for it.
        self._entries.append(entry)
        if not self._wake.is_set():
            self._wake.set()

    def open(self, opened: Opened) -> None:
        """Takes the entry of a call that goes on."""
        with self._taking:
            opened.round = self._rounds
            self.add(opened)

    def close(self, opened: Opened, entry: Entry) -> bool:
        """Takes its last entry; answers whether that is one more to be written: not while the first waits."""
        with self._taking:
            opened.entry = entry
            if opened.round == self._rounds:
                return False
            self.add(opened)
            return True

    async def flushed(self) -> None:
        """Returns when all entries so far are written.

        Raises:
            HostError: ``storage.failed``.
        """
        assert self._loop is not None
        answer: asyncio.Future[None] = self._loop.create_future()
        self._flushes.append(answer)
        self._hurry.set()
        self._wake.set()
        await answer

    async def stop(self) -> int:
        """Ends the thread; answers how many entries it could not write."""
        assert self._thread is not None
        assert self._ended is not None
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        await self._ended
        self._thread.join()
        return len({id(one) for one in self._entries})

    def _done(self, count: int, flushes: list[asyncio.Future[None]], failure: str) -> None:
        self.failure = failure
        self._written(count)
        for answer in flushes:
            if answer.done():
                continue
            if failure:
                answer.set_exception(HostError("storage.failed", f"the audit cannot be written: {failure}"))
            else:
                answer.set_result(None)

    # ---- on the thread

    def _work(self) -> None:
        file: AuditFile | None = None
        while True:
            self._wake.wait()
            if not self._stopping:
                self._hurry.wait(self._group)
            self._wake.clear()
            self._hurry.clear()
            stopping = self._stopping
            flushes, self._flushes = self._flushes, []
            file = self._round(file, flushes)
            if stopping:
                break
        if file is not None:
            file.close()
        if self._presence is not None:
            self._presence.leave()
        self._tell(self._say_ended)

    def _round(self, file: AuditFile | None, flushes: list[asyncio.Future[None]]) -> AuditFile | None:
        """Writes what waits; keeps it where that fails."""
        with self._taking:
            self._rounds += 1
            count = len(self._entries)
        failure = ""
        try:
            if file is None:
                file = self._open()
            file.write(self._entries[:count])
            del self._entries[:count]
        except HostError as error:
            count, failure = 0, error.message
        except Exception as error:  # a mistake of ours must not be a thread that nobody misses
            count, failure = 0, f"{type(error).__name__}: {error}"
        if failure and file is not None:
            file.close()
            file = None
        self._tell(lambda: self._done(count, flushes, failure))
        return file

    def _open(self) -> AuditFile:
        from caxton.tools.audit_file import AuditFile

        file = (self._make_file or AuditFile)(self._path, self._rows)
        if self._presence is None:
            presence = Presence(self._path)
            try:
                if presence.is_alone():
                    file.lose_begun()
            except BaseException:
                presence.leave()
                file.close()
                raise
            presence.join()
            self._presence = presence
        return file

    def _say_ended(self) -> None:
        assert self._ended is not None
        if not self._ended.done():
            self._ended.set_result(None)

    def _tell(self, what: Callable[[], None]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(what)
