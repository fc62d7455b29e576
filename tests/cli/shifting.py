"""An MCP server, made with the official SDK: the description of its one tool is what the file in argv[1] holds."""

import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

server = MCPServer("shifting")


@server.tool(description=Path(sys.argv[1]).read_text(encoding="utf-8"))
def add(a: int, b: int) -> int:
    return a + b


server.run("stdio")
