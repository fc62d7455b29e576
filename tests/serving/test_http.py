"""The streamable HTTP endpoint: a real server on this machine, the official client, and requests made by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.routing import Mount

import caxton
from caxton.serving import ServingSettings, http_app
from caxton.testing import call
from tests.conftest import Run
from tests.serving.agents import EXPOSED, LONG, answer, log, spawn_all, told
from tests.serving.clients import Lab, code_of, eras, names, served, text_of, until
from tests.serving.test_list_changed import Notified
from tests.serving.test_progress import Heard
from tests.serving.test_stdio import INITIALIZE

TOKEN: Final = "correct-horse-battery-staple"
HEADERS: Final = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
HELLO: Final = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE}


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[caxton.Host, str]]:
    """A host whose agents are served; the endpoint's address."""
    async with caxton.Host() as host:
        await spawn_all(host)
        async with served(http_app(host, EXPOSED, **options)) as url:
            yield host, url


@contextlib.asynccontextmanager
async def http(**options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that speaks no MCP."""
    async with httpx2.AsyncClient(headers=HEADERS, timeout=30.0, trust_env=False, **options) as client:
        yield client


@eras
def test_a_session(run: Run, era: str) -> None:
    """Tools are listed and called, fail, and tell of their progress."""

    async def main() -> None:
        async with serving() as (_, url), Client(url, mode=era, cache=None) as client:
            assert names(EXPOSED) == [tool.name for tool in (await client.list_tools()).tools]
            assert "HELLO" == text_of(await client.call_tool("upper", {"message": "hello"}))
            assert {"city": "x"} == (await client.call_tool("weather", {"city": "x"})).structured_content
            assert "tool.bad-arguments" == code_of(await client.call_tool("weather", {}))
            heard = Heard()
            steps = told(call("emit", "half"), call("sleep_ms", 10), answer("done"))
            assert "done" == text_of(await client.call_tool("driver", steps, progress_callback=heard))
            await heard.until(1)
            assert [(1.0, None, "half")] == heard.found

    run(main())


@eras
def test_cancelling(run: Run, era: str) -> None:
    """A call that was cancelled while it waited is never delivered."""

    async def main() -> None:
        async with (
            Lab() as lab,
            served(http_app(lab.host, EXPOSED)) as url,
            Client(url, mode=era, cache=None) as client,
        ):
            first = asyncio.ensure_future(client.call_tool("driver", told(log("first"), call("sleep_ms", LONG))))
            await lab.until_logged("first")
            second = asyncio.ensure_future(client.call_tool("driver", told(log("second"))))
            await until(lambda: lab.host.agent("driver").statistics().mailbox == 1)
            second.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await second
            await until(lambda: lab.host.agent("driver").statistics().mailbox == 0)  # the server has heard
            await lab.elapse(60.0)
            await first
            await lab.settle()
            assert ["first"] == lab.logs

    run(main())


def test_changes_of_the_tools(run: Run) -> None:
    """A client with a session is told on its stream."""

    async def main() -> None:
        exposed = list(EXPOSED)
        notified = Notified()
        async with Lab() as lab:
            app = http_app(lab.host, lambda: exposed)
            async with served(app) as url, Client(url, mode="legacy", cache=None, message_handler=notified) as client:
                await client.list_tools()
                del exposed[0]
                while not notified.count:  # the client opens its stream when it gets to it
                    app.server._seen = []
                    app.server.refresh()
                    await asyncio.wait({asyncio.ensure_future(notified.more.wait())}, timeout=0.05)
                assert names(EXPOSED[1:]) == [tool.name for tool in (await client.list_tools()).tools]

    run(main())


def test_many_clients_at_once(run: Run) -> None:
    """Thirty sessions, each with calls of its own."""

    async def one(url: str, number: int) -> list[str]:
        async with Client(url, mode="legacy", cache=None) as client:
            calls = [client.call_tool("upper", {"message": f"c{number}-{index}"}) for index in range(5)]
            return [text_of(found) for found in await asyncio.gather(*calls)]

    async def main() -> None:
        async with serving() as (_, url):
            found = await asyncio.gather(*(one(url, number) for number in range(30)))
        assert [[f"C{number}-{index}" for index in range(5)] for number in range(30)] == found

    run(main())


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer \xfc", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
    ],
)
def test_the_token(run: Run, given: str | None, status: int) -> None:
    """Whoever does not bring it gets no further, whatever was asked for."""

    async def main() -> None:
        headers = {} if given is None else {"Authorization": given.encode("latin-1")}
        async with serving(token=TOKEN) as (_, url), http() as client:
            found = await client.post(url, json=HELLO, headers=headers)  # type: ignore[arg-type]
            assert status == found.status_code
            if status == 401:
                assert "Bearer" == found.headers["www-authenticate"]
                for method in ("GET", "DELETE", "PUT"):
                    assert 401 == (await client.request(method, url, headers=headers)).status_code  # type: ignore[arg-type]

    run(main())


def test_a_client_with_the_token(run: Run) -> None:
    """The official client is served when it brings the token."""

    async def main() -> None:
        async with serving(token=TOKEN, allowed_hosts=None) as (_, url), http() as plain:
            plain.headers["Authorization"] = f"Bearer {TOKEN}"
            transport = streamable_http_client(url, http_client=plain)
            async with Client(transport, mode="legacy", cache=None) as client:
                assert "HELLO" == text_of(await client.call_tool("upper", {"message": "hello"}))

    run(main())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost.evil.example:1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Host": "localhost:1.evil.example"}, 421),
        ({"Host": "127.0.0.1:@evil.example"}, 421),
        ({"Host": "localhost:"}, 421),
        ({"Host": "localhost:80:80"}, 421),
        ({"Host": "[::1]evil.example"}, 421),
        ({"Host": "user@localhost"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://127.0.0.1:1.evil.example"}, 403),
        ({"Origin": "http://localhost:1@evil.example"}, 403),
        ({"Origin": "http://localhost/evil.example"}, 403),
        ({"Origin": "file://localhost"}, 403),
        ({"Origin": "localhost"}, 403),
        ({"Host": "LOCALHOST:1234"}, 200),
        ({"Host": "LocalHost"}, 200),
        ({"Origin": "HTTP://LOCALHOST:3000"}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:5"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://127.0.0.1"}, 200),
    ],
)
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_dns_rebinding(run: Run, headers: dict[str, str], status: int, version: str) -> None:
    """A page of somebody else's, in a browser on this machine, does not get through by its own names."""

    async def main() -> None:
        async with serving() as (_, url), http() as client:
            found = await client.post(url, json=HELLO, headers={**headers, "MCP-Protocol-Version": version})
            if version == "2025-11-25" or status != 200:
                assert status == found.status_code
            else:
                assert found.status_code not in (403, 421)

    run(main())


def test_hosts_that_are_allowed(run: Run) -> None:
    """Others can be named, with a port or without; then it is those and no others."""

    async def main() -> None:
        async with serving(allowed_hosts=["agents.example", "other.example:80"]) as (_, url), http() as client:
            for host, status in (
                ("agents.example", 200),
                ("agents.example:8000", 200),
                ("other.example:80", 200),
                ("other.example:81", 421),
                ("localhost", 421),
            ):
                assert status == (await client.post(url, json=HELLO, headers={"Host": host})).status_code

    run(main())


def test_any_host_needs_a_token(run: Run) -> None:
    """Nobody leaves the door open by mistake; nor with a token that no header can carry."""

    async def main() -> None:
        async with caxton.Host() as host:
            for options in ({"allowed_hosts": None}, {"token": ""}, {"token": "a b"}, {"token": "ü"}, {"token": "a\n"}):
                with pytest.raises(caxton.HostError, match="token"):
                    http_app(host, EXPOSED, **options)

    run(main())


def test_a_body_is_bounded(run: Run) -> None:
    """A larger one is refused, whether it says so before or turns out to be."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000

    async def main() -> None:
        settings = ServingSettings(max_message=10_000)
        async with serving(settings=settings) as (_, url), http() as client:
            assert 413 == (await client.post(url, content=b"x" * 10_001)).status_code
            assert 413 == (await client.post(url, content=chunks())).status_code
            assert 200 == (await client.post(url, json=HELLO)).status_code

    run(main())


def test_sessions_are_bounded(run: Run) -> None:
    """One more is refused while those that there are go on; when one has ended there is room again."""

    async def main() -> None:
        async with serving(settings=ServingSettings(max_sessions=2)) as (_, url), http() as client:
            found = [await client.post(url, json=HELLO) for _ in range(3)]
            assert [200, 200, 503] == [one.status_code for one in found]
            session = {"Mcp-Session-Id": found[0].headers["mcp-session-id"]}
            assert 200 == (await client.delete(url, headers=session)).status_code
            assert 404 == (await client.post(url, json=HELLO, headers=session)).status_code
            assert 200 == (await client.post(url, json=HELLO)).status_code

    run(main())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}',
        b'{"jsonrpc":"2.0","id":{},"method":"x"}',
    ],
)
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28", "1999-01-01", "\x7f"])
def test_garbage(run: Run, body: bytes, version: str) -> None:
    """Is the sender's mistake, whatever it claims to be; the server goes on, and says nothing of how it is made."""

    async def main() -> None:
        async with serving() as (_, url), http() as client:
            found = await client.post(url, content=body, headers={"MCP-Protocol-Version": version})
            assert 400 <= found.status_code < 500
            assert "Traceback" not in found.text
            assert "site-packages" not in found.text
            assert 200 == (await client.post(url, json=HELLO)).status_code

    run(main())


def test_other_paths(run: Run) -> None:
    """There is the endpoint and nothing else."""

    async def main() -> None:
        async with serving(path="/agents") as (_, url), http() as client:
            base = url.removesuffix("/mcp")
            assert 200 == (await client.post(f"{base}/agents", json=HELLO)).status_code
            for path in ("/mcp", "/", "/agents/", "/agents/x", "//agents", "/%61gents/.."):
                assert 404 == (await client.post(f"{base}{path}", json=HELLO)).status_code

    run(main())


def test_mounted(run: Run) -> None:
    """A program with an ASGI application of its own mounts it, and runs it within its lifespan."""

    async def main() -> None:
        async with caxton.Host() as host:
            await spawn_all(host)
            inner = http_app(host, EXPOSED)

            @contextlib.asynccontextmanager
            async def lifespan(app: Starlette) -> AsyncIterator[None]:
                async with inner.running():
                    yield

            outer = Starlette(routes=[Mount("/caxton", inner)], lifespan=lifespan)
            async with lifespan(outer):
                transport = httpx2.ASGITransport(outer)
                async with http(transport=transport) as plain:
                    found = await plain.post("http://localhost/caxton/mcp", json=HELLO)
                    assert 200 == found.status_code
                    assert "caxton" in found.text

    run(main())


def test_a_connection_that_breaks(run: Run) -> None:
    """In the middle of a call that tells of its progress: the call ends all the same, and its session goes on."""

    async def main() -> None:
        async with caxton.Host() as host, http() as client:
            await spawn_all(host)
            app = http_app(host, EXPOSED)
            async with served(app) as url:
                hello = await client.post(url, json=HELLO)
                session = {"Mcp-Session-Id": hello.headers["mcp-session-id"]}
                await client.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
                pauses = [step for _ in range(100) for step in (call("emit", "part"), call("sleep_ms", 1))]
                params = {"name": "driver", "arguments": told(*pauses, answer("!")), "_meta": {"progressToken": 1}}
                request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
                async with client.stream("POST", url, json=request, headers=session) as response:
                    async for line in response.aiter_lines():
                        if "part" in line:
                            break
                await until(lambda: host.agent("driver").statistics().turns == 1)
                await asyncio.wait_for(app.server.drain(), 1.0)
                request = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
                assert "upper" in (await client.post(url, json=request, headers=session)).text

    run(main())


def test_stopping_drains(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Calls that run are answered, streams that only wait are ended, and nothing has to be cut off."""

    async def main() -> None:
        async with caxton.Host() as host, http() as client:
            await spawn_all(host)
            async with served(http_app(host, EXPOSED)) as url:
                hello = await client.post(url, json=HELLO)
                session = {"Mcp-Session-Id": hello.headers["mcp-session-id"]}
                await client.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
                waiting = asyncio.ensure_future(client.get(url, headers=session))
                arguments = told(call("sleep_ms", 100), call("sleep_ms", 100), answer("in time"))
                request = {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "tools/call",
                    "params": {"name": "driver", "arguments": arguments},
                }
                calling = asyncio.ensure_future(client.post(url, json=request, headers=session))
                await until(lambda: host.agent("driver").statistics().state == "waiting")
            # Here the server has been told to stop, and has ended.
            await waiting
            events = [line for line in (await calling).text.splitlines() if line.startswith("data: {")]
            assert "in time" == json.loads(events[-1][6:])["result"]["content"][0]["text"]

    run(main())
    assert [] == [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
