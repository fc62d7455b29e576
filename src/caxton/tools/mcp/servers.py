"""All MCP servers of a host, as one provider of tools."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from caxton.agents.ports import Clock
from caxton.errors import HostError, ToolError
from caxton.text import quoted, safe_name
from caxton.tools.mcp.clean import Redact
from caxton.tools.mcp.pins import Change, Pins
from caxton.tools.mcp.server import ServerProvider
from caxton.tools.provider import Call, ToolInfo
from caxton.tools.settings import Server

_log = logging.getLogger("caxton.tools.mcp")


class McpServers:
    """A provider (tools/provider.py) of every server's tools. Made on the event loop that uses it.

    Args:
        servers: their settings; names are unique.
        clock, pins, expand: as for ``ServerProvider``.
        redact: what takes secrets out of what comes from a server, for each of them.
        redact_whole: as for ``ServerProvider``.

    Raises:
        HostError: ``config.invalid``, two servers have the same name.
    """

    def __init__(
        self,
        servers: Iterable[Server],
        *,
        clock: Clock,
        pins: Pins | None = None,
        expand: Callable[[str], str] = lambda text: text,
        redact: Callable[[Server], Redact] = lambda _: bytes,
        redact_whole: Redact | None = None,
    ) -> None:
        pins = pins or Pins(None)
        self._servers: dict[str, ServerProvider] = {}
        self._eager: list[ServerProvider] = []
        for settings in servers:
            if settings.name in self._servers:
                raise HostError("config.invalid", f"there are two servers {safe_name(settings.name)}")
            server = ServerProvider(
                settings,
                clock=clock,
                pins=pins,
                expand=expand,
                redact=redact(settings),
                redact_whole=redact_whole,
            )
            self._servers[settings.name] = server
            if settings.start == "eager":
                self._eager.append(server)

    def start(self) -> None:
        """Begins to start the servers that start with the host; it does not wait for them."""
        for server in self._eager:
            server.start()

    def server(self, name: str) -> ServerProvider:
        """One server.

        Raises:
            ToolError: ``tool.unknown``.
        """
        if name not in self._servers:
            raise ToolError("tool.unknown", f"there is no server {quoted(name)}")
        return self._servers[name]

    def owns(self, name: str) -> bool:
        """Whether a tool of that name would be a server's: by the name's first part."""
        return name.partition(".")[0] in self._servers and "." in name

    async def tools(self) -> Sequence[ToolInfo]:
        """Every server's tools. Starts them if need be; one that cannot start has none, and the log says so."""
        found = await asyncio.gather(*(_told(server) for server in self._servers.values()))
        return [info for infos in found for info in infos]

    async def call(self, call: Call) -> bytes:
        """Makes a call.

        Raises:
            ToolError: as ``ServerProvider.call``.
        """
        return await self.server(call.tool.partition(".")[0]).call(call)

    async def close(self) -> None:
        """Ends every server and everything that they have started."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))


async def _told(server: ServerProvider) -> Sequence[ToolInfo]:
    try:
        return await server.tools()
    except ToolError as error:
        _log.debug("%s", error.message)
        return ()


async def review(servers: McpServers, what: str) -> tuple[ServerProvider, list[Change]]:
    """For ``caxton tools accept SERVER[.TOOL]``: the server, and how its tools differ from what was accepted. Whoever
    has looked at the changes (``Change.lines``) hands them to the server's ``accept``.

    Raises:
        ToolError: ``tool.unknown``; ``tool.failed``, the server cannot start.
        HostError: ``storage.failed``, what was accepted cannot be read.
    """
    name, _, tool = what.partition(".")
    server = servers.server(name)
    return server, await server.changes(tool or None)
