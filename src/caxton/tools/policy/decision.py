"""Whether an agent may make a call: a pure function of its grants, the tool's name and the arguments.

In this order, and the first that says no is the answer: what ``deny`` names; what ``tools`` does not name; what there
is not; what a rule's schema does not take. So nobody learns by trying whether there is a tool that is not granted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from caxton.agents.grants import Grants, matches
from caxton.agents.rules import Rule
from caxton.errors import ToolError
from caxton.text import safe_name
from caxton.tools.policy.keywords import BadSchema
from caxton.tools.policy.schema import Validators, rule_name

Knows: TypeAlias = Callable[[str], bool] | bool
"""Whether there is a tool: an answer, or who gives one. Asked only for what is granted."""

Rules: TypeAlias = Sequence[tuple[str, Rule]]
"""Those that hold for a tool, with their globs."""

NOTHING_GRANTS: Final = "tools"
"""The rule by which a call is denied that no glob grants."""

_validators: Final = Validators()


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        allowed: whether the call may be made, as far as names and arguments go.
        code: None, ``grant.denied`` or ``tool.unknown``; in ``caxton tools explain`` also what the tool itself says.
        rule: what decided, as the configuration has it: ``deny = "fs.write"``, ``tools = "http.*"``,
            ``rules."http.*".arguments``. For the operator.
        reason: a sentence for whoever called. It tells no more of the grants than that they are missing.
    """

    allowed: bool
    code: str | None
    rule: str
    reason: str

    def check(self) -> None:
        """Returns if the call is allowed.

        Raises:
            ToolError: ``code``.
        """
        if self.code is not None:
            raise ToolError(self.code, self.reason)


def decide(grants: Grants, tool: str, arguments: Mapping[str, Any], knows: Knows = True) -> Decision:
    """Whether the agent may call ``tool`` with ``arguments`` (which may be hostile; at most 10,000 values of them are
    looked at where a rule has a schema). Never raises, but for what ``knows`` raises."""
    found = by_name(grants, tool, knows)
    if not found.allowed:
        return found
    return (_by_arguments(grants.rules_for(tool), tool, arguments) if grants.rules else None) or found


def check_arguments(rules: Rules, tool: str, arguments: Mapping[str, Any]) -> None:
    """Returns if the schemas of all ``rules`` take the arguments. For a call that goes on and does something else now
    than was decided on, such as a redirect.

    Raises:
        ToolError: ``grant.denied``, with its ``rule``.
    """
    found = _by_arguments(rules, tool, arguments)
    if found is not None:
        error = ToolError("grant.denied", found.reason)
        error.rule = found.rule
        raise error


def _by_arguments(rules: Rules, tool: str, arguments: Mapping[str, Any]) -> Decision | None:
    for glob, rule in rules:
        fault = argument_fault(rule, arguments)
        if fault is not None:
            return refusal(tool, glob, fault)
    return None


def by_name(grants: Grants, tool: str, knows: Knows = True) -> Decision:
    """The same, before any arguments are looked at."""
    denied = first_match(grants.deny, tool)
    if denied is not None:
        return Decision(False, "grant.denied", f"deny = {quoted(denied)}", f"the tool {safe_name(tool)} is not granted")
    granted = first_match(grants.tools, tool)
    if granted is None:
        return Decision(False, "grant.denied", NOTHING_GRANTS, f"the tool {safe_name(tool)} is not granted")
    found = _granted(granted)
    if not (knows(tool) if callable(knows) else knows):
        return Decision(False, "tool.unknown", found.rule, f"there is no tool {safe_name(tool)}")
    return found


def argument_fault(rule: Rule, arguments: Mapping[str, Any]) -> str | None:
    """Where the arguments do not satisfy the rule's schema; None: they do, or it has none."""
    schema = rule.arguments
    if schema is None or schema is True:
        return None
    try:
        return _validators.get(schema).fault(arguments)
    except BadSchema:  # set-up has let it pass; no call will
        return "the rule's schema is not one"


def refusal(tool: str, glob: str, fault: str) -> Decision:
    """The decision that a rule's schema has made."""
    rule = rule_name(glob, "arguments")
    return Decision(False, "grant.denied", rule, f"{safe_name(tool)}: {fault}: not allowed by {rule}")


@lru_cache(maxsize=1024)
def _granted(glob: str) -> Decision:
    return Decision(True, None, f"tools = {quoted(glob)}", "granted")


@lru_cache(maxsize=4096)
def first_match(globs: tuple[str, ...], tool: str) -> str | None:
    """The first of the globs that matches."""
    if not matches(globs, tool):
        return None
    return next(glob for glob in globs if matches((glob,), tool))


def quoted(text: str) -> str:
    """A text of the configuration, as it would stand there."""
    return safe_name(json.dumps(text, ensure_ascii=False))
