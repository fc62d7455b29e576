"""What the host adds to a call's arguments is hidden from the agent: it can neither choose it, nor move it, nor make
the server show pieces of it in an error."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.errors import ToolError
from caxton.testing import ManualClock
from caxton.tools.mcp.hidden import KEPT_BACK, Hidden, _checker
from caxton.tools.mcp.servers import McpServers
from caxton.tools.provider import Call
from caxton.tools.secrets import Secrets
from caxton.tools.settings import StdioServer
from tests.conftest import Run
from tests.tools.mcp.lab import AGENT, call, raw, refused, serving
from tests.tools.mcp.web import Misbehave, Request, Web, web

KEY = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEX"
SCHEMA = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "pieces": {"type": "integer"}, "account": {"type": "string"}},
    "required": ["item", "pieces", "account"],
}
GIVEN: dict[str, Any] = {"item": "nails", "pieces": 5}
ADDED = {"order": {"account": "${secret:ACCOUNT}"}}


def _shop(said: Any, schema: Any = SCHEMA) -> Misbehave:
    """``said``: the result of every call."""

    async def shop(request: Request) -> bool:
        if request.wanted == "tools/list":
            request.answer({"tools": [{"name": "order", "inputSchema": schema}]})
        elif request.tool == "order":
            request.answer(said)
        else:
            return False
        return True

    return shop


def _text(text: str, is_error: bool = True, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": is_error, **more}


@pytest.fixture
def secrets() -> Secrets:
    """One of them."""
    return Secrets({"ACCOUNT": KEY}, {})


def _serving(secrets: Secrets, settings: Any) -> Any:
    secrets.get("ACCOUNT")
    return serving(settings, expand=secrets.put_in, redact=secrets.redactor.with_pieces().data)


@contextlib.asynccontextmanager
async def _shopping(
    secrets: Secrets, shop: Misbehave, added: dict[str, Any] = ADDED
) -> AsyncIterator[tuple[Web, McpServers]]:
    async with web(shop) as server, _serving(secrets, server.settings(arguments=added)) as servers:
        yield server, servers


# ---- before a call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{}, {"pieces": 5}, {"account": "", "pieces": 5}, {**GIVEN, "pieces": "many"}])
def test_the_server_never_sees_a_call_that_it_could_only_complain_of(
    run: Run, secrets: Secrets, arguments: dict[str, Any]
) -> None:
    """The agent is told what is wrong, by the tool's own schema."""

    async def main() -> None:
        async with _shopping(secrets, _shop(_text("done", False))) as (server, servers):
            error = await refused(servers, "w.order", **arguments)
            assert "tool.bad-arguments" == error.code
            assert "item" in error.message or "$.pieces: type" in error.message
            assert [] == server.called("order")
            await call(servers, "w.order", **GIVEN)
            assert 1 == len(server.called("order"))

    run(main())


@pytest.mark.parametrize("order", [["item", "pieces", "account"], ["account", "pieces", "item"], ["pieces", "item"]])
def test_hidden_arguments_stand_at_one_place(run: Run, secrets: Secrets, order: list[str]) -> None:
    """In front, in whatever order the agent gives its own, and whether it gives those or not."""

    async def main() -> None:
        async with _shopping(secrets, _shop(_text("done", False))) as (server, servers):
            await raw(servers, "w.order", {name: GIVEN.get(name, "mine") for name in order})
        (request,) = server.called("order")
        sent = request.body["params"]["arguments"]
        assert {"account": KEY, **GIVEN} == sent
        assert "account" == next(iter(sent))

    run(main())


def test_what_the_host_adds_is_wrong(run: Run, secrets: Secrets) -> None:
    """That is no fault of the agent's, and no matter of its."""
    schema = {"type": "object", "properties": {"account": {"type": "integer"}}}

    async def main() -> None:
        async with _shopping(secrets, _shop(_text("done", False), schema)) as (server, servers):
            error = await refused(servers, "w.order")
        assert ("tool.failed", []) == (error.code, server.called("order"))
        assert "what the host adds" in error.message

    run(main())


