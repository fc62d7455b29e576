"""An MCP server with one tool, for benchmarks: ``second`` answers after a second.

By the SDK's plainer API for servers: a thousand calls at once keep a server busy for most of that second, and what is
measured is who calls.
"""

from __future__ import annotations

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

_TOOLS = [types.Tool(name="second", input_schema={"type": "object"})]
_OK = types.CallToolResult(content=[types.TextContent(type="text", text="ok")])


async def _list(
    context: ServerRequestContext[None], params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=_TOOLS)


async def _call(context: ServerRequestContext[None], params: types.CallToolRequestParams) -> types.CallToolResult:
    await anyio.sleep(1)
    return _OK


async def _main() -> None:
    server: Server[None] = Server("bench", on_list_tools=_list, on_call_tool=_call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(_main)
