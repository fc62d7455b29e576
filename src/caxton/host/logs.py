"""What agents log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from caxton.messages import AgentName
from caxton.text import safe_bytes

LogSink: TypeAlias = Callable[[str, str, str], None]
"""Takes an agent's name, a level (trace, debug, info, warning, error) and a line that is safe to print."""

_LEVELS: Final = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_log = logging.getLogger("caxton.agent")


def to_logging(agent: str, level: str, line: str) -> None:
    """The default: Python's ``logging``, in the logger ``caxton.agent``."""
    _log.log(_LEVELS[level], "%s: %s", agent, line, extra={"agent": agent})


def agent_log(sink: LogSink) -> Callable[[AgentName, str, bytes], None]:
    """What turns log to: makes a guest's bytes safe, and hands them on. A sink that fails costs nobody a turn."""

    def write(agent: AgentName, level: str, text: bytes) -> None:
        try:
            sink(agent, level, safe_bytes(text))
        except Exception:
            _log.exception("a log sink failed")

    return write
