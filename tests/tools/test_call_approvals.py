"""`approve = "ask"`: a real agent's call waits for a person, and for nobody else."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import Result, call
from caxton.tools.policy.approval import PER_AGENT
from tests.agents.lab import Lab, asking, lab, numbers
from tests.conftest import Run
from tests.tools.lab import Gate, audited, nothing, outcome, scripted, spawn

RULES = {"s.*": caxton.Rule(approve="ask", rate="1000/s", timeout="1s")}
CALL = call("call_tool", "s.tool", '{"path": "/etc", "text": "\\u001b[31m"}')


async def _waiting(a: Lab, agent: caxton.AgentRef) -> asyncio.Task[list[Result]]:
    task = asking(agent, CALL, call("result_info"))
    await a.settle()
    return task


def test_approved(run: Run) -> None:
    """The call is made when a person says yes, and the time of its rule begins then. What was shown is what runs."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, rules=RULES, limits={"deadline": 100.0})
            task = await _waiting(a, agent)
            await a.elapse(50)
            (request,) = a.host.approvals.pending()
            assert ("agent", "s.tool", 'rules."s.*".approve') == (request.agent, request.tool, request.rule)
            assert request.arguments.isprintable()
            assert "/etc" in request.arguments
            assert [] == provider.calls
            a.host.approvals.approve(request.id, request.sha256)
            found = await task
            assert b"null" == found[0].data
            assert {"path": "/etc", "text": "\x1b[31m"} == provider.calls[0].arguments
            assert [] == a.host.approvals.pending()

    run(main())


def test_refused(run: Run) -> None:
    """-2, with the person's words; the tool hears nothing."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, rules=RULES)
            task = await _waiting(a, agent)
            a.host.approvals.refuse(a.host.approvals.pending()[0].id, "not this one\x07")
            found = await task
            assert (-2, "grant.denied") == (found[0].number, found[1].json["code"])
            assert "s.tool: not this one\\x07" == found[0].text
            assert [] == provider.calls

    run(main())


def test_an_answer_is_for_one_call(run: Run) -> None:
    """Not for the next; nor can it be given twice, or for other arguments."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            agent = await spawn(a, rules=RULES)
            first = await _waiting(a, agent)
            (request,) = a.host.approvals.pending()
            with pytest.raises(caxton.HostError):
                a.host.approvals.approve(request.id, "0" * 64)
            a.host.approvals.approve(request.id)
            for again in (a.host.approvals.approve, a.host.approvals.refuse):
                with pytest.raises(caxton.HostError):
                    again(request.id)
            await first
            second = await _waiting(a, agent)
            (other,) = a.host.approvals.pending()
            assert other.id != request.id
            a.host.approvals.refuse(other.id)
            assert -2 == (await second)[0].number

    run(main())


@pytest.mark.parametrize("how", ["turn", "time", "agent", "host", "handle"])
def test_who_asked_is_gone(run: Run, how: str) -> None:
    """The turn has ended, or its time, or the agent, or the host, or the handle is cancelled: nobody is asked any more,
    the tool is not called, and the audit says cancelled."""

    async def main() -> None:
        before = asyncio.all_tasks()
        with audited() as entries:
            async with lab() as a:
                provider = scripted(a, nothing)
                agent = await spawn(a, rules=RULES, limits={"deadline": 10.0})
                start = call("tool_start", "s.tool", "{}", 60_000)
                pause = call("sleep_ms", 10)
                steps = {"turn": [start, pause], "handle": [start, pause, call("cancel", 1), call("sleep_ms", 5_000)]}
                task = asking(agent, *steps.get(how, [CALL]))
                await a.settle()
                assert 1 == len(a.host.approvals.pending())
                if how == "agent":
                    await agent.stop()
                if how == "time":
                    await a.elapse(10)
                if how in ("turn", "handle"):
                    await a.elapse(0.01)
                if how != "host":
                    await a.settle()
                    assert [] == a.host.approvals.pending()
                    if how == "handle":
                        await a.elapse(5)
            assert [] == a.host.approvals.pending()
            await asyncio.gather(task, return_exceptions=True)
            assert [] == provider.calls
        assert [("s.tool", "cancelled", 'rules."s.*".approve')] == entries.told("tool", "outcome", "rule")
        assert before == asyncio.all_tasks()

    run(main())


def test_what_waits_is_bounded(run: Run) -> None:
    """Sixteen calls of an agent wait; the next is -4 at once, and no person sees it. Others can still ask."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            agent, other = await spawn(a, rules=RULES), await spawn(a, "other", rules=RULES)
            starts = [call("tool_start", "s.tool", "{}", 60_000)] * (PER_AGENT + 1)
            last = call("wait", [PER_AGENT + 1], 60_000)
            task = asking(agent, *starts, last, call("result_info"), call("wait", [1], 60_000))
            await a.settle()
            assert PER_AGENT == len(a.host.approvals.pending())
            second = await _waiting(a, other)
            assert PER_AGENT + 1 == len(a.host.approvals.pending())
            for request in a.host.approvals.pending():
                a.host.approvals.approve(request.id)
            found = await task
            assert "limit.pending" == found[PER_AGENT + 2].json["code"]
            assert b"null" == found[-1].data
            assert b"null" == (await second)[0].data

    run(main())


def test_what_waits_counts(run: Run) -> None:
    """A call that waits for a person has its place among those that go on; one that is refused gives it back."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            rules = {"s.*": caxton.Rule(approve="ask", concurrency=1)}
            agent = await spawn(a, rules=rules)
            start = call("tool_start", "s.tool", "{}", 60_000)
            task = asking(agent, start, start, call("wait", [1], 60_000))
            await a.settle()
            a.host.approvals.refuse(a.host.approvals.pending()[0].id)
            assert [1, -4, 0] == numbers(await task)
            task = asking(agent, start)
            assert [1] == numbers(await task)

    run(main())


def test_whoever_is_to_ask_is_told(run: Run) -> None:
    """Whoever is to ask is told of the call, which waits until a person has answered."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            told: list[str] = []
            a.host.approvals.on_request = lambda request: told.append(request.tool)
            agent = await spawn(a, rules=RULES)
            task = await _waiting(a, agent)
            assert ["s.tool"] == told
            a.host.approvals.approve(a.host.approvals.pending()[0].id)
            assert b"null" == (await task)[0].data

    run(main())


def test_only_calls_that_are_allowed_are_asked_about(run: Run) -> None:
    """A person sees none that grants, a schema, a rate or a budget refuse."""

    async def main() -> None:
        async with lab() as a:
            scripted(a, nothing)
            rules = {"s.*": caxton.Rule(approve="ask", calls=0), "t.*": caxton.Rule(approve="ask", arguments=False)}
            Gate(a, "t.gate")
            agent = await spawn(a, tools=["s.*", "t.*"], rules=rules)
            found = [await outcome(agent, name) for name in ("s.tool", "t.gate", "u.tool", "t.none")]
            assert ["limit.budget", "grant.denied", "grant.denied", "tool.unknown"] == [code for _, code in found]
            assert [] == a.host.approvals.pending()
            assert "1" == await _next_id(a)

    run(main())


async def _next_id(a: Lab) -> str:
    """What the next request is called: how many there have been."""
    agent = await spawn(a, "next", rules={"s.*": caxton.Rule(approve="ask")})
    task = await _waiting(a, agent)
    (request,) = a.host.approvals.pending()
    a.host.approvals.approve(request.id)
    await task
    return request.id
