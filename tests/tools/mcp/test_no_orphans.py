"""Nothing that a tool server has started outlives the host, however the host ends.

The server starts a child, one in a session of its own, and one whose parent has gone; all of them ignore SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from caxton.tools.settings import StdioServer
from tests.conftest import Run
from tests.tools.mcp.lab import HOSTILE, eventually, hostile, is_alive, refused, serving, text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel hands orphans over on Linux only")

HOST = """
import asyncio, sys
from caxton.host.clock import LoopClock
from caxton.tools.mcp.servers import McpServers
from caxton.tools.provider import Call
from caxton.tools.settings import StdioServer

async def main():
    servers = McpServers([StdioServer("h", tuple(sys.argv[1:]))], clock=LoopClock(asyncio.get_running_loop()))
    print((await servers.call(Call("a", "h.spawn", {}, ""))).decode(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def pids(result: str) -> list[int]:
    """The processes that the server told of: itself and three others."""
    found: list[int] = json.loads(result)
    assert 4 == len(set(found))
    assert all(is_alive(pid) for pid in found)
    return found


def parent(pid: int) -> int:
    """Whose child a process is."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_host_that_closes(run: Run) -> None:
    """When ``close`` returns, nothing is left."""

    async def main() -> list[int]:
        async with serving(hostile()) as servers:
            found = pids(await text(servers, "h.spawn"))
            link = servers.server("h")._keeper.link
            assert link is not None
            return [*found, link.wire._process.pid]  # type: ignore[union-attr]

    found = run(main())
    assert [] == [pid for pid in found if is_alive(pid)]


def test_a_host_that_is_killed(run: Run) -> None:
    """SIGKILL gives it no time for anything: the launcher does it, and ends too."""

    async def main() -> None:
        host = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOST, *HOSTILE, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert host.stdout is not None
        found = pids(json.loads(await host.stdout.readline())["content"][0]["text"])
        launcher = parent(found[0])
        host.kill()
        await host.communicate()
        await eventually(lambda: not any(is_alive(pid) for pid in (*found, launcher)))

    run(main())


def test_a_launcher_that_is_killed(run: Run) -> None:
    """The kernel ends the server with it; callers are told, and the next call starts another."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            link = await servers.server("h")._keeper.up()
            launcher = link.wire._process.pid  # type: ignore[union-attr]
            server = json.loads(await text(servers, "h.environment"))["pid"]
            assert launcher == parent(server)
            hanging = asyncio.create_task(refused(servers, "h.hang"))
            await text(servers, "h.echo")
            os.kill(launcher, signal.SIGKILL)
            assert "tool.failed" == (await hanging).code
            await eventually(lambda: not is_alive(server))

    run(main())


def test_a_server_that_ends_by_itself(run: Run) -> None:
    """Takes with it what it had started."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            found = pids(await text(servers, "h.spawn"))
            await refused(servers, "h.die")
            await eventually(lambda: not any(is_alive(pid) for pid in found))

    run(main())


def test_a_wrapper(run: Run) -> None:
    """A server behind a shell, as npx and uvx start theirs, is ended with it."""

    async def main() -> list[int]:
        wrapped = StdioServer("h", ("sh", "-c", '"$@"; exit $?', "sh", *HOSTILE))
        async with serving(wrapped) as servers:
            return pids(await text(servers, "h.spawn"))

    assert [] == [pid for pid in run(main()) if is_alive(pid)]
