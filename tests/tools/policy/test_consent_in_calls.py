"""What a person's consent, and a failure to ask for it, do to a real agent's call."""

from __future__ import annotations

import asyncio

import caxton
from caxton.testing import Result, call
from caxton.tools.policy.approval import Request
from caxton.tools.policy.digest import digest
from tests.agents.lab import Lab, asking, lab
from tests.conftest import Run
from tests.tools.lab import audited, nothing, quiet, scripted, spawn

RULES = {"s.*": caxton.Rule(approve="ask")}
CALL = call("call_tool", "s.tool", "{}")


async def _waiting(a: Lab, agent: caxton.AgentRef) -> asyncio.Task[list[Result]]:
    task = asking(agent, CALL, call("result_info"))
    await a.settle()
    return task


def test_the_audit_tells_of_consent(run: Run) -> None:
    """By the rule that grants the name and the one that asks; a refusal is by the latter alone."""

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                scripted(a, nothing)
                agent = await spawn(a, rules=RULES)
                for answer in (a.host.approvals.approve, a.host.approvals.refuse):
                    task = await _waiting(a, agent)
                    answer(a.host.approvals.pending()[0].id)
                    await task
        granted = 'tools = "*"; rules."s.*".approve'
        assert [("ok", granted), ("grant.denied", 'rules."s.*".approve')] == entries.told("outcome", "rule")

    run(main())


def test_whoever_is_to_ask_fails(run: Run) -> None:
    """The call is refused at once, and the tool hears nothing."""

    async def main() -> None:
        def broken(request: Request) -> None:
            raise RuntimeError(request.tool)

        async with lab() as a:
            provider = scripted(a, nothing)
            a.host.approvals.on_request = broken
            agent = await spawn(a, rules=RULES)
            with quiet(60):
                found = await asking(agent, CALL, call("result_info"))
            assert "grant.denied" == found[1].json["code"]
            assert ([], []) == (provider.calls, a.host.approvals.pending())

    run(main())


def test_nobody_judges_by_what_is_not_sent(run: Run) -> None:
    """What an agent gives for an argument that the host gives is no part of the call: not for a rule's schema, the
    person who is asked, the hash that is approved, or the audit."""
    sent = {"item": "nails"}
    rules = {"s.*": caxton.Rule(approve="ask", arguments={"maxProperties": 1, "properties": {"account": False}})}

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                provider = scripted(a, nothing, hidden={"tool": ["account"]})
                agent = await spawn(a, rules=rules)
                given = call("call_tool", "s.tool", '{"account": "mine", "item": "nails"}')
                task = asking(agent, given, call("result_info"))
                await a.settle()
                (request,) = a.host.approvals.pending()
                assert ('{"item": "nails"}', digest(sent)) == (request.arguments, request.sha256)
                a.host.approvals.approve(request.id, request.sha256)
                await task
                assert [sent] == [made.arguments for made in provider.calls]
        assert [("ok", f"sha256:{digest(sent)}")] == entries.told("outcome", "arguments")

    run(main())
