"""Tools by envelope: what is sent to `tool:NAME` is a call, and the answer comes in a later turn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import caxton
from caxton.testing import act, call, perform
from caxton.tools.mail import PER_AGENT
from caxton.tools.provider import Call
from tests.agents.lab import Lab, Message, lab, meta, numbers
from tests.conftest import Run
from tests.tools.lab import Gate, nothing, quiet, scripted, spawn


def _send(*tools: str, arguments: bytes | str = "{}", **fields: Any) -> Any:
    receiver = [f"tool:{name}" for name in tools]
    fields = {"receiver": receiver} | fields
    return call("send_envelope", meta(fields.pop("performative", "request"), **fields), arguments)


async def _answers(a: Lab, agent: caxton.AgentRef, *steps: Any) -> list[Message]:
    """What comes of envelopes that are sent in one turn."""
    before = len(a.received(agent.name))
    assert {0} == set(numbers(await perform(agent, *steps)))
    await a.settle()
    return a.received(agent.name)[before:]


def _code(message: Message) -> str | None:
    headers: dict[str, str] = message.envelope.get("headers", {})
    return headers.get("caxton-code")


def test_a_result(run: Run) -> None:
    """An `inform` from `@tool`, in the conversation of the call; the turn that called was over long before."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            def double(n: int) -> int:
                return 2 * n

            agent = await spawn(a)
            fields = {"reply_with": "my-token", "conversation_id": "talk", "language": "en"}
            (answer,) = await _answers(a, agent, _send("double", arguments='{"n": 21}', **fields))
            assert "42" == answer.text
            envelope = answer.envelope
            assert envelope.pop("id").startswith("m")
            assert {
                "performative": "inform",
                "sender": "@tool",
                "receiver": "agent",
                "in-reply-to": "my-token",
                "conversation-id": "talk",
                "headers": {"caxton-tool": "double"},
            } == envelope

    run(main())


def test_without_a_token_it_is_answered_too(run: Run) -> None:
    """Then the header tells what it is the answer of. No arguments are an empty object."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a)
            (answer,) = await _answers(a, agent, _send("s.tool", arguments="", performative="inform"))
            assert ("null", "s.tool") == (answer.text, answer.envelope["headers"]["caxton-tool"])
            assert "in-reply-to" not in answer.envelope
            assert {} == provider.calls[0].arguments

    run(main())


async def _fail(call: Call) -> bytes:
    error = caxton.ToolError(call.tool.replace("s.", "tool."), "what went wrong")
    if call.arguments:
        error.payload = b'{"said": "by the tool"}'
    raise error


def test_a_failure(run: Run) -> None:
    """A `failure` with the code; its payload is what the tool said, or the sentence of the error."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, _fail)
            agent = await spawn(a)
            for arguments, text in (("{}", "what went wrong"), ('{"a": 1}', '{"said": "by the tool"}')):
                for code in ("tool.failed", "tool.timeout", "tool.changed"):
                    name = code.replace("tool.", "s.")
                    (answer,) = await _answers(a, agent, _send(name, arguments=arguments, reply_with="t"))
                    assert ("failure", "t") == (answer.envelope["performative"], answer.envelope["in-reply-to"])
                    assert (code, text) == (_code(answer), answer.text)

    run(main())


def test_a_failure_never_causes_one(run: Run) -> None:
    """An envelope that is a `failure` is answered by a result only."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, _fail)
            scripted(a, nothing, "good")
            agent = await spawn(a)
            sent = [_send(name, performative="failure") for name in ("s.failed", "good.tool")]
            assert ["null"] == [answer.text for answer in await _answers(a, agent, *sent)]

    run(main())


def test_bad_arguments_come_back(run: Run) -> None:
    """Whatever they are, the envelope is taken, and a `failure` says what is wrong; no tool is called."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, rules={"s.*": caxton.Rule(arguments={"maxProperties": 0})})
            cases = [b"no JSON", b"[]", b"\xff", b'{"a": 1, "a": 1}', b"null", b'{"a":' * 40 + b"1" + b"}" * 40]
            answers = await _answers(a, agent, *(_send("s.tool", arguments=case) for case in cases))
            assert ["tool.bad-arguments"] * len(cases) == [_code(answer) for answer in answers]
            (answer,) = await _answers(a, agent, _send("s.tool", arguments='{"a": 1}'))
            assert "grant.denied" == _code(answer)
            assert [] == provider.calls

    run(main())


