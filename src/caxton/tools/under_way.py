"""A call that goes on: what the audit will say of it, and what its tool says of how far it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from caxton.messages import AgentName
from caxton.text import safe, safe_name
from caxton.tools.audit import BEGUN, Audit, Entry, Opened, entry
from caxton.tools.policy.decision import Decision
from caxton.tools.policy.digest import digest
from caxton.tools.policy.meters import Ticket
from caxton.tools.provider import Call

_PROGRESS_LINES: Final = 100
_log = logging.getLogger("caxton.tools")


class UnderWay:
    """A call that goes on. ``rule`` and ``outcome`` are what the audit will say, ``size`` the bytes of the result."""

    __slots__ = ("_opened", "began", "call", "digest", "outcome", "rule", "size", "ticket")

    def __init__(self, call: Call, decision: Decision, ticket: Ticket, audited: bool) -> None:
        self.call = call
        self.rule = decision.rule
        self.ticket = ticket
        self.digest = digest(call.arguments) if audited else ""  # now: a tool may change what it gets
        self.began = time.monotonic()
        self.outcome = "cancelled"
        self.size = 0
        self._opened: Opened | None = None

    def begin(self, audit: Audit) -> None:
        """Tells the audit that the call is about to be made."""
        if self.digest:
            self._opened = audit.begin(self._entry(BEGUN, time.monotonic()))

    def end(self, audit: Audit) -> None:
        """Charges what the call has used, and tells the audit."""
        tokens = self.call.used.get("tokens", 0)
        self.ticket.done(self.size, tokens)
        if not self.digest:  # nobody listens
            return
        now = time.monotonic()
        if self._opened is None:
            audit.record(self._entry(self.outcome, now))
        else:
            audit.end(
                self._opened, self._opened.entry.ended(self.rule, self.outcome, now - self.began, self.size, tokens)
            )

    def _entry(self, outcome: str, now: float) -> Entry:
        made = self.call
        return entry(
            agent=made.agent,
            tool=made.tool,
            arguments=self.digest,
            rule=self.rule,
            outcome=outcome,
            began=self.began,
            now=now,
            key=made.key,
        )


class Progress:
    """What a tool says of how far it is goes to the log, as long as there are not too many lines of it."""

    __slots__ = ("_agent", "_clean", "_left", "_tool")

    def __init__(self, agent: AgentName, tool: str, clean: Callable[[str], str]) -> None:
        self._agent = agent
        self._clean = clean
        self._tool = tool
        self._left = _PROGRESS_LINES

    def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        if self._left:
            self._left -= 1
            of = "" if total is None else f" of {total:g}"
            # Cut afterwards: half a secret is not found.
            text = "" if message is None else f": {safe(self._clean(message), 200)}"
            _log.info("%s for %s: %g%s%s", safe_name(self._tool), self._agent, progress, of, text)
