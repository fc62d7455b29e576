"""The built-in tools as a provider: what is listed, and what every call has in common."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from caxton.errors import ToolError
from caxton.tools import results
from caxton.tools.builtin import BuiltinTools
from caxton.tools.provider import RESULT_LIMIT, Provider
from caxton.tools.settings import LlmSettings, ToolSettings
from tests.conftest import Run
from tests.tools.builtin.lab import a_call, builtin, refusal

NAMES = ["http.fetch", "fs.read", "fs.write", "fs.list", "memory.put", "memory.search", "memory.delete"]
WITH_MODEL = ToolSettings(llm=LlmSettings("http://127.0.0.1:9/v1", "m"))


def test_the_tools_are_listed(run: Run) -> None:
    """Each with a sentence and a schema that takes no unknown arguments; a model only where there is one."""

    async def main() -> None:
        async with builtin() as tools:
            provider: Provider = tools
            assert NAMES == [tool.name for tool in await provider.tools()]
        async with builtin(WITH_MODEL) as tools:
            found = {tool.name: tool for tool in await tools.tools()}
            assert {*NAMES, "llm.complete"} == {*found}
            for tool in found.values():
                assert tool.description.endswith((".", "conversation."))
                assert ("object", False) == (tool.input_schema["type"], tool.input_schema["additionalProperties"])
                jsonschema.Draft202012Validator.check_schema(tool.input_schema)
                json.dumps(tool.as_json())

    run(main())


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (
            "http.fetch",
            {"url": "http://a.example/", "method": "POST", "headers": {"a": "b"}, "body": "x", "max_bytes": 1},
        ),
        ("fs.read", {"path": "a", "offset": 1, "length": None}),
        ("fs.write", {"path": "a", "text": "x", "append": True}),
        ("fs.list", {}),
        ("llm.complete", {"messages": [{"role": "user", "content": "x"}], "temperature": 1, "stop": ["a"]}),
        ("memory.put", {"text": "x", "key": "k", "tags": ["t"]}),
        ("memory.search", {"query": "x", "limit": 3}),
        ("memory.delete", {"key": "k"}),
    ],
)
@pytest.mark.parametrize("spoiled", [False, True])
def test_the_schema_says_what_the_checks_do(run: Run, tool: str, arguments: dict[str, Any], spoiled: bool) -> None:
    """What it takes is taken, and an unknown argument is neither."""

    async def main() -> None:
        async with builtin(WITH_MODEL) as tools:
            schema = next(one.input_schema for one in await tools.tools() if tool == one.name)
            given = {**arguments, "unknown": 1} if spoiled else arguments
            assert jsonschema.Draft202012Validator(schema).is_valid(given) is not spoiled
            if spoiled:
                error = await refusal(tools, a_call(tool, given))
                assert "tool.bad-arguments" == error.code
                assert "unknown" in error.message

    run(main())


def test_names_and_whose_they_are(run: Run) -> None:
    """By their first part; one that is not there is tool.unknown, also a model that is not set up."""

    async def main() -> None:
        async with builtin() as tools:
            for name, owned in (
                ("http.fetch", True),
                ("fs.anything", True),
                ("llm.complete", True),
                ("memory.put", True),
                ("memory", True),
                ("memories.put", False),
                ("time.now", False),
                ("", False),
            ):
                assert owned == tools.owns(name)
            for name in ("fs.delete", "llm.complete", "http", "fs.read\n", "FS.READ"):
                assert "tool.unknown" == (await refusal(tools, a_call(name, {}))).code

    run(main())


def test_a_refused_value_is_not_repeated(run: Run) -> None:
    """It may be a secret, or a megabyte; the name of an unknown argument is cut and escaped."""

    async def main() -> None:
        async with builtin() as tools:
            for arguments in ({"url": ["canary"]}, {"url": "http://a", "max_bytes": "canary"}):
                error = await refusal(tools, a_call("http.fetch", arguments))
                assert "canary" not in str(error)
            error = await refusal(tools, a_call("fs.read", {"path": "a", "\x1b[2J" + "x" * 10_000: 1}))
            assert len(error.message) < 1000
            assert "\x1b" not in error.message

    run(main())


def test_no_time_at_all(run: Run) -> None:
    """A rule's timeout holds for every tool."""

    async def main() -> None:
        async with builtin() as tools:
            for tool, arguments in (("memory.put", {"text": "x"}), ("memory.search", {"query": "x"})):
                assert "tool.timeout" == (await refusal(tools, a_call(tool, arguments, timeout=0.0))).code

    run(main())


def test_results_have_one_shape() -> None:
    """A text and the data; too large, or no JSON, is tool.failed."""
    assert {
        "content": [{"type": "text", "text": '{"a":1}'}],
        "isError": False,
        "structured": {"a": 1},
    } == json.loads(results.result({"a": 1}))
    assert "b" == json.loads(results.result({"a": 1}, "b"))["content"][0]["text"]
    assert {"content": [], "isError": True} == json.loads(results.encode([], is_error=True))
    for structured in ({"a": "x" * RESULT_LIMIT}, {"a": float("nan")}, {"a": "\ud800"}, {"a": object()}):
        with pytest.raises(ToolError) as caught:
            results.result(structured)
        assert "tool.failed" == caught.value.code


def test_it_costs_little_until_it_is_used() -> None:
    """Importing and making the tools loads neither the HTTP library nor the SDK nor pydantic."""
    script = """
import sys
from caxton.tools.settings import ToolSettings, LlmSettings
before = set(sys.modules)
from caxton.tools.builtin import BuiltinTools
BuiltinTools(ToolSettings(llm=LlmSettings("http://127.0.0.1:9/v1", "m")))
heavy = {"httpcore2", "httpx2", "openai", "anyio", "pydantic", "idna"}
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before} & heavy))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_closing_twice_is_closing(run: Run) -> None:
    """Also when nothing was ever called."""

    async def main() -> None:
        tools = BuiltinTools(WITH_MODEL)
        await tools.close()
        await tools.close()

    run(main())
