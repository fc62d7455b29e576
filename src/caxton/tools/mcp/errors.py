"""The one door where errors of the SDK, and of what it stands on, become the contract's."""

from __future__ import annotations

from typing import Final

from caxton.errors import CaxtonError, ToolError
from caxton.text import safe
from caxton.tools.mcp.clean import Redact, clean_start
from caxton.tools.mcp.process import CannotStartError
from caxton.tools.results import encode

_TEXT: Final = 1_000


def _innermost(error: BaseException) -> BaseException:
    """What a group of errors is about: the first that is no mere cancellation."""
    from asyncio import CancelledError

    while isinstance(error, BaseExceptionGroup):
        told = [one for one in error.exceptions if not isinstance(one, CancelledError)]
        error = (told or list(error.exceptions))[0]
    return error


def describe(error: BaseException, redact: Redact) -> str:
    """An error as one clause, without secrets, safe to print."""
    from mcp import MCPError
    from pydantic import ValidationError

    error = _innermost(error)
    if isinstance(error, MCPError):
        return safe(clean_start(redact, error.message), _TEXT)
    if isinstance(error, ValidationError):  # its text would quote what the server sent, at length
        return f"it answered what is no {error.title}"
    if isinstance(error, CaxtonError):
        return error.message
    try:
        text = str(error)
    except Exception:
        text = "(it cannot be told)"
    if isinstance(error, CannotStartError | RuntimeError | OSError) and text:
        return safe(clean_start(redact, text), _TEXT)
    return safe(clean_start(redact, f"{type(error).__name__}: {text}".rstrip(": ")), _TEXT)


def tool_error(what: str, error: BaseException, redact: Redact, *, closed: str | None = None) -> ToolError:
    """The ``ToolError`` for a call that failed with ``error``; ``what`` names the tool.

    ``tool.bad-arguments`` where the server says so (JSON-RPC -32602), else ``tool.failed``. What the server said is in
    ``payload`` too, in the shape of a result. ``closed``: why the connection has ended; None where it stands, and a
    server that says so only says so: the SDK's code for it is one that servers use, too.
    """
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED, INVALID_PARAMS

    error = _innermost(error)
    if isinstance(error, ToolError):
        return error
    text = describe(error, redact)
    if not isinstance(error, MCPError):
        return ToolError("tool.failed", f"{what}: {text}")
    if error.code == CONNECTION_CLOSED and closed is not None:
        return ToolError("tool.failed", f"{what}: the server has gone: {closed or text}")
    found = ToolError("tool.bad-arguments" if error.code == INVALID_PARAMS else "tool.failed", f"{what}: {text}")
    found.payload = encode([{"type": "text", "text": text}], is_error=True)
    return found
