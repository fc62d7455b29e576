"""A thousand agents wait for a tool of one second at once: without a thread each, and all of them are answered."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

import caxton
from caxton.testing import DRIVER, call, perform
from caxton.tools.threads import THREADS
from tests.conftest import Run

AGENTS = 1_000
GRANTS = caxton.Grants(tools=["*"])
LIMITS = caxton.Limits(deadline=55.0)

# Every call waits until all have come: so they do go on at once. Then each takes its second.
SERVER = f"""
import asyncio
from mcp.server.mcpserver import MCPServer

server = MCPServer("slow", log_level="CRITICAL")
come, everybody = [], asyncio.Event()

@server.tool()
async def second(number: int) -> str:
    come.append(number)
    if len(come) == {AGENTS}:
        everybody.set()
    await everybody.wait()
    await asyncio.sleep(1)
    return str(number)

server.run("stdio")
"""


def _threads() -> int:
    """Of this process, also those that Python knows nothing of."""
    status = Path("/proc/self/task")
    return len(os.listdir(status)) if status.exists() else threading.active_count()


async def _ask_all(host: caxton.Host, tool: str) -> tuple[list[bytes], int]:
    """What a thousand calls come to, and how many threads there were at most while they went on."""
    agents = [await host.spawn(f"agent-{n}", DRIVER, grants=GRANTS, limits=LIMITS) for n in range(AGENTS)]
    before = most = _threads()
    asked = [perform(agent, call("call_tool", tool, f'{{"number": {n}}}')) for n, agent in enumerate(agents)]
    waiting = asyncio.gather(*asked)
    while not waiting.done():
        most = max(most, _threads())
        await asyncio.wait([waiting], timeout=0.02)
    return [result.data for (result,) in await waiting], most - before


def test_a_coroutine_function(run: Run) -> None:
    """No thread at all."""

    async def main() -> None:
        async with caxton.Host() as host:
            come: list[int] = []
            everybody = asyncio.Event()

            @host.tool
            async def second(number: int) -> int:
                come.append(number)
                if len(come) == AGENTS:
                    everybody.set()
                await everybody.wait()
                await asyncio.sleep(1)
                return number

            found, more = await _ask_all(host, "second")
            assert [str(n).encode() for n in range(AGENTS)] == found
            assert 0 <= more <= (os.cpu_count() or 1)  # the host's workers, should the machine be slow

    run(main())


def test_a_tool_of_a_server(run: Run) -> None:
    """All over one connection to one process."""

    async def main() -> None:
        host = caxton.Host()
        host.add_server("slow", [sys.executable, "-c", SERVER], timeout=55.0)
        async with host:
            found, more = await _ask_all(host, "slow.second")
            assert all(f'"text":"{n}"'.encode() in data for n, data in enumerate(found)), found[:3]
            # Workers, and the pool in which the SDK was imported.
            assert 0 <= more <= (os.cpu_count() or 1) + 4

    run(main())


def test_a_plain_function(run: Run) -> None:
    """So many threads and no more; the others wait their turn."""

    async def main() -> None:
        async with caxton.Host() as host:
            at_once = most_at_once = 0
            lock = threading.Lock()

            @host.tool
            def short(number: int) -> int:
                nonlocal at_once, most_at_once
                with lock:
                    at_once += 1
                    most_at_once = max(most_at_once, at_once)
                with lock:
                    at_once -= 1
                return number

            found, more = await _ask_all(host, "short")
            assert [str(n).encode() for n in range(AGENTS)] == found
            assert more <= THREADS + (os.cpu_count() or 1)
            assert most_at_once <= THREADS

    run(main())