SCHEMAS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"$schema": "http://json-schema.org/draft-07/schema#", "required": ["a"]}, {}, False),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "required": ["a"]}, {"a": 1}, True),
    ({"properties": {"a": {"type": "string", "format": "date", "pattern": "^(a+)+$"}}}, {"a": "a" * 2_000}, True),
    ({"patternProperties": {"^x-": {}}, "additionalProperties": False}, {"x-a": 1}, True),
    ({"additionalProperties": False}, {"b": 1}, False),
    ({"properties": {"a": {"oneOf": [{"pattern": "^a"}, {"pattern": "^b"}]}}}, {"a": "b"}, True),
    ({"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}}, {"a": 1}, False),
    ({"properties": {"a": {"not": {"pattern": "x"}}}}, {"a": "b"}, True),
    ({"if": {"properties": {"a": {"pattern": "^b"}}}, "then": {"required": ["c"]}}, {"a": "a"}, True),
    ({"properties": {"a": {"type": "string", "nullable": True}}}, {"a": None}, True),
    ({"properties": {"a": {"exclusiveMinimum": True, "minimum": 0}}}, {"a": 0}, True),
    ({"properties": {"a": {"items": [{"type": "string"}]}}}, {"a": [1]}, True),
    ({"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}, {"a": "x"}, False),
    ({"properties": {"a": {"type": "odd"}}, "required": ["a"]}, {"a": 1}, True),
    ({"properties": {"a": {"type": "odd"}}, "required": ["a", "a", 3]}, {}, False),
    ({"properties": {"a": {"$ref": "https://elsewhere.example/"}}, "required": ["a"]}, {"a": 1}, True),
    ({"allOf": [{"required": ["a"]}], "type": ["object"]}, {}, False),
]


@pytest.mark.parametrize(("schema", "arguments", "fits"), SCHEMAS, ids=range(len(SCHEMAS)))
def test_schemas_of_all_kinds(schema: dict[str, Any], arguments: dict[str, Any], fits: bool) -> None:
    """What a server takes is never refused, whatever draft its schema is of; patterns, which could hold up everybody,
    are passed over; of a schema that is none the names count that it requires."""
    assert fits is (_checker(schema).fault(arguments) is None)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "items", "properties", "oneOf", "anyOf", "$ref", "required", "not", "const", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["properties", "required", "allOf", "$defs", "$ref", "type"]), ODD), ODD)
def test_any_schema(schema: dict[str, Any], value: Any) -> None:
    """A server may say what it likes."""
    _checker(schema).fault({"a": value})


# ---- after it -------------------------------------------------------------------------------------------------------

TELLING = [
    f"1 validation error: input_value={{'pieces': 5, 'account': ...{KEY[20:]}'}}",
    f"input_value={{'item': 'x', {KEY[:4]}\u2026",
    f"bad account {KEY[:6]}",
    f"no such thing: {KEY}",
    f"no such thing: {KEY[3:]}",
    f"Incorrect key: {KEY[:5]}********{KEY[-3:]}",
    f"in lines:\n{KEY[:9]}\n{KEY[9:]}",
]


