"""The caller's deadline goes with its request, and the caller is answered by then."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

import caxton
from caxton.serving import ServingSettings
from caxton.serving.asking import SHORTEST_TURN
from caxton.testing import act, call, results
from tests.conftest import Run
from tests.serving.agents import LONG, answer, log, told
from tests.serving.clients import Lab, code_of, connected, eras, text_of

KEY = "caxton.dev/timeout-ms"


def meta(value: Any) -> Any:
    """A request's ``_meta`` that says how long its sender waits."""
    return {KEY: value}


@eras
def test_the_turn_has_the_callers_deadline(run: Run, era: str) -> None:
    """What an agent waits for ends in time for an answer: its turn is over when its caller stops waiting."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            steps = told(call("context"), log("began"), call("sleep_ms", LONG), answer("in time"))
            asking = asyncio.ensure_future(client.call_tool("driver", steps, meta=meta(5_000)))
            await lab.until_logged("began")
            await lab.elapse(5.0)
            assert "in time" == text_of(await asking)
            assert 0 == lab.host.agent("driver").statistics().restarts

    run(main())


@eras
def test_the_envelope_has_it(run: Run, era: str) -> None:
    """As ``reply-by``."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            await client.call_tool("driver", {"message": "x"}, meta=meta(90_500))
            assert "2026-01-01T00:01:30.500Z" == json.loads(lab.logs[0])["reply-by"]

    run(main())


@eras
def test_nobody_waits_longer(run: Run, era: str) -> None:
    """A call whose agent is busy with somebody else's is answered at its own deadline, and never delivered."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            first = asyncio.ensure_future(client.call_tool("driver", told(log("began"), call("sleep_ms", LONG))))
            await lab.until_logged("began")
            second = asyncio.ensure_future(client.call_tool("driver", told(log("second")), meta=meta(2_000)))
            await lab.settle()
            await lab.elapse(2.0)
            assert "ask.timeout" == code_of(await second)
            await lab.elapse(58.0)
            await first
            await lab.settle()
            assert "second" not in lab.logs
            assert ["ask.timeout"] == [letter.code for letter in lab.host.dead_letters()]

    run(main())


@eras
def test_without_a_deadline_the_servers(run: Run, era: str) -> None:
    """A caller that says nothing waits as long as the settings say; one that asks for more gets their most."""

    async def main() -> None:
        settings = ServingSettings(timeout=3, max_timeout=7)
        for given, expected in (({}, 3.0), ({"meta": meta(3_600_000)}, 7.0)):
            async with Lab(settings=settings) as lab, connected(lab, era) as client:
                steps = told(log("began"), call("sleep_ms", LONG), answer("in time"))
                asking = asyncio.ensure_future(client.call_tool("driver", steps, **given))
                await lab.until_logged("began")
                await lab.elapse(expected - 0.5)
                assert not asking.done()
                await lab.elapse(0.5)
                assert "in time" == text_of(await asking)

    run(main())


def test_an_impatient_caller_costs_nobody_the_agent(run: Run) -> None:
    """A turn has a second at least: with the default restart policy an agent outlives any number of timeouts."""
    assert 60.0 / caxton.Restart().max_restarts < SHORTEST_TURN

    async def main() -> None:
        async with Lab() as lab, connected(lab, "legacy") as client:
            steps = told(call("context"), log("began"), call("sleep_ms", 100))
            asking = asyncio.ensure_future(client.call_tool("driver", steps, meta=meta(1)))
            await lab.until_logged("began")
            await lab.elapse(0.001)
            assert "ask.timeout" == code_of(await asking)
            await lab.elapse(1.0)
            (letter,) = lab.host.dead_letters()  # the late reply
            assert 1_000 == results(letter.envelope.payload)[0].json["deadline_ms"]
            assert 0 == lab.host.agent("driver").statistics().restarts

    run(main())


@eras
@pytest.mark.parametrize("value", [0, -1, True, "5", None, [1]])
def test_no_deadline(run: Run, era: str, value: Any) -> None:
    """What is no number of milliseconds is refused by name; null is none."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            calling = client.call_tool("upper", {"message": "x"}, meta=meta(value))
            if value is None:
                assert "X" == text_of(await calling)
            else:
                with pytest.raises(MCPError, match=KEY):
                    await calling

    run(main())


def test_settings() -> None:
    """Values that could not work are refused when they are given."""
    for bad in ({"timeout": 0}, {"max_timeout": 1e9}, {"max_message": 10}, {"max_sessions": 0}, {"drain": -1}):
        with pytest.raises(caxton.HostError, match=f"serving.{next(iter(bad))}"):
            ServingSettings(**bad)


def test_a_turn_that_computes_ends_with_its_caller(run: Run) -> None:
    """One that would compute for ever is stopped at its caller's deadline, and the next caller is served."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, "legacy") as client:
            result = await client.call_tool("driver", told(act("spin")), meta=meta(1_000))
            assert "limit.deadline" == code_of(result)
            assert "on" == text_of(await client.call_tool("driver", told(answer("on"))))

    run(main())
