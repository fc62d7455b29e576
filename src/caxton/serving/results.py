"""Replies and errors as results of an MCP tool (specification 2025-11-25, server/tools, "Tool Result")."""

from __future__ import annotations

import base64
from typing import Any, Final

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
)

from caxton import jsontext
from caxton.errors import AgentFailed, CaxtonError
from caxton.host.reference import Reply

_IMAGES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_AUDIO: Final = ((b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"), (b"ID3", "audio/mpeg"))
_RIFF: Final = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}


def answered(agent: str, payload: bytes) -> CallToolResult:
    """A reply: text as text, a JSON object as structured content too, an image, a sound or other bytes as such."""
    return CallToolResult(content=_content(agent, payload), structured_content=_object(payload))


def failed(agent: str, error: CaxtonError) -> CallToolResult:
    """An error: its code and message, as text and structured; and what the agent itself said of it."""
    content = [_text(f"{error.code}: {error.message}")]
    if isinstance(error, AgentFailed) and isinstance(error.reply, Reply):
        content += _content(agent, error.reply.payload)
    told = {"code": error.code, "message": error.message, "retryable": error.retryable}
    return CallToolResult(content=content, structured_content={"error": told}, is_error=True)


def _text(text: str) -> ContentBlock:
    return TextContent(text=text)


def _content(agent: str, payload: bytes) -> list[ContentBlock]:
    if not payload:
        return []  # models' interfaces refuse an empty text
    try:
        return [_text(payload.decode("utf-8"))]
    except UnicodeDecodeError:
        return [_binary(agent, payload)]


def _binary(agent: str, payload: bytes) -> ContentBlock:
    data = base64.b64encode(payload).decode("ascii")
    kind = _kind(payload)
    if kind.startswith("image/"):
        return ImageContent(data=data, mime_type=kind)
    if kind.startswith("audio/"):
        return AudioContent(data=data, mime_type=kind)
    return EmbeddedResource(
        resource=BlobResourceContents(uri=f"caxton:///agents/{agent}/reply", mime_type=kind, blob=data)
    )


def _kind(payload: bytes) -> str:
    """The media type that the first bytes tell. It decides how a client shows the reply, and nothing else."""
    if payload[:4] == b"RIFF" and payload[8:12] in _RIFF:
        return _RIFF[payload[8:12]]
    return next((kind for mark, kind in _IMAGES + _AUDIO if payload.startswith(mark)), "application/octet-stream")


def _object(payload: bytes) -> dict[str, Any] | None:
    if payload.lstrip()[:1] != b"{":
        return None
    try:
        found = jsontext.loads(payload)
    except jsontext.InvalidJson:
        return None
    return found if isinstance(found, dict) else None
