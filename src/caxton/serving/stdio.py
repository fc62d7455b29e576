"""Serving one client over standard input and output (specification 2025-11-25, basic/transports, "stdio")."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from mcp.server.stdio import stdio_server

from caxton.host.runtime import Host
from caxton.serving.exposed import ExposedSource
from caxton.serving.pipes import Claimed, Wire
from caxton.serving.refusals import refusal, too_long
from caxton.serving.server import agent_server
from caxton.serving.settings import ServingSettings

FLUSH: Final = 2.0
"""Seconds that the client has for reading the last answers."""


async def run_stdio(
    host: Host,
    exposed: ExposedSource,
    *,
    settings: ServingSettings | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serves the client that this process was started by, until it closes standard input or is gone.

    Calls that then still run have ``settings.drain`` seconds to end. While this runs, standard output is the
    protocol's: what anybody prints goes to standard error.

    Args:
        host: a running host.
        exposed: the agents that are tools, or a function that tells.
        stop: is set when serving is to end, the same way.

    Raises:
        HostError: ``config.invalid``, an agent is exposed twice.
    """
    server = agent_server(host, exposed, settings=settings)
    with Claimed() as streams:
        most = server.settings.max_message

        def refuse(line: str | None) -> str | None:
            return too_long(most) if line is None else refusal(line)

        wire = Wire(streams.reader, streams.writer, most, server.drain, refuse)
        stopping = asyncio.ensure_future(_end_when(stop, wire)) if stop is not None else None
        try:
            async with stdio_server(cast(Any, wire), cast(Any, wire)) as (reader, writer):
                await server.run(reader, writer, server.create_initialization_options())
            await wire.finish(FLUSH)
        finally:
            if stopping is not None:
                stopping.cancel()
            wire.give_up()


async def _end_when(stop: asyncio.Event, wire: Wire) -> None:
    await stop.wait()
    wire.end()
