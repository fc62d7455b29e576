"""What goes over a connection, whichever transport carries it: who waits for an answer, and what nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from caxton.tools.mcp.bounds import EDGE, TOO_MUCH, Meter, Overlong

UNASKED_RATE: Final = 1_000.0
"""Small messages a second that a server may send without having been asked: progress, log, requests of its own."""

_UNASKED_BURST: Final = 2_000.0
_ID_FIRST: Final = re.compile(rb'\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(\d{1,18})\s*[,}]')
_ID_LAST: Final = re.compile(rb'"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


class Traffic:
    """The requests that wait for an answer. Everything else that comes is metered: a server that sends too much of it
    is read more slowly, and has to wait."""

    def __init__(self) -> None:
        self._open: set[int | str] = set()
        self._unasked = Meter(UNASKED_RATE, _UNASKED_BURST)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._open)

    def sent(self, message: Any) -> None:
        """Notes what goes to the server: a request, or that nobody waits for one any more."""
        if isinstance(message, JSONRPCRequest):
            self._open.add(_key(message.id))
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._open.discard(_key((message.params or {}).get("requestId")))

    def delay(self, message: Any, cost: Callable[[], float]) -> float:
        """Notes what comes from the server; answers the seconds for which nothing more should be read. ``cost`` is
        asked where the message is metered: 1 for a small one."""
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            key = _key(message.id)
            if key in self._open:
                self._open.discard(key)
                return 0.0
        return self._unasked.spend(cost())

    def refusal(self, line: bytes | Overlong) -> SessionMessage | None:
        """What whoever waits for a line that cannot be read gets instead: an error. None: nobody does, or it cannot be
        told who."""
        head, tail = line if isinstance(line, Overlong) else (line[:EDGE], line[-EDGE:])
        match = _ID_FIRST.match(head) or _ID_LAST.search(tail)
        if match is None or int(match[1]) not in self._open:
            return None
        reason = TOO_MUCH if isinstance(line, Overlong) else "the answer is none of the protocol's"
        error = ErrorData(code=PARSE_ERROR, message=reason)
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=int(match[1]), error=error))


def _key(request_id: Any) -> int | str:
    """An id as the SDK compares them: a number that came as text is that number."""
    if isinstance(request_id, str):
        return int(request_id) if request_id.isdecimal() and len(request_id) < 19 else request_id
    return request_id if isinstance(request_id, int) else ""
