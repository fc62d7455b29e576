"""http.fetch, over real sockets: what it sends, what it answers, and what it does not put up with."""

from __future__ import annotations

import asyncio
import base64
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from caxton.agents.rules import Rule
from caxton.errors import CaxtonError
from caxton.tools.builtin import BuiltinTools, Network, places
from caxton.tools.settings import HttpSettings, ToolSettings
from tests.conftest import Run
from tests.tools.builtin.lab import (
    PUBLIC,
    Doors,
    Handler,
    Names,
    Request,
    Server,
    a_call,
    answer,
    builtin,
    refusal,
    response,
    serving,
)

OTHER = "93.184.215.15"
LIMIT = 20_000
Writer = asyncio.StreamWriter


@dataclass
class Web:
    """Tools with a server that is granted as ``localhost``."""

    tools: BuiltinTools
    server: Server
    timeout: float | None = None

    def call(self, path: str = "/", **more: Any) -> Any:
        """A call for that path."""
        address = f"localhost:{self.server.port}"
        rule = Rule(hosts=(address,), private=(address,))
        agent = more.pop("agent", "alice")
        url = f"http://{address}{path}"
        return a_call("http.fetch", {"url": url, **more}, rule, agent, timeout=self.timeout)

    async def fetch(self, path: str = "/", **more: Any) -> dict[str, Any]:
        """What http.fetch answers for that path."""
        return await answer(self.tools, self.call(path, **more))

    async def refused(self, path: str = "/", **more: Any) -> CaxtonError:
        """What it fails with."""
        return await refusal(self.tools, self.call(path, **more))


@asynccontextmanager
async def web(handler: Handler, **settings: Any) -> AsyncIterator[Web]:
    """A web with one server. It resolves names with the machine's own resolver, and uses its sockets."""
    http = HttpSettings(**{"max_bytes": LIMIT, **settings})
    async with serving(handler) as server, builtin(ToolSettings(http=http)) as tools:
        yield Web(tools, server)


def saying(data: bytes) -> Handler:
    """A handler that always writes the same."""

    async def handler(request: Request, writer: Writer) -> None:
        writer.write(data)

    return handler


def test_what_is_sent_and_what_comes_back(run: Run) -> None:
    """Method, path, query, headers and body go out as asked; status, some headers and text come back."""

    async def main() -> None:
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("ETag", '"7"'), ("Set-Cookie", "a=b"), ("X-Y", "z")]
        async with web(saying(response("grüße".encode(), "201 Created", headers))) as w:
            found = await w.fetch("/a/b?c=d%20e&f=ö", method="POST", headers={"X-Api-Key": "k"}, body="hällo")
            url = f"http://localhost:{w.server.port}/a/b?c=d%20e&f=%C3%B6"
            told = {"content-type": "text/plain; charset=utf-8", "etag": '"7"'}
            expected = {"status": 201, "url": url, "headers": told, "mime": "text/plain", "size": 7, "text": "grüße"}
            assert expected == found
            (sent,) = w.server.requests
            assert ("POST", "/a/b?c=d%20e&f=%C3%B6", "hällo".encode()) == (sent.method, sent.path, sent.body)
            assert {
                "host": f"localhost:{w.server.port}",
                "accept": "*/*",
                "user-agent": "caxton",
                "x-api-key": "k",
                "accept-encoding": "gzip",
                "connection": "close",
                "content-length": "6",
            } == sent.headers

    run(main())


def test_an_error_status_is_an_answer(run: Run) -> None:
    """What a server says is for the agent to judge."""

    async def main() -> None:
        async with web(saying(response(b'{"no": 1}', "404 Not Found", [("Content-Type", "application/json")]))) as w:
            found = await w.fetch()
            assert (404, '{"no": 1}') == (found["status"], found["text"])

    run(main())


def test_head_has_no_body(run: Run) -> None:
    """A length without a body is no broken answer there."""

    async def main() -> None:
        async with web(saying(response(b"", headers=[("Content-Length", "999999")], length=False))) as w:
            assert 0 == (await w.fetch(method="HEAD"))["size"]

    run(main())


@pytest.mark.parametrize(
    ("data", "content_type", "field", "value"),
    [
        (b"\x89PNG\r\n", "image/png", "base64", base64.b64encode(b"\x89PNG\r\n").decode()),
        (b"plain", "", "text", "plain"),
        (b"gr\xfc\xdfe", "text/html; charset=ISO-8859-1", "text", "grüße"),
        (b"gr\xfc\xdfe", "text/html", "text", "gr\ufffd\ufffde"),
        (b"gr\xfc\xdfe", "application/octet-stream", "base64", "Z3L832U="),
        (b"xn--a", "text/plain; charset=punycode", "text", "xn--a"),
        (b"a\0b", "text/plain", "base64", "YQBi"),
        (b"", "text/plain", "text", ""),
    ],
)
def test_text_is_text_and_the_rest_is_base64(run: Run, data: bytes, content_type: str, field: str, value: str) -> None:
    """By the declared type, else by the bytes; codecs that are no charsets of documents are not used."""

    async def main() -> None:
        async with web(saying(response(data, headers=[("Content-Type", content_type)]))) as w:
            assert value == (await w.fetch())[field]

    run(main())


