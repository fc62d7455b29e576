"""Keeps secrets out of logs, and what servers would write there: whatever a record would show is looked through before
anybody shows it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from caxton.text import safe
from caxton.tools.redaction import Redactor

LOGGERS: Final = ("caxton", "asyncio", "mcp", "client", "openai", "httpx", "httpx2", "httpcore", "httpcore2")
"""The loggers, with those below them, of whoever gets to see a secret on its way to a server."""

_LIBRARIES: Final = ("mcp", "openai", "httpx", "httpx2", "httpcore", "httpcore2")
"""Those that put a server's words into their records. Below a warning they have nothing to say that a host's log needs;
a program that does want it sets the level of the logger itself. ``client`` is the SDK's, too, but a common name."""

_ESCAPED: Final = tuple(f"{name}." for name in (*_LIBRARIES, "client"))
_LINE: Final = 16 << 10
_PRINTED: Final = 64 << 10
_UNREADABLE: Final = "(a log line whose arguments do not fit)"
_formatter: Final = logging.Formatter()


class Redacted(Exception):
    """Stands in a log record for an exception whose traceback has a secret in it; says what that one said, without."""


class RedactingFilter(logging.Filter):
    """Takes secrets out of records: message, arguments, traceback, stack and extra fields. For loggers and handlers.

    It drops no record. One with a secret in it has its arguments put into its message, and ``Redacted`` in the place of
    its exception.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Cleans the record; True."""
        if self._redactor.empty:
            return True
        self._message(record)
        self._traceback(record)
        fields = vars(record)
        for name, value in list(fields.items()):
            # The rest is logging's own: numbers, and what has been looked at.
            if isinstance(value, str | dict | list | tuple) and name not in ("msg", "args", "exc_info"):
                cleaned = self._redactor.value(value)
                if cleaned != (list(value) if isinstance(value, tuple) else value):
                    fields[name] = cleaned
        return True

    def _message(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # logging would print the arguments as they are
            text = f"{record.msg} {_UNREADABLE}" if isinstance(record.msg, str) else _UNREADABLE
            record.msg, record.args = text, ()
        if self._redactor.finds(text):
            record.msg, record.args = self._redactor.text(text), ()

    def _traceback(self, record: logging.LogRecord) -> None:
        info: Any = record.exc_info
        if not info or info is True or info[1] is None:
            return
        text = _formatter.formatException(info)
        if self._redactor.finds(text):
            record.exc_text = self._redactor.text(text)
            said = Redacted(record.exc_text.rpartition("\n")[2])
            record.exc_info = (Redacted, said, None)


class _Quiet:
    """Libraries whose level nobody has set, from the first guard's begin to the last one's end."""

    def __init__(self) -> None:
        self._guards = 0
        self._set: list[logging.Logger] = []

    def begin(self) -> None:
        self._guards += 1
        if self._guards == 1:
            loggers = [logging.getLogger(name) for name in _LIBRARIES]
            self._set = [logger for logger in loggers if logger.level == logging.NOTSET]
            for logger in self._set:
                logger.setLevel(logging.WARNING)

    def end(self) -> None:
        self._guards -= 1
        if not self._guards:
            for logger in self._set:
                if logger.level == logging.WARNING:  # else somebody has set it since
                    logger.setLevel(logging.NOTSET)
            self._set = []


_quiet: Final = _Quiet()


def _escape(record: logging.LogRecord) -> None:
    """Makes a library's record safe to print. Its traceback, which says nothing of this program and may be a server's
    doing, becomes one clause of the message, unless somebody wants to see the library at work."""
    text: str = _UNREADABLE
    told: str | None = None
    with suppress(Exception):  # arguments that do not fit, which logging would print as they are
        text = told = record.getMessage()
    info: Any = record.exc_info
    if info and info is not True and info[1] is not None:
        if logging.getLogger(record.name).isEnabledFor(logging.DEBUG):
            traceback = record.exc_text or _formatter.formatException(info)
            record.exc_text = safe(traceback, _PRINTED, keep="\n\t")
            if record.exc_text != traceback:
                said = Redacted(record.exc_text.rpartition("\n")[2])
                record.exc_info = (Redacted, said, None)
        else:
            last = str(info[1]) if info[0] is Redacted else _formatter.formatException(info).rpartition("\n")[2]
            text = f"{text}: {last}"
            record.exc_info = record.exc_text = None
    shown = safe(text, _LINE)
    if shown != told:
        record.msg, record.args = shown, ()


def guard_logs(redactor: Redactor, names: Sequence[str] = LOGGERS) -> Callable[[], None]:
    """Cleans every record of these loggers and those below them, also of later ones. Answers how to end that.

    Meanwhile libraries whose loggers have no level of their own tell warnings and errors only, and what they tell is
    escaped.

    A logger's filter does not hold for the loggers below it, so this is where records are made
    (``logging.setLogRecordFactory``). What is passed as ``extra`` comes to a record only after that: who logs texts of
    tools there has to put a ``RedactingFilter`` on the handler.
    """
    cleaner = RedactingFilter(redactor)
    before = logging.getLogRecordFactory()
    prefixes = tuple(f"{name}." for name in names)
    guarding = True

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        if guarding and f"{record.name}.".startswith(prefixes):
            cleaner.filter(record)
            if f"{record.name}.".startswith(_ESCAPED):
                _escape(record)
        return record

    def end() -> None:
        nonlocal guarding
        if guarding:
            _quiet.end()
        guarding = False
        if logging.getLogRecordFactory() is make:  # else somebody has wrapped it, and it stays, doing nothing
            logging.setLogRecordFactory(before)

    logging.setLogRecordFactory(make)
    _quiet.begin()
    return end
