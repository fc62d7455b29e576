"""An MCP server with two tools, for benchmarks: ``hold`` answers at once, ``second`` after a second."""

from __future__ import annotations

import anyio
from mcp.server.mcpserver import MCPServer

server = MCPServer("bench")


@server.tool()
async def hold() -> str:
    """Answers."""
    return "ok"


@server.tool()
async def second() -> str:
    """Answers after a second."""
    await anyio.sleep(1)
    return "ok"


if __name__ == "__main__":
    server.run()
