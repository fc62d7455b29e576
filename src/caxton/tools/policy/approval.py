"""Calls that wait for a person's consent."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from caxton.errors import HostError, LimitError, ToolError
from caxton.text import safe, safe_name
from caxton.tools.policy.digest import digest
from caxton.tools.policy.preview import TooMuchError, preview

PER_AGENT: Final = 16
"""Calls of one agent that may wait for consent."""

IN_SUM: Final = 256
"""Calls of all agents that may."""

_log: Final = logging.getLogger("caxton.tools")


@dataclass(frozen=True, slots=True)
class Request:
    """A call that waits, as it may be shown: nothing in it can control a terminal.

    Attributes:
        id: names it for ``approve`` and ``refuse``; never used again in this host.
        agent, tool: who wants to call what.
        arguments: one line of JSON, at most 4 KiB.
        cut: whether something is missing in that line.
        sha256: of the whole arguments (``digest``): what is approved is what runs.
        rule: the rule that asks.
        asked: Unix time in milliseconds.
    """

    id: str
    agent: str
    tool: str
    arguments: str
    cut: bool
    sha256: str
    rule: str
    asked: int

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


class Approval:
    """A person's answer to come. Awaiting it returns when the call is approved; cancelling who awaits gives up."""

    def __init__(self, request: Request, answer: asyncio.Future[None], forget: Callable[[], None]) -> None:
        self.request = request
        self._answer = answer
        self._forget = forget

    def __await__(self) -> Generator[Any, None, None]:
        """Waits.

        Raises:
            ToolError: ``grant.denied``, the call was refused.
        """
        try:
            yield from self._answer.__await__()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """The answer is of no interest any more: nobody is asked."""
        self._forget()
        self._answer.cancel()


class Approvals:
    """The calls that wait. On the event loop only.

    Args:
        on_request: is told of each call that begins to wait, so that it can ask a person; if it raises, that is logged,
            and the call is refused.
        per_agent, in_sum: how many may wait.
        now: Unix time in seconds.
    """

    def __init__(
        self,
        on_request: Callable[[Request], None] | None = None,
        *,
        per_agent: int = PER_AGENT,
        in_sum: int = IN_SUM,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.on_request = on_request
        self._per_agent = per_agent
        self._in_sum = in_sum
        self._now = now
        self._ids = itertools.count(1)
        self._waiting: dict[str, Approval] = {}
        self._by_agent: dict[str, int] = {}

    def ask(self, agent: str, tool: str, arguments: Mapping[str, Any], rule: str = "") -> Approval:
        """Begins to wait for consent to one call. The caller then makes the call with these very arguments, unchanged.

        Raises:
            LimitError: ``limit.pending``, too many wait already.
            ToolError: ``grant.denied``, nobody could see what they agree to: the names of the arguments are too many.
        """
        if self._by_agent.get(agent, 0) >= self._per_agent:
            raise LimitError("limit.pending", f"{self._per_agent} calls of {safe_name(agent)} wait for consent already")
        if len(self._waiting) >= self._in_sum:
            raise LimitError("limit.pending", f"{self._in_sum} calls wait for consent already")
        try:
            shown, missing = preview(arguments)
        except TooMuchError:
            raise ToolError("grant.denied", f"{safe_name(tool)}: too many arguments to show") from None
        request = Request(
            id=str(next(self._ids)),
            agent=safe_name(agent),
            tool=safe_name(tool),
            arguments=shown,
            cut=missing,
            sha256=digest(arguments),
            rule=safe(rule),
            asked=int(self._now() * 1000),
        )
        answer = asyncio.get_running_loop().create_future()
        approval = Approval(request, answer, lambda: self._forget(request.id, agent))
        self._waiting[request.id] = approval
        self._by_agent[agent] = self._by_agent.get(agent, 0) + 1
        self._tell(approval)
        return approval

    def _tell(self, approval: Approval) -> None:
        if self.on_request is None:
            return
        try:
            self.on_request(approval.request)
        except BaseException as error:
            self._answer(approval, "whoever is to ask for consent failed")
            if not isinstance(error, Exception):
                raise
            _log.exception("whoever is to ask for consent failed")

    def _forget(self, number: str, agent: str) -> None:
        if self._waiting.pop(number, None) is None:
            return
        left = self._by_agent[agent] - 1
        if left:
            self._by_agent[agent] = left
        else:
            del self._by_agent[agent]

    def pending(self) -> list[Request]:
        """The calls that wait, those first that have waited longest."""
        return [approval.request for approval in self._waiting.values()]

    def approve(self, number: str, sha256: str | None = None) -> Request:
        """Lets a call go on. ``sha256``, where given, must be that of its arguments: what the person has seen.

        Raises:
            HostError: ``config.invalid``, no such call waits, or its arguments are others.
        """
        approval = self._find(number)
        if sha256 is not None and sha256 != approval.request.sha256:
            raise HostError("config.invalid", f"call {safe_name(number)} has other arguments than those approved")
        self._answer(approval, None)
        return approval.request

    def refuse(self, number: str, reason: str = "") -> Request:
        """Denies a call; its agent is told ``reason``.

        Raises:
            HostError: ``config.invalid``, no such call waits.
        """
        approval = self._find(number)
        self._answer(approval, str(reason or "a person has refused the call"))
        return approval.request

    def _find(self, number: str) -> Approval:
        approval = self._waiting.get(number) if isinstance(number, str) else None
        if approval is None:
            raise HostError("config.invalid", f"no call {safe_name(str(number))} waits for consent")
        return approval

    def _answer(self, approval: Approval, refused: str | None) -> None:
        approval._forget()
        if approval._answer.done():  # who asked has given up at this moment
            return
        if refused is None:
            approval._answer.set_result(None)
        else:
            approval._answer.set_exception(ToolError("grant.denied", f"{approval.request.tool}: {safe(refused, 1000)}"))
            approval._answer.exception()  # asyncio need not tell of it, should nobody await it

    def forget(self, agent: str, reason: str = "the agent has ended") -> None:
        """Refuses all calls of an agent that has ended."""
        for approval in list(self._waiting.values()):
            if approval.request.agent == safe_name(agent):
                self._answer(approval, reason)

    def close(self) -> None:
        """Refuses all that wait."""
        for approval in list(self._waiting.values()):
            self._answer(approval, "the host is stopping")
