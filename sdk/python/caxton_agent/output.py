"""``print``, ``logging`` and tracebacks, as lines of the agent's log."""

from __future__ import annotations

import io
import linecache
import logging
import sys
import traceback
from typing import Final

from caxton_agent.machine import Machine
from caxton_agent.system import Level, log

_LINE: Final = 65536
"""Characters that wait for the end of their line."""

_FRAMES: Final = 32
_MOUNTS: Final = {"/0/": "", "/1/": "src/", "/2/": "packages/"}
"""Where ``caxton build`` puts the SDK, the agent's modules and other packages, and what they are in the project."""

_LEVELS: Final[tuple[tuple[int, Level], ...]] = (
    (logging.ERROR, "error"),
    (logging.WARNING, "warning"),
    (logging.INFO, "info"),
    (logging.DEBUG, "debug"),
)


class Lines(io.TextIOBase):
    """A stream that writes each line to the log."""

    def __init__(self, level: Level) -> None:
        self._level: Level = level
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            log(self._level, line)
        if len(self._begun) > _LINE:
            self.finish()
        return len(text)

    def finish(self) -> None:
        """Writes what has no end of line yet."""
        if self._begun:
            log(self._level, self._begun)
            self._begun = ""


class Handler(logging.Handler):
    """Writes records to the log. While the agent is built there is none, and they are dropped."""

    def emit(self, record: logging.LogRecord) -> None:
        if not Machine.begun:
            return
        level: Level = next((name for least, name in _LEVELS if record.levelno >= least), "trace")
        for line in self.format(record).split("\n"):
            log(level, line)


def install() -> None:
    """Puts the streams and the handler in place."""
    sys.stdout = sys.stderr = None  # nobody writes to the old ones any more
    sys.stdout, sys.stderr = Lines("info"), Lines("warning")


def install_logging() -> None:
    """Has the root logger write here: information and worse."""
    root = logging.getLogger()
    root.addHandler(Handler())
    root.setLevel(logging.INFO)


def finish() -> None:
    """Writes what a turn has printed last."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Lines):
            stream.finish()


def keep_sources() -> None:
    """Keeps the lines of the agent's own modules for tracebacks: there are no files where it runs."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.startswith(tuple(_MOUNTS)):
            lines = linecache.getlines(file)
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


def uncaught(error: BaseException) -> None:
    """Logs an exception that nobody has caught, with its traceback, as Python writes it, without the SDK's frame."""
    begun = error.__traceback__ and error.__traceback__.tb_next
    found = traceback.TracebackException(type(error), error, begun, limit=-_FRAMES)
    for part in found.format():
        for line in part.rstrip("\n").split("\n"):
            log("error", _named(line))


def _named(line: str) -> str:
    """A line of a traceback, with files named as in the project."""
    for mount, folder in _MOUNTS.items():
        line = line.replace(f'File "{mount}', f'File "{folder}')
    return line
