"""Where tools come from: Python functions, built-in ones, MCP servers. All stand behind one registry and its policy.

::

    turn -> registry: policy (grants, rules, rates, budgets, approval) -> provider -> result -> audit -> turn
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from caxton.agents.rules import Rule
from caxton.messages import AgentName

RESULT_LIMIT: Final = 8 << 20
"""Bytes that a result may have, as JSON."""


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """A tool as MCP lists one. ``name`` is the full one (``server.tool``)."""

    name: str
    description: str
    input_schema: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """``{"name", "description", "inputSchema"}``."""
        return {"name": self.name, "description": self.description, "inputSchema": self.input_schema}


def no_progress(progress: float, total: float | None, message: str | None) -> None:
    """Nobody wants to know."""


def anything(arguments: Mapping[str, Any]) -> None:
    """No rule forbids it."""


@dataclass(slots=True)
class Call:
    """One call that policy has allowed.

    Attributes:
        agent: who calls.
        tool: the full name.
        arguments: a JSON object, as the agent wrote it.
        key: the idempotency key: the same for the same call, should it be made again after a crash.
        rules: those that hold for the tool, with their globs; a provider reads from them what is its own
            (``hosts``, ``root``, ``quota``, ``namespace``) with ``setting``.
        timeout: seconds that the call may take at most; None: the provider's own.
        progress: is told how far the tool is.
        used: what the call used beside bytes; ``llm.complete`` puts ``tokens`` there.
        until: monotonic seconds by which it is cancelled at the latest.
        check: asks the rules of other arguments than the call's own: what it is about to do next, as a redirect has it.
            Raises ``ToolError`` (``grant.denied``).
    """

    agent: AgentName
    tool: str
    arguments: dict[str, Any]
    key: str
    rules: tuple[tuple[str, Rule], ...] = ()
    timeout: float | None = None
    progress: Callable[[float, float | None, str | None], None] = no_progress
    used: dict[str, int] = field(default_factory=dict)
    until: float = math.inf
    check: Callable[[Mapping[str, Any]], None] = anything

    def setting(self, name: str) -> Any:
        """What the rules say of ``name``: of those that say anything, the one with the longest glob; else None."""
        return setting(self.rules, name)[1]


def setting(rules: Sequence[tuple[str, Rule]], name: str) -> tuple[str, Any]:
    """The glob of the rule that says what ``name`` is (the longest that says anything), and what it says."""
    found = [(glob, getattr(rule, name)) for glob, rule in rules if getattr(rule, name) is not None]
    return max(found, key=lambda one: len(one[0])) if found else ("", None)


class Provider(Protocol):
    """A source of tools. Everything happens on the event loop."""

    is_prompt: bool
    """Whether its calls may begin inside their callers, in the middle of a turn: what they do before they first wait
    takes no time worth mentioning, and is nobody's code but the host's."""

    def owns(self, name: str) -> bool:
        """Whether a tool of that name would be this provider's: by what it knows now, or by the name's first part.

        Never waits, and starts nothing.
        """

    async def tools(self) -> Sequence[ToolInfo]:
        """Its tools. May start a server; one that cannot start has none.

        Raises:
            ToolError: ``tool.failed``, it cannot say.
        """

    async def call(self, call: Call) -> bytes:
        """Makes a call; answers the result as JSON of at most ``RESULT_LIMIT`` bytes. Cancelling the task cancels
        the call.

        Raises:
            ToolError: ``tool.unknown``, ``tool.bad-arguments``, ``tool.failed`` (``payload`` has what the tool said,
                as JSON), ``tool.timeout``, ``tool.changed``, ``grant.denied``, ``limit.budget``.
        """

    async def close(self) -> None:
        """Ends everything that it has started."""
