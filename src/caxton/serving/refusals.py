"""What is answered to a line that is no message of the protocol (JSON-RPC 2.0, section 5; MCP 2025-11-25, basic).

The SDK passes such a line over, and whoever sent it waits for ever.
"""

from __future__ import annotations

import json
from typing import Any, Final

from mcp_types import INVALID_REQUEST, PARSE_ERROR, JSONRPCNotification, jsonrpc_message_adapter
from pydantic import ValidationError

_LONGEST_ID: Final = 1_024


def refusal(line: str) -> str | None:
    """The error for a line, as a line; "" where there is nothing to say, as to an empty one or to an answer that is
    none: an error must not be answered by an error. None: the line is a message."""
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        is_json = all(one["type"] != "json_invalid" for one in error.errors(include_url=False, include_input=False))
    else:
        # With an id that is none it is a request, of somebody who waits; the SDK takes it for a notification.
        is_request = isinstance(message, JSONRPCNotification) and '"id"' in line and "id" in (_read(line) or ())
        return _error(INVALID_REQUEST, "Invalid Request", None) if is_request else None
    if not line.strip():
        return ""
    found = _read(line)
    if not is_json:
        return _error(PARSE_ERROR, "Parse error", found)
    if isinstance(found, dict) and "method" not in found and not found.keys().isdisjoint({"result", "error"}):
        return ""
    said = "Invalid Request: batches are not taken" if isinstance(found, list) else "Invalid Request"
    return _error(INVALID_REQUEST, said, found)


def too_long(limit: int) -> str:
    """The error for a line that nobody has read."""
    return _error(INVALID_REQUEST, f"Invalid Request: more than {limit} bytes", None)


def _read(line: str) -> Any:
    """The line's value, also where it is none that the SDK takes; None where there is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _error(code: int, message: str, found: Any) -> str:
    given = found.get("id") if isinstance(found, dict) else None
    fits = (isinstance(given, int) and not isinstance(given, bool)) or (
        isinstance(given, str) and len(given) <= _LONGEST_ID
    )
    answer = {"jsonrpc": "2.0", "id": given if fits else None, "error": {"code": code, "message": message}}
    return json.dumps(answer, separators=(",", ":")) + "\n"