def test_gzip_is_unpacked(run: Run) -> None:
    """Also when it comes in several parts."""

    async def main() -> None:
        packed = gzip.compress(b"a" * 4000) + gzip.compress(b"b" * 4000)
        async with web(saying(response(packed, headers=[("Content-Encoding", "gzip")]))) as w:
            assert "a" * 4000 + "b" * 4000 == (await w.fetch())["text"]

    run(main())


def _endless(piece: bytes, head: bytes) -> Handler:
    async def handler(request: Request, writer: Writer) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return handler


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = [("Content-Encoding", "gzip")]


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (saying(response(b"x" * (LIMIT + 1))), "more than 20000 bytes"),
        (saying(response(b"", headers=[("Content-Length", "1" + "0" * 15)], length=False)), "more than 20000 bytes"),
        (_endless(b"x" * 1000, b"HTTP/1.1 200 OK\r\n\r\n"), "more than 20000 bytes"),
        (_endless(b"400\r\n" + b"x" * 1024 + b"\r\n", CHUNKED), "more than 20000 bytes"),
        (_endless(b"1;" + b"e" * 4000 + b"\r\nx\r\n", CHUNKED), "too large"),
        (_endless(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 20, b""), "too large"),
        (_endless(b"X-A: b\r\n" * 100, b"HTTP/1.1 200 OK\r\n"), "no proper answer"),
        (_endless(b"x" * 1000, b"HTTP/1.1 200 "), "no proper answer"),
        (saying(response(gzip.compress(b"\0" * 30_000_000), headers=PACKED)), "more than 20000 bytes"),
        (saying(response(gzip.compress(b"x" * 100)[:-9], headers=PACKED)), "ends in the middle"),
        (saying(response(b"no gzip", headers=PACKED)), "not the gzip"),
        (saying(response(b"x", headers=[("Content-Encoding", "br")])), "packed as 'br'"),
        (saying(response(b"x", headers=[("Content-Encoding", "gzip, gzip")])), "packed as"),
        (saying(b""), "no proper answer"),
        (saying(b"SSH-2.0-OpenSSH_9.9\r\n"), "no proper answer"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), "no proper answer"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "no proper answer"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), "no proper answer"),
        (saying(CHUNKED + b"zz\r\nx\r\n"), "no proper answer"),
        (saying(CHUNKED + b"5\r\nabc"), "no proper answer"),
        (saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "no proper answer"),
    ],
)
def test_a_bad_answer_is_a_failed_call(run: Run, handler: Handler, said: str) -> None:
    """Too much, endless, cut short, packed in a thousandth of its size, or not HTTP: tool.failed."""

    async def main() -> None:
        async with web(handler) as w:
            error = await w.refused()
            assert "tool.failed" == error.code
            assert said in error.message

    run(main())


def test_what_is_packed_is_unpacked_only_so_far(run: Run) -> None:
    """Of thirty megabytes that come in thirty kilobytes, no more than the limit is ever in memory."""
    bomb = response(gzip.compress(b"\0" * 30_000_000), headers=PACKED)

    async def main() -> int:
        async with web(saying(bomb)) as w:
            await w.refused()  # what is loaded at the first call does not count
            tracemalloc.start()
            try:
                await w.refused()
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert run(main()) < 3_000_000


def test_an_agent_may_want_less(run: Run) -> None:
    """max_bytes lowers the limit, and never raises it."""

    async def main() -> None:
        async with web(saying(response(b"x" * 101))) as w:
            assert "more than 100 bytes" in (await w.refused(max_bytes=100)).message
        async with web(saying(response(b"x" * (LIMIT + 1)))) as w:
            assert f"more than {LIMIT} bytes" in (await w.refused(max_bytes=10 * LIMIT)).message

    run(main())


async def _silent(request: Request, writer: Writer) -> None:
    await asyncio.Event().wait()


