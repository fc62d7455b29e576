"""Tools by envelope: an envelope to ``tool:NAME`` is a call, whose result comes as another one, in a later turn.

So a call may take longer than the turn that asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from caxton.agents.arguments import tool_arguments
from caxton.agents.ports import Router, ToolRequest, Tools
from caxton.agents.spec import Spec
from caxton.agents.waiting import Pending
from caxton.errors import CaxtonError, LimitError, ToolError
from caxton.messages import TOOL, TOOL_PREFIX, AgentName, Envelope, Performative

PER_AGENT: Final = 64
"""Calls by envelope of one agent that may go on at the same time."""


class ToolMail:
    """The calls by envelope of one host.

    Args:
        tools: makes the calls.
        router: takes the answers.
        spec_of: what an agent was started with; None, it is gone.
        most: how many of one agent may go on.
    """

    def __init__(
        self,
        tools: Tools,
        router: Router,
        spec_of: Callable[[AgentName], Spec | None],
        most: int = PER_AGENT,
    ) -> None:
        self._tools = tools
        self._router = router
        self._spec_of = spec_of
        self._most = most
        self._open: dict[AgentName, set[Pending]] = {}

    def take(self, envelope: Envelope, receiver: AgentName) -> None:
        """Begins the call that ``envelope`` asks ``receiver`` for. Whatever comes of it is an envelope to the sender:
        ``inform`` with the result, or ``failure``."""
        name = receiver.removeprefix(TOOL_PREFIX)
        try:
            pending = self._begin(envelope, receiver, name)
        except CaxtonError as error:
            self._answer(envelope, name, error)
            return
        agent = envelope.sender
        self._open.setdefault(agent, set()).add(pending)

        def done() -> None:
            open_ = self._open.get(agent)
            if open_ is not None and pending in open_:  # else the agent is gone
                open_.discard(pending)
                if not open_:
                    del self._open[agent]
                self._answer(envelope, name, pending.outcome)

        pending.then(done)

    def _begin(self, envelope: Envelope, receiver: AgentName, name: str) -> Pending:
        agent = envelope.sender
        spec = self._spec_of(agent)
        if spec is None:
            raise ToolError("grant.denied", "only agents call tools")
        grants = spec.grants
        self._tools.check(agent, grants, name)
        try:
            if len(self._open.get(agent, ())) >= self._most:
                raise LimitError("limit.pending", f"{self._most} calls by envelope go on already")
            arguments = tool_arguments(name, envelope.payload or b"{}")
        except CaxtonError as error:
            self._tools.refused(agent, name, error.code)
            raise
        # Each of an envelope's receivers is a call of its own; turns count from 1.
        key = self._router.call_key(agent, envelope.id, -envelope.receiver.index(receiver))
        return self._tools.call(ToolRequest(agent, grants, name, arguments, len(envelope.payload), key))

    def _answer(self, request: Envelope, name: str, outcome: object) -> None:
        headers: Mapping[str, str] = {"caxton-tool": name}
        spec = self._spec_of(request.sender)
        most = int(spec.limits.message) if spec is not None else 0
        if isinstance(outcome, bytes) and len(outcome) > most:
            outcome = LimitError("limit.message-size", f"the result has {len(outcome)} bytes, more than a message may")
        if isinstance(outcome, bytes):
            performative, payload = Performative.INFORM, outcome
        elif request.performative is Performative.FAILURE:
            return  # a failure never causes one
        else:
            error = outcome if isinstance(outcome, CaxtonError) else ToolError("tool.failed", "the call was given up")
            said = getattr(error, "payload", None)
            performative, payload = Performative.FAILURE, said if said and len(said) <= most else error.message.encode()
            headers = {**headers, "caxton-code": error.code}
        self._router.post(
            Envelope(
                performative,
                TOOL,
                (request.sender,),
                payload,
                in_reply_to=request.reply_with,
                conversation_id=request.conversation_id,
                headers=headers,
                id=self._router.next_id(),
            )
        )

    def forget(self, agent: AgentName) -> None:
        """An agent is gone: nobody waits for its calls."""
        for pending in self._open.pop(agent, ()):
            pending.cancel()
