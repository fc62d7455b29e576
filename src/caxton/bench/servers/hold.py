"""An MCP server with one tool, for benchmarks: ``hold`` answers at once. Written as the SDK's own examples are."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("bench")


@server.tool()
async def hold() -> str:
    """Answers."""
    return "ok"


if __name__ == "__main__":
    server.run()
