"""A tool of an MCP server, called by an agent and by the bare SDK; and many agents that wait for a slow one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from caxton import Grants, Host
from caxton.bench import sources
from caxton.bench.effort import Effort
from caxton.bench.figures import Result
from caxton.bench.memory import threads

_SERVERS: Final = Path(__file__).with_name("servers")
_HOLD: Final = (sys.executable, str(_SERVERS / "hold.py"))
_SECOND: Final = (sys.executable, str(_SERVERS / "second.py"))
_WAITING: Final = 1_000
_GRANTS: Final = Grants(tools=["bench.*"])


async def measure(effort: Effort) -> Result:
    """The median of single calls: through an agent (asked, so with all that an ask costs), and through the SDK's own
    client; each with a server of its own.

    Each call of one is followed by one of the other, and a pair's difference is taken before the median: a machine that
    is quicker for a moment is so for both.
    """
    from mcp import Client, StdioServerParameters, stdio_client

    module = sources.text("mcp")
    host = _host(_HOLD)
    parameters = StdioServerParameters(command=_HOLD[0], args=list(_HOLD[1:]))
    rounds: list[tuple[float, float, float]] = []
    async with host, Client(stdio_client(parameters)) as client:
        agent = await host.spawn("caller", module, grants=_GRANTS)

        async def ours() -> None:
            await agent.ask(b"")

        async def bare() -> None:
            await client.call_tool("hold", {})

        await _pairs(ours, bare, effort.seconds)  # warming up
        for _ in range(effort.rounds):
            rounds.append(await _pairs(ours, bare, effort.seconds * 6))
    result = Result()
    result.add("tool-call", "call_tool of an agent, stdio", "µs", [found[0] for found in rounds])
    result.add("tool-call-bare", "call_tool of the bare SDK, stdio", "µs", [found[1] for found in rounds], "other")
    result.add("tool-call-more", "what the agent's takes more", "µs", [found[2] for found in rounds], "ratio")
    return result


async def _pairs(
    ours: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]], seconds: float
) -> tuple[float, float, float]:
    """Microseconds of the median call of either, and of the median difference; over so many seconds of calls in
    turn."""
    times: tuple[list[float], list[float]] = ([], [])
    calls = (ours, other)
    end = perf_counter() + seconds
    while perf_counter() < end or not times[0]:
        for which in (0, 1) if len(times[0]) % 2 else (1, 0):
            began = perf_counter()
            await calls[which]()
            times[which].append(perf_counter() - began)
    more = [a - b for a, b in zip(*times, strict=True)]
    return median(times[0]) * 1e6, median(times[1]) * 1e6, median(more) * 1e6


async def waiting(effort: Effort) -> Result:
    """A thousand agents call a tool that takes a second, all at once; and a thousand calls of the bare SDK's."""
    from mcp import Client, StdioServerParameters, stdio_client

    result = Result()
    async with _host(_SECOND) as host:
        agents = [await host.spawn(f"a{number}", sources.text("mcp"), grants=_GRANTS) for number in range(_WAITING)]
        await agents[0].ask(b"x")
        before = threads()
        began = perf_counter()
        task = asyncio.gather(*(agent.ask(b"x") for agent in agents))
        await asyncio.sleep(0.5)
        then = threads()
        await task
        took = perf_counter() - began
    result.add("tool-waiting", f"{_WAITING:,} agents wait for a tool of one second, all at once", "s", [took])
    parameters = StdioServerParameters(command=_SECOND[0], args=list(_SECOND[1:]))
    async with Client(stdio_client(parameters)) as client:
        await client.call_tool("second", {})
        began = perf_counter()
        await asyncio.gather(*(client.call_tool("second", {}) for _ in range(_WAITING)))
        bare = perf_counter() - began
    result.add("tool-waiting-bare", f"{_WAITING:,} calls of the bare SDK, all at once", "s", [bare], "other")
    result.add("tool-waiting-threads", "threads that the waiting took", "threads", [then - before])
    return result


def _host(server: tuple[str, ...]) -> Host:
    host = Host()
    host.add_server("bench", server)
    return host
