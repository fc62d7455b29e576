"""One ``tools/call``, by the shorter of the SDK's two ways where that will do."""

from __future__ import annotations

from typing import Any

from mcp import Client, MCPError
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import HEADER_MISMATCH, CallToolResult, InputRequiredResult


async def ask(client: Client, name: str, arguments: dict[str, Any], progress: ProgressFnT, meta: Any) -> CallToolResult:
    """The server's answer.

    The session's way is one request. The client's can do more: list the tools again where the server says that their
    headers have changed, and call again where the server wants to be asked in rounds (MCP 2026-07-28). In both cases
    the server has not made the call yet.

    Raises:
        Exception: the SDK's.
    """
    state = None
    try:
        result = await client.session.call_tool(
            name, arguments, progress_callback=progress, meta=meta, allow_input_required=True
        )
    except MCPError as error:
        if error.code != HEADER_MISMATCH:
            raise
    else:
        if not isinstance(result, InputRequiredResult):
            return result
        if not result.input_requests:  # which nobody here answers: it is for the client to say so
            state = result.request_state
    return await client.call_tool(name, arguments, progress_callback=progress, meta=meta, request_state=state)
