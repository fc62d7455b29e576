"""What a server answered, in the one shape of results (tools/results.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caxton import jsontext
from caxton.errors import ToolError
from caxton.text import safe
from caxton.tools.mcp.clean import Redact, clean_text, clean_value
from caxton.tools.results import encode

if TYPE_CHECKING:
    from mcp_types import CallToolResult

_TEXT = 500


def answer(what: str, result: CallToolResult, redact: Redact) -> bytes:
    """The result of a call that the tool calls a success.

    Raises:
        ToolError: ``tool.failed``: the tool calls it a failure (``payload`` has the result), or it is too large, or no
            acceptable JSON.
    """
    blocks: list[dict[str, Any]] = []
    try:
        blocks, structured = [_block(block) for block in result.content], result.structured_content
        data = encode(blocks, structured, is_error=result.is_error)
        if redact(data) != data:  # text by text, so that it stays JSON whatever a secret is made of
            blocks = clean_value(redact, blocks)
            data = encode(blocks, clean_value(redact, structured), is_error=result.is_error)
        if structured is not None:
            jsontext.check(data)  # it may be as deep and as odd as the server likes
    except ToolError as error:
        raise ToolError("tool.failed", f"{what}: {error.message}") from None
    except (ValueError, RecursionError) as error:
        said = safe(clean_text(redact, str(error)), 200)
        raise ToolError("tool.failed", f"{what}: the result is no acceptable JSON: {said}") from None
    if result.is_error:
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        failed = ToolError("tool.failed", f"{what}: {safe(texts[0], _TEXT) if texts else 'it failed'}")
        failed.payload = data
        raise failed
    return data


def _block(block: Any) -> dict[str, Any]:
    """One piece of content as MCP has it, without what is the protocol's (``_meta``)."""
    if block.type == "text" and block.annotations is None:
        return {"type": "text", "text": block.text}
    found: dict[str, Any] = block.model_dump(by_alias=True, mode="json", exclude_none=True)
    found.pop("_meta", None)
    if isinstance(resource := found.get("resource"), dict):
        resource.pop("_meta", None)
    return found
