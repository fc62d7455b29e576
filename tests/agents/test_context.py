"""What a guest can learn of itself and of its message: JSON, complete, and nothing else of the host."""

from __future__ import annotations

from typing import Any

import pytest

import caxton
from caxton.testing import DRIVER, act, call, perform
from tests.agents.lab import asking, failure, lab
from tests.conftest import Run


def test_context(run: Run) -> None:
    """Its name, its parameters, which instance it is, and what the turn has left."""

    async def main() -> None:
        async with lab() as a:
            params = {"style": "short", "n": 3, "list": [1, 2.5, None, True], "text": "grüße 🙂\n"}
            agent = await a.driver("agent", params=params, limits={"deadline": 10.0, "fuel": 1_000_000})
            (first,) = await perform(agent, call("context"))
            assert {"agent", "params", "attempt", "deadline_ms", "fuel", "grants"} == set(first.json)
            assert ("agent", params, 1, 10_000) == tuple(
                first.json[key] for key in ("agent", "params", "attempt", "deadline_ms")
            )
            assert 0 < first.json["fuel"] < 1_000_000
            await failure(agent, act("trap"))
            asked = asking(agent, call("context"), call("sleep_ms", 4_000), act("burn", 10_000), call("context"))
            await a.elapse(4.0)
            before, _, _, after = await asked
            assert (2, 10_000, 6_000) == (before.json["attempt"], before.json["deadline_ms"], after.json["deadline_ms"])
            assert after.json["fuel"] < before.json["fuel"] - 10_000

    run(main())


def test_the_fuel_it_tells_is_what_is_left(run: Run) -> None:
    """To the unit: the limit less what the turn had cost so far."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"fuel": 1_000_000})
            found = await perform(agent, call("context"), call("context"))
            one, two = (result.json["fuel"] for result in found)
            again = await perform(agent, call("context"), call("context"))
            assert [one, two] == [result.json["fuel"] for result in again]

    run(main())


def test_reading_little_by_little(run: Run) -> None:
    """``read_result`` copies what there is room for, from the beginning, as often as wanted."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("state_put", "k", "0123456789"))
            found = await perform(
                agent,
                call("read_result", 5),
                call("state_get", "k", read=False),
                call("read_result", 3),
                call("read_result", 100),
                call("read_result", 0),
                call("now_ms"),
                call("tell", "agent", "x"),
                call("read_result", 10),
            )
            assert [(0, b""), (10, b""), (3, b"012"), (10, b"0123456789"), (0, b"")] == found[:5]
            assert (10, b"0123456789") == found[7]

    run(main())


def test_the_last_result_ends_with_the_turn(run: Run) -> None:
    """The next turn has nothing to read."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("context"))
            found = await perform(agent, call("read_result", 100), call("result_info"))
            assert (0, b"") == found[0]
            assert 0 == found[1].json["length"]

    run(main())


@pytest.mark.parametrize(
    ("step", "number", "code"),
    [
        (call("tell", "nobody", "x"), -9, "agent.unknown"),
        (call("tell", "A", "x"), -3, "agent.bad-name"),
        (call("tell", b"\xff", "x"), -3, "envelope.invalid"),
        (call("state_get", "k"), -1, None),
        (call("sleep_ms", -1), -3, "config.invalid"),
        (call("set_timer", 0, 0, ""), -3, "config.invalid"),
        (call("call_tool", "none", "{}"), -9, "tool.unknown"),
        (call("ask", "nobody", "x", 5), -9, "agent.unknown"),
        (call("wait", [7], 5), -3, "envelope.invalid"),
        (call("publish", "*", "x"), -3, "envelope.invalid"),
    ],
)
def test_an_error_can_be_read(run: Run, step: Any, number: int, code: str | None) -> None:
    """Its number, a sentence, and the contract's code."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            failed, info = await perform(agent, step, call("result_info"))
            assert number == failed.number
            assert len(failed.data) > 0
            assert (number, code, len(failed.data)) == tuple(info.json[key] for key in ("number", "code", "length"))
            assert {"length", "number", "code", "performative", "retryable", "headers"} == set(info.json)

    run(main())


@pytest.mark.parametrize("params", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}, [1], "x", 5, {1: {2, 3}}])
def test_what_is_no_json_is_no_parameter(run: Run, params: Any) -> None:
    """config.invalid, before anything is started."""

    async def main() -> None:
        async with caxton.Host() as host:
            with pytest.raises(caxton.HostError) as caught:
                await host.spawn("agent", DRIVER, params=params)
            assert "config.invalid" == caught.value.code

    run(main())


def test_parameters_are_the_agents_own(run: Run) -> None:
    """Changing the dict afterwards changes nothing for the agent."""

    async def main() -> None:
        async with lab() as a:
            params: dict[str, Any] = {"list": [1]}
            agent = await a.driver("agent", params=params)
            params["new"] = 1
            params["list"].append(2)
            (context,) = await perform(agent, call("context"))
            assert {"list": [1]} == context.json["params"]

    run(main())


def test_random_bytes(run: Run) -> None:
    """As many as asked for, up to 64 KiB; more ends the turn."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            one, two, none, many = await perform(
                agent, call("random", 32), call("random", 32), call("random", 0), call("random", 64 << 10)
            )
            assert one.data != two.data
            assert [32, 32, 0, 64 << 10] == [len(result.data) for result in (one, two, none, many)]
            assert len(set(many.data)) == 256
            assert "abi.protocol" == (await failure(agent, call("random", (64 << 10) + 1))).code

    run(main())
