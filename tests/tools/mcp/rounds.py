"""A server by the official SDK, that wants to be asked in rounds (MCP 2026-07-28): ``counted`` answers how often."""

from __future__ import annotations

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

_TOOLS = [types.Tool(name=name, input_schema={"type": "object"}) for name in ("counted", "person")]
_calls = 0


async def _list(
    context: ServerRequestContext[None], params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=_TOOLS)


async def _call(
    context: ServerRequestContext[None], params: types.CallToolRequestParams
) -> types.CallToolResult | types.InputRequiredResult:
    global _calls
    _calls += 1
    if params.name == "person":
        form = types.ElicitRequest(
            params=types.ElicitRequestFormParams(message="Who?", requested_schema={"type": "object", "properties": {}})
        )
        return types.InputRequiredResult(input_requests={"who": form})
    if params.request_state != "third":
        return types.InputRequiredResult(request_state="third" if params.request_state else "second")
    return types.CallToolResult(content=[types.TextContent(type="text", text=str(_calls))])


async def _main() -> None:
    server: Server[None] = Server("rounds", on_list_tools=_list, on_call_tool=_call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(_main)
