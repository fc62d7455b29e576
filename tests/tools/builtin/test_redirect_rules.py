"""A rule on the arguments of http.fetch holds for every request that a call leads to, not for the first one alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, unquote

import pytest

import caxton
from caxton.testing import call, perform
from tests.agents.lab import Lab, lab
from tests.conftest import Run
from tests.tools.builtin.lab import Request, Server, response, serving
from tests.tools.lab import audited, spawn

DENIED = "grant.denied"
PATH: dict[str, Any] = {"properties": {"url": {"pattern": "^http://127\\.0\\.0\\.1:PORT/pub/"}}, "required": ["url"]}
READS: dict[str, Any] = {"properties": {"method": {"const": "GET"}}}
POSTS: dict[str, Any] = {"properties": {"method": {"const": "POST"}}, "required": ["method"]}
BODY: dict[str, Any] = {"required": ["body"]}
NO_KEY: dict[str, Any] = {"properties": {"headers": {"propertyNames": {"const": "accept"}}}}
KEY: dict[str, Any] = {"properties": {"headers": {"required": ["X-Key"]}}, "required": ["headers"]}
POST = {"method": "POST", "body": "data"}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str, str | None]] = [
    ("to what is allowed", PATH, {}, "302 /pub/end", None),
    ("twice to what is allowed", PATH, {}, "302 /pub/to?302%20/pub/end", None),
    ("to a path that is not", PATH, {}, "302 /private/end", DENIED),
    ("upwards", PATH, {}, "302 ../private/end", DENIED),
    ("to another spelling of the host", PATH, {}, "302 http://LOCALHOST.:PORT/pub/end", DENIED),
    ("to what is not, with the pattern behind it", PATH, {}, "302 /private/end#http://127.0.0.1:PORT/pub/", DENIED),
    ("with a method that stays", PATH, POST, "307 /private/end", DENIED),
    ("from what is allowed to what is not", PATH, {}, "302 /pub/to?302%20/private/end", DENIED),
    ("the pattern in the query", PATH, {}, "302 /private/end?http://127.0.0.1:PORT/pub/", DENIED),
    ("that keeps the method", POSTS, POST, "307 /end", None),
    ("that changes the method to one that is not allowed", POSTS, POST, "302 /end", DENIED),
    ("that leaves out what is required", BODY, POST, "303 /end", DENIED),
    ("that keeps what is required", BODY, POST, "308 /end", None),
    ("with what goes along", NO_KEY, {"headers": {"accept": "a/b"}}, "302 http://localhost:PORT/end", None),
    ("without what is required", KEY, {"headers": {"X-Key": "k"}}, "302 http://localhost:PORT/end", DENIED),
    ("that keeps what is required in headers", KEY, {"headers": {"X-Key": "k"}}, "302 /end", None),
    ("of what has no method", READS, {}, "302 /end", None),
]


async def _redirect(request: Request, writer: asyncio.StreamWriter) -> None:
    path, _, to = request.path.partition("?")
    if path.endswith("/to"):
        status, _, location = unquote(to).partition(" ")
        writer.write(response(status=f"{status} There", headers=[("Location", location)]))
    else:
        writer.write(response(b"arrived"))


@asynccontextmanager
async def _world(arguments: dict[str, Any]) -> AsyncIterator[tuple[Lab, Server, caxton.AgentRef]]:
    async with serving(_redirect) as server, lab(tools=caxton.ToolSettings()) as a:
        hosts = (f"127.0.0.1:{server.port}", f"localhost:{server.port}")
        schema = json.loads(json.dumps(arguments).replace("PORT", str(server.port)))
        rule = caxton.Rule(hosts=hosts, private=hosts, arguments=schema)
        yield a, server, await spawn(a, tools=["http.fetch"], rules={"http.fetch": rule})


@pytest.mark.parametrize(("what", "schema", "more", "to", "code"), CASES, ids=[one[0] for one in CASES])
def test_a_redirect(
    run: Run, what: str, schema: dict[str, Any], more: dict[str, Any], to: str, code: str | None
) -> None:
    """What the rule does not allow is not asked for, and costs the call ``grant.denied``; the audit has the rule."""

    async def main() -> None:
        with audited() as entries:
            async with _world(schema) as (_, server, agent):
                to_there = quote(to.replace("PORT", str(server.port)))
                arguments = {"url": f"http://127.0.0.1:{server.port}/pub/to?{to_there}", **more}
                done, info = await perform(
                    agent, call("call_tool", "http.fetch", json.dumps(arguments)), call("result_info")
                )
                assert code == info.json["code"], done
                assert server.requests
                arrived = server.requests[-1].path.partition("?")[0].endswith("/end")
                assert arrived == (code is None)
                if code:
                    assert done.text.startswith("a redirect: http.fetch: ")
        rule = 'rules."http.fetch".arguments' if code else 'tools = "http.fetch"'
        assert [(code or "ok", rule)] == entries.told("outcome", "rule")

    run(main())
