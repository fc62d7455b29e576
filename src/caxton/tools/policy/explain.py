"""Why a call is allowed or denied, step by step: what ``caxton tools explain`` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.tools.policy.decision import Decision, Knows, argument_fault, by_name, decide, first_match, quoted
from caxton.tools.policy.schema import rule_name

PASSED: Final = "passed"
REFUSED: Final = "refused"
SKIPPED: Final = "not reached"
NOTED: Final = "noted"

TAKES: Final = "arguments"
"""The step that is the tool's own: what it takes, in itself."""

_METERS: Final = (
    ("rate", "a token bucket, per agent and tool"),
    ("burst", "calls at once"),
    ("concurrency", "calls at the same time"),
    ("calls", "calls in sum"),
    ("bytes", "bytes in sum"),
    ("tokens", "tokens in sum"),
    ("timeout", "seconds for one call"),
    ("hosts", "hosts that may be asked"),
    ("private", "hosts that may lie in a private network"),
    ("root", "the agent's directory"),
    ("quota", "bytes in that directory"),
    ("namespace", "whose notes they are"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at. ``outcome`` is passed, refused, not reached, or noted (it decides at the call)."""

    rule: str
    outcome: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """``{"rule", "outcome", "detail"}``."""
        return {"rule": self.rule, "outcome": self.outcome, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and the steps to it."""

    tool: str
    decision: Decision
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """``{"tool", "allowed", "code", "rule", "reason", "steps"}``."""
        found = self.decision
        shown: dict[str, Any] = {"tool": self.tool, "allowed": found.allowed, "code": found.code, "rule": found.rule}
        return shown | {"reason": found.reason, "steps": [step.as_json() for step in self.steps]}


def explain(grants: Grants, tool: str, arguments: Mapping[str, Any] | None = None, knows: Knows = True) -> Explanation:
    """What ``decide`` would say of a call, and why. Without arguments the rules' schemas are only named."""
    decision = by_name(grants, tool, knows) if arguments is None else decide(grants, tool, arguments, knows)
    steps = [*_names(grants, tool, knows)]
    reached = all(step.outcome == PASSED for step in steps)
    for glob, rule in grants.rules_for(tool):
        for step in (*_schema(glob, rule, arguments), *_noted(glob, rule)):
            steps.append(step if reached else Step(step.rule, SKIPPED, ""))
            reached = reached and step.outcome != REFUSED
    return Explanation(tool, decision, tuple(steps))


def _names(grants: Grants, tool: str, knows: Knows) -> Iterator[Step]:
    denied = first_match(grants.deny, tool)
    granted = first_match(grants.tools, tool)
    if denied is not None:
        yield Step(f"deny = {quoted(denied)}", REFUSED, "it matches, and wins over what grants")
    else:
        yield Step("deny", PASSED, f"none of {len(grants.deny)} matches")
    if granted is None:
        outcome = REFUSED if denied is None else SKIPPED
        yield Step("tools", outcome, f"none of {len(grants.tools)} matches")
    else:
        yield Step(f"tools = {quoted(granted)}", PASSED if denied is None else SKIPPED, "it matches")
    if denied is not None or granted is None:
        yield Step("known", SKIPPED, "")
    elif knows(tool) if callable(knows) else knows:
        yield Step("known", PASSED, "there is a tool or server of that name")
    else:
        yield Step("known", REFUSED, "there is no such tool")


def _schema(glob: str, rule: Rule, arguments: Mapping[str, Any] | None) -> Iterator[Step]:
    if rule.arguments is None:
        return
    name = rule_name(glob, "arguments")
    if arguments is None:
        yield Step(name, NOTED, "no arguments were given")
        return
    fault = argument_fault(rule, arguments)
    yield Step(name, PASSED if fault is None else REFUSED, fault or "they satisfy the schema")


def _noted(glob: str, rule: Rule) -> Iterator[Step]:
    for field, meaning in _METERS:
        value = getattr(rule, field)
        if value is not None:
            shown = ", ".join(value) if isinstance(value, tuple) else value
            yield Step(rule_name(glob, field), NOTED, f"{shown}: {meaning}")
    if rule.approve == "ask":
        yield Step(rule_name(glob, "approve"), NOTED, "ask: a person decides on each call")
