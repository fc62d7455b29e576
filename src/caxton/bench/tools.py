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
from caxton.bench.figures import Result, Turn, contest
from caxton.bench.memory import threads

_SERVERS: Final = Path(__file__).with_name("servers")
_HOLD: Final = (sys.executable, str(_SERVERS / "hold.py"))
_SECOND: Final = (sys.executable, str(_SERVERS / "second.py"))
_WAITING: Final = 1_000
_GRANTS: Final = Grants(tools=["bench.*"])


async def measure(effort: Effort) -> Result:
    """The median of single calls: through an agent (asked, so with all that an ask costs), and through the SDK's own
    client; each with a server of its own."""
    from mcp import Client, StdioServerParameters, stdio_client

    module = sources.text("mcp")
    host = _host(_HOLD)
    parameters = StdioServerParameters(command=_HOLD[0], args=list(_HOLD[1:]))
    async with host, Client(stdio_client(parameters)) as client:
        agent = await host.spawn("caller", module, grants=_GRANTS)
        await agent.ask(b"")

        async def bare() -> None:
            await client.call_tool("hold", {})

        turns: dict[str, Turn] = {
            "tool-call": lambda: _median(lambda: agent.ask(b""), effort.seconds * 3),
            "tool-call-bare": lambda: _median(bare, effort.seconds * 3),
        }
        found = await contest(turns, effort.rounds)
    result = Result()
    result.add("tool-call", "call_tool of an agent, stdio", "µs", found["tool-call"])
    result.add("tool-call-bare", "call_tool of the bare SDK, stdio", "µs", found["tool-call-bare"], "other")
    more = [ours - bare for ours, bare in zip(found["tool-call"], found["tool-call-bare"], strict=True)]
    result.add("tool-call-more", "what the agent's takes more", "µs", more, "ratio")
    return result


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


async def _median(call: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Microseconds of the median call, over so many seconds of calls one after the other."""
    times: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end:
        began = perf_counter()
        await call()
        times.append(perf_counter() - began)
    return median(times) * 1e6
