"""Servers that nobody here wrote, from their packages: their tools are listed and called."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from caxton.tools.settings import HttpServer, StdioServer
from tests.conftest import Run
from tests.tools.mcp.lab import call, raw, refused, serving, text
from tests.tools.mcp.packages import everything_server, filesystem_server, sqlite_server, time_server


@asynccontextmanager
async def everything(kind: str) -> AsyncIterator[Any]:
    """The MCP project's server for trying everything, over one transport or the other."""
    program = everything_server()
    if kind == "stdio":
        async with serving(StdioServer("every", (program,))) as servers:
            yield servers
        return
    async with http_everything(program) as url, serving(HttpServer("every", url)) as servers:
        yield servers


@asynccontextmanager
async def http_everything(program: str) -> AsyncIterator[str]:
    """The same server over HTTP; which port is free only the system knows, and the server takes one by number."""
    for port in (38_471, 38_472, 38_473):
        child = await asyncio.create_subprocess_exec(
            program, "streamableHttp", env={"PORT": str(port), "PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stderr is not None
        try:
            async for line in child.stderr:
                if b"listening on port" in line.lower():
                    yield f"http://127.0.0.1:{port}/mcp"
                    return
        finally:
            if child.returncode is None:
                child.terminate()
            await child.communicate()
    pytest.fail("the server did not start on any port")


KINDS = pytest.mark.parametrize("kind", ["stdio", "http"])


@KINDS
def test_its_tools_are_listed_with_their_schemas(run: Run, kind: str) -> None:
    """Under the server's name."""

    async def main() -> None:
        async with everything(kind) as servers:
            tools = {info.name: info for info in await servers.tools()}
            assert {"every.echo", "every.get-sum", "every.get-tiny-image"} <= set(tools)
            assert {"a", "b"} == set(tools["every.get-sum"].input_schema["properties"])
            assert tools["every.echo"].description

    run(main())


@KINDS
def test_text_data_images_and_resources(run: Run, kind: str) -> None:
    """Each kind of content comes in the one shape of results."""

    async def main() -> None:
        async with everything(kind) as servers:
            expected = {"content": [{"type": "text", "text": "Echo: hello"}], "isError": False}
            assert expected == await call(servers, "every.echo", message="hello")
            data = await call(servers, "every.get-structured-content", location="Chicago")
            assert json.loads(data["content"][0]["text"]) == data["structured"]
            image = (await call(servers, "every.get-tiny-image"))["content"][1]
            assert {"type", "data", "mimeType"} == set(image)
            assert base64.b64decode(image["data"]).startswith(b"\x89PNG")
            links = await call(servers, "every.get-resource-links", count=2)
            assert ["text", "resource_link", "resource_link"] == [one["type"] for one in links["content"]]
            inside = await call(servers, "every.get-resource-reference", resourceType="Text", resourceId=1)
            assert "demo://resource/dynamic/text/1" == inside["content"][1]["resource"]["uri"]

    run(main())


@KINDS
def test_progress_and_errors(run: Run, kind: str) -> None:
    """Progress is told while the call goes on; a failure carries what the tool said."""

    async def main() -> None:
        told: list[tuple[float, float | None]] = []
        async with everything(kind) as servers:
            await raw(
                servers, "every.trigger-long-running-operation", {"duration": 0.2, "steps": 2},
                progress=lambda done, total, _: told.append((done, total)),
            )  # fmt: skip
            assert [(1, 2), (2, 2)] == told
            error = await refused(servers, "every.echo", message=3)
            assert "tool.failed" == error.code
            assert error.payload is not None
            assert json.loads(error.payload)["isError"] is True
            assert "tool.unknown" == (await refused(servers, "every.nonesuch")).code

    run(main())


@KINDS
def test_many_calls_at_once(run: Run, kind: str) -> None:
    """They share the connection; each gets its own answer."""

    async def main() -> None:
        async with everything(kind) as servers:
            found = await asyncio.gather(*(text(servers, "every.echo", message=str(n)) for n in range(50)))
            assert [f"Echo: {n}" for n in range(50)] == found

    run(main())


def test_the_time_server(run: Run) -> None:
    """It speaks the protocol of 2026-07-28, and answers with data."""

    async def main() -> None:
        async with serving(StdioServer("time", (time_server(),))) as servers:
            found = await call(servers, "time.get_current_time", timezone="UTC")
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["structured"]["datetime"])
            error = await refused(servers, "time.get_current_time", timezone="Middle-earth")
            assert "tool.failed" == error.code
            assert "Middle-earth" in error.message

    run(main())


def test_the_sqlite_server(run: Run, tmp_path: Path) -> None:
    """A server of an older protocol; what it writes, it reads."""

    async def main() -> None:
        program = (sqlite_server(), "--db-path", str(tmp_path / "a.db"))
        async with serving(StdioServer("db", program)) as servers:
            await call(servers, "db.create_table", query="CREATE TABLE words (word TEXT)")
            await call(servers, "db.write_query", query="INSERT INTO words VALUES ('quoin')")
            assert "[{'word': 'quoin'}]" == await text(servers, "db.read_query", query="SELECT * FROM words")

    run(main())


def test_the_filesystem_server(run: Run, tmp_path: Path) -> None:
    """It keeps to its directory, and says so."""

    async def main() -> None:
        async with serving(StdioServer("fs", (filesystem_server(), str(tmp_path)))) as servers:
            await call(servers, "fs.write_file", path=str(tmp_path / "a.txt"), content="forme")
            assert "forme" == await text(servers, "fs.read_text_file", path=str(tmp_path / "a.txt"))
            error = await refused(servers, "fs.read_text_file", path="/etc/passwd")
            assert "tool.failed" == error.code
            assert "outside allowed directories" in error.message

    run(main())
