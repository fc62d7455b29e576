"""What a file says in vain is a warning with its line, its key and the nearest right word, and no mistake."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caxton.agents.grants import matches
from caxton.config.doubts import MEANT_FOR
from caxton.config.problems import MOST
from caxton.config.table import RULES
from caxton.tools.builtin.arguments import MODELS
from caxton.tools.settings import BUILT_IN, BUILT_IN_TOOLS
from tests.config.files import NOTHING, Here

AGENT = '[tools.stock]\ncommand = ["stock"]\n[agents.a]\nmodule = "a.wasm"\n'
"""Four lines; what follows stands on the fifth."""

HOSTS = 'rules."http.*" = { hosts = ["x.example"] }\n'

WARNINGS = {
    # ---- tools that nobody has
    "tools = ['stokc.count']": (
        'a.tools[0]: "stokc.count" names no tool that this file knows of; did you mean "stock.count"?'
    ),
    "tools = ['stock']": 'a.tools[0]: "stock" names no tool that this file knows of; did you mean "stock.*"?',
    "tools = ['FS.*']": 'a.tools[0]: "FS.*" names no tool that this file knows of; did you mean "fs.*"?',
    "tools = ['Fs.Read']": 'a.tools[0]: "Fs.Read" names no tool that this file knows of; did you mean "fs.read"?',
    "tools = ['memory.*',\n 'time.now']": 'a.tools[1]: "time.now" names no tool that this file knows of',
    "tools = ['x*']": 'a.tools[0]: "x*" names no tool that this file knows of',
    "tools = ['time.now']\nrules.'time.*' = { calls = 1 }": (
        'a.tools[0]: "time.now" names no tool that this file knows of',
        'a.rules."time.*": names no tool that this file knows of',
    ),
    "tools = ['price']\ndeny = ['*']\nrules.'*' = { calls = 1 }": (
        'a.tools[0]: "price" names no tool that this file knows of',
        'a.rules."*": matches no tool that the agent may call',
    ),
    "tools = ['price']\nrules.'*' = { calls = 1 }": 'a.tools[0]: "price" names no tool that this file knows of',
    # ---- what holds for nothing that is granted
    "deny = ['fs.write']": 'a.deny[0]: "fs.write" matches no tool that the agent may call',
    "tools = ['stock.*']\ndeny = ['stokc.clear']": (
        'a.deny[0]: "stokc.clear" matches no tool that the agent may call; did you mean "stock.clear"?'
    ),
    "tools = ['stock.count']\ndeny = ['stock.clear']": (
        'a.deny[0]: "stock.clear" matches no tool that the agent may call'
    ),
    "tools = ['fs.read']\nrules.'fs.write' = { approve = 'ask' }": (
        'a.rules."fs.write": matches no tool that the agent may call'
    ),
    "tools = ['fs.*']\ndeny = ['fs.write']\nrules.'fs.write' = { approve = 'ask' }": (
        'a.rules."fs.write": matches no tool that the agent may call'
    ),
    "tools = ['stock.*']\ndeny = ['stock.clear']\nrules.'stock.clear' = { approve = 'ask' }": (
        'a.rules."stock.clear": matches no tool that the agent may call'
    ),
    f"{HOSTS}tools = ['http.fetch']\nrules.'htp.fetch' = {{ calls = 1 }}": (
        'a.rules."htp.fetch": matches no tool that the agent may call; did you mean "http.fetch"?'
    ),
    # ---- keys that do not belong there
    "tools = ['memory.*']\nrules.'memory.*' = { hosts = ['x'], root = '/', tokens = 5, namespace = 'n' }": (
        'a.rules."memory.*".hosts: is for http.fetch, which the rule does not match',
        'a.rules."memory.*".root: is for fs.*, which the rule does not match',
        'a.rules."memory.*".tokens: is for llm.complete, which the rule does not match',
    ),
    "tools = ['stock.*']\nrules.'stock.*' = { quota = 1 }": (
        'a.rules."stock.*".quota: is for fs.*, which the rule does not match'
    ),
    # ---- what can do nothing
    "tools = ['http.fetch']": "a.tools[0]: http.fetch can fetch nothing: no rule for it has hosts",
    "tools = ['http.*']\nrules.'http.*' = { private = ['localhost'] }": (
        "a.tools[0]: http.fetch can fetch nothing: no rule for it has hosts",
        'a.rules."http.*".private: lets nothing through: no rule for http.fetch has hosts',
    ),
    "tools = ['llm.*']": "a.tools[0]: there is no llm.complete without [tools.llm]",
    # ---- others
    "peers = ['a', 'b']": 'a.peers[1]: "b" names no agent of this file',
    "peers = ['worker-*']": 'a.peers[0]: "worker-*" names no agent of this file',
    "peers = ['plannre']\n[agents.planner]\nmodule = 'p'": (
        'a.peers[0]: "plannre" names no agent of this file; did you mean "planner"?'
    ),
    "description = 'x'": "a.description: is for MCP clients, which do not see the agent without expose = true",
    "input = { type = 'object' }": "a.input: is for MCP clients, which do not see the agent without expose = true",
}

FINE = [
    "tools = ['*']",
    "tools = ['*']\ndeny = ['fs.write', 'stock.*']",
    "tools = ['fs.*', 'memory.put', 'stock.*', 's*', '*.count']",
    "tools = ['stock.*']\ndeny = ['*.clear']\nrules.'stock.[a-m]*' = { calls = 1 }",
    "tools = ['*.read']\nrules.'fs.*' = { root = '/' }",
    f"{HOSTS}tools = ['http.fetch']\nrules.'http.fetch' = {{ private = ['x.example'] }}",
    "tools = ['*']\nrules.'*' = { hosts = ['x'], root = '/', tokens = 1, namespace = 'n', private = ['x'] }",
    "tools = ['http.*']\ndeny = ['http.fetch']",
    "peers = ['*', 'a', 'b*']\n[agents.b]\nmodule = 'b'",
    "topics = ['news.>']\nspawn = ['x']\nservices = ['y']",
    "tools = ['llm.complete']\n[tools.llm]\nbase_url = 'http://x/'\nmodel = 'm'",
    "expose = true\ndescription = 'x'\ninput = { type = 'object' }",
]


def _told(here: Here, text: str) -> list[str]:
    found = here.load(f"{AGENT}{text}").warnings
    return [str(one).removeprefix(f"{here.folder}/caxton.toml:") for one in found]


@pytest.mark.parametrize(("text", "told"), WARNINGS.items(), ids=list(WARNINGS))
def test_a_warning(here: Here, text: str, told: str | tuple[str, ...]) -> None:
    """It is told with its key and what was perhaps meant; the file has no mistake."""
    wanted = [told] if isinstance(told, str) else list(told)
    assert [one.partition(": ")[2] for one in _told(here, text)] == [f"agents.{one}" for one in wanted]


@pytest.mark.parametrize("text", FINE)
def test_what_is_fine(here: Here, text: str) -> None:
    """Nothing is said of what can mean something."""
    assert _told(here, text) == []


GLOBS = st.lists(
    st.sampled_from(["fs.", "memory.", "stock.", "read", "put", "p", "*", "?", "[a-r]", "price"]),
    min_size=1,
    max_size=4,
).map("".join)
TOOLS = (*BUILT_IN_TOOLS, "stock.p", "stock.put", "stock.price", "price", "p", "read")


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tools=st.lists(GLOBS, max_size=3), deny=st.lists(GLOBS, max_size=2), rules=st.lists(GLOBS, max_size=2, unique=True)
)
def test_what_means_something_is_no_warning(here: Here, tools: list[str], deny: list[str], rules: list[str]) -> None:
    """Whatever the globs are: of one that can hold for a tool of the file nothing is said, and of one that can hold for
    a function no more than that the file does not know it."""
    keys = "".join(f"rules.'{glob}' = {{ calls = 1 }}\n" for glob in rules)
    text = f"{AGENT}tools = {tools}\ndeny = {deny}\n{keys}"
    if here.check(text):
        return
    found = here.load(text)
    (agent,) = found.agents
    for one in found.warnings:
        able = agent.grants.may_call if "rules" in one.key else partial(matches, agent.grants.tools)
        met = [name for name in TOOLS if matches((one.glob,), name) and able(name)]
        if one.comes == "tool":
            assert all("." not in name for name in met)
        else:
            assert met == []


def test_lines(here: Here) -> None:
    """They are those of the keys, and the warnings are in their order."""
    text = "peers = [\n'x']\ntools = ['fs.*',\n'y']\n[agents.a.rules.'fs.*']\nhosts = ['z']\n"
    assert [line.partition(": ")[0] for line in _told(here, text)] == ["6", "8", "10"]


def test_a_file_with_mistakes(here: Here) -> None:
    """Has those alone: what seems to be said in vain may only be misspelt elsewhere."""
    (problem,) = here.check(f"{AGENT}tools = ['time.now']\n[tools.time]\ncommnad = ['x']\ncommand = ['x']")
    assert problem.key == "tools.time.commnad"


def test_very_many(here: Here) -> None:
    """The first thousand are told."""
    globs = ", ".join(f"'x{number}'" for number in range(3 * MOST))
    assert len(here.load(f"{AGENT}tools = [{globs}]").warnings) == MOST


def test_nothing_in_a_warning_reaches_the_terminal(here: Here) -> None:
    """Names are escaped, and cut."""
    for text in ('tools = ["\\u001b[31m]\\u202e"]', '[agents.a.rules."\\u001b[31m]\\u202e"]', 'peers = ["\\u001b[3]"]'):
        (line,) = _told(here, text)
        assert line.isprintable()


def test_the_built_in_tools() -> None:
    """Those that are known here are those that there are."""
    assert BUILT_IN_TOOLS == tuple(MODELS)
    assert set(BUILT_IN) == {name.partition(".")[0] for name in BUILT_IN_TOOLS}


def test_the_keys_of_rules() -> None:
    """What their help says they are for is what they are for."""
    assert {key: help_ for key, (_, help_) in RULES.items() if help_.startswith("For ")} == {
        key: RULES[key][1] for key in MEANT_FOR if key != "tokens"
    }
    for key, tools in MEANT_FOR.items():
        assert key == "tokens" or RULES[key][1].startswith(f"For `{tools}`: ")


def test_a_configuration_without_agents(here: Here) -> None:
    """Says nothing in vain."""
    assert here.load("", NOTHING).warnings == ()
