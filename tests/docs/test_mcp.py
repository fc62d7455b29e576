"""The page about MCP servers says what the code does: keys, bounds, the shape of results."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields
from typing import Any

from mcp_types import AudioContent, CallToolResult, EmbeddedResource, ImageContent, ResourceLink, TextContent

from caxton.agents.units import seconds, size
from caxton.tools import provider, settings
from caxton.tools.mcp import bounds, http, link, listing, process, results, server, stdio, traffic
from tests.docs.pages import DOCS, plain, read

PAGE = read(DOCS / "mcp.md")

BOUNDS = {
    "start, until its tools are listed": link.START,
    "a message": bounds.LINE_LIMIT,
    "values in a message": bounds.VALUES_LIMIT,
    "a result, as JSON": provider.RESULT_LIMIT,
    "bytes that wait for a server to read": stdio.BACKLOG,
    "small messages a second that nobody asked for": traffic.UNASKED_RATE,
    "lines in a row that are no messages": stdio.PATIENCE,
    "tools of a server": listing.MAX_TOOLS,
    "a tool's definition": listing.DEFINITION_LIMIT,
    "all definitions of a server": listing.LISTING_LIMIT,
    "an HTTP connection, an answer to a notification": http.CONNECT,
}


def _value(cell: str) -> float:
    figure = plain(cell).replace(",", "")
    return seconds(figure) if figure.endswith(" s") else size(figure)


def _answer(*content: Any, structured: Any = None) -> Any:
    result = CallToolResult(content=list(content), structured_content=structured)
    return json.loads(asyncio.run(results.answer("t", result, bytes, lambda text: False)))


def test_the_bounds() -> None:
    """The table has the figures of the code."""
    assert {row[0]: _value(row[1]) for row in PAGE.rows("Bounds")} == BOUNDS


def test_the_keys() -> None:
    """The table has every setting of a server."""
    named = {part.strip(" `") for row in PAGE.rows("Naming a server") for part in row[0].split(",")}
    known = {field.name for kind in (settings.StdioServer, settings.HttpServer) for field in fields(kind)}
    assert named == known - {"name"}


def test_the_environment() -> None:
    """Every variable that is passed on is named."""
    said = {text for _, text in PAGE.codes()}
    assert said >= process.PASSED | {"LC_*"}
    assert server.KEY in said


def test_the_example_of_a_result() -> None:
    """It is what the code makes."""
    (example,) = [json.loads(block.text) for block in PAGE.blocks if block.language == "json"]
    text = TextContent(type="text", text='{"temperature": 33}')
    assert _answer(text, structured={"temperature": 33}) == example


def test_the_items_of_content() -> None:
    """Have the keys that the table says."""
    contents = {"uri": "a:b", "mimeType": "text/plain", "text": "x"}
    items = _answer(
        TextContent(type="text", text="x"),
        ImageContent(type="image", data="eA==", mime_type="image/png"),
        AudioContent(type="audio", data="eA==", mime_type="audio/wav"),
        EmbeddedResource.model_validate({"type": "resource", "resource": contents}),
        ResourceLink(type="resource_link", name="x", uri="a:b"),
    )["content"]
    rows = {kind.strip(): row[1] for row in PAGE.rows("Results") for kind in plain(row[0]).split(",")}
    assert [item["type"] for item in items] == ["text", "image", "audio", "resource", "resource_link"]
    assert all(f"`{key}`" in rows[item["type"]] for item in items for key in item if key != "type")
