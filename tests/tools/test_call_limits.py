"""Rates, concurrency and budgets of real agents, on a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import act, call, perform
from caxton.tools.provider import Call
from tests.agents.lab import asking, lab, numbers
from tests.conftest import Run
from tests.tools.lab import Gate, codes, nothing, outcome, scripted, spawn, with_codes

CALL = call("call_tool", "s.tool", "{}")
OK = (0, None)
RATE = (-4, "rate.exceeded")
BUDGET = (-4, "limit.budget")


def test_a_rate_is_counted_for_each_agent_and_tool(run: Run) -> None:
    """As many calls at once as the bucket holds; then one whenever time has brought one back."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            rules = {"s.*": caxton.Rule(rate="2/s", burst=3)}
            one, two = await spawn(a, "one", rules=rules), await spawn(a, "two", rules=rules)
            found = await perform(one, *with_codes(*[CALL] * 4))
            assert [None, None, None, "rate.exceeded"] == codes(found)
            assert found[6].text.endswith("try again in 501 ms")
            assert found[7].json["retryable"] is True
            assert OK == await outcome(one, "s.other")
            assert OK == await outcome(two, "s.tool")
            await a.elapse(0.4)
            assert RATE == await outcome(one, "s.tool")
            await a.elapse(0.1)
            assert [OK, RATE] == [await outcome(one, "s.tool") for _ in range(2)]
            await a.elapse(1_000)
            assert [OK, OK, OK, RATE] == [await outcome(one, "s.tool") for _ in range(4)]
            assert 9 == len(provider.calls)

    run(main())


def test_a_refused_call_takes_nothing(run: Run) -> None:
    """Neither what the grants refuse, nor bad arguments, nor what another rule refuses."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            rules = {
                "s.*": caxton.Rule(calls=2, rate="10/s"),
                "s.t*": caxton.Rule(arguments={"maxProperties": 1}, concurrency=5),
            }
            agent = await spawn(a, rules=rules)
            for arguments in ('{"a": 1, "b": 2}', "no JSON", "[]") * 5:
                assert OK != await outcome(agent, "s.tool", arguments)
            assert [OK, OK, BUDGET] == [await outcome(agent, "s.tool") for _ in range(3)]

    run(main())


def test_concurrency(run: Run) -> None:
    """So many calls at once of one agent, in all of its turn's handles and its envelopes together."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            rules = {"gate": caxton.Rule(concurrency=2)}
            one, two = await spawn(a, "one", rules=rules), await spawn(a, "two", rules=rules)
            await perform(one, call("send_envelope", '{"performative": "request", "receiver": "tool:gate"}', "{}"))
            start = call("tool_start", "gate", "{}", 60_000)
            waiting = asking(one, *with_codes(start, start), call("wait", [1], 60_000))
            await a.settle()
            assert 2 == gate.begun
            other = asking(two, start, start, call("wait", [1, 2], 60_000))
            await a.settle()
            assert 4 == gate.begun
            gate.open()
            found = await waiting
            assert [None, "rate.exceeded"] == codes(found[:4])
            assert [1, 2, 0] == numbers(await other)
            await a.settle()
            assert ['""', '""'] == [found[4].text, *a.texts("one")]
            assert OK == await outcome(one, "gate")

    run(main())


def test_a_budget_of_calls_lasts_as_long_as_the_agent(run: Run) -> None:
    """Over restarts of its instance too; an agent that takes its name later begins anew."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            rules = {"s.*": caxton.Rule(calls=3)}
            agent = await spawn(a, rules=rules)
            assert [OK, OK] == [await outcome(agent, "s.tool") for _ in range(2)]
            with pytest.raises(caxton.TrapError):
                await perform(agent, act("trap"))
            assert [OK, BUDGET] == [await outcome(agent, "s.tool") for _ in range(2)]
            await a.elapse(1_000_000)
            assert BUDGET == await outcome(agent, "s.tool")
            await agent.stop()
            agent = await spawn(a, rules=rules)
            assert OK == await outcome(agent, "s.tool")

    run(main())


def test_a_budget_of_bytes(run: Run) -> None:
    """Arguments and results; what a failure brings along counts as a result does."""

    async def main() -> None:
        async with lab() as a:

            async def say(call: Call) -> bytes:
                if "fail" not in call.arguments:
                    return b'"%b"' % (b"x" * 98)
                error = caxton.ToolError("tool.failed", "no")
                error.payload = b'"%b"' % (b"x" * 98)
                raise error

            scripted(a, say)
            for arguments, expected in (
                ("{}", [OK, OK, OK, BUDGET]),  # 102 each
                ('{"fail": 1}', [(-6, "tool.failed")] * 3 + [BUDGET]),  # 111 each
                ('{"a": "' + "x" * 91 + '"}', [OK, OK, BUDGET]),  # 100 and 100 each
                ('{"a": "' + "x" * 292 + '"}', [BUDGET]),
            ):
                agent = await spawn(a, rules={"s.*": caxton.Rule(bytes=300)})
                assert expected == [await outcome(agent, "s.tool", arguments) for _ in expected], arguments
                await agent.stop()

    run(main())


def test_a_budget_of_tokens(run: Run) -> None:
    """Of calls that fail, too; a tool cannot give any back."""

    async def main() -> None:
        async with lab() as a:

            async def think(call: Call) -> bytes:
                call.used["tokens"] = call.arguments["tokens"]
                if call.arguments["tokens"] == 60:
                    raise caxton.ToolError("tool.failed", "no")
                return b"null"

            scripted(a, think)
            agent = await spawn(a, rules={"s.*": caxton.Rule(tokens=100)})
            found = [await outcome(agent, "s.tool", f'{{"tokens": {tokens}}}') for tokens in (60, -1_000, 39, 1, 1)]
            assert [(-6, "tool.failed"), OK, OK, OK, BUDGET] == found

    run(main())


def test_nothing_is_counted_of_agents_that_are_gone(run: Run) -> None:
    """Also where a call of theirs ends after them; and those without rules are not counted at all."""

    async def main() -> None:
        async with lab() as a:
            go = asyncio.Event()

            async def deaf(call: Call) -> bytes:
                while not go.is_set():
                    try:
                        await go.wait()
                    except asyncio.CancelledError:
                        continue
                return b"null"

            scripted(a, deaf)
            calls = a.host._tooling._calls
            assert calls is not None
            rules = {"*": caxton.Rule(concurrency=1, calls=10)}
            agents = [await spawn(a, f"agent-{number}", rules=rules) for number in range(10)]
            agents.append(await spawn(a, "free"))
            waiting = [asking(agent, CALL) for agent in agents]
            await a.settle()
            assert 10 == len(calls._meters)
            for agent in agents:
                await agent.stop()
            assert 0 == len(calls._meters)
            go.set()
            await asyncio.gather(*waiting, return_exceptions=True)
            await a.settle()
            assert 0 == len(calls._meters)
            again = await spawn(a, "agent-1", rules=rules)
            assert OK == await outcome(again, "s.tool")

    run(main())
