"""A server's list of tools is looked at before agents see it, and again when the server says that it has changed."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import pytest

from caxton.tools.settings import StdioServer
from tests.conftest import Run
from tests.tools.mcp.lab import eventually, hostile, notes, noting, raw, refused, serving, text

MODERN = """
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("modern")

@server.tool()
async def grow(context: Context) -> str:
    server.add_tool(lambda: "new", name="grown")
    await context.notify_tools_changed()
    return "grown"

server.run("stdio")
"""


def names(run: Run, mode: str) -> list[str]:
    """The tools that the host knows of a server."""

    async def main() -> list[str]:
        async with serving(hostile(mode)) as servers:
            return [info.name for info in await servers.tools()]

    return run(main())


def test_names(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Those that will not do, and the second of two equal ones, are left out with a warning."""
    assert ["h.good", "h.../up", "h.also/good"] == names(run, "odd-names")
    said = [message for message in caplog.messages if "left out" in message]
    assert 7 == len(said)
    assert "h: the tool 'good' is left out: there is one of that name already" in said
    assert all(message.isprintable() for message in said)


def test_arguments_for_no_tool(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """They are added to no call, which is a warning: it has what was perhaps meant, and no value."""
    given = {"good": {"key": "canary"}, "h.good": {"key": "canary"}, ".": {"/up": {"key": "canary"}}, "none": {}}

    async def main() -> None:
        async with serving(hostile("odd-names", arguments=given)) as servers:
            await servers.tools()

    run(main())
    what = "for the arguments that are to be added to its calls"
    assert caplog.messages[-3:] == [
        f"h: there is no tool 'h.good' {what}; the name is without the server's: 'good'",
        f"h: there is no tool '.' {what}; a name with a dot stands in quotes: arguments.'../up'",
        f"h: there is no tool 'none' {what}",
    ]
    assert "canary" not in caplog.text


def test_definitions(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """One that is too large or too deep, or is no text, is left out."""
    assert ["h.good"] == names(run, "odd-definitions")
    assert any("'large' is left out: its definition has more than 262144 bytes" in said for said in caplog.messages)
    assert any("'deep' is left out: its definition is no acceptable JSON" in said for said in caplog.messages)


def test_pages(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """All pages are read, up to a thousand tools."""
    found = names(run, "many")
    assert [f"h.t{number}" for number in range(1_000)] == found
    assert "h: only its first 1000 tools are known" in caplog.messages


def test_pages_without_end(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Are read up to a limit."""
    assert 1 == len(names(run, "pages"))
    assert any("pages of its tools are known" in said for said in caplog.messages)


def test_it_is_read_once(run: Run, tmp_path: Path) -> None:
    """And kept."""
    path = tmp_path / "notes"

    async def main() -> None:
        async with serving(hostile(env=noting(path))) as servers:
            for _ in range(5):
                await servers.tools()
                await text(servers, "h.echo")
            assert 1 == sum(note.get("got", {}).get("method") == "tools/list" for note in notes(path))

    run(main())


def test_a_change(run: Run) -> None:
    """Shows new tools soon after the server has told of it; ones that are gone are unknown."""

    async def main() -> None:
        async with serving(hostile(pin=False)) as servers:
            assert "tool.unknown" == (await refused(servers, "h.extra")).code
            await raw(servers, "h.change", {"more": ["extra"]})
            link = servers.server("h")._keeper.link
            assert link is not None
            await eventually(lambda: "extra" in link.tools)
            assert "h.extra" in {info.name for info in await servers.tools()}
            await raw(servers, "h.change", {"more": []})
            await eventually(lambda: "extra" not in link.tools)
            assert "tool.unknown" == (await refused(servers, "h.extra")).code

    run(main())


def test_many_changes(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever tells of changes without end is asked now and then only."""
    path = tmp_path / "notes"

    def asked() -> int:
        return sum(note.get("got", {}).get("method") == "tools/list" for note in notes(path))

    async def main() -> float:
        async with serving(hostile(env=noting(path), pin=False)) as servers:
            # A few at a time: the server's own answers have to find a place between them.
            await raw(servers, "h.flood", {"kind": "list", "lines": 8})
            await eventually(lambda: asked() > 1, within=60.0)
            began = time.monotonic()
            await eventually(lambda: asked() > 2, within=60.0)
            return time.monotonic() - began

    assert run(main()) >= 0.3


def test_a_change_at_a_server_that_tells_only_who_asks(run: Run, tmp_path: Path) -> None:
    """As MCP 2026-07-28 has it: the host asks."""
    program = tmp_path / "modern.py"
    program.write_text(MODERN)

    async def main() -> None:
        async with serving(StdioServer("m", (sys.executable, str(program)), pin=False)) as servers:
            assert ["m.grow"] == [info.name for info in await servers.tools()]
            link = servers.server("m")._keeper.link
            assert link is not None
            assert link.client is not None
            assert "2026-07-28" == link.client.protocol_version
            await raw(servers, "m.grow")
            await eventually(lambda: "grown" in link.tools)
            assert "new" == json.loads(await raw(servers, "m.grown"))["content"][0]["text"]

    run(main())


def test_one_server_that_cannot_start_hides_no_other(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Its tools are missing, and the log says why."""
    caplog.set_level(logging.WARNING, "caxton.tools.mcp")

    async def main() -> None:
        async with serving(hostile(), hostile("die", name="dead")) as servers:
            assert {"h"} == {info.name.partition(".")[0] for info in await servers.tools()}

    run(main())
    assert any(said.startswith("dead: not running: it ended with status 1") for said in caplog.messages)
