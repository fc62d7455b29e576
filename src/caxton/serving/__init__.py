"""The host as an MCP server: each exposed agent is a tool.

::

    exposed = [Exposed("upper", "Answers with the message in upper case.")]
    async with caxton.Host() as host:
        await host.spawn("upper", "upper.wasm")
        await run_stdio(host, exposed)                        # for a client that has started this process
        app = http_app(host, exposed)                         # or for an ASGI server, in this event loop

The protocol (https://modelcontextprotocol.io, handshake versions and 2026-07-28 alike) is the official SDK's.
"""

from caxton.serving.exposed import Exposed
from caxton.serving.http import HttpApp, http_app, serve_http
from caxton.serving.server import AgentServer, agent_server
from caxton.serving.settings import ServingSettings
from caxton.serving.stdio import run_stdio

__all__ = [
    "AgentServer",
    "Exposed",
    "HttpApp",
    "ServingSettings",
    "agent_server",
    "http_app",
    "run_stdio",
    "serve_http",
]
