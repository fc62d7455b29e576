"""The arguments of a call of a tool, as an agent wrote them."""

from __future__ import annotations

from typing import Any, Final

from caxton import jsontext
from caxton.errors import ToolError
from caxton.text import safe_name

MAX_VALUES: Final = 50_000
"""Values in a tool's arguments: they are read and checked on the event loop."""


def tool_arguments(name: str, text: bytes) -> dict[str, Any]:
    """The JSON object that ``text`` is.

    Raises:
        ToolError: ``tool.bad-arguments``.
    """
    if text.count(b",") > MAX_VALUES:
        raise ToolError("tool.bad-arguments", f"more than {MAX_VALUES} values")
    try:
        value = jsontext.loads(text)
    except jsontext.InvalidJson as error:
        raise ToolError("tool.bad-arguments", f"the arguments of {safe_name(name)}: {error}") from None
    if not isinstance(value, dict):
        raise ToolError("tool.bad-arguments", f"the arguments of {safe_name(name)} are a JSON object")
    return value