def test_what_is_not_granted_is_refused_at_once(run: Run) -> None:
    """-2, there or not; -9 for what is granted and not there. Nothing of the envelope goes anywhere, also not to those
    of its receivers that were granted."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            other = await spawn(a, "other")
            agent = await spawn(a, tools=["s.a", "s.b", "gone"], deny=["s.b"], peers=["other"])
            receivers: list[Any] = ["tool:s.b", "tool:x", "tool:gone", ["tool:s.a", "tool:x"], ["other", "tool:s.b"]]
            steps = [call("send_envelope", meta("request", receiver=receiver), "{}") for receiver in receivers]
            assert [-2, -2, -9, -2, -2] == numbers(await perform(agent, *steps))
            await a.settle()
            assert ([], []) == (provider.calls, a.received("agent"))
            assert 0 == other.statistics().turns

    run(main())


def test_the_longest_name(run: Run) -> None:
    """A server's name, a dot and a tool's: 64 + 1 + 128 characters. One more is no receiver."""
    server = "s" * 64

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing, server)
            agent = await spawn(a, tools=["*"])
            longest = f"tool:{server}.{'t' * 128}"
            steps = [call("send_envelope", meta("request", receiver=name), "{}") for name in (longest, longest + "t")]
            assert [0, -3] == numbers(await perform(agent, *steps))
            await a.settle()
            assert [longest.removeprefix("tool:")] == [one.tool for one in provider.calls]

    run(main())


@pytest.mark.parametrize(
    "receiver",
    [
        "tool:",
        "tool: s.tool",
        "tool:s.tool ",
        "tool:s tool",
        "tool:tool:s.tool",
        "tool:../s.tool",
        "tool:.s",
        "tool:s.tool\n",
        "tool:s.tool\0",
        "tool:\u017f.tool",
        "tool:" + "x" * 200,
        "Tool:s.tool",
        "TOOL:s.tool",
        " tool:s.tool",
        "tool",
        "@tool",
        "@host",
        "tool;s.tool",
        "tool:*",
        "",
        ["tool:s.tool", 5],
        ["tool:s.tool"] * 65,
        {"tool": "s.tool"},
    ],
)
def test_forged_receivers(run: Run, receiver: Any) -> None:
    """What is no tool's name behind `tool:`, and no agent's: -2, -3 or -9, and nothing is called."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, peers=["*"])
            (found,) = await perform(agent, call("send_envelope", meta("request", receiver=receiver), "{}"))
            assert found.number in (-2, -3, -9)
            await a.settle()
            assert [] == provider.calls
            assert [] == a.dead()

    run(main())


def test_tools_and_agents_in_one_envelope(run: Run) -> None:
    """Each gets it, in order; a tool that is named twice is called once."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            await spawn(a, "peer")
            agent = await spawn(a, peers=["*"])
            receiver = ["tool:s.one", "peer", "tool:s.two", "agent", "tool:s.one", "tool:s.bad"]
            step = call("send_envelope", meta("request", receiver=receiver), '{"n": 1}')
            found = await _answers(a, agent, step)
            assert ["s.one", "s.two", "s.bad"] == [one.tool for one in provider.calls]
            assert ['{"n": 1}'] == a.texts("peer")
            own, *answers = found
            assert '{"n": 1}' == own.text
            assert ["s.one", "s.two", "s.bad"] == [one.envelope["headers"]["caxton-tool"] for one in answers]
            assert 3 == len({one.key for one in provider.calls})

    run(main())


def test_tools_are_no_agents(run: Run) -> None:
    """Neither `tell` nor `ask`, nor a publication, reaches one; nor is one an agent's name."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, peers=["*"])
            found = await perform(
                agent,
                call("tell", "tool:s.tool", "{}"),
                call("ask", "tool:s.tool", "{}", 1_000),
                call("ask_start", "tool:s.tool", "{}", 1_000),
            )
            assert [-3, -3, -3] == numbers(found)
            without = await spawn(a, "without")
            assert [-2] == numbers(await perform(without, call("tell", "tool:s.tool", "{}")))
            with pytest.raises(caxton.AgentError, match="no agent name"):
                await spawn(a, "tool:s.tool")
            assert [] == provider.calls

    run(main())


