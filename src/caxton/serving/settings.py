"""What bounds the host as an MCP server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caxton.errors import HostError

_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Times are seconds, sizes bytes.

    Attributes:
        timeout: what a call may take whose caller says nothing of it.
        max_timeout: what a caller may ask for at most; more is cut to this.
        max_message: one message of a client: a line of standard input, or a request's body.
        max_sessions: HTTP sessions at once, and streams of notifications; one more is refused.
        idle: an HTTP session that was not used for so long is closed.
        drain: what calls that still run may take when the server is to end.

    Raises:
        HostError: ``config.invalid``, a value is out of range.
    """

    timeout: float = 60.0
    max_timeout: float = 3_600.0
    max_message: int = 4 << 20
    max_sessions: int = 1_000
    idle: float = 1_800.0
    drain: float = 5.0

    def __post_init__(self) -> None:
        for name, high in (("timeout", _DAY), ("max_timeout", _DAY), ("idle", 30 * _DAY), ("drain", _DAY)):
            if not 0 < getattr(self, name) <= high:
                raise HostError("config.invalid", f"serving.{name}: more than 0 and at most {high:g} seconds")
        for name, low, most in (("max_message", 1024, 1 << 30), ("max_sessions", 1, 1_000_000)):
            if not low <= getattr(self, name) <= most:
                raise HostError("config.invalid", f"serving.{name}: from {low} to {most}")
