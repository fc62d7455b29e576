"""A server over HTTP gets its headers, and nobody else does; what it answers is bounded, and costs only its callers."""

from __future__ import annotations

import asyncio
import gzip
import json
import time

import pytest

from caxton.testing import ManualClock
from caxton.tools.mcp import http as transport
from caxton.tools.mcp.bounds import LINE_LIMIT, TOO_MUCH, Meter
from caxton.tools.settings import HttpServer
from tests.conftest import Run
from tests.tools.mcp.lab import call, check_spent, eventually, refused, serving, text
from tests.tools.mcp.web import Misbehave, Request, web

TOKEN = "canary-of-the-token"


def for_bad(answer: Misbehave) -> Misbehave:
    """Misbehaves in calls of the tool ``bad`` only."""

    async def misbehave(request: Request) -> bool:
        return request.tool == "bad" and await answer(request)

    return misbehave


def costs(run: Run, answer: Misbehave, words: str, *, seconds: float = 10.0) -> None:
    """A call fails with those words; one beside it and one after it do not."""

    async def main() -> None:
        async with web(for_bad(answer)) as server, serving(server.settings(timeout=seconds)) as servers:
            await text(servers, "w.echo")
            beside = asyncio.create_task(text(servers, "w.echo"))
            error = await refused(servers, "w.bad")
            assert "tool.failed" == error.code
            assert words in error.message
            await beside
            await text(servers, "w.echo")
            assert 1 == sum(request.wanted == "initialize" for request in server.seen)

    run(main())


def test_headers(run: Run) -> None:
    """Go with every request, with their secrets; the session is ended at the end."""

    async def main() -> None:
        expand = lambda value: value.replace("${secret:T}", TOKEN)  # noqa: E731
        async with web() as server:
            settings = server.settings(headers={"Authorization": "Bearer ${secret:T}"})
            async with serving(settings, expand=expand) as servers:
                assert f"Bearer {TOKEN}" == json.loads(await text(servers, "w.echo"))["authorization"]
            assert {f"Bearer {TOKEN}"} == {request.headers["authorization"] for request in server.seen}
            assert "DELETE" == server.seen[-1].method
            assert "session-1" == server.seen[-1].headers["mcp-session-id"]

    run(main())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host(run: Run, status: int) -> None:
    """Is not followed: neither headers nor arguments go there."""

    async def main() -> None:
        async with web() as other:

            async def elsewhere(request: Request) -> bool:
                request.head(status, 0, location=other.url.replace("127.0.0.1", "localhost"))
                return True

            async with (
                web(for_bad(elsewhere)) as server,
                serving(server.settings(headers={"Authorization": TOKEN})) as servers,
            ):
                error = await refused(servers, "w.bad", secret=TOKEN)
                assert "tool.failed" == error.code
                assert "not followed" in error.message
                await text(servers, "w.echo")
            assert [] == other.seen

    run(main())


def test_a_redirect_on_the_same_host(run: Run) -> None:
    """Is followed, a few times."""

    async def main() -> None:
        async def slash(request: Request) -> bool:
            if request.path != "/mcp/":
                request.head(307, 0, location="/mcp/")
            return request.path != "/mcp/"

        async with web(for_bad(slash)) as server, serving(server.settings()) as servers:
            await text(servers, "w.bad")

    run(main())


def test_redirects_without_end(run: Run) -> None:
    """Are followed a few times only."""

    async def again(request: Request) -> bool:
        request.head(307, 0, location=f"/mcp/{len(request.path)}")
        return True

    costs(run, again, "not followed")


