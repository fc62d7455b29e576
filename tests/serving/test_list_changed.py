"""Agents come and go, and clients are told."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.client import Client
from mcp_types import ToolListChangedNotification

import caxton
from caxton.serving import Exposed
from caxton.testing import ECHO, act
from tests.conftest import Run
from tests.serving.agents import EXPOSED, told
from tests.serving.clients import Lab, connected, eras, names

EXTRA = Exposed("extra", "Comes later.")


class Notified:
    """Counts the notifications that a client gets (a message handler of the SDK's client)."""

    def __init__(self) -> None:
        self.count = 0
        self.more = asyncio.Event()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.count += 1
            self.more.set()

    async def next(self) -> None:
        """Waits for one more."""
        await self.more.wait()
        self.more.clear()


async def listed(client: Client) -> list[str]:
    """The names of the tools."""
    return [tool.name for tool in (await client.list_tools()).tools]


def test_a_client_is_told(run: Run) -> None:
    """When an exposed agent comes, when it ends by itself, and when it is stopped: within a second, once each."""

    async def main() -> None:
        notified = Notified()
        async with Lab([*EXPOSED, EXTRA]) as lab, connected(lab, "legacy", message_handler=notified) as client:
            assert names(EXPOSED) == await listed(client)
            await lab.host.spawn("extra", ECHO)
            await lab.elapse(1.0)
            await notified.next()
            assert names([*EXPOSED, EXTRA]) == await listed(client)
            await lab.host.agent("extra").stop()
            await lab.elapse(1.0)
            await notified.next()
            assert names(EXPOSED) == await listed(client)
            await lab.elapse(10.0)
            assert 2 == notified.count

    run(main())


def test_an_agent_that_has_failed_is_no_tool(run: Run) -> None:
    """One that is restarted stays one; when it has failed for good it is gone."""

    async def main() -> None:
        notified = Notified()
        async with Lab([Exposed("frail", "Traps.")]) as lab:
            restart = caxton.Restart(max_restarts=1)
            await lab.host.spawn("frail", caxton.testing.DRIVER, restart=restart)
            async with connected(lab, "legacy", message_handler=notified) as client:
                await client.call_tool("frail", told(act("trap")))
                await lab.elapse(1.0)
                assert (["frail"], 0) == (await listed(client), notified.count)
                await client.call_tool("frail", told(act("trap")))
                await lab.elapse(1.0)
                await notified.next()
                assert [] == await listed(client)

    run(main())


def test_a_listener_is_told(run: Run) -> None:
    """A client of the newer protocol listens for it on a stream of its own."""

    async def main() -> None:
        async with (
            Lab([*EXPOSED, EXTRA]) as lab,
            connected(lab, "2026-07-28") as client,
            client.listen(tools_list_changed=True) as events,
        ):
            await lab.host.spawn("extra", ECHO)
            await lab.elapse(1.0)
            assert "ToolsListChanged" == type(await anext(aiter(events))).__name__
            assert names([*EXPOSED, EXTRA]) == await listed(client)
            lab.server.end_streams()
            assert [] == [event async for event in events]

    run(main())


def test_a_program_decides(run: Run) -> None:
    """What is exposed may be a function, asked whenever it matters; ``refresh`` tells at once that it has changed."""

    async def main() -> None:
        exposed = list(EXPOSED[:1])
        notified = Notified()
        async with Lab(lambda: exposed) as lab, connected(lab, "legacy", message_handler=notified) as client:
            assert ["upper"] == await listed(client)
            exposed.append(EXPOSED[2])
            lab.server.refresh()
            await notified.next()
            assert ["upper", "weather"] == await listed(client)
            exposed[0] = Exposed("upper", "Another description.")
            lab.server.refresh()
            await notified.next()
            assert "Another description." == (await client.list_tools()).tools[0].description

    run(main())


@eras
def test_nobody_listens(run: Run, era: str) -> None:
    """Without a client that would be told, nothing looks at anything."""

    async def main() -> None:
        async with Lab() as lab:
            assert 0 == lab.clock.timers
            for _ in range(3):
                async with connected(lab, era) as client:
                    await client.list_tools()
                    assert (1 if era == "legacy" else 0) == lab.clock.timers
                await lab.settle()
                assert 0 == lab.clock.timers

    run(main())