async def _dripping(request: Request, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("handler", [_silent, _dripping])
def test_the_time_limit_is_for_the_whole(run: Run, handler: Handler) -> None:
    """A server that says nothing, or something again and again, holds nobody longer."""

    async def main() -> None:
        async with web(handler, timeout=0.1) as w:
            assert "tool.timeout" == (await w.refused()).code
        async with web(handler) as w:
            w.timeout = 0.1
            assert "tool.timeout" == (await w.refused()).code

    run(main())


def test_a_resolver_that_hangs_is_a_timeout(run: Run) -> None:
    """It belongs to the call's time."""

    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def main() -> None:
        async with builtin(network=Network(resolve=never)) as tools:
            call = a_call("http.fetch", {"url": "http://a.example/"}, Rule(hosts=("*",)), timeout=0.1)
            assert "tool.timeout" == (await refusal(tools, call)).code

    run(main())


def test_nobody_there(run: Run) -> None:
    """A port that nobody listens at is a failed call; the message says no more."""

    async def main() -> None:
        async with web(saying(b"")) as w:
            url, rule = "http://localhost:1/", Rule(hosts=("localhost:1",), private=("localhost:1",))
            error = await refusal(w.tools, a_call("http.fetch", {"url": url}, rule))
            assert ("tool.failed", "no connection to the host") == (error.code, error.message)

    run(main())


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_not_used(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """They would connect wherever they like."""

    async def main() -> None:
        async with serving(saying(response(b"proxy"))) as proxy, web(saying(response(b"direct"))) as w:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert "direct" == (await w.fetch())["text"]
            assert 0 == proxy.connections

    run(main())


# ---- redirects ------------------------------------------------------------------------------------------------------


def _redirecting(status: int, location: str) -> Callable[[Request, Writer], Any]:
    async def handler(request: Request, writer: Writer) -> None:
        if request.path == "/end":
            writer.write(response(b"arrived", headers=[("Content-Type", "text/plain")]))
        else:
            writer.write(response(b"gone", f"{status} There", [("Location", location)]))

    return handler


@asynccontextmanager
async def two_hosts(status: int, location: str) -> AsyncIterator[tuple[BuiltinTools, Server, Names]]:
    """Two public names, a.example and b.example, with one server behind them."""
    async with serving(_redirecting(status, location)) as server:
        names = Names({"a.example": [[PUBLIC]], "b.example": [[OTHER]]})
        doors = Doors({PUBLIC: server.port, OTHER: server.port})
        network = Network(resolve=names.resolve, connect=doors.connect)
        async with builtin(ToolSettings(http=HttpSettings(redirects=2)), network=network) as tools:
            yield tools, server, names


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (303, "DELETE", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (302, "PUT", "PUT", b"data"),
        (307, "POST", "POST", b"data"),
        (308, "PATCH", "PATCH", b"data"),
    ],
)
def test_a_redirect_keeps_or_changes_the_method(run: Run, status: int, method: str, then: str, body: bytes) -> None:
    """As RFC 9110 has it."""

    async def main() -> None:
        async with two_hosts(status, "/end") as (tools, server, _):
            more = {} if method in ("HEAD", "DELETE") else {"body": "data"}
            arguments = {"url": "http://a.example/x", "method": method, **more}
            found = await answer(tools, a_call("http.fetch", arguments, Rule(hosts=("*",))))
            assert (200, "http://a.example/end") == (found["status"], found["url"])
            assert (then, body) == (server.requests[1].method, server.requests[1].body)

    run(main())


def test_credentials_stay_with_their_host(run: Run) -> None:
    """To the same host every header goes along; to another only those that say what is wanted."""
    sent = {"Authorization": "a", "Cookie": "b", "X-Api-Key": "c", "Accept": "text/plain", "Accept-Language": "de"}

    async def main() -> None:
        for location, kept in (("/end", {*sent}), ("http://b.example/end", {"Accept", "Accept-Language"})):
            async with two_hosts(302, location) as (tools, server, _):
                arguments = {"url": "http://a.example/", "headers": sent}
                await answer(tools, a_call("http.fetch", arguments, Rule(hosts=("*",))))
                first, second = ({name for name in sent if name.lower() in one.headers} for one in server.requests)
                assert ({*sent}, kept) == (first, second)

    run(main())


def test_each_hop_is_looked_up_once_and_the_limit_holds(run: Run) -> None:
    """Two redirects are followed here, not three; and a name is asked for once in a hop."""

    async def main() -> None:
        async with two_hosts(302, "http://b.example/again") as (tools, server, names):
            error = await refusal(tools, a_call("http.fetch", {"url": "http://a.example/"}, Rule(hosts=("*",))))
            assert ("tool.failed", "more than 2 redirects") == (error.code, error.message)
            assert ["a.example", "b.example", "b.example"] == names.asked
            assert 3 == len(server.requests)

    run(main())


def test_a_redirect_that_says_not_where_is_an_answer(run: Run) -> None:
    """There is nothing to follow."""

    async def main() -> None:
        async with web(saying(response(b"", "302 Found"))) as w:
            assert 302 == (await w.fetch())["status"]

    run(main())


# ---- addresses ------------------------------------------------------------------------------------------------------


def test_the_next_address_is_tried(run: Run) -> None:
    """A name may have several; the first that takes a connection is used."""

    async def main() -> None:
        async with serving(saying(response(b"here"))) as server:
            doors = Doors({PUBLIC: 1, OTHER: server.port})
            network = Network(resolve=Names({"a.example": [[PUBLIC, OTHER]]}).resolve, connect=doors.connect)
            async with builtin(network=network) as tools:
                call = a_call("http.fetch", {"url": "http://a.example/"}, Rule(hosts=("a.example",)))
                assert "here" == (await answer(tools, call))["text"]
                assert [PUBLIC, OTHER] == doors.used

    run(main())


def test_a_name_that_moves_is_not_followed(run: Run) -> None:
    """The connection goes to the address that was checked, whatever the next lookup would say."""

    async def main() -> None:
        async with serving(saying(response(b"public"))) as public, serving(saying(response(b"inside"))) as inside:
            doors = Doors({PUBLIC: public.port})
            names = Names({"a.example": [[PUBLIC], ["127.0.0.1"]]})
            async with builtin(network=Network(resolve=names.resolve, connect=doors.connect)) as tools:
                call = a_call("http.fetch", {"url": f"http://a.example:{inside.port}/"}, Rule(hosts=("*:*",)))
                assert "public" == (await answer(tools, call))["text"]
                assert (["a.example"], [PUBLIC]) == (names.asked, doors.used)
                assert "grant.denied" == (await refusal(tools, call)).code
                assert 0 == inside.connections

    run(main())


def test_what_is_not_granted_is_not_looked_up(run: Run) -> None:
    """A lookup by itself could carry a message out."""

    async def main() -> None:
        names = Names({})
        async with builtin(network=Network(resolve=names.resolve)) as tools:
            call = a_call("http.fetch", {"url": "http://my-secret.evil.example/"}, Rule(hosts=("a.example",)))
            assert "grant.denied" == (await refusal(tools, call)).code
            assert [] == names.asked

    run(main())


def test_an_address_may_be_granted(run: Run) -> None:
    """By itself, as a glob, and IPv6 in brackets."""

    async def main() -> None:
        for host, listen, pattern in (
            ("127.0.0.1", "127.0.0.1", "127.0.0.1:*"),
            ("127.0.0.1", "127.0.0.1", "127.0.*:*"),
            ("[::1]", "::1", "[::1]:*"),
            ("[0:0::1]", "::1", "[0:0:0:0:0:0:0:1]:*"),
        ):
            async with serving(saying(response(b"here")), listen) as server, builtin() as tools:
                rule = Rule(hosts=(pattern,), private=(pattern,))
                call = a_call("http.fetch", {"url": f"http://{host}:{server.port}/"}, rule)
                assert "here" == (await answer(tools, call))["text"]
                assert server.requests[0].headers["host"] in (f"127.0.0.1:{server.port}", f"[::1]:{server.port}")

    run(main())


def test_many_agents_at_once(run: Run) -> None:
    """200 calls of 20 agents that wait for one server are all under way at the same time."""

    async def main() -> None:
        everybody = asyncio.Event()

        async def handler(request: Request, writer: Writer) -> None:
            if len(w.server.requests) == 200:
                everybody.set()
            await everybody.wait()
            writer.write(response(b"done"))

        async with web(handler) as w:
            found = await asyncio.gather(*(w.fetch(f"/{number}", agent=f"a{number % 20}") for number in range(200)))
            assert ["done"] * 200 == [one["text"] for one in found]

    run(main())


def test_an_agent_has_its_share_of_connections(run: Run) -> None:
    """What it asks for beyond that waits, within its time; others are not kept."""

    async def main() -> None:
        full, go = asyncio.Event(), asyncio.Event()

        async def handler(request: Request, writer: Writer) -> None:
            if request.path == "/hang":
                if w.server.connections == places.SHARE:
                    full.set()
                await go.wait()
            writer.write(response(b"done"))

        async with web(handler) as w:
            hanging = [asyncio.create_task(w.fetch("/hang")) for _ in range(60)]
            await full.wait()
            assert "done" == (await w.fetch("/", agent="bob"))["text"]
            w.timeout = 0.01
            assert "tool.timeout" == (await w.refused("/")).code
            assert places.SHARE + 1 == w.server.connections
            go.set()
            assert ["done"] * 60 == [one["text"] for one in await asyncio.gather(*hanging)]

    run(main())
