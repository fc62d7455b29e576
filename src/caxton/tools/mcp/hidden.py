"""Arguments that the host adds to a tool's calls, and how those that hold secrets stay hidden.

Libraries write what they were called with into their errors, shortened as they like: half a secret, which nobody
recognises any more. So a call that the server could only complain of is not made; where the secrets stand is no matter
of the agent's; and of an error that may show arguments the agent is told that there was one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from caxton.errors import ToolError
from caxton.tools.policy.keywords import BadSchema, loosened
from caxton.tools.policy.schema import Checker, input_checker
from caxton.tools.secrets import references

KEPT_BACK: Final = "it failed; what the server said is kept back, for it may show what the host has added"
"""What an agent is told in the place of such an error."""

_SHORTENED: Final = re.compile(r"\.\.\.|\u2026|\[secret:|truncated|omitted")


class Hidden:
    """What the host adds to the arguments of one tool.

    Args:
        arguments: by name; secrets are named in their texts.
        expand: fills secrets in.
    """

    def __init__(self, arguments: Mapping[str, Any], expand: Callable[[str], str]) -> None:
        self._arguments = arguments
        self._expand = expand
        self._secret = [name for name, value in arguments.items() if any(references(value))]
        self._checker: tuple[object, Checker] | None = None

    @property
    def has_secrets(self) -> bool:
        """Whether any of them does."""
        return bool(self._secret)

    def added_to(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """An agent's arguments with these, which win, and which come first, whatever the agent has given: of what is
        shortened the end is shown too, and it could be moved to any place by what stands behind it.

        Raises:
            ToolError: ``tool.failed``, a secret is not there.
        """
        if not self._arguments:
            return arguments
        try:
            added = {name: _expanded(value, self._expand) for name, value in self._arguments.items()}
        except Exception as error:
            raise ToolError("tool.failed", f"the host's arguments: {error}") from None
        return added | {name: value for name, value in arguments.items() if name not in added}

    async def check(self, tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
        """Looks whether the tool will take all these arguments, by its own schema; only where there are secrets.

        Raises:
            ToolError: ``tool.bad-arguments``; ``tool.failed``, those that the host adds are the wrong ones.
        """
        if not self._secret:
            return
        if self._checker is None or self._checker[0] is not schema:
            self._checker = schema, await asyncio.to_thread(_checker, schema)
        fault = self._checker[1].fault(arguments)
        if fault is None:
            return
        place = re.match(r"\$\.([^.\[:]*)", fault)
        if place is not None and place[1] in self._arguments:
            raise ToolError("tool.failed", f"{tool}: what the host adds to the arguments does not fit the tool")
        raise ToolError("tool.bad-arguments", f"{tool}: {fault}")

    def may_be_in(self, text: str) -> bool:
        """Whether an error's text, without secrets, may still show parts of them: it shows that something was taken
        out, is shortened, or speaks of these arguments."""
        return bool(self._secret) and (
            _SHORTENED.search(text) is not None or any(name in text for name in self._secret)
        )


def _expanded(value: Any, expand: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return expand(value)
    if isinstance(value, Mapping):
        return {key: _expanded(one, expand) for key, one in value.items()}
    return [_expanded(one, expand) for one in value] if isinstance(value, list | tuple) else value


def _checker(schema: Mapping[str, Any]) -> Checker:
    """For what of a server's schema can be checked in a bounded time; of one that is none, for the names alone."""
    try:
        return input_checker(loosened(schema))
    except BadSchema:
        required = schema.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        return input_checker({"type": "object", "required": list(dict.fromkeys(names))})
