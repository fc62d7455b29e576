"""A client that cancels a request is no longer waited for, and a request that waits for its turn gets none."""

from __future__ import annotations

import asyncio
import contextlib

from mcp.client import Client
from mcp_types import CallToolResult

from caxton.testing import act, call
from tests.conftest import Run
from tests.serving.agents import LONG, answer, log, told
from tests.serving.clients import Lab, connected, eras, text_of


async def cancelled(task: asyncio.Task[CallToolResult]) -> None:
    """Cancels a call as a client does: the SDK tells the server."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def answered(lab: Lab, client: Client) -> str:
    """What the driver answers next."""
    asking = asyncio.ensure_future(client.call_tool("driver", told(act("count"), answer("on"))))
    await lab.settle()
    return text_of(await asking)


@eras
def test_a_request_that_waits_is_withdrawn(run: Run, era: str) -> None:
    """It is never delivered; those before and after it are."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            busy = asyncio.ensure_future(client.call_tool("driver", told(log("busy"), call("sleep_ms", LONG))))
            await lab.until_logged("busy")
            waiting = asyncio.ensure_future(client.call_tool("driver", told(log("waiting"))))
            after = asyncio.ensure_future(client.call_tool("driver", told(log("after"), answer("!"))))
            await lab.settle()
            assert 2 == lab.host.agent("driver").statistics().mailbox
            await cancelled(waiting)
            await lab.settle()
            await lab.elapse(30.0)
            await busy
            assert "!" == text_of(await after)
            assert ["busy", "after"] == lab.logs
            assert ["ask.timeout"] == [letter.code for letter in lab.host.dead_letters()]

    run(main())


@eras
def test_a_turn_that_waits_is_ended(run: Run, era: str) -> None:
    """It has no effects, nobody gets its reply, and the agent goes on with a new instance."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            running = asyncio.ensure_future(
                client.call_tool(
                    "driver", told(log("running"), call("state_put", "k", "v"), call("sleep_ms", LONG), log("never"))
                )
            )
            await lab.until_logged("running")
            await cancelled(running)
            await lab.settle()
            figures = lab.host.agent("driver").statistics()
            assert (1, 0, "idle") == (figures.restarts, figures.held, figures.state)
            await lab.elapse(60.0)
            assert ["running"] == lab.logs
            assert "on" == await answered(lab, client)

    run(main())


@eras
def test_a_turn_that_computes_is_ended(run: Run, era: str) -> None:
    """Also where it never asks the host for anything."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            running = asyncio.ensure_future(client.call_tool("driver", told(log("spinning"), act("spin"))))
            await lab.until_logged("spinning")
            await cancelled(running)
            assert "on" == await answered(lab, client)
            assert 1 == lab.host.agent("driver").statistics().restarts

    run(main())


@eras
def test_many_cancelled_turns_do_not_fail_an_agent(run: Run, era: str) -> None:
    """More than an agent may be restarted."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            for number in range(120):
                waits = told(log(f"waiting {number}"), call("sleep_ms", LONG))
                waiting = asyncio.ensure_future(client.call_tool("driver", waits))
                await lab.until_logged(f"waiting {number}")
                await cancelled(waiting)
                await lab.settle()
            assert "on" == await answered(lab, client)

    run(main())


@eras
def test_a_client_that_goes_cancels_everything(run: Run, era: str) -> None:
    """Its calls are withdrawn when its connection ends, and the server serves the next client."""

    async def main() -> None:
        async with Lab() as lab:
            async with connected(lab, era) as client:
                calls = [asyncio.ensure_future(client.call_tool("driver", told(log("busy"), call("sleep_ms", LONG))))]
                await lab.until_logged("busy")
                calls += [asyncio.ensure_future(client.call_tool("driver", told(log("no")))) for _ in range(5)]
                await lab.settle()
                assert 5 == lab.host.agent("driver").statistics().mailbox
            await asyncio.gather(*calls, return_exceptions=True)
            await lab.elapse(60.0)
            assert ["busy"] == lab.logs
            async with connected(lab, era) as client:
                assert "on" == await answered(lab, client)
            await asyncio.wait_for(lab.server.drain(), 1.0)

    run(main())