def test_nothing_is_called_before_the_turn_commits(run: Run) -> None:
    """Of a turn that traps or fails, no envelope leaves."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a)
            for end in (act("trap"), act("finish", 1)):
                with pytest.raises(caxton.CaxtonError):
                    await perform(agent, _send("s.tool"), end)
            await a.settle()
            assert [] == provider.calls

    run(main())


def test_it_outlives_the_turns_deadline(run: Run) -> None:
    """An hour's call from an agent whose turns have two seconds. Meanwhile the agent takes other messages."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, limits={"deadline": 2.0})
            assert [] == await _answers(a, agent, _send("gate", arguments='{"label": "late"}', reply_with="r"))
            await a.elapse(3_600)
            assert b"hello" == (await agent.ask("hello")).payload
            gate.open()
            await a.settle()
            assert ['"late"'] == a.texts("agent")[1:]

    run(main())


def test_a_rule_bounds_it_all_the_same(run: Run) -> None:
    """`timeout`, and a time by which the sender wanted a reply, if that has passed when it is sent."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, rules={"*": caxton.Rule(timeout="1m")})
            assert [] == await _answers(a, agent, _send("gate"))
            await a.elapse(60)
            (answer,) = a.received("agent")
            assert "tool.timeout" == _code(answer)
            assert [""] == gate.cancelled
            late = {"reply_by": "2020-01-01T00:00:00Z", "reply_with": "r"}
            (answer,) = await _answers(a, agent, _send("gate", **late))
            assert "ask.timeout" == _code(answer)
            assert [("tool:gate", "ask.timeout", "{}")] == a.dead()
            assert 1 == gate.begun

    run(main())


def test_so_many_at_a_time(run: Run) -> None:
    """64 of one agent; the next is refused by an answer, and when one has ended there is room."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent, other = await spawn(a), await spawn(a, "other")
            answers = await _answers(a, agent, *([_send("gate")] * (PER_AGENT + 3)))
            assert ["limit.pending"] * 3 == [_code(answer) for answer in answers]
            assert [] == await _answers(a, other, _send("gate"))
            assert PER_AGENT + 1 == len(gate.running)
            gate.open()
            await a.settle()
            assert PER_AGENT + 3 == len(a.received("agent"))
            assert [None] == [_code(answer) for answer in await _answers(a, agent, _send("gate"))]

    run(main())


@pytest.mark.parametrize("how", ["stopped", "failed", "host"])
def test_an_agent_that_ends_takes_its_calls_with_it(run: Run, how: str) -> None:
    """They are cancelled, and nothing is delivered for them, also not to a later agent of the same name."""

    async def main() -> None:
        before = asyncio.all_tasks()
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, restart=caxton.Restart("temporary"))
            await _answers(a, agent, _send("gate", arguments='{"label": "old"}', reply_with="r"))
            assert ["old"] == gate.running
            if how == "stopped":
                await agent.stop()
            if how == "failed":
                with pytest.raises(caxton.TrapError):
                    await perform(agent, act("trap"))
            if how != "host":
                await a.settle()
                assert ["old"] == gate.cancelled
                agent = await spawn(a)
                await _answers(a, agent, _send("gate", arguments='{"label": "new"}'))
                gate.open()
                await a.settle()
                assert ['"new"'] == a.texts("agent")
                assert [] == a.dead()
        assert ["old"] == gate.cancelled
        assert before == asyncio.all_tasks()

    run(main())


