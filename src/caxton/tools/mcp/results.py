"""What a server answered, in the one shape of results (tools/results.py)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from caxton import jsontext
from caxton.errors import ToolError
from caxton.text import safe
from caxton.tools.mcp.clean import Redact, clean_start, clean_value
from caxton.tools.redaction import LARGE
from caxton.tools.results import encode

if TYPE_CHECKING:
    from mcp_types import CallToolResult

_TEXT = 500


class KeptBackError(Exception):
    """An error that no agent is told of; it has what the server said, without secrets."""


async def answer(what: str, result: CallToolResult, redact: Redact, may_show: Callable[[str], bool]) -> bytes:
    """The result of a call that the tool calls a success.

    Args:
        what: the tool.
        result: what its server has answered.
        redact: takes secrets out.
        may_show: whether an error's text may still show what nobody is to see.

    Raises:
        KeptBackError: the tool calls it a failure, and it may show such.
        ToolError: ``tool.failed``: the tool calls it a failure (``payload`` has the result), or it is too large, or no
            acceptable JSON.
    """
    try:
        blocks, structured = [_block(block) for block in result.content], result.structured_content
        data = encode(blocks, structured, is_error=result.is_error)
        clean = functools.partial(_cleaned, data, blocks, structured, result.is_error, redact)
        data, texts = clean() if len(data) < LARGE else await asyncio.to_thread(clean)
    except ToolError as error:
        raise ToolError("tool.failed", f"{what}: {error.message}") from None
    except (ValueError, RecursionError) as error:
        said = safe(clean_start(redact, str(error)), 200)
        raise ToolError("tool.failed", f"{what}: the result is no acceptable JSON: {said}") from None
    if result.is_error:
        if may_show(text := data.decode()):
            raise KeptBackError(text)
        failed = ToolError("tool.failed", f"{what}: {safe(texts[0], _TEXT) if texts else 'it failed'}")
        failed.payload = data
        raise failed
    return data


def _cleaned(
    data: bytes, blocks: list[dict[str, Any]], structured: Any, is_error: bool, redact: Redact
) -> tuple[bytes, list[str]]:
    """The result without secrets, and its texts."""
    if redact(data) != data:  # text by text, so that it stays JSON whatever a secret is made of
        blocks = clean_value(redact, blocks)
        data = encode(blocks, clean_value(redact, structured), is_error=is_error)
    if structured is not None:
        jsontext.check(data)  # it may be as deep and as odd as the server likes
    return data, [block["text"] for block in blocks if block["type"] == "text"]


def _block(block: Any) -> dict[str, Any]:
    """One piece of content as MCP has it, without what is the protocol's (``_meta``)."""
    if block.type == "text" and block.annotations is None:
        return {"type": "text", "text": block.text}
    found: dict[str, Any] = block.model_dump(by_alias=True, mode="json", exclude_none=True)
    found.pop("_meta", None)
    if isinstance(resource := found.get("resource"), dict):
        resource.pop("_meta", None)
    return found
