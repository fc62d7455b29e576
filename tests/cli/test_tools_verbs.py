"""``caxton tools list`` and ``explain``: what agents may call, and why or why not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.cli.command import EVIL, TOOLBOX, Done, caxton_each, is_harmless
from tests.cli.running import SERVER, project, quoted

# ---- explain

RULES: Final = """
[tools.h]
command = ["nowhere"]
arguments.order = { account = "ours" }

[agents.planner]
module = "planner.wat"
tools = ["h.*", "fs.*", "http.fetch", "llm.*"]
deny = ["fs.write"]

[agents.planner.rules."http.*"]
hosts = ["a.example"]
rate = "2/s"
arguments = { properties = { url = { pattern = "^https:" } }, required = ["url"] }

[agents.planner.rules."fs.*"]
approve = "ask"

[agents.planner.rules."h.order"]
arguments = { properties = { account = false } }

[agents.nothing]
module = "planner.wat"

[agents.open]
module = "planner.wat"
tools = ["*"]

[agents.open.rules."http.fetch"]
hosts = ["*:*"]
private = ["10.0.0.2"]
"""
TAKES: Final = ("passed", "arguments", "the tool takes them")
# What is asked; the exit status, the code, the rule that decided, and a row of the table.
EXPLAINED: Final[dict[tuple[str, ...], tuple[int, str | None, str, tuple[str, ...]]]] = {
    ("planner", "h.any"): (0, None, 'tools = "h.*"', ("passed", "known", "there is a tool or server of that name")),
    ("planner", "fs.read"): (
        0,
        None,
        'tools = "fs.*"',
        ("noted", 'rules."fs.*".approve', "ask: a person decides on each call"),
    ),
    ("planner", "fs.write"): (
        6,
        "grant.denied",
        'deny = "fs.write"',
        ("refused", 'deny = "fs.write"', "it matches, and wins over what grants"),
    ),
    ("planner", "memory.put"): (6, "grant.denied", "tools", ("refused", "tools", "none of 4 matches")),
    ("planner", "fs.nonsense"): (6, "tool.unknown", 'tools = "fs.*"', ("refused", "known", "there is no such tool")),
    ("planner", "llm.complete"): (6, "tool.unknown", 'tools = "llm.*"', ("refused", "known", "there is no such tool")),
    ("planner", "http.fetch"): (
        0,
        None,
        'tools = "http.fetch"',
        ("noted", 'rules."http.*".arguments', "no arguments were given"),
    ),
    ("planner", "http.fetch", '{"url": "https://a.example/"}'): (
        0,
        None,
        'tools = "http.fetch"',
        ("passed", 'rules."http.*".arguments', "they satisfy the schema"),
    ),
    ("planner", "http.fetch", '{"url": "http://a.example/"}'): (
        6,
        "grant.denied",
        'rules."http.*".arguments',
        ("refused", 'rules."http.*".arguments', ""),
    ),
    ("planner", "http.fetch", "{}"): (
        6,
        "grant.denied",
        'rules."http.*".arguments',
        ("not reached", 'rules."http.*".hosts', ""),
    ),
    ("open", "fs.read", '{"path": "a/b"}'): (0, None, 'tools = "*"', TAKES),
    ("open", "fs.read", '{"path": "../x"}'): (
        6,
        "grant.denied",
        "arguments",
        ("refused", "arguments", "'../x' leaves the agent's directory"),
    ),
    ("open", "fs.list", '{"path": "/etc"}'): (6, "grant.denied", "arguments", ("refused", "arguments", "")),
    ("open", "fs.write", '{"path": "x"}'): (
        6,
        "tool.bad-arguments",
        "arguments",
        ("refused", "arguments", "either text or base64"),
    ),
    ("open", "memory.put", '{"text": "x"}'): (0, None, 'tools = "*"', TAKES),
    ("open", "memory.put", '{"txt": 1}'): (
        6,
        "tool.bad-arguments",
        "arguments",
        ("refused", "arguments", "memory.put: text: Field required"),
    ),
    ("open", "http.fetch", '{"url": "http://a.example:8080/x"}'): (0, None, 'tools = "*"', TAKES),
    ("open", "http.fetch", '{"url": "http://8.8.8.8/"}'): (0, None, 'tools = "*"', TAKES),
    ("open", "http.fetch", '{"url": "http://10.0.0.2/"}'): (0, None, 'tools = "*"', TAKES),
    ("open", "http.fetch", '{"url": "http://10.0.0.1/"}'): (
        6,
        "grant.denied",
        'rules."http.fetch".private',
        ("refused", 'rules."http.fetch".private', "10.0.0.1 leads to an address that is not public"),
    ),
    ("open", "http.fetch", '{"url": "http://224.0.0.1/"}'): (
        6,
        "grant.denied",
        "arguments",
        ("refused", "arguments", ""),
    ),
    ("open", "http.fetch", '{"url": "http://a.example/..%2fx"}'): (
        6,
        "tool.bad-arguments",
        "arguments",
        ("refused", "arguments", "url: "),
    ),
    ("planner", "h.order", '{"account": "what the agent says of it counts for nothing"}'): (
        0,
        None,
        'tools = "h.*"',
        ("passed", 'rules."h.order".arguments', "they satisfy the schema"),
    ),
    ("planner", EVIL): (6, "grant.denied", "tools", ("not reached", "known", "")),
    ("nothing", "h.any"): (6, "grant.denied", "tools", ("refused", "tools", "none of 0 matches")),
}
# What is no question; the exit status and what the line says.
NONSENSE: Final[dict[tuple[str, ...], tuple[int, str]]] = {
    ("plannr", "h.any"): (2, "there is no agent plannr in the file (did you mean planner?)"),
    (EVIL, "h.any"): (2, r"there is no agent \x1b[31m\u202eevil\x07 in the file"),
    ("planner",): (2, "missing argument 'TOOL'"),
    ("planner", "h.any", "[]"): (6, "tool.bad-arguments: the arguments of h.any are a JSON object"),
    ("planner", "h.any", '{"a": 1, "a": 2}'): (6, "tool.bad-arguments: "),
    ("planner", "h.any", "{" * 100_000): (6, "tool.bad-arguments: "),
    ("planner", "h.any", '{"a": NaN}'): (6, "tool.bad-arguments: "),
    ("planner", "h.any", "{}", "{}"): (2, "unexpected extra argument"),
}
AS_JSON: Final = [("plannr", "h.any"), ("planner",), ("planner", "h.any", "[]")]


WARNED: Final = {
    "llm.complete": (
        "caxton tools: warning: caxton.toml:8: agents.planner.tools[3]: there is no llm.complete without [tools.llm]\n"
    )
}
"""What the file says in vain of a tool."""


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, ...], Done]:
    """What became of all questions, with ``--json`` and without."""
    folder = tmp_path_factory.mktemp("explain")
    project(folder, RULES)
    asked = [
        *EXPLAINED,
        *((*line, "--json") for line in list(EXPLAINED)[::2]),
        *NONSENSE,
        *((*line, "--json") for line in AS_JSON),
    ]
    return dict(zip(asked, caxton_each([("tools", "explain", *line) for line in asked], folder, TOOLBOX), strict=True))


@pytest.mark.parametrize("line", EXPLAINED)
def test_explain(explained: Mapping[tuple[str, ...], Done], line: tuple[str, ...]) -> None:
    """A table of what was looked at, and below it the decision; the exit status is that of the refusal."""
    status, code, rule, row = EXPLAINED[line]
    done = explained[line]
    assert (done.status, done.err) == (status, WARNED.get(line[1], ""))
    *table, verdict = done.out.decode().splitlines()
    wanted = " ".join(row)
    assert any(" ".join(shown.split()).startswith(wanted.strip()) for shown in table), table
    assert verdict.startswith(f"denied ({code}), by {rule}: " if code else f"allowed: {line[0]} may call {line[1]}, by")
    assert is_harmless(done.out.decode())


@pytest.mark.parametrize("line", list(EXPLAINED)[::2])
def test_explain_as_json(explained: Mapping[tuple[str, ...], Done], line: tuple[str, ...]) -> None:
    """The same as one object."""
    status, code, rule, row = EXPLAINED[line]
    done = explained[(*line, "--json")]
    found = done.object
    assert (done.status, found["ok"], found["allowed"], found["code"]) == (status, status == 0, status == 0, code)
    assert (found["agent"], found["tool"], found["rule"]) == (*line[:2], rule)
    assert (found["error"] and found["error"]["code"]) == code
    assert any((step["outcome"], step["rule"]) == row[:2] for step in found["steps"])


VAIN: Final = """
[tools.stock]
command = ["stock"]
[agents.a]
module = "a.wat"
tools = ["stock.*", "memory.*"]
deny = ["stokc.clear"]
peers = ["nobody"]
[agents.a.rules."memory.*"]
hosts = ["x"]
[agents.b]
module = "a.wat"
tools = ["time.now"]
"""


def test_explain_what_is_said_in_vain(tmp_path: Path) -> None:
    """The warnings of that agent that are about the tool, or about none, so that it may have been meant."""
    project(tmp_path, VAIN)
    asked = [("a", "stock.clear"), ("a", "memory.put"), ("a", "memory.put", "--json")]
    stock, memory, as_json = caxton_each([("tools", "explain", *line) for line in asked], tmp_path, TOOLBOX)
    typo = 'agents.a.deny[0]: "stokc.clear" matches no tool that the agent may call; did you mean "stock.clear"?'
    strange = 'agents.a.rules."memory.*".hosts: is for http.fetch, which the rule does not match'
    warning = "caxton tools: warning: caxton.toml:"
    assert (stock.status, stock.lines) == (0, [f"{warning}7: {typo}"])
    assert (memory.status, memory.lines) == (0, [f"{warning}7: {typo}", f"{warning}10: {strange}"])
    assert [one["line"] for one in as_json.object["warnings"]] == [7, 10]
    assert as_json.err == ""


@pytest.mark.parametrize("line", NONSENSE)
def test_explain_nonsense(explained: Mapping[tuple[str, ...], Done], line: tuple[str, ...]) -> None:
    """One line."""
    status, told = NONSENSE[line]
    done = explained[line]
    assert (done.status, done.out, len(done.lines)) == (status, b"", 1)
    assert told in done.err
    assert is_harmless(done.err)


@pytest.mark.parametrize("line", AS_JSON)
def test_explain_nonsense_as_json(explained: Mapping[tuple[str, ...], Done], line: tuple[str, ...]) -> None:
    """One line all the same, and one object."""
    done = explained[(*line, "--json")]
    assert (done.status, done.object["ok"], len(done.lines)) == (NONSENSE[line][0], False, 1)


# ---- list


def test_list(tmp_path: Path) -> None:
    """Names and the first lines of descriptions, those of servers too; of an agent, what it may call."""
    description = tmp_path / "description"
    description.write_text(f"adds {EVIL}\nmore of it")
    text = f"[tools.s]\ncommand = {quoted([*SERVER, 'description'])}\n[tools.broken]\ncommand = ['nowhere-at-all']\n"
    file = project(tmp_path, text + '[agents.a]\nmodule = "a.wat"\ntools = ["s.*", "fs.read"]\n')
    everything, granted, nobody, as_json = caxton_each(
        [("tools", "list", *line, "--config", str(file)) for line in ((), ("a",), ("b",), ("a", "--json"))],
        preload=(*TOOLBOX, "mcp"),
    )
    assert (everything.status, granted.status, as_json.status) == (0, 0, 0)
    assert [line.split("  ")[0] for line in granted.out.decode().splitlines()] == ["fs.read", "s.add"]
    assert granted.out.decode().splitlines()[1] == r"s.add  adds \x1b[31m\u202eevil\x07"
    assert {"http.fetch", "s.add"} < {line.split("  ")[0] for line in everything.out.decode().splitlines()}
    assert [tool["name"] for tool in as_json.object["tools"]] == ["fs.read", "s.add"]
    assert set(as_json.object["tools"][1]["inputSchema"]["properties"]) == {"a", "b"}
    for done in (everything, granted, as_json):
        assert done.lines == [
            "caxton: warning: broken: not running: there is no program 'nowhere-at-all' that can be run"
        ]
    assert (nobody.status, nobody.out, len(nobody.lines)) == (2, b"", 1)
