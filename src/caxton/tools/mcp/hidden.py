"""Arguments that the host adds to a tool's calls, and how those that hold secrets stay hidden.

Libraries write what they were called with into their errors, shortened as they like: half a secret, which nobody
recognises any more. So a call that the server could only complain of is not made; where the secrets stand is no matter
of the agent's; and of an error that may show arguments the agent is told that there was one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from caxton.errors import HostError, ToolError
from caxton.tools.policy.keywords import BadSchema, loosened
from caxton.tools.policy.schema import Checker, input_checker
from caxton.tools.secrets import references

KEPT_BACK: Final = "it failed; what the server said is kept back, for it may show what the host has added"
"""What an agent is told in the place of such an error."""

_SHORTENED: Final = re.compile(r"\.\.\.|\u2026|\*\*|\u2022\u2022|\[secret:|truncated|omitted")

_SHORTEST: Final = 6
"""Characters that secrets have at least."""


class Hidden:
    """What the host adds to the arguments of one tool.

    Args:
        arguments: by name; secrets are named in their texts.
        expand: fills secrets in.
    """

    def __init__(self, arguments: Mapping[str, Any], expand: Callable[[str], str]) -> None:
        self._arguments = arguments
        self._expand = expand
        self._secret = {key for name, value in arguments.items() for key in _names_of_secrets(name, value)}
        self._texts = list(_texts_with_secrets(arguments))
        self._checker: tuple[object, Checker] | None = None

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
        out, is shortened, speaks of these arguments, or has one of them with blanks in between."""
        if not self._secret:
            return False
        if _SHORTENED.search(text) is not None or any(name in text for name in self._secret):
            return True
        bare = "".join(text.split())
        return any(one in bare for one in map(self._without_blanks, self._texts) if len(one) >= _SHORTEST)

    def _without_blanks(self, text: str) -> str:
        try:
            return "".join(self._expand(text).split())
        except HostError:  # the secret is gone: then it was not in the call
            return ""


def _texts_with_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from [value] if any(references(value)) else []
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_with_secrets(one)


def _names_of_secrets(name: str, value: Any) -> Iterator[str]:
    """The names on the way to each secret in a value."""
    if not any(references(value)):
        return
    yield name
    inner = value.items() if isinstance(value, Mapping) else ()
    for key, one in inner:
        yield from _names_of_secrets(str(key), one)
    for one in value if isinstance(value, list | tuple) else ():
        yield from _names_of_secrets(name, one)


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