@pytest.mark.parametrize("text", TELLING)
@pytest.mark.parametrize("how", ["a result", "structured", "an error"])
def test_an_error_that_may_show_them_is_kept_back(
    run: Run, secrets: Secrets, text: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent is told that it failed; the operator's log has what was said, without the secret."""

    async def shop(request: Request) -> bool:
        if request.tool != "order" or how != "an error":
            return await _shop(_text("no", structuredContent={"a": text}) if how == "structured" else _text(text))(
                request
            )
        data = json.dumps({"jsonrpc": "2.0", "id": request.body["id"], "error": {"code": -32602, "message": text}})
        request.head(200, len(data), content_type="application/json")
        request.writer.write(data.encode())
        return True

    async def main() -> ToolError:
        async with _shopping(secrets, shop) as (_, servers):
            return await refused(servers, "w.order", **GIVEN)

    with caplog.at_level(logging.WARNING, "caxton.tools.mcp"):
        error = run(main())
    assert f"w.order: {KEPT_BACK}" == error.message
    assert ("tool.bad-arguments" if how == "an error" else "tool.failed") == error.code
    assert {"content": [{"type": "text", "text": KEPT_BACK}], "isError": True} == json.loads(error.payload or b"")
    (line,) = [one for one in caplog.messages if "was kept from tester" in one]
    assert KEY[3:] not in line
    assert text[:8] in line


def test_other_errors_are_told(run: Run, secrets: Secrets) -> None:
    """Those that say nothing of these arguments; and all of a tool to which no secret is added."""

    async def main() -> None:
        async with _shopping(secrets, _shop(_text("there are only 3 nails"))) as (_, servers):
            assert "w.order: there are only 3 nails" == (await refused(servers, "w.order", **GIVEN)).message
        for added in ({}, {"order": {"account": "public"}}):
            async with _shopping(secrets, _shop(_text("bad account: ...")), added) as (_, servers):
                assert "w.order: bad account: ..." == (await refused(servers, "w.order", **GIVEN)).message

    run(main())


def test_pieces_in_results(run: Run, secrets: Secrets) -> None:
    """Of what a server was given, also in what is no error."""

    async def main() -> str:
        async with _shopping(secrets, _shop(_text(f"on account ...{KEY[9:]}", False))) as (_, servers):
            return str((await call(servers, "w.order", **GIVEN))["content"][0]["text"])

    assert "on account ...[secret:ACCOUNT]" == run(main())


STOCK = """
from mcp.server import MCPServer
from pydantic import BaseModel

class Inner(BaseModel):
    x: int

server = MCPServer("stock")

@server.tool()
def order(item: str, pieces: int, account: str, inner: Inner | None = None) -> str:
    return repr({"account": account, "item": item})[:20] + "..." if pieces else 1 / 0

server.run()
"""


def test_a_server_that_is_made_with_the_sdk(run: Run, tmp_path: Path) -> None:
    """Whatever an agent gives, and in whatever order, the pieces that come back are not the whole."""
    (tmp_path / "stock.py").write_text(STOCK)
    secrets = Secrets({"ACCOUNT": KEY}, {})
    settings = StdioServer("s", (sys.executable, "stock.py"), cwd=tmp_path, arguments=ADDED)
    attempts: list[dict[str, Any]] = [
        {"pieces": 5}, {"account": "", "pieces": 5}, {"pieces": 5, "account": ""}, {}, {"item": "x" * 30},
        {"item": 1, "pieces": 5}, {**GIVEN, "inner": {"x": "y"}}, {**GIVEN, "inner": {}}, {**GIVEN, "pieces": 0},
        {**GIVEN, "more": 1}, {**GIVEN, "pieces": 5.5}, {"pieces": None, "item": None},
    ]  # fmt: skip
    seen: list[str] = []

    async def main() -> None:
        async with _serving(secrets, settings) as servers:
            for attempt in attempts:
                try:
                    seen.append(str(await servers.call(Call(AGENT, "s.order", attempt, ""))))
                except ToolError as error:
                    seen.append(f"{error} {error.payload!r}")

    run(main())
    shown = {at for one in seen for at in range(len(KEY) - 4) if KEY[at : at + 5] in one}
    assert len(attempts) == len(seen)
    assert shown <= set(range(8))  # the tool's own doing: it answers with the first characters


DYING = """
import os, sys
from mcp.server import MCPServer

server = MCPServer("stock")

@server.tool()
def order(item: str, account: str) -> str:
    sys.stderr.write(f"Traceback: order({account[:9]}...)\\n")
    sys.stderr.flush()
    os._exit(1)

server.run()
"""


def test_last_words(run: Run, tmp_path: Path) -> None:
    """Those of a server that has died in a call, in that one and in those until it is there again."""
    (tmp_path / "stock.py").write_text(DYING)
    secrets = Secrets({"ACCOUNT": KEY}, {})
    settings = StdioServer("s", (sys.executable, "stock.py"), cwd=tmp_path, arguments=ADDED)
    clock = ManualClock()

    async def main() -> None:
        secrets.get("ACCOUNT")
        redact = secrets.redactor.with_pieces().data
        async with serving(settings, expand=secrets.put_in, redact=redact, clock=clock) as servers:
            for _ in range(2):
                assert f"s.order: {KEPT_BACK}" == (await refused(servers, "s.order", item="nails")).message

    run(main())


@given(st.dictionaries(st.text(max_size=5), st.integers()), st.dictionaries(st.text(max_size=5), st.text(max_size=3)))
def test_the_host_wins(given: dict[str, Any], added: dict[str, Any]) -> None:
    """Under any names."""
    found = Hidden(added, lambda text: text).added_to(dict(given))
    assert given | added == found
    assert list(added) == list(found)[: len(added)]


def test_names_on_the_way_to_a_secret() -> None:
    """An error that speaks of any of them is kept back."""
    hidden = Hidden({"nested": {"auth": [{"token": "${secret:X}"}], "region": "eu"}, "size": 3}, lambda text: KEY)
    assert [True, True, True, False, False] == [
        hidden.may_be_in(f"no {name} here") for name in ("nested", "auth", "token", "region", "size")
    ]
