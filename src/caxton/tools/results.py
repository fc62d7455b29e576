"""The one shape that every tool's result has, as MCP has it.

``{"content": [{"type": "text", "text": ...}, ...], "structured": {...}, "isError": false}``: ``content`` is for whoever
reads text, ``structured`` (an object; not always there) for whoever reads data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from caxton import jsontext
from caxton.errors import ToolError
from caxton.tools.provider import RESULT_LIMIT


def encode(
    content: Sequence[Mapping[str, Any]], structured: Mapping[str, Any] | None = None, *, is_error: bool = False
) -> bytes:
    """A result as JSON.

    Raises:
        ToolError: ``tool.failed``, it has more than ``RESULT_LIMIT`` bytes, or holds what is no JSON.
    """
    found: dict[str, Any] = {"content": list(content), "isError": is_error}
    if structured is not None:
        found["structured"] = structured
    try:
        data = jsontext.dumps(found)
    except (TypeError, ValueError, RecursionError):
        raise ToolError("tool.failed", "the result is no JSON") from None
    if len(data) > RESULT_LIMIT:
        raise ToolError("tool.failed", f"the result has {len(data)} bytes, more than {RESULT_LIMIT}")
    return data


def result(structured: Mapping[str, Any], text: str | None = None) -> bytes:
    """A result with one text; without ``text`` it is the data itself, as JSON, for readers that know text only.

    Raises:
        ToolError: ``tool.failed``, as above.
    """
    if text is None:
        try:
            text = jsontext.dumps(structured).decode()
        except (TypeError, ValueError, RecursionError):
            raise ToolError("tool.failed", "the result is no JSON") from None
    return encode([{"type": "text", "text": text}], structured)
