"""What a call of a tool comes to, for clients of both eras of the protocol."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import EmbeddedResource

import caxton
from caxton.serving import Exposed, ServingSettings
from caxton.testing import act, call
from tests.conftest import Run
from tests.serving.agents import EXPOSED, LONG, SCHEMA, answer, log, told
from tests.serving.clients import Lab, code_of, connected, eras, names, text_of


@eras
def test_tools(run: Run, era: str) -> None:
    """Every exposed agent that runs is a tool, with its description and schema; one that does not is none."""

    async def main() -> None:
        exposed = [*EXPOSED, Exposed("absent", "Is not there.")]
        async with Lab(exposed) as lab, connected(lab, era) as client:
            tools = (await client.list_tools()).tools
            assert names(EXPOSED) == [tool.name for tool in tools]
            assert "Answers with the message in upper case." == tools[0].description
            assert ["message"] == tools[0].input_schema["required"]
            assert SCHEMA == tools[2].input_schema
            assert "agent.unknown" == code_of(await client.call_tool("absent", {"message": ""}))
            with pytest.raises(MCPError, match="no such cursor"):
                await client.list_tools(cursor="next")

    run(main())


@eras
def test_who_it_is(run: Run, era: str) -> None:
    """The server says its name, its version and how it is used, and that it tells of changes."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, "auto" if era != "legacy" else era) as client:
            assert client.server_info is not None
            assert ("caxton", caxton.__version__) == (client.server_info.name, client.server_info.version)
            assert "caxton.dev/timeout-ms" in (client.instructions or "")
            capabilities = client.server_capabilities
            assert capabilities.tools is not None
            assert capabilities.tools.list_changed
            assert capabilities.resources is None
            assert capabilities.prompts is None

    run(main())


@eras
def test_replies(run: Run, era: str) -> None:
    """A text in and out; arguments as JSON in and structured content out; bytes as a blob."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            assert "HELLO" == text_of(await client.call_tool("upper", {"message": "hello"}))
            arguments = {"city": "Köln", "days": [1]}
            result = await client.call_tool("weather", arguments)
            assert (arguments, arguments) == (result.structured_content, json.loads(text_of(result)))
            result = await client.call_tool("driver", told(call("state_get", "key")))
            (found,) = result.content
            assert isinstance(found, EmbeddedResource)
            assert base64.b64decode(found.model_dump()["resource"]["blob"]).startswith(b"\xff" * 8)  # -1: not found

    run(main())


@eras
def test_failures(run: Run, era: str) -> None:
    """Whatever becomes of a turn is a result that says so, by the contract's code; the next call is none the worse."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            for steps, code in (
                ((act("trap"),), "trap.unreachable"),
                ((act("divide"),), "trap.divide-by-zero"),
                ((act("recurse"),), "trap.stack-overflow"),
                ((answer("no"), act("finish", 3)), "agent.failed"),
            ):
                assert code == code_of(await client.call_tool("driver", told(*steps)))
            result = await client.call_tool("driver", told(answer("no"), act("finish", 3)))
            assert ["agent.failed: driver answered failure", "no"] == [one.text for one in result.content]  # type: ignore[union-attr]
            assert "yes" == text_of(await client.call_tool("driver", told(answer("yes"))))

    run(main())


@eras
def test_bad_arguments_reach_nobody(run: Run, era: str) -> None:
    """They are refused, by their path, before the agent has a turn."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            for tool, arguments in (("weather", {"city": 1}), ("upper", {}), ("upper", {"message": 1})):
                assert "tool.bad-arguments" == code_of(await client.call_tool(tool, arguments))
            assert [0, 0] == [lab.host.agent(name).statistics().turns for name in ("weather", "upper")]
            result = await client.call_tool("weather", {"city": 1})
            assert "tool.bad-arguments: $.city: type" == text_of(result)

    run(main())


@eras
def test_no_text_holds_up_the_host(run: Run, era: str) -> None:
    """One that a pattern could split in more ways than there is time for is a bad argument, and others go on."""

    async def main() -> None:
        schema = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^([a-z]+[ ]?)+$"}}}
        exposed = [EXPOSED[0], Exposed("weather", "Takes words.", schema)]
        async with Lab(exposed) as lab, connected(lab, era) as client:
            result = await client.call_tool("weather", {"text": "a" * 40 + "!"})
            assert "tool.bad-arguments: $.text: pattern" == text_of(result)
            assert "HELLO" == text_of(await client.call_tool("upper", {"message": "hello"}))
            assert {"text": "some words"} == json.loads(
                text_of(await client.call_tool("weather", {"text": "some words"}))
            )

    run(main())


@eras
def test_no_such_tool(run: Run, era: str) -> None:
    """A name that is not exposed is the protocol's error, also when an agent has it."""

    async def main() -> None:
        async with Lab(EXPOSED[:1]) as lab, connected(lab, era) as client:
            for name in ("driver", "nobody", "\x1b[31m", ""):
                with pytest.raises(MCPError, match="Unknown tool") as caught:
                    await client.call_tool(name, {"message": ""})
                assert -32602 == caught.value.error.code
                assert "\x1b" not in caught.value.error.message

    run(main())


@eras
def test_a_message_that_is_too_large(run: Run, era: str) -> None:
    """Is refused by the agent's own limit."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            result = await client.call_tool("upper", {"message": "x" * ((1 << 20) + 1)})
            assert "limit.message-size" == code_of(result)

    run(main())


@eras
def test_the_envelope(run: Run, era: str) -> None:
    """A call is a request of ``@user``, with what it is and by when an answer is wanted."""

    async def main() -> None:
        async with Lab(settings=ServingSettings(timeout=60)) as lab, connected(lab, era) as client:
            await client.call_tool("driver", {"message": "plain"})  # what is no program is logged, with its envelope
            envelope = json.loads(lab.logs[0])
            assert ("request", "@user", "driver") == tuple(
                envelope[key] for key in ("performative", "sender", "receiver")
            )
            assert "text/plain" == envelope["content-type"]
            assert "2026-01-01T00:01:00.000Z" == envelope["reply-by"]  # the clock stands at the year's beginning

    run(main())


@eras
def test_agents_do_not_wait_for_each_other(run: Run, era: str) -> None:
    """An agent takes one message at a time; calls of others do not wait for it."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            slow = asyncio.ensure_future(client.call_tool("driver", told(log("began"), call("sleep_ms", LONG))))
            await lab.until_logged("began")
            assert "HELLO" == text_of(await client.call_tool("upper", {"message": "hello"}))
            assert not slow.done()
            await lab.elapse(60.0)
            await slow

    run(main())


@eras
def test_a_program_that_cannot_tell(era: str, caplog: pytest.LogCaptureFixture) -> None:
    """When its function of what is exposed fails, the client hears that much, and the log the rest."""

    async def main() -> None:
        exposed = [EXPOSED[0]]
        async with Lab(lambda: exposed) as lab, connected(lab, era) as client:
            exposed.append(None)  # type: ignore[arg-type]
            for asking in (client.list_tools(), client.call_tool("upper", {"message": "x"})):
                with pytest.raises(MCPError, match="the host could not answer") as caught:
                    await asking
                assert -32603 == caught.value.error.code
            lab.server.refresh()
            exposed.pop()
            assert "X" == text_of(await client.call_tool("upper", {"message": "x"}))

    asyncio.run(main())
    assert 3 == len([record for record in caplog.records if record.name == "caxton.serving"])
