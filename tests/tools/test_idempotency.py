"""A call's idempotency key: it goes to the server in `_meta`, names one call, and no other."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

import caxton
from caxton.messages import AgentName
from caxton.testing import act, call, driver, perform
from caxton.tools.mcp.server import KEY
from tests.agents.lab import Lab, eventually, lab, meta
from tests.conftest import Run
from tests.tools.lab import audited, nothing, scripted, spawn
from tests.tools.mcp.lab import HOSTILE

ECHO = call("call_tool", "h.echo", "{}")
CALL = call("call_tool", "s.tool", "{}")


@contextlib.asynccontextmanager
async def _with_server() -> AsyncIterator[Lab]:
    """A host with a server that says what it was sent."""
    made = Lab()
    made.host.add_server("h", HOSTILE)
    async with made.host:
        yield made


def _key(result: dict[str, Any]) -> str:
    """What the server got."""
    return str(json.loads(result["content"][0]["text"])["meta"][KEY])


def _number(envelope: dict[str, Any]) -> int:
    return int(envelope["id"].removeprefix("m"))


def test_the_key_reaches_the_server(run: Run) -> None:
    """Of a call, of one that goes on beside the turn, and of one by envelope. It is the one in the audit, and is made
    of agent, message and number."""

    async def main() -> None:
        with audited() as entries:
            async with _with_server() as a:
                agent = await spawn(a, limits={"deadline": 50.0})
                start = call("tool_start", "h.echo", "{}", 50_000)
                found = await perform(agent, call("envelope"), ECHO, start, call("wait", [1], 50_000), ECHO)
                step = call("send_envelope", meta("request", receiver="tool:h.echo"), "{}")
                await perform(agent, step)
                await eventually(lambda: bool(a.received("agent")))
                keys = [_key(found[at].json) for at in (1, 3, 4)]
                number = _number(found[0].json)
                made = [a.host.router.call_key(AgentName("agent"), number, n) for n in (1, 2, 3)]
                assert made == keys
                keys.append(_key(json.loads(a.texts("agent")[0])))
                assert keys == [entry["key"] for entry in entries.found]
                assert 4 == len(set(keys))
                assert all(re.fullmatch("[0-9A-Za-z._-]{16,200}", key) for key in keys)

    run(main())


def test_the_key_is_the_same_for_the_same_call(run: Run) -> None:
    """The same agent, message and number; and another for any other, also of another host."""

    async def main() -> None:
        async with lab() as one, lab() as two:
            found = set()
            for agent in ("a", "a-", "a-1", "a-1-1"):
                for message in (0, 1, 11):
                    for number in (-1, 0, 1, 2, 11):
                        key = one.host.router.call_key(AgentName(agent), message, number)
                        assert key == one.host.router.call_key(AgentName(agent), message, number)
                        assert key != two.host.router.call_key(AgentName(agent), message, number)
                        found.add(key)
            assert 4 * 3 * 5 == len(found)

    run(main())


def test_every_call_has_its_own(run: Run) -> None:
    """Over turns, agents, instances, ways to call; and over agents that have the same name, one after the other."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            everybody = ["tool:s.one", "tool:s.two", "agent"]
            send = call("send_envelope", meta("request", receiver=everybody), "{}")
            at_start = driver(CALL, CALL)
            for _ in range(2):
                agent = await spawn(a, module=at_start, peers=["agent"])
                await spawn(a, "other", module=at_start)
                for _ in range(2):
                    await perform(agent, CALL, CALL, send)
                    await a.settle()
                with pytest.raises(caxton.TrapError):
                    await perform(agent, CALL, act("trap"))
                await a.settle()
                await agent.stop()
                await a.host.agent("other").stop()
            assert 2 * (2 + 2 + 2 * (2 + 2) + 1 + 2) == len(provider.calls)
            assert len(provider.calls) == len({one.key for one in provider.calls})

    run(main())


def test_what_is_refused_takes_no_number(run: Run) -> None:
    """A turn that is run again under other limits still makes the same calls under the same keys."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, tools=["s.tool", "gone"])
            bad = [call("call_tool", name, "no JSON") for name in ("s.tool", "gone", "denied")]
            (envelope, *_) = await perform(agent, call("envelope"), *bad, CALL, *bad, CALL)
            number = _number(envelope.json)
            made = [a.host.router.call_key(AgentName("agent"), number, n) for n in (1, 2)]
            assert made == [one.key for one in provider.calls]

    run(main())


def test_an_agent_cannot_choose_it(run: Run) -> None:
    """What it writes as `_meta` is an argument like any other."""

    async def main() -> None:
        async with _with_server() as a:
            agent = await spawn(a, limits={"deadline": 50.0})
            forged = {"_meta": {KEY: "forged"}, KEY: "forged"}
            (found,) = await perform(agent, call("call_tool", "h.echo", json.dumps(forged)))
            told = json.loads(found.json["content"][0]["text"])
            assert forged == told["arguments"]
            assert "forged" not in json.dumps(told["meta"])

    run(main())