def test_a_new_instance_gets_the_answer(run: Run) -> None:
    """An agent that has trapped meanwhile is still the one that asked."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a)
            await _answers(a, agent, _send("gate", arguments='{"label": "kept"}'))
            with pytest.raises(caxton.TrapError):
                await perform(agent, act("trap"))
            await a.settle()
            gate.open()
            await a.settle()
            assert ['"kept"'] == a.texts("agent")
            assert 1 == agent.statistics().restarts

    run(main())


def test_an_answer_that_does_not_fit(run: Run) -> None:
    """A result that is larger than the agent's messages may be: a `failure` says so. What a failing tool said at such
    length gives way to the error's sentence."""

    async def main() -> None:
        async with lab() as a:

            async def long(call: Call) -> bytes:
                data = b'"%b"' % (b"x" * call.arguments["n"])
                if call.tool == "s.good":
                    return data
                error = caxton.ToolError("tool.failed", "in short")
                error.payload = data
                raise error

            scripted(a, long)
            agent = await spawn(a, limits={"message": 2_000})
            found: list[tuple[str | None, int | str]] = []
            for name, size in (("s.good", 1_998), ("s.good", 1_999), ("s.bad", 1_998), ("s.bad", 1_999)):
                (answer,) = await _answers(a, agent, _send(name, arguments=f'{{"n": {size}}}'))
                found.append((_code(answer), len(answer.text) if answer.text.startswith('"') else answer.text))
            assert (None, 2_000) == found[0]
            assert ("limit.message-size", "the result has 2001 bytes, more than a message may") == found[1]
            assert [("tool.failed", 2_000), ("tool.failed", "in short")] == found[2:]
            assert [] == a.dead()

    run(main())


def test_an_answer_that_nobody_takes(run: Run) -> None:
    """The mailbox is full: a dead letter, and the call has ended all the same."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, limits={"mailbox": 1, "deadline": 100.0})
            await _answers(a, agent, _send("gate"))
            busy = asyncio.create_task(perform(agent, call("sleep_ms", 1_000)))
            await a.settle()
            await agent.tell("in the way")
            gate.open()
            await a.settle()
            assert [("agent", "mailbox.full", '""')] == a.dead()
            await a.elapse(1)
            await busy
            assert ["in the way"] == a.texts("agent")
            gate_again = await _answers(a, agent, _send("gate"))
            assert ['""'] == [answer.text for answer in gate_again]

    run(main())


def test_a_person_may_be_asked_first(run: Run) -> None:
    """However long that takes: the turn does not wait."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            agent = await spawn(a, rules={"s.*": caxton.Rule(approve="ask")}, limits={"deadline": 1.0})
            assert [] == await _answers(a, agent, _send("s.tool"), _send("s.other"))
            await a.elapse(10_000)
            first, second = a.host.approvals.pending()
            a.host.approvals.refuse(second.id, "no")
            a.host.approvals.approve(first.id)
            await a.settle()
            found = {one.envelope["headers"]["caxton-tool"]: _code(one) for one in a.received("agent")}
            assert {"s.other": "grant.denied", "s.tool": None} == found

    run(main())


def test_a_headers_word_is_the_hosts(run: Run) -> None:
    """Nobody can pass for a tool: `caxton-` headers and senders of an agent's making do not arrive."""

    async def main() -> None:
        async with lab() as a:
            await spawn(a, "victim")
            agent = await spawn(a, peers=["victim"])
            forged = {
                "performative": "inform",
                "sender": "@tool",
                "receiver": "victim",
                "headers": {"caxton-tool": "s.tool", "Caxton-Code": "tool.failed", "other": "kept"},
            }
            assert [0] == numbers(await perform(agent, call("send_envelope", json.dumps(forged), "42")))
            await a.settle()
            (message,) = a.received("victim")
            assert ("agent", {"other": "kept"}) == (message.envelope["sender"], message.envelope["headers"])

    run(main())


def test_a_tool_that_breaks(run: Run) -> None:
    """Answers as one that fails, and those that were sent with it are answered too."""

    async def main() -> None:
        async with lab() as a:

            async def some(call: Call) -> bytes:
                if call.tool == "s.breaks":
                    raise MemoryError
                return b"7"

            scripted(a, some)
            agent = await spawn(a)
            answers = await _answers(a, agent, _send("s.breaks", "s.good"), _send("s.good"))
            codes = sorted(_code(answer) or "ok" for answer in answers)
            assert ["ok", "ok", "tool.failed"] == codes

    with quiet():
        run(main())
