"""What a built-in tool always refuses is told beforehand, with the code that the call would have; the rest is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.agents.rules import Rule
from caxton.errors import CaxtonError
from caxton.tools.builtin.checks import check
from caxton.tools.provider import Call
from caxton.tools.settings import FsSettings, LlmSettings, ToolSettings
from tests.tools.builtin import test_escapes as escapes
from tests.tools.builtin.lab import a_call

SETTINGS = ToolSettings(
    fs=FsSettings(root=Path("/nowhere"), quota=4096, max_bytes=16_384),
    llm=LlmSettings("http://127.0.0.1:9/v1", "small-model"),
)
"""As those of the attempts; of directories there is none, and none is looked for."""

LATER = {
    *(one.what for one in (*escapes.RESOLVED, *escapes.REDIRECTS)),
    "granted, private with another port", "a mapped address, private",
    "a link to a file", "a link to a directory", "a list through a link", "a link in the middle", "over a link",
    "at the end of a link", "over a link to nothing", "a link to itself", "a link into proc",
    "at the end of a file with two names", "a pipe", "into a pipe", "a socket", "percent signs", "a home directory",
    "a directory as a file", "a file as a directory", "over a directory", "a full namespace",
    "loopback by name", "loopback by name, in capitals, with a dot", "a name in another script's letters",
}  # fmt: skip
"""What hangs on the resolver, the disk, a server or what was written before."""


def _code(settings: ToolSettings, call: Call) -> str | None:
    try:
        check(settings, call)
    except CaxtonError as error:
        return error.code
    return None


@pytest.mark.parametrize("attempt", escapes.ATTEMPTS, ids=lambda one: f"{one.tool}-{one.what}".replace(" ", "_")[:80])
def test_what_is_known_beforehand(attempt: escapes.Attempt) -> None:
    """Of all attempts to get out: those that need no look at the world are told, and with the same code."""
    arguments = escapes._with_port(attempt.arguments, 8080)
    found = _code(SETTINGS, a_call(attempt.tool, arguments, attempt.rule))
    assert (None if attempt.what in LATER else attempt.code) == found


HOSTS = Rule(hosts=("*:*", "[::1]"), private=("127.0.0.1:*", "[::1]"))


@pytest.mark.parametrize(
    ("tool", "arguments", "rule"),
    [
        ("http.fetch", {"url": "http://127.0.0.1:1/x"}, HOSTS),
        ("http.fetch", {"url": "http://[::1]/x", "method": "POST", "body": "x"}, HOSTS),
        ("http.fetch", {"url": "https://a.example/x%2Fy", "headers": {"X-Key": "k"}}, HOSTS),
        ("fs.read", {"path": "a/b", "offset": 1}, None),
        ("fs.list", {}, None),
        ("fs.write", {"path": "a", "text": "x" * 4096}, None),
        ("fs.write", {"path": "a", "base64": "eA==", "append": True}, None),
        ("fs.write", {"path": "a", "text": "x" * 5000}, Rule(quota=5000)),
        ("llm.complete", {"prompt": "x", "model": "small-model"}, None),
        ("memory.put", {"text": "x"}, None),
        ("memory.search", {"query": ""}, None),
        ("memory.delete", {"key": "k"}, None),
    ],
)
def test_what_is_in_order(tool: str, arguments: dict[str, object], rule: Rule | None) -> None:
    """Nothing is said of it."""
    check(SETTINGS, a_call(tool, arguments, rule))


@pytest.mark.parametrize(
    ("tool", "arguments", "rule", "code"),
    [
        ("fs.read", {"path": "a"}, None, "grant.denied"),
        ("fs.list", {}, None, "grant.denied"),
        ("fs.write", {"path": "a", "text": "x"}, None, "grant.denied"),
        ("fs.read", {"path": "a"}, Rule(root="/nowhere"), None),
        ("llm.complete", {"prompt": "x"}, None, "tool.unknown"),
        ("fs.none", {}, None, "tool.unknown"),
    ],
)
def test_a_host_with_less(tool: str, arguments: dict[str, object], rule: Rule | None, code: str | None) -> None:
    """No directories, no model: then there is no call for them."""
    assert code == _code(ToolSettings(), a_call(tool, arguments, rule))
