"""Calls of tools: the one way from an agent to a tool, and back.

::

    name granted? -> there? -> arguments allowed? -> rate, budget? -> consent? -> audit: it begins
        -> provider -> secrets out -> audit: it has ended
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from caxton.agents.grants import Grants
from caxton.agents.ports import Clock, ToolRequest
from caxton.agents.rules import Rule
from caxton.agents.waiting import Pending
from caxton.errors import CaxtonError, ToolError, error_for
from caxton.messages import AgentName
from caxton.text import safe, safe_name
from caxton.tools.audit import Audit, entry
from caxton.tools.mcp.deadline import Deadline, DeadlinePassedError
from caxton.tools.policy.approval import Approvals
from caxton.tools.policy.decision import Decision, by_name, check_arguments, decide
from caxton.tools.policy.digest import digest
from caxton.tools.policy.meters import Meters
from caxton.tools.policy.schema import rule_name
from caxton.tools.prompt import begin
from caxton.tools.provider import RESULT_LIMIT, Call, Provider, anything
from caxton.tools.redaction import Redactor, elsewhere
from caxton.tools.registry import Registry
from caxton.tools.under_way import Progress, UnderWay

_NOTHING_CHECKED: Final = (None, "", Decision(False, "grant.denied", "tools", "the call was not looked at"))
_GIVEN_UP: Final = ToolError("tool.failed", "the call was given up")
_log = logging.getLogger("caxton.tools")


class ToolCalls:
    """The calls of one host (the ``Tools`` of agents/ports.py).

    Args:
        registry: whose the tools are.
        clock: what rates are counted by, and the time that a rule gives a call.
        audit: is told of every call, also of those that are refused.
        redactor: takes secrets out of whatever tools answer.
        approvals: where calls wait that a person must agree to.
    """

    def __init__(
        self, registry: Registry, clock: Clock, audit: Audit, redactor: Redactor, approvals: Approvals
    ) -> None:
        self._registry = registry
        self._audit = audit
        self._redactor = redactor
        self._approvals = approvals
        self._clock = clock
        self._meters = Meters(clock.monotonic)
        self._tasks: set[asyncio.Task[None]] = set()
        self._checked: tuple[Grants | None, str, Decision] = _NOTHING_CHECKED
        self.on_forget: Callable[[AgentName], None] | None = None

    @property
    def under_way(self) -> int:
        """Calls that go on."""
        return len(self._tasks)

    def check(self, agent: AgentName, grants: Grants, name: str) -> None:
        """Looks at the name alone.

        Raises:
            ToolError: ``grant.denied``, or else ``tool.unknown``.
        """
        decision = by_name(grants, name, self._registry.knows)
        self._checked = (grants, name, decision)
        if not decision.allowed:
            self._refused(agent, name, "", decision.rule, decision.code or "grant.denied")
            decision.check()

    def refused(self, agent: AgentName, name: str, code: str) -> None:
        """Notes a call that ``check`` has let pass a moment ago and that is not made: its arguments have not been read,
        so the entry is by the rule that grants the name."""
        _, checked, decision = self._checked
        self._refused(agent, name, "", decision.rule if checked == name else "", code)

    def call(self, request: ToolRequest) -> Pending:
        """Starts a call; it resolves to the result's JSON, or to a ``CaxtonError``. Cancelling it cancels the call.

        Raises:
            CaxtonError: it is not begun: ``grant.denied``, ``tool.unknown``, ``rate.exceeded``, ``limit.budget``.
        """
        request = request._replace(arguments=self._registry.without_hidden(request.name, request.arguments))
        decision = self._decide(request)
        rules = request.grants.rules_for(request.name) if request.grants.rules else ()
        try:
            decision.check()
            ticket = self._meters.admit(request.agent, request.name, rules, request.size)
        except CaxtonError as error:
            arguments, rule = digest(request.arguments), getattr(error, "rule", None) or decision.rule
            self._refused(request.agent, request.name, arguments, rule, error.code, request.key)
            raise
        provider = self._registry.owner(request.name)
        assert provider is not None
        call = Call(
            request.agent,
            request.name,
            request.arguments,
            request.key,
            rules,
            _shortest(rules) if rules else None,
            Progress(request.agent, request.name, self._redactor.text),
            until=request.until,
            check=functools.partial(check_arguments, rules, request.name) if rules else anything,
        )
        under_way = UnderWay(call, decision, ticket, self._audit.listens)
        return self._start(self._run(provider, under_way), lambda: under_way.end(self._audit), provider.is_prompt)

    def _decide(self, request: ToolRequest) -> Decision:
        """What ``check`` has decided a moment ago, where the arguments have no part in it."""
        grants, name, decision = self._checked
        if grants is request.grants and name == request.name and not grants.rules:
            self._checked = _NOTHING_CHECKED
            return decision
        return decide(request.grants, request.name, request.arguments, self._registry.knows)

    def _start(
        self, work: Coroutine[Any, Any, bytes | CaxtonError], ended: Callable[[], None], at_once: bool = False
    ) -> Pending:
        """Runs ``work``; ``ended`` is called whatever becomes of it, also where it was cancelled before it began."""
        pending = Pending()
        over = False

        def end(outcome: bytes | CaxtonError) -> None:
            nonlocal over
            if not over:
                over = True
                ended()
                pending.resolve(outcome)

        async def run() -> None:
            end(await work)  # here, not in a callback: a round of the event loop less

        loop = asyncio.get_running_loop()
        task = begin(run(), loop) if at_once else loop.create_task(run())
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            work.close()  # a task that was cancelled before it began has not begun this either
            if not task.cancelled():
                task.exception()  # what is to end the event loop, which has been told already
            end(_GIVEN_UP)

        task.add_done_callback(done)
        pending.on_cancel(lambda: _cancel(task))
        return pending

    def _refused(self, agent: AgentName, name: str, arguments: str, rule: str, code: str, key: str = "") -> None:
        now = time.monotonic()
        self._audit.record(
            entry(agent=agent, tool=name, arguments=arguments, rule=rule, outcome=code, began=now, now=now, key=key)
        )

    async def _run(self, provider: Provider, under_way: UnderWay) -> bytes | CaxtonError:
        call = under_way.call
        try:
            await self._audit.admit()
            if call.rules:
                await self._consent(under_way)
            under_way.begin(self._audit)
            made = provider.call(call) if call.timeout is None else self._limited(provider, call, call.timeout)
            result = await self._cleaned(await made)
        except CaxtonError as error:
            under_way.outcome = error.code
            under_way.rule = getattr(error, "rule", None) or under_way.rule
            told = await self._told(error)
            under_way.size = len(getattr(told, "payload", None) or b"")
            return told
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a mistake of ours, or of a library's, costs this call, not the host
            _log.exception("a call of %s failed", safe_name(call.tool))
            under_way.outcome = "tool.failed"
            return ToolError("tool.failed", f"{safe_name(call.tool)} could not be called")
        under_way.outcome, under_way.size = "ok", len(result)
        return result

    async def _consent(self, under_way: UnderWay) -> None:
        call = under_way.call
        glob = next((glob for glob, rule in call.rules if rule.approve == "ask"), None)
        if glob is None:
            return
        granted, under_way.rule = under_way.rule, rule_name(glob, "approve")
        await self._approvals.ask(call.agent, call.tool, call.arguments, under_way.rule)
        under_way.rule = f"{granted}; {under_way.rule}"  # a person has agreed

    async def _limited(self, provider: Provider, call: Call, seconds: float) -> bytes:
        try:
            with Deadline(self._clock, seconds):
                return await provider.call(call)
        except DeadlinePassedError:
            raise ToolError("tool.timeout", f"{safe_name(call.tool)} took more than {seconds:g} s") from None

    async def _cleaned(self, result: bytes) -> bytes:
        if self._redactor.empty:
            found = result
        else:
            found = await elsewhere(self._redactor.json, result)
        if len(found) > RESULT_LIMIT:
            raise ToolError("tool.failed", f"the result has more than {RESULT_LIMIT >> 20} MiB")
        return found

    async def _told(self, error: CaxtonError) -> CaxtonError:
        """The error, without secrets."""
        payload = getattr(error, "payload", None)
        if self._redactor.empty and (payload is None or len(payload) <= RESULT_LIMIT):
            return error
        # What was said at first, where that is there: in what was cut a part of a secret may be left, which is none.
        said = error.args[0] if error.args and safe(str(error.args[0])) == error.message else error.message
        found = error_for(error.code, await elsewhere(self._redactor.text, str(said)))
        if payload is not None and isinstance(found, ToolError):
            with contextlib.suppress(ToolError, ValueError):  # what cannot be cleaned is left out
                found.payload = await self._cleaned(payload)
        return found

    def describe(self, grants: Grants) -> Pending:
        """The tools that the grants allow, as JSON: name, description, input schema of each."""
        return self._start(self._list(grants), _nothing)

    async def _list(self, grants: Grants) -> bytes | CaxtonError:
        try:
            return await self._cleaned(await self._registry.describe(grants))
        except CaxtonError as error:
            return await self._told(error)
        except Exception:
            _log.exception("the tools cannot be listed")
            return ToolError("tool.failed", "the tools cannot be listed")

    def forget(self, agent: AgentName) -> None:
        """An agent is gone for good: what was counted of it is of no use any more."""
        self._meters.forget(agent)
        self._approvals.forget(agent)
        if self.on_forget is not None:
            self.on_forget(agent)

    async def close(self) -> None:
        """Cancels the calls that still run."""
        self._approvals.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _shortest(rules: Sequence[tuple[str, Rule]]) -> float | None:
    """The shortest of the rules' timeouts."""
    return min((float(rule.timeout) for _, rule in rules if rule.timeout is not None), default=None)


def _nothing() -> None:
    """There is nothing to do."""