@pytest.mark.parametrize("kind", ["length", "chunks"])
def test_an_answer_that_is_too_large(run: Run, kind: str) -> None:
    """Is not read to its end, whether it says how long it is or not."""

    async def endless(request: Request) -> bool:
        length = {"length": 1 << 40, "chunks": None}[kind]
        request.head(200, length, content_type="application/json")
        for _ in range(LINE_LIMIT // (1 << 16) + 100):
            request.writer.write(b" " * (1 << 16))
            await request.writer.drain()
        await asyncio.Event().wait()
        return True

    costs(run, endless, TOO_MUCH)


def test_an_event_that_is_too_large(run: Run) -> None:
    """Likewise."""

    async def endless(request: Request) -> bool:
        request.head(200, content_type="text/event-stream")
        request.writer.write(b"data: ")
        for _ in range(LINE_LIMIT // (1 << 16) + 100):
            request.writer.write(b"x" * (1 << 16))
            await request.writer.drain()
        await asyncio.Event().wait()
        return True

    costs(run, endless, TOO_MUCH, seconds=20)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_of_too_many_values(run: Run, kind: str) -> None:
    """Fails before it is read: it would cost a hundred times its bytes."""

    async def bomb(request: Request) -> bool:
        data = json.dumps({"jsonrpc": "2.0", "id": request.body["id"], "result": {"x": [[]] * 300_000}}).encode()
        data = b"data: %b\n\n" % data if kind == "text/event-stream" else data
        request.head(200, len(data), content_type=kind)
        request.writer.write(data)
        return True

    costs(run, bomb, TOO_MUCH)


def test_compressed_answers(run: Run) -> None:
    """Are not asked for, and not unpacked: a few bytes could become very many."""

    async def bomb(request: Request) -> bool:
        assert "identity" == request.headers["accept-encoding"]
        data = gzip.compress(b" " * (1 << 24))
        request.head(200, len(data), content_type="application/json", content_encoding="gzip")
        request.writer.write(data)
        return True

    costs(run, bomb, "compressed data, which it was not asked for")


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (200, "application/json", b"no JSON", "Failed to parse JSON response"),
        (200, "application/json", b"{}", "Failed to parse JSON response"),
        (200, "text/html", b"<h1>hello</h1>", "Unexpected content type: text/html"),
        (200, "text/event-stream", b"data: no JSON\n\n", "Failed to parse SSE message"),
        (200, "text/event-stream", b"data", "ended without a response"),
        (202, "text/plain", b"", "202 Accepted"),
        (401, "text/html", b"<h1>who are you?</h1>", "answered with HTTP status 401"),
        (500, "text/plain", b"oops", "answered with HTTP status 500"),
        (500, "application/json", b"oops", "error response"),
        (502, "application/json", b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no ink"}}', "no ink"),
    ],
)
def test_an_answer_that_is_none(run: Run, status: int, kind: str, body: bytes, words: str) -> None:
    """Is an error for who asked."""

    async def wrong(request: Request) -> bool:
        request.head(status, len(body), content_type=kind)
        request.writer.write(body)
        return True

    costs(run, wrong, words)


@pytest.mark.parametrize("where", ["before the answer", "in the answer"])
def test_a_connection_that_breaks(run: Run, where: str) -> None:
    """Costs the call that was on it; the others, which have their own, go on."""

    async def broken(request: Request) -> bool:
        if where == "in the answer":
            request.head(200, 1000, content_type="application/json")
            request.writer.write(b"{")
            await request.writer.drain()
        request.writer.close()
        return True

    costs(run, broken, "RemoteProtocolError")


def test_one_that_does_not_answer(run: Run) -> None:
    """Costs its time limit; the server is told that nobody waits any more."""

    async def main() -> None:
        async def never(request: Request) -> bool:
            await asyncio.Event().wait()
            return True

        async with web(for_bad(never)) as server, serving(server.settings(timeout=0.2)) as servers:
            await text(servers, "w.echo")
            assert "tool.timeout" == (await refused(servers, "w.bad")).code
            await text(servers, "w.echo")
            await eventually(lambda: any(request.wanted == "notifications/cancelled" for request in server.seen))

    run(main())


def test_one_that_does_not_answer_notifications(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does not keep a caller beyond its limit, nor others for long."""
    monkeypatch.setattr(transport, "CONNECT", 0.5)

    async def main() -> None:
        async def misbehave(request: Request) -> bool:
            if request.tool == "bad" or request.wanted == "notifications/cancelled":
                await asyncio.Event().wait()
            return False

        async with web(misbehave) as server, serving(server.settings(timeout=50)) as servers:
            await text(servers, "w.echo")
            began = time.monotonic()
            assert "tool.timeout" == (await refused(servers, "w.bad", timeout=0.1)).code
            assert "tool.timeout" == (await refused(servers, "w.bad", timeout=0.1)).code
            assert time.monotonic() - began < 50  # the SDK would wait for a hundred seconds
            await text(servers, "w.echo")

    run(main())


def test_a_server_that_is_not_there(run: Run) -> None:
    """Fails at once, with the reason; then it backs off."""

    async def main() -> None:
        async with web() as server:
            url = server.url
        async with serving(HttpServer("w", url), clock=ManualClock()) as servers:
            error = await refused(servers, "w.echo")
            assert "w cannot start: cannot be reached: ConnectError" in error.message
            assert "w is not running; next try in 0.1 s" in (await refused(servers, "w.echo")).message

    run(main())


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://[::1"])
def test_an_address_that_is_none(run: Run, url: str) -> None:
    """Likewise."""

    async def main() -> None:
        async with serving(HttpServer("w", url)) as servers:
            error = await refused(servers, "w.echo")
            assert "tool.failed" == error.code
            assert "w cannot start: " in error.message

    run(main())


def test_a_session_that_is_forgotten(run: Run) -> None:
    """Is begun again, and the call made in the new one: the server has not made it."""

    async def main() -> None:
        forgotten: set[str] = set()

        async def misbehave(request: Request) -> bool:
            if (session := request.headers.get("mcp-session-id")) not in forgotten:
                return False
            request.head(404, 0)
            return bool(session)

        clock = ManualClock()
        async with web(misbehave) as server, serving(server.settings(), clock=clock) as servers:
            await text(servers, "w.echo")
            clock.advance(10)
            forgotten.add("session-1")
            server.session = "session-2"
            assert "session-2" == json.loads(await text(servers, "w.echo"))["mcp-session-id"]
            # At one that forgets each session at once nobody tries for ever, and backing off begins.
            forgotten.add("session-2")
            assert "tool.failed" == (await refused(servers, "w.echo")).code
            assert "next try" in (await refused(servers, "w.echo")).message

    run(main())


def test_a_stream_that_ends_again_and_again(run: Run) -> None:
    """Is not opened more often than once a second, whatever the server asks for."""

    async def main() -> float:
        async def misbehave(request: Request) -> bool:
            if request.method != "GET":
                return False
            data = b"retry: 0\nid: 1\ndata:\n\n"
            request.head(200, len(data), content_type="text/event-stream")
            request.writer.write(data)
            return True

        async with web(misbehave) as server, serving(server.settings()) as servers:
            await text(servers, "w.echo")
            began = time.monotonic()
            await eventually(lambda: sum(request.method == "GET" for request in server.seen) >= 3)
            return time.monotonic() - began

    assert run(main()) >= 1.8


def test_a_flood_of_events(run: Run, spent: dict[Meter, list[float]]) -> None:
    """Is read slowly, so that the event loop is seldom late (which is printed)."""
    began = time.monotonic()

    async def main() -> None:
        async def misbehave(request: Request) -> bool:
            if request.method != "GET":
                return False
            request.head(200, content_type="text/event-stream")
            block = b'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n' * 100
            while True:
                request.writer.write(block)
                await request.writer.drain()
                await asyncio.sleep(0)

        async with web(misbehave) as server, serving(server.settings()) as servers:
            await text(servers, "w.echo")
            await eventually(lambda: any(request.method == "GET" for request in server.seen))
            used, until, late = time.process_time(), time.monotonic() + 1, []
            while time.monotonic() < until:
                now = time.monotonic()
                await asyncio.sleep(0.001)
                late.append(time.monotonic() - now)
            used = time.process_time() - used
            print(f"late {sorted(late)[len(late) // 2] * 1e3:.1f} ms, processor {used:.0%}")

    run(main())
    check_spent(spent, time.monotonic() - began)


def test_requests_of_the_server(run: Run) -> None:
    """Over HTTP too are refused, and their answers keep nobody waiting."""

    async def main() -> None:
        async def misbehave(request: Request) -> bool:
            if request.tool != "bad":
                return False
            asks = {"jsonrpc": "2.0", "id": "mine", "method": "sampling/createMessage"}
            asks["params"] = {"messages": [], "maxTokens": 1}  # type: ignore[assignment]
            answer = {"jsonrpc": "2.0", "id": request.body["id"], "result": {"content": []}}
            data = "".join(f"data: {json.dumps(one)}\n\n" for one in (asks, answer)).encode()
            request.head(200, len(data), content_type="text/event-stream")
            request.writer.write(data)
            return True

        async with web(misbehave) as server, serving(server.settings()) as servers:
            await text(servers, "w.echo")
            assert {"content": [], "isError": False} == await call(servers, "w.bad")
            await eventually(lambda: any(request.body.get("id") == "mine" for request in server.seen))
            (refusal,) = [request.body for request in server.seen if request.body.get("id") == "mine"]
            assert "error" in refusal

    run(main())
