"""How an agent's reply, or what became of its turn, looks to an MCP client."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import CallToolResult

import caxton
from caxton.serving.results import answered, failed


def wire(result: CallToolResult) -> dict[str, Any]:
    """The result as the client gets it."""
    found: dict[str, Any] = json.loads(result.model_dump_json(by_alias=True, exclude_none=True))
    return found


def test_text() -> None:
    """Text is text; without any there is no content, since models refuse an empty text."""
    assert [{"type": "text", "text": "Grüße\n"}] == wire(answered("a", "Grüße\n".encode()))["content"]
    assert [] == wire(answered("a", b""))["content"]
    assert "structuredContent" not in wire(answered("a", b"text"))


def test_an_object_is_structured_too() -> None:
    """A JSON object is text, as the agent wrote it, and structured content."""
    found = wire(answered("a", b' {"a": [1, null]}'))
    assert [{"type": "text", "text": ' {"a": [1, null]}'}] == found["content"]
    assert {"a": [1, None]} == found["structuredContent"]
    assert found["isError"] is False


@pytest.mark.parametrize("payload", [b"[1]", b"1", b"null", b'"x"', b'{"a": 1, "a": 2}', b'{"a": NaN}', b"{", b"{}x"])
def test_what_is_no_object(payload: bytes) -> None:
    """Other JSON, and what two readers could understand differently, is text only."""
    found = wire(answered("a", payload))
    assert "structuredContent" not in found
    assert payload.decode() == found["content"][0]["text"]


@pytest.mark.parametrize(
    ("payload", "kind", "media"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image", "image/png"),
        (b"\xff\xd8\xff\xe0", "image", "image/jpeg"),
        (b"RIFF\x80\0\0\0WEBPVP8 ", "image", "image/webp"),
        (b"GIF89a\xff", "image", "image/gif"),
        (b"RIFF\x80\0\0\0WAVEfmt ", "audio", "audio/wav"),
        (b"OggS\xff", "audio", "audio/ogg"),
        (b"fLaC\xff", "audio", "audio/flac"),
        (b"ID3\x04\xff", "audio", "audio/mpeg"),
    ],
)
def test_images_and_sounds(payload: bytes, kind: str, media: str) -> None:
    """Bytes that begin like an image or a sound are one."""
    (found,) = wire(answered("a", payload))["content"]
    assert (kind, media) == (found["type"], found["mimeType"])
    assert payload == base64.b64decode(found["data"])


@given(st.binary(min_size=1))
def test_any_bytes_come_through(payload: bytes) -> None:
    """Whatever an agent answers, the client gets the same bytes."""
    (found,) = wire(answered("a", payload))["content"]
    if found["type"] == "text":
        assert payload == found["text"].encode()
    elif found["type"] == "resource":
        assert "caxton:///agents/a/reply" == found["resource"]["uri"]
        assert "application/octet-stream" == found["resource"]["mimeType"]
        assert payload == base64.b64decode(found["resource"]["blob"])
    else:
        assert payload == base64.b64decode(found["data"])


def test_an_error() -> None:
    """Has its code and message, as text and structured, and whether it may work later."""
    found = wire(failed("a", caxton.TrapError("trap.unreachable", "the agent trapped")))
    assert found["isError"] is True
    assert [{"type": "text", "text": "trap.unreachable: the agent trapped"}] == found["content"]
    told = {"code": "trap.unreachable", "message": "the agent trapped", "retryable": False}
    assert {"error": told} == found["structuredContent"]
    assert wire(failed("a", caxton.MessagingError("mailbox.full", "x")))["structuredContent"]["error"]["retryable"]


def test_what_a_failed_agent_says() -> None:
    """An agent's own words follow the code."""
    reply = caxton.Reply(b"no such city", caxton.Performative.FAILURE, caxton.messages.AgentName("a"))
    found = wire(failed("a", caxton.AgentFailed("a answered failure", reply)))
    assert ["agent.failed: a answered failure", "no such city"] == [one["text"] for one in found["content"]]
