"""Attempts to get out: none succeeds, and each ends with the contract's code.

The grants are as wide as they can be without granting what is tried: for http.fetch every host with every port, so that
only the addresses hold.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import pytest

from caxton.agents.rules import Rule
from caxton.tools.builtin import BuiltinTools, Network
from caxton.tools.settings import FsSettings, HttpSettings, LlmSettings, MemorySettings, ToolSettings
from tests.conftest import Run
from tests.tools.builtin.lab import PUBLIC, Doors, Names, Request, Server, a_call, builtin, refusal, response, serving

DENIED, BAD, FAILED, UNKNOWN, BUDGET = (
    "grant.denied",
    "tool.bad-arguments",
    "tool.failed",
    "tool.unknown",
    "limit.budget",
)
SECRET = "the crown jewels"
EVERY = Rule(hosts=("*", "*:*", "[::1]:*"))
ONLY = Rule(hosts=("open.example",))
NAMES: dict[str, list[list[str]]] = {
    "open.example": [[PUBLIC]],
    "internal.example": [["10.0.0.8"]],
    "loop.example": [["127.0.0.1"]],
    "loop6.example": [["::1"]],
    "mixed.example": [[PUBLIC, "127.0.0.1"]],
    "clouds.example": [["169.254.169.254"]],
    "shared.example": [["100.64.0.1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "compatible.example": [["::127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "sixtofour.example": [["2002:7f00:1::"]],
    "teredo.example": [["2001:0:7f00:1::"]],
    "ula.example": [["fd00::1"]],
    "link.example": [["fe80::1%lo"]],
    "zero.example": [["0.0.0.0"]],  # noqa: S104
    "many.example": [["224.0.0.1"]],
    "all.example": [["255.255.255.255"]],
    "none.example": [[]],
    "garbage.example": [["not an address"]],
    "rebind.example": [[PUBLIC], ["127.0.0.1"]],
    "localhost": [["127.0.0.1", "::1"]],
}


class Attempt(NamedTuple):
    """One attempt. In texts ``PORT`` is the port of the server that nobody may reach."""

    what: str
    tool: str
    arguments: dict[str, Any]
    code: str
    rule: Rule | None = EVERY


def _fetch(what: str, url: str, code: str = DENIED, rule: Rule | None = EVERY, **more: Any) -> Attempt:
    return Attempt(what, "http.fetch", {"url": url, **more}, code, rule)


def _hop(what: str, location: str, code: str = DENIED, rule: Rule | None = EVERY) -> Attempt:
    return _fetch(f"a redirect: {what}", f"http://open.example/to?{quote(location)}", code, rule)


def _fs(what: str, tool: str, path: str, code: str, **more: Any) -> Attempt:
    return Attempt(what, f"fs.{tool}", {"path": path, **more}, code, None)


ADDRESSES = [
    _fetch("loopback", "http://127.0.0.1:PORT/"),
    _fetch("another loopback address", "http://127.255.1.2:PORT/"),
    _fetch("loopback, IPv6", "http://[::1]:PORT/"),
    _fetch("loopback, IPv6, long", "http://[0:0:0:0:0:0:0:1]:PORT/"),
    _fetch("loopback by name", "http://localhost:PORT/"),
    _fetch("loopback by name, in capitals, with a dot", "http://LOCALHOST.:PORT/"),
    _fetch("the unspecified address", "http://0.0.0.0:PORT/"),
    _fetch("the unspecified address, IPv6", "http://[::]:PORT/"),
    _fetch("a private network", "http://192.168.0.1/"),
    _fetch("metadata of a cloud", "http://169.254.169.254/latest/meta-data/"),
    _fetch("shared address space", "http://100.64.1.1/"),
    _fetch("multicast", "http://224.0.0.251/"),
    _fetch("broadcast", "http://255.255.255.255/"),
    _fetch("mapped IPv4", "http://[::ffff:127.0.0.1]:PORT/"),
    _fetch("mapped IPv4 in hexadecimal", "http://[::ffff:7f00:1]:PORT/"),
    _fetch("compatible IPv4", "http://[::127.0.0.1]:PORT/"),
    _fetch("translated IPv4", "http://[64:ff9b::127.0.0.1]:PORT/"),
    _fetch("locally translated IPv4", "http://[64:ff9b:1::7f00:1]:PORT/"),
    _fetch("6to4", "http://[2002:7f00:1::]:PORT/"),
    _fetch("Teredo", "http://[2001:0:7f00:1::]:PORT/"),
    _fetch("a unique local address", "http://[fd12:3456::1]/"),
    _fetch("a link-local address", "http://[fe80::1]/"),
    _fetch("digits of another script", "http://\uff11\uff12\uff17\u3002\uff10\u3002\uff10\u3002\uff11:PORT/"),
    _fetch("digits in circles", "http://①②⑦.⓪.⓪.①:PORT/"),
    _fetch("a name in another script's letters", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/"),
]
FORMS = [
    _fetch("IPv4 as one number", "http://2130706433:PORT/", BAD),
    _fetch("IPv4 in octal", "http://0177.0.0.1:PORT/", BAD),
    _fetch("IPv4 in hexadecimal", "http://0x7f.0.0.1:PORT/", BAD),
    _fetch("IPv4 as one hexadecimal number", "http://0x7f000001:PORT/", BAD),
    _fetch("IPv4, short", "http://127.1:PORT/", BAD),
    _fetch("IPv4 with zeros in front", "http://127.000.000.001:PORT/", BAD),
    _fetch("IPv4 with a fifth number", "http://127.0.0.1.1:PORT/", BAD),
    _fetch("IPv4 with a dot too many", "http://127.0.0.1..:PORT/", BAD),
    _fetch("a zone", "http://[fe80::1%25lo]:PORT/", BAD),
    _fetch("no brackets", "http://::1:PORT/", BAD),
    _fetch("user information", "http://open.example@127.0.0.1:PORT/", BAD),
    _fetch("user information the other way round", "http://127.0.0.1:PORT@open.example/", BAD),
    _fetch("a backslash", "http://open.example\\@127.0.0.1:PORT/", BAD),
    _fetch("percent signs in the host", "http://127.0.0.1%2eopen.example:PORT/", BAD),
    _fetch("a NUL", "http://127.0.0.1\0.open.example:PORT/", BAD),
    _fetch("a tab in the scheme", "ht\ttp://127.0.0.1:PORT/", BAD),
    _fetch("a line end in the path", "http://open.example/ HTTP/1.1\r\nHost: internal\r\n\r\n", BAD),
    _fetch("a space in front", " http://127.0.0.1:PORT/", BAD),
    _fetch("no host", "http:///127.0.0.1:PORT/", BAD),
    _fetch("a file", "file:///etc/passwd", BAD),
    _fetch("gopher", "gopher://127.0.0.1:PORT/_x", BAD),
    _fetch("no scheme", "//127.0.0.1:PORT/", BAD),
    _fetch("port 0", "http://open.example:0/", BAD),
    _fetch("a port too large", "http://open.example:65616/", BAD),
    _fetch("a port in other digits", "http://open.example:\uff18\uff10/", BAD),
    _fetch("punycode that is none", "http://xn--\u2488.example/", BAD),
    _fetch("punycode that hides a dot", "http://xn--a.example-.com/", BAD),
    _fetch("an invisible character", "http://local\u200bhost:PORT/", BAD),
    _fetch("a URL without end", "http://open.example/" + "a" * 9000, BAD),
    _fetch("dots in the path", "http://open.example/public/../private", BAD),
    _fetch("dots in disguise", "http://open.example/public/%2e%2E/private", BAD),
    _fetch("dots before a slash in disguise", "http://open.example/public/..%2Fprivate", BAD),
    _fetch("dots before a backslash in disguise", "http://open.example/public/..%5cprivate", BAD),
    _fetch("dots before a parameter", "http://open.example/public/..;/private", BAD),
    _fetch("dots in two disguises", "http://open.example/public/%252e%252e%252fprivate", BAD),
]
RESOLVED = [
    *(
        _fetch(f"a name that leads to {NAMES[name][0]}", f"http://{name}:PORT/")
        for name in (
            "internal.example loop.example loop6.example mixed.example clouds.example shared.example mapped.example "
            "compatible.example nat64.example sixtofour.example teredo.example ula.example link.example zero.example "
            "many.example all.example"
        ).split()
    ),
    _fetch("a name that leads nowhere", "http://none.example/", FAILED),
    _fetch("a name that leads to nonsense", "http://garbage.example/", FAILED),
    _fetch("a name that nobody has", "http://nobody.example/", FAILED),
    _fetch("a name that moves between two requests", "http://rebind.example/to?http://rebind.example:PORT/"),
]
ALLOWED = [
    _fetch("no rule", "http://open.example/", rule=None),
    _fetch("another host", "http://other.example/", rule=ONLY),
    _fetch("another port", "http://open.example:PORT/", rule=ONLY),
    _fetch("a name that begins like a granted one", "http://open.example.evil.example/", rule=ONLY),
    _fetch("a name that ends like a granted one", "http://notopen.example/", rule=ONLY),
    _fetch("a granted name in the path", "http://evil.example/open.example", rule=ONLY),
    _fetch("a granted name in the fragment", "http://evil.example#@open.example/", rule=ONLY),
    _fetch("a granted name in the query", "http://evil.example?open.example", rule=ONLY),
    _fetch("a letter that looks alike", "http://\u043epen.example/", rule=ONLY),
    _fetch("an address under a grant for a name", f"http://{PUBLIC}/", rule=ONLY),
    _fetch("private, but not granted", "http://localhost:PORT/", rule=Rule(hosts=("a",), private=("localhost:*",))),
    _fetch("granted, private with another port", "http://localhost:PORT/", rule=Rule(hosts=("*:*",), private=("*:1",))),
    _fetch("nobody's address, private", "http://0.0.0.0:PORT/", rule=Rule(hosts=("*:*",), private=("*:*",))),
    _fetch("a mapped address, private", "http://mapped.example:PORT/", rule=Rule(hosts=("*:*",), private=("*:*",))),
]
REDIRECTS = [
    _hop("loopback", "http://127.0.0.1:PORT/"),
    _hop("loopback, IPv6", "http://[::1]:PORT/"),
    _hop("loopback, mapped", "http://[::ffff:127.0.0.1]:PORT/"),
    _hop("a private name", "http://internal.example:PORT/"),
    _hop("without a scheme", "//localhost:PORT/"),
    _hop("metadata of a cloud", "http://169.254.169.254/"),
    _hop("a host without a grant", "http://evil.example/", rule=ONLY),
    _hop("a port without a grant", "http://open.example:PORT/", rule=ONLY),
    _hop("a file", "file:///etc/passwd", FAILED),
    _hop("octal", "http://0177.1:PORT/", FAILED),
    _hop("user information", "http://open.example@127.0.0.1:PORT/", FAILED),
    _hop("a backslash", "http:\\\\127.0.0.1:PORT/", FAILED),
    _hop("a line end", "http://open.example/\tHost: internal", FAILED),
    _hop("mapped by the resolver", "http://mapped.example:PORT/"),
    _hop("another script's digits", "http://%EF%BC%91127.0.0.1:PORT/", FAILED),
    _hop("a scheme without slashes", "http:127.0.0.1:PORT", FAILED),
    _hop("dots in disguise", "http://open.example/public/..%2fprivate", FAILED),
    _hop("in circles", "http://open.example/round", FAILED),
]
SMUGGLED = [
    _fetch("a Host header", "http://open.example/", BAD, headers={"Host": "internal"}),
    _fetch("a line end in a header", "http://open.example/", BAD, headers={"X-A": "1\r\nHost: internal"}),
    _fetch("a line end in a header's name", "http://open.example/", BAD, headers={"X-A\r\nHost": "internal"}),
    _fetch("a second length", "http://open.example/", BAD, headers={"content-length": "3"}),
    _fetch("chunks", "http://open.example/", BAD, headers={"Transfer-Encoding": "chunked"}),
    _fetch("a proxy's header", "http://open.example/", BAD, headers={"Proxy-Authorization": "x"}),
    *(
        _fetch(f"the header {name}", "http://open.example/", BAD, headers={name: "127.0.0.1"})
        for name in (
            "X-Forwarded-For X_Forwarded_For x.forwarded-host Content_Length Transfer_Encoding Proxy_Authorization "
            "X-Original-URL X_Original_URL X-Rewrite-URL X-HTTP-Method-Override X_Method_Override"
        ).split()
    ),
    _fetch("another method in a header", "http://open.example/", BAD, headers={"X-HTTP-Method-Override": "DELETE"}),
    _fetch("a header twice", "http://open.example/", BAD, headers={"A": "1", "a": "2"}),
    _fetch("a protocol upgrade", "http://open.example/", BAD, headers={"Upgrade": "h2c"}),
    _fetch("a tunnel", "http://open.example/", BAD, method="CONNECT"),
    _fetch("a request in the method", "http://open.example/", BAD, method="GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"),
    _fetch("an unknown argument", "http://open.example/", BAD, hosts=["*"], private=["*"]),
    _fetch("a list of URLs", "http://open.example/", BAD, headers=[["Host", "internal"]]),
    _fetch("a limit that is none", "http://open.example/", BAD, max_bytes=-1),
    _fetch("a number as text", "http://open.example/", BAD, max_bytes="9"),
    _fetch("a number without end", "http://open.example/", BAD, max_bytes=float("inf")),
    _fetch("half a character", "http://open.example/\udc80", BAD),
    _fetch("an oversized body", "http://open.example/", BAD, method="POST", body="x" * ((1 << 20) + 1)),
    Attempt("no arguments", "http.fetch", {}, BAD),
    Attempt("a URL that is no text", "http.fetch", {"url": {"href": "http://127.0.0.1:PORT/"}}, BAD),
    Attempt("a tool that is not there", "http.fetch2", {"url": "http://open.example/"}, UNKNOWN),
    Attempt("the inside of a tool", "fs._write", {"path": "a"}, UNKNOWN),
]
FILES = [
    _fs("upwards", "read", "../outside/secret", DENIED),
    _fs("down and upwards", "read", "dir/../../outside/secret", DENIED),
    _fs("upwards at the end", "list", "dir/..", DENIED),
    _fs("absolute", "read", "/etc/passwd", DENIED),
    _fs("absolute, twice", "read", "//etc/passwd", DENIED),
    _fs("the other agent", "read", "../bob/secret", DENIED),
    _fs("a link to a file", "read", "link", DENIED),
    _fs("a link to a directory", "read", "linked/secret", DENIED),
    _fs("a list through a link", "list", "linked", DENIED),
    _fs("a link in the middle", "write", "linked/new", DENIED, text="x"),
    _fs("over a link", "write", "link", DENIED, text="x"),
    _fs("at the end of a link", "write", "link", DENIED, text="x", append=True),
    _fs("over a link to nothing", "write", "dangling", DENIED, text="x"),
    _fs("a link to itself", "read", "circle", DENIED),
    _fs("a link into proc", "read", "self/environ", DENIED),
    _fs("at the end of a file with two names", "write", "hard", DENIED, text="x", append=True),
    _fs("a pipe", "read", "pipe", DENIED),
    _fs("into a pipe", "write", "pipe", DENIED, text="x"),
    _fs("a socket", "read", "socket", DENIED),
    _fs("a backslash", "read", "..\\outside\\secret", BAD),
    _fs("a NUL", "read", "file\0.txt", BAD),
    _fs("a line end", "write", "a\nb", BAD, text="x"),
    _fs("half a character", "read", "\udcff", BAD),
    _fs("a name too long", "write", "n" * 256, BAD, text="x"),
    _fs("too deep", "write", "d/" * 40 + "f", BAD, text="x"),
    _fs("the host's own names", "write", ".caxton-1", BAD, text="x"),
    _fs("percent signs", "read", "%2e%2e/outside/secret", FAILED),
    _fs("a home directory", "read", "~/secret", FAILED),
    _fs("a directory as a file", "read", "dir", FAILED),
    _fs("a file as a directory", "read", "file/x", FAILED),
    _fs("the directory itself", "write", ".", BAD, text="x"),
    _fs("over a directory", "write", "dir", FAILED, text="x"),
    _fs("more than the quota", "write", "big", BUDGET, text="x" * 5000),
    _fs("more than a file may have", "write", "big", BAD, text="x" * 20_000),
    _fs("an unknown argument", "read", "file", BAD, root="/"),
    _fs("a mode", "write", "file", BAD, text="x", mode=0o4755),
    _fs("text and bytes", "write", "file", BAD, text="x", base64="eA=="),
    _fs("bytes that are none", "write", "file", BAD, base64="?"),
    _fs("before the beginning", "read", "file", BAD, offset=-1),
    Attempt("a list of paths", "fs.read", {"path": ["..", "outside"]}, BAD, None),
    Attempt("no path", "fs.write", {"text": "x"}, BAD, None),
]
OTHERS = [
    Attempt("another model", "llm.complete", {"prompt": "x", "model": "dear-model"}, DENIED, None),
    Attempt("another endpoint", "llm.complete", {"prompt": "x", "base_url": "http://127.0.0.1:PORT/"}, BAD, None),
    Attempt("another key", "llm.complete", {"prompt": "x", "api_key": "x"}, BAD, None),
    Attempt("headers", "llm.complete", {"prompt": "x", "extra_headers": {"Host": "x"}}, BAD, None),
    Attempt("two prompts", "llm.complete", {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}, BAD, None),
    Attempt("a message of a tool", "llm.complete", {"messages": [{"role": "tool", "content": "x"}]}, BAD, None),
    Attempt("another's namespace", "memory.search", {"query": "jewels", "namespace": "bob"}, BAD, None),
    Attempt("an oversized note", "memory.put", {"text": "x" * 65_537}, BAD, None),
    Attempt("a NUL in a note", "memory.put", {"text": "a\0b"}, BAD, None),
    Attempt("a full namespace", "memory.put", {"text": "x" * 40_000}, BUDGET, None),
    Attempt("without end", "memory.search", {"query": "x", "limit": 1_000_000}, BAD, None),
]
ATTEMPTS = [*ADDRESSES, *FORMS, *RESOLVED, *ALLOWED, *REDIRECTS, *SMUGGLED, *FILES, *OTHERS]


@dataclass
class World:
    """The tools, and what nobody may reach through them."""

    tools: BuiltinTools
    secret: Server
    doors: Doors
    folder: Path


async def _tell_secret(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(response(SECRET.encode()))


async def _redirect(request: Request, writer: asyncio.StreamWriter) -> None:
    location = unquote(request.path.partition("?")[2]) if "?" in request.path else request.path
    writer.write(response(status="302 Found", headers=[("Location", location)]))


def _furnish(folder: Path) -> ToolSettings:
    """An agent's directory with everything in it that might lead out, and what is outside."""
    own = folder / "agents" / "alice"
    for path in (own / "dir", folder / "agents" / "bob", folder / "outside"):
        path.mkdir(parents=True)
    for path in (folder / "outside" / "secret", folder / "agents" / "bob" / "secret"):
        path.write_text(SECRET)
    (own / "file").write_text("mine")
    for name, to in (
        ("link", folder / "outside" / "secret"),
        ("linked", folder / "outside"),
        ("dangling", folder / "outside" / "new"),
        ("circle", Path("circle")),
        ("self", Path("/proc/self")),
    ):
        (own / name).symlink_to(to)
    os.link(folder / "outside" / "secret", own / "hard")
    os.mkfifo(own / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        os.chdir(own)  # the names of sockets are short
        listener.bind("socket")
        os.chdir(before)
    return ToolSettings(
        http=HttpSettings(redirects=3),
        fs=FsSettings(root=folder / "agents", quota=4096, max_bytes=16_384),
        llm=LlmSettings("http://127.0.0.1:9/v1", "small-model"),
        memory=MemorySettings(max_bytes=32_768),
    )


@asynccontextmanager
async def _world(folder: Path) -> AsyncIterator[World]:
    settings = _furnish(folder)
    async with serving(_tell_secret) as secret, serving(_redirect) as web:
        doors = Doors({PUBLIC: web.port})
        network = Network(resolve=Names(NAMES).resolve, connect=doors.connect)
        async with builtin(settings, network=network) as tools:
            yield World(tools, secret, doors, folder)


def _with_port(value: Any, port: int) -> Any:
    if isinstance(value, str):
        return value.replace("PORT", str(port))
    if isinstance(value, dict):
        return {key: _with_port(one, port) for key, one in value.items()}
    return value


def _outside(folder: Path) -> list[tuple[str, bytes]]:
    places = [folder / "outside", folder / "agents" / "bob"]
    return [(str(path), path.read_bytes()) for place in places for path in sorted(place.iterdir())]


def test_there_are_enough_attempts() -> None:
    """And each is another one."""
    assert 60 <= len(ATTEMPTS)
    assert len(ATTEMPTS) == len({(one.tool, repr(one.arguments), one.rule and one.rule.hosts) for one in ATTEMPTS})


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda one: f"{one.tool}-{one.what}".replace(" ", "_")[:80])
def test_nothing_gets_out(run: Run, tmp_path: Path, attempt: Attempt) -> None:
    """The code is the contract's, no connection was made that leads inside, and nothing outside was changed or told."""

    async def main() -> None:
        async with _world(tmp_path) as world:
            before = _outside(tmp_path)
            arguments = _with_port(attempt.arguments, world.secret.port)
            error = await refusal(world.tools, a_call(attempt.tool, arguments, attempt.rule))
            assert attempt.code == error.code, error
            assert SECRET not in str(error)
            assert 0 == world.secret.connections
            assert {PUBLIC} >= set(world.doors.used)
            assert before == _outside(tmp_path)

    run(main())


def test_the_way_in_is_open_otherwise(run: Run, tmp_path: Path) -> None:
    """What the attempts are after is there: with a rule that grants it, it is fetched, and files are read."""

    async def main() -> None:
        async with _world(tmp_path) as world:
            address = f"localhost:{world.secret.port}"
            call = a_call("http.fetch", {"url": f"http://{address}/"}, Rule(hosts=(address,), private=(address,)))
            assert SECRET.encode() in await world.tools.call(call)
            assert b"mine" in await world.tools.call(a_call("fs.read", {"path": "file"}))

    run(main())
