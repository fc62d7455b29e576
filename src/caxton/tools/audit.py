"""What every call of a tool came to: who called what, by which rule, with what outcome.

An entry is a line in the log (logger ``caxton.tools.audit``, level info) and, where there is a file for it, a row in a
SQLite database (``audit_file.py``). Rows are written by a thread of their own, many in one transaction; a call costs
the event loop little more than the entry itself. No call is made that would have none: while the database takes no
entries, new calls are refused (``storage.failed``), and while too many wait to be written, new calls wait too.

An entry is handed to the thread before its call is made, and again when that has ended. A call that is over by the time
of the next transaction costs one row, written once; one that goes on has a row that says so (``BEGUN``) and is changed
later. Only a process that is killed loses what it had not written by then, at most ``GROUP_SECONDS`` and one
transaction; the rows of calls that went on stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caxton.errors import HostError
from caxton.text import safe, safe_name
from caxton.tools.audit_writer import Writer

if TYPE_CHECKING:
    from caxton.tools.audit_file import AuditFile

MOST: Final = 1_000_000
"""Rows that are kept: half of them for calls that were made, half for calls that were refused before."""

WAITING: Final = 10_000
"""Entries that may wait to be written; beyond, new calls wait."""

GROUP_SECONDS: Final = 0.02
"""How long the first entry of a transaction waits for others."""

OK: Final = "ok"
BEGUN: Final = "begun"
"""The outcome of a call that goes on; or that went on when its host was killed, and no host has begun since."""

UNKNOWN: Final = "unknown"
"""The outcome of a call that went on when its host was killed."""

BEFORE_THE_TOOL: Final = frozenset(
    {"grant.denied", "tool.unknown", "tool.changed", "rate.exceeded", "limit.budget", "limit.pending", "storage.failed"}
)
"""Outcomes of calls that no tool has seen. They have rows of their own: an agent that asks in vain again and again
pushes out no entry of a call that was made."""

_log: Final = logging.getLogger("caxton.tools.audit")


@dataclass(frozen=True, slots=True)
class Entry:
    """One call.

    Attributes:
        time: Unix time in milliseconds at which it began.
        agent: who called.
        tool: the name that was called, made safe to print.
        arguments: SHA-256 of the arguments (``policy.digest``), in hex; the arguments themselves are nowhere.
        rule: the rule that decided.
        outcome: ``ok``, the code of the error that the agent got, or ``cancelled``: nobody wanted the result any more;
            ``begun`` or ``unknown``: it has no end, yet or for ever.
        duration: milliseconds; 0 where the end is not known.
        key: the call's idempotency key.
        result: bytes of the result.
        tokens: of a language model, that the call has used; 0 where it used none.
    """

    time: int
    agent: str
    tool: str
    arguments: str
    rule: str
    outcome: str
    duration: float
    key: str = ""
    result: int = 0
    tokens: int = 0

    @property
    def refused(self) -> bool:
        """Whether no tool has seen the call: one that got as far as that has a digest of its arguments."""
        return not self.arguments or self.outcome in BEFORE_THE_TOOL

    def ended(self, rule: str, outcome: str, seconds: float, result: int, tokens: int) -> Entry:
        """The entry of the same call when it has ended."""
        took = max(0.0, seconds) * 1000
        return Entry(
            self.time,
            self.agent,
            self.tool,
            self.arguments,
            rule,
            outcome,
            took,
            self.key,
            result,
            max(0, tokens),
        )

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def line(self) -> str:
        """The entry as it stands in the log: ``key=value`` words; what holds anything odd is quoted, as in JSON."""
        words = (
            f"time={self.time}",
            f"agent={_word(self.agent)}",
            f"tool={_word(self.tool)}",
            f"arguments=sha256:{_word(self.arguments)}",
            f"rule={_word(self.rule)}",
            f"outcome={_word(self.outcome)}",
            f"ms={self.duration:.3f}",
            f"key={_word(self.key)}",
            f"bytes={self.result}",
            f"tokens={self.tokens}",
        )
        return " ".join(words)


@dataclass(slots=True, eq=False)
class Opened:
    """A call that the audit knows before it has ended.

    Attributes:
        entry: what is to be written of it.
        saved: what has been, and ``row`` where: of the writer's thread.
        round: which of the thread's rounds writes it first; -1: none, it is in the log alone.
    """

    entry: Entry
    saved: Entry | None = None
    row: int = 0
    round: int = -1


def _word(text: str) -> str:
    plain = text.isascii() and text.replace(".", "a").replace("-", "a").replace("_", "a").isalnum()
    return text if plain else f'"{safe(json.dumps(text, ensure_ascii=False)[1:-1], 600)}"'


class Audit:
    """Takes entries. On the event loop only; ``open`` before and ``close`` after.

    Args:
        path: the database; None: entries go into the log alone.
        most: rows that are kept.
        waiting: entries that may wait to be written.
        group: seconds that the first of them waits for others.
        make_file: opens the database; it is called, and what it answers is used, on the writer's thread.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        most: int = MOST,
        waiting: int = WAITING,
        group: float = GROUP_SECONDS,
        make_file: Callable[[Path, int], AuditFile] | None = None,
    ) -> None:
        self._most = waiting
        self._unwritten = 0
        self._backlog = 0
        self._room: asyncio.Event = asyncio.Event()
        self._room.set()
        self._writer: Writer | None = None
        if path is not None:
            self._writer = Writer(path, most, group, make_file, self._written)

    async def open(self) -> None:
        """Opens the database, and makes it where there is none.

        Raises:
            HostError: ``storage.failed``.
        """
        if self._writer is not None:
            self._writer.start(asyncio.get_running_loop())
            try:
                await self._writer.flushed()
            except BaseException:
                writer, self._writer = self._writer, None
                await writer.stop()
                raise

    async def admit(self) -> None:
        """Lets a call begin. Waits while too many entries do.

        Raises:
            HostError: ``storage.failed``: its entry could not be kept. Each attempt makes the writer try again.
        """
        if self._writer is None:
            return
        self._writer.check()
        while self._backlog >= self._most:
            self._room.clear()
            await self._room.wait()
            self._writer.check()

    @property
    def listens(self) -> bool:
        """Whether an entry would get anywhere: into the database, or into a log that somebody keeps."""
        return self._writer is not None or _log.isEnabledFor(logging.INFO)

    def record(self, entry: Entry) -> None:
        """Takes an entry; never waits, never fails.

        Where twice as many wait as may, which takes calls that were refused one after the other, further refused ones
        are in the log alone, and counted: an agent must not fill the host's memory by asking in vain.
        """
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s", entry.line())
        if self._writer is None:
            return
        if self._backlog >= 2 * self._most and entry.refused:
            if not self._unwritten:
                _log.warning("more calls are refused than the audit can write down: the log has them, if at all")
            self._unwritten += 1
            return
        self._backlog += 1
        self._writer.add(entry)

    def begin(self, entry: Entry) -> Opened:
        """Takes the entry of a call that is about to be made, with the outcome ``begun``; never waits, never fails. It
        is not for the log."""
        opened = Opened(entry)
        if self._writer is not None:
            self._backlog += 1
            self._writer.open(opened)
        return opened

    def end(self, opened: Opened, entry: Entry) -> None:
        """Takes the entry of the same call when it has ended; its time, agent, tool and key are as they were."""
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s", entry.line())
        if self._writer is not None and self._writer.close(opened, entry):
            self._backlog += 1

    @property
    def unwritten(self) -> int:
        """Refused calls that are in no database."""
        return self._unwritten

    def _written(self, count: int) -> None:
        self._backlog -= count
        self._room.set()  # also when there was a failure: who waits looks again

    async def flush(self) -> None:
        """Returns when all entries so far are in the database.

        Raises:
            HostError: ``storage.failed``.
        """
        if self._writer is not None:
            await self._writer.flushed()

    async def close(self) -> None:
        """Writes what waits, and ends the writer. Entries that cannot be written are an error in the log."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with contextlib.suppress(HostError):
            await writer.flushed()
        lost = await writer.stop()
        if lost:
            _log.error("%d entries of the audit could not be written: %s", lost, writer.failure)


def entry(
    *,
    agent: str,
    tool: str,
    arguments: str,
    rule: str,
    outcome: str,
    began: float,
    now: float,
    key: str = "",
    result: int = 0,
    tokens: int = 0,
) -> Entry:
    """The entry of a call that has just ended, or is about to be made (``BEGUN``): ``began`` and ``now`` in monotonic
    seconds."""
    took = max(0.0, now - began)
    return Entry(
        time=int((time.time() - took) * 1000),
        agent=safe_name(agent),
        tool=safe_name(tool),
        arguments=arguments,
        rule=rule,
        outcome=outcome,
        duration=0.0 if outcome == BEGUN else took * 1000,
        key=key,
        result=result,
        tokens=max(0, tokens),
    )
