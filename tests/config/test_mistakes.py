"""Every mistake is told of with its file, line and key, and with the nearest right word; and all of them are."""

from __future__ import annotations

import pytest

from caxton.config import ConfigProblems, Problem
from caxton.config.problems import MOST
from caxton.errors import HostError
from tests.config.files import Here

AGENT = '[agents.planner]\nmodule = "p.wasm"\n'
"""Two lines; what follows stands on the third."""

RULE = f'{AGENT}[agents.planner.rules."http.fetch"]\n'
SERVER = '[tools.time]\ncommand = ["time"]\n'
URL = "[tools.web]\nurl = "
SIZE = 'such as "16 MiB" or 1_000_000'
TIME = 'such as "300ms", "1s" or 2.5'

MISTAKES = {
    # ---- keys
    "[hots]\n": "1: hots: unknown key; did you mean host?",
    "[agent.a]\n": "1: agent: unknown key; did you mean agents?",
    "colour = 1\n": "1: colour: unknown key",
    "[host]\n\ndata_ = 1": "3: host.data_: unknown key; did you mean data?",
    f"{AGENT}limits = {{ memroy = 1 }}": "3: agents.planner.limits.memroy: unknown key; did you mean memory?",
    f"{AGENT}limits = {{ Memory = 1 }}": "3: agents.planner.limits.Memory: unknown key; did you mean memory?",
    f"{AGENT}memory = 1": "3: agents.planner.memory: unknown key; did you mean limits.memory?",
    f"{AGENT}capacity = 1": "3: agents.planner.capacity: unknown key; did you mean mailbox.capacity?",
    f"{AGENT}restart.max-restarts = 1": (
        "3: agents.planner.restart.max-restarts: unknown key; did you mean max_restarts?"
    ),
    f"{RULE}host = []": '4: agents.planner.rules."http.fetch".host: unknown key; did you mean hosts?',
    f"{SERVER}cmd = 1": "3: tools.time.cmd: unknown key",
    "[tools.http]\ncommand = ['x']": (
        "2: tools.http.command: unknown key: http is built in, and no server; give the server another name"
    ),
    '"host\\n" = 1': '1: "host\\x0a": unknown key; did you mean host?',
    f"{'k' * 300} = 1": f"1: {'k' * 300}: unknown key",
    # ---- names
    "[agents.Planner]\nmodule = 'p'": (
        "1: agents.Planner: is no agent name: 1 to 64 of a-z 0-9 . _ -, starting with a letter or a digit"
    ),
    "[agents.a.b]\nmodule = 'p'\n[agents.a]\nmodule = 'q'": (
        '1: agents.a.b: unknown key; a name with a dot stands in quotes: agents."a.b"'
    ),
    f"{AGENT}[agents.planner.rules.http.fetch]\nhosts = ['x']": (
        "3: agents.planner.rules.http.fetch: unknown key; a name with a dot stands in quotes:"
        ' agents.planner.rules."http.fetch"'
    ),
    f"{AGENT}[agents.planner.rules.stock.a.b]\ncalls = 1": (
        "3: agents.planner.rules.stock.a: unknown key; a name with a dot stands in quotes:"
        ' agents.planner.rules."stock.a.b"'
    ),
    f"{RULE}[agents.planner.rules.'http.fetch'.argumens]": (
        '4: agents.planner.rules."http.fetch".argumens: unknown key; did you mean arguments?'
    ),
    f"{AGENT}tools = ['*']\n[agents.planner.rules.llm.'argument']\n": (
        "4: agents.planner.rules.llm.argument: unknown key; did you mean arguments?"
    ),
    '[tools."a.b"]\ncommand = ["x"]': (
        '1: tools."a.b": is no server\'s name: 1 to 64 of a-z 0-9 _ -, starting with a letter or a digit'
    ),
    f'{AGENT}rules."".rate = "1/s"': '3: agents.planner.rules."": wants a glob of 1 to 256 characters',
    # ---- names of built-in tools, and what is no glob
    f"{AGENT}tools = ['fs.raed']": (
        '3: agents.planner.tools[0]: "fs.raed" names no built-in tool; did you mean "fs.read"?'
    ),
    f"{AGENT}deny = ['*',\n'fs.wirte']": (
        '4: agents.planner.deny[1]: "fs.wirte" names no built-in tool; did you mean "fs.write"?'
    ),
    f"{AGENT}rules.'fs.wrte' = {{ approve = 'ask' }}": (
        '3: agents.planner.rules."fs.wrte": names no built-in tool; did you mean "fs.write"?'
    ),
    f"{AGENT}rules.'memory.p?' = {{}}": (
        '3: agents.planner.rules."memory.p?": names no built-in tool; did you mean "memory.*"?'
    ),
    f"{AGENT}tools = ['http']": '3: agents.planner.tools[0]: "http" names no built-in tool; did you mean "http.*"?',
    f"{AGENT}deny = ['fs.[xyz]*']": (
        '3: agents.planner.deny[0]: "fs.[xyz]*" names no built-in tool; did you mean "fs.*"?'
    ),
    f"{AGENT}tools = ['a[b']": '3: agents.planner.tools[0]: "a[b" is no glob: it has a [ without its ]',
    f"{AGENT}peers = ['[b-a]*']": (
        '3: agents.planner.peers[0]: "[b-a]*" is no glob: it has [b-a], which is no character'
    ),
    f"{AGENT}rules.'fs.[' = {{}}": '3: agents.planner.rules."fs.[": is no glob: it has a [ without its ]',
    # ---- types
    "host = 1": "1: host: wants a table, not 1",
    "agents = ['a']": "1: agents: wants a table, not a list",
    "[[agents.a]]\nmodule = 'p'": "1: agents.a: wants a table, not a list",
    "[agents]\na = 'p.wasm'": '2: agents.a: wants a table, not "p.wasm"',
    f"{AGENT}expose = 'yes'": '3: agents.planner.expose: wants true or false, not "yes"',
    f"{AGENT}tools = 'time.*'": '3: agents.planner.tools: wants a list of globs, not "time.*"',
    f"{AGENT}tools = [\n'a',\n3]": "5: agents.planner.tools[1]: wants a glob of 1 to 256 characters, not 3",
    f"{AGENT}params = 1979-05-27": "3: agents.planner.params: wants a table, not a date or time",
    "[host]\nworkers = true": "2: host.workers: wants a whole number from 1 to 1_024, not true",
    "[host]\nworkers = 2.0": "2: host.workers: wants a whole number from 1 to 1_024, not 2.0",
    "[host]\nworkers = 0": "2: host.workers: wants a whole number from 1 to 1_024, not 0",
    "[host]\ndata = ''": '2: host.data: wants a path, not ""',
    '[host]\ndata = "a\\u0000b"': "2: host.data: has a NUL, which no text may have here",
    # ---- sizes, times, rates
    f"{AGENT}limits.memory = '16 MBytes'": (
        f'3: agents.planner.limits.memory: wants a size from 64 KiB to 4 GiB, {SIZE}, not "16 MBytes"'
    ),
    f"{AGENT}limits.memory = '8 GiB'": (
        f'3: agents.planner.limits.memory: wants a size from 64 KiB to 4 GiB, {SIZE}, not "8 GiB"'
    ),
    f"{AGENT}limits.deadline = '1 day'": (
        f'3: agents.planner.limits.deadline: wants a time of more than 0 and at most 24h, {TIME}, not "1 day"'
    ),
    f"{AGENT}limits.deadline = 0": (
        f"3: agents.planner.limits.deadline: wants a time of more than 0 and at most 24h, {TIME}, not 0"
    ),
    f"{AGENT}limits.deadline = nan": (
        f"3: agents.planner.limits.deadline: wants a time of more than 0 and at most 24h, {TIME}, not nan"
    ),
    f"{RULE}rate = '10 per second'": (
        '4: agents.planner.rules."http.fetch".rate: wants a rate such as "10/s", "100/m", "5/h" or "50/d",'
        ' not "10 per second"'
    ),
    f"{RULE}rate = '0/s'": (
        '4: agents.planner.rules."http.fetch".rate: wants a rate such as "10/s", "100/m", "5/h" or "50/d", not "0/s"'
    ),
    f"{RULE}burst = 2": '4: agents.planner.rules."http.fetch".burst: wants a rate beside it',
    f"{RULE}hosts = ['https://example.org']": (
        '4: agents.planner.rules."http.fetch".hosts[0]: wants the name of a host, such as "example.org",'
        ' "*.example.org:8443" or "[::1]:*", not "https://example.org"'
    ),
    f"{RULE}hosts = ['x:0']": '4: agents.planner.rules."http.fetch".hosts[0]: "x:0" has no port from 1 to 65535',
    f"{RULE}private = ['[::1]:1', '[::1]:99999']": (
        '4: agents.planner.rules."http.fetch".private[1]: "[::1]:99999" has no port from 1 to 65535'
    ),
    f"{RULE}hosts = ['[1.2:3]:*']": '4: agents.planner.rules."http.fetch".hosts[0]: "[1.2:3]:*" is no IPv6 address',
    # ---- words
    f"{AGENT}restart.strategy = 'permanet'": (
        '3: agents.planner.restart.strategy: wants "permanent" or "transient" or "temporary", not "permanet";'
        ' did you mean "permanent"?'
    ),
    f"{SERVER}start = 'now'": '3: tools.time.start: wants "lazy" or "eager", not "now"',
    f"{AGENT}features = ['gcc']": (
        '3: agents.planner.features[0]: "gcc" is not one of exceptions, gc; did you mean gc?'
    ),
    # ---- what is still to come
    f"{AGENT}durable = true": "3: agents.planner.durable: comes with a later version",
    f"{AGENT}mailbox.overflow = 'drop-oldest'": (
        '3: agents.planner.mailbox.overflow: "drop-oldest" comes with a later version'
    ),
    f"{AGENT}mailbox.overflow = 'wait'": '3: agents.planner.mailbox.overflow: "wait" comes with a later version',
    # ---- JSON
    f"{AGENT}params = {{ a = [1, 1979-05-27] }}": (
        "3: agents.planner.params.a[1]: a date or time is not JSON: write it as a text, in quotes"
    ),
    f"{AGENT}params.a = inf": "3: agents.planner.params.a: inf is not JSON",
    f"{AGENT}params.a = 9223372036854775808": "3: agents.planner.params.a: has more than 64 bits",
    f"{AGENT}params.a = {'[' * 32}{']' * 32}": (f"3: agents.planner.params.a{'[0]' * 31}: has more than 32 levels"),
    f"{RULE}arguments = {{ type = 'objekt' }}": (
        '4: agents.planner.rules."http.fetch".arguments.type: is no JSON Schema for arguments:'
        " 'objekt' is not valid under any of the given schemas"
    ),
    f"{RULE}arguments = {{ properties = {{ url = {{ patern = 'x' }} }} }}": (
        '4: agents.planner.rules."http.fetch".arguments.properties.url.patern: is no JSON Schema for arguments:'
        " did you mean pattern?"
    ),
    f"{AGENT}input = {{ type = 'object', properties = 3 }}": (
        "3: agents.planner.input.properties: is no JSON Schema (draft 2020-12): 3 is not of type 'object'"
    ),
    f"{AGENT}input = {{ type = 'object', required = ['a', 1] }}": (
        "3: agents.planner.input.required: wants a list of texts"
    ),
    f"{RULE}arguments.dependentRequired.a = [1]": (
        '4: agents.planner.rules."http.fetch".arguments.dependentRequired.a: wants a list of texts'
    ),
    f"{AGENT}input = {{ properties = {{}} }}": (
        '3: agents.planner.input: is not the schema of an object: it wants type = "object"'
    ),
    f"{AGENT}input = {{ type = 'object', '$ref' = 'https://example.org/x' }}": (
        '3: agents.planner.input."$ref": leads out of the schema: a reference begins with #'
    ),
    # ---- what does not go together
    "[agents.a]\ntools = []": "1: agents.a: wants a module or a sha256",
    f"{AGENT}sha256 = '{'a' * 64}'": "1: agents.planner: wants either module or sha256",
    "[agents.a]\nsha256 = 'abc'": '2: agents.a.sha256: wants 64 hexadecimal digits, not "abc"',
    f"{AGENT}limits.mailbox = 1\nmailbox.capacity = 1": (
        "4: agents.planner.mailbox.capacity: is the same as limits.mailbox: give one of them"
    ),
    "[tools.time]\ntimeout = 1": "1: tools.time: wants a command or a url",
    f"{SERVER}url = 'http://x/'": "1: tools.time: wants either command or url",
    f"{SERVER}headers = {{}}": "3: tools.time.headers: belongs to a server with url",
    f"{URL}'http://x/'\ncwd = 'x'": "3: tools.web.cwd: belongs to a server with command",
    "[tools.time]\ncommand = []": (
        "2: tools.time.command: wants a list of the program and its arguments, with at least 1"
    ),
    "[tools.time]\ncommand = ['']": "2: tools.time.command[0]: wants the name of a program",
    f"{SERVER}env = {{ 'A=B' = 'x' }}": '3: tools.time.env."A=B": is not the name of a variable',
    f'{SERVER}env.A = "a\\u0000b"': "3: tools.time.env.A: has a NUL, which no text may have here",
    f"{SERVER}env.A = 1": "3: tools.time.env.A: wants a text of at most 131_072 characters, not a number",
    f"{SERVER}arguments = {{ now = 1 }}": (
        "3: tools.time.arguments.now: wants a table of arguments: this is the name of a tool"
    ),
    f"{URL}'ftp://example.org/'": "2: tools.web.url: wants a URL that begins with http:// or https://",
    f"{URL}'file:///etc/passwd'": "2: tools.web.url: wants a URL such as https://example.org/mcp",
    f"{URL}'https://example.org:99999/'": "2: tools.web.url: wants a URL such as https://example.org/mcp",
    f"{URL}'https://example.org/#x'": "2: tools.web.url: wants a URL without a fragment (#)",
    f"{URL}'https://example.org/'\nheaders = {{ 'a b' = 'x' }}": (
        '3: tools.web.headers."a b": is not the name of a header (RFC 9110)'
    ),
    f'{URL}"https://example.org/"\nheaders.a = "x\\r\\nb: c"': (
        "3: tools.web.headers.a: wants a text of one line, not this text"
    ),
    "[tools.llm]\nmodel = 'm'": "1: tools.llm: wants base_url",
    "[tools.llm]\n": "1: tools.llm: wants base_url and model",
}


@pytest.mark.parametrize(("text", "told"), MISTAKES.items(), ids=list(MISTAKES.values()))
def test_a_mistake(here: Here, text: str, told: str) -> None:
    """One mistake, one line about it."""
    assert here.told(text) == [f"caxton.toml:{told}"]


_AHEAD = "looking ahead, (?=...), is not possible here; say it with allOf, not and patterns of their own"
UNUSABLE = {
    f"{AGENT}input = {{ type = 'object', properties.a.pattern = '(?=a)' }}": (
        "3: agents.planner.input.properties.a.pattern: is no JSON Schema for arguments:"
        f" '(?=a)' will not do as a pattern: {_AHEAD}"
    ),
    f"{RULE}arguments.patternProperties.'(?:a/b|~): ' = true\narguments.patternProperties.'(?=a): /~' = true": (
        '5: agents.planner.rules."http.fetch".arguments.patternProperties."(?=a): /~": is no JSON Schema for arguments:'
        f" '(?=a): /~' will not do as a pattern: {_AHEAD}"
    ),
    f"{AGENT}input = {{ type = 'object', '$ref' = '#anchor' }}": (
        '3: agents.planner.input."$ref": is no JSON Schema for arguments: only references into the same schema'
        " (#/$defs/...) are followed"
    ),
    f"{AGENT}input = {{ type = 'object', properties.a = {{ '$ref' = '#/$defs/none' }} }}": (
        '3: agents.planner.input.properties.a."$ref": is no JSON Schema for arguments:'
        " there is no schema at #/$defs/none"
    ),
    f"{AGENT}input = {{ type = 'object', properties.a.pattern = '(a)\\1' }}": (
        "3: agents.planner.input.properties.a.pattern: is no JSON Schema for arguments:"
        " '(a)\\\\1' will not do as a pattern: a reference to a group, \\1, is not possible here"
    ),
}
"""What is a JSON Schema, but none by which arguments could be checked."""


@pytest.mark.parametrize(("text", "told"), UNUSABLE.items(), ids=list(UNUSABLE.values()))
def test_an_unusable_schema(here: Here, text: str, told: str) -> None:
    """Is a mistake now, not when the agent is served."""
    assert here.told(text) == [f"caxton.toml:{told}"]


def test_notes_in_a_schema(here: Here) -> None:
    """Those of what agents take may have words that check nothing."""
    notes = "{ format = 'uri', note = 1, pattern = '^(?<name>x)$' }"
    assert here.told(f"{AGENT}input = {{ type = 'object', properties.a = {notes} }}") == []


SYNTAX = {
    "a = 1\nb = = 2\n": "caxton.toml:2: not TOML: invalid value",
    "[a]\n[a]\n": "caxton.toml:2: not TOML: cannot declare a twice",
    "a = 1\na = 2\n": "caxton.toml:2: not TOML: cannot overwrite a value",
    '\n\na = "x': "caxton.toml:3: not TOML: unterminated string",
    "a = [1,\n2": "caxton.toml:2: not TOML: unclosed array",
    "[agents.a]\nmodule = 'x'\n\n[agents.a]\n": "caxton.toml:4: not TOML: cannot declare agents.a twice",
    '[agents."it\'s"]\n[agents."it\'s"]\n': 'caxton.toml:2: not TOML: cannot declare agents."it\'s" twice',
    "\ufeff[host]\n": "caxton.toml:1: begins with a byte order mark; save it as UTF-8 without one",
    f"a = {'9' * 5000}": "caxton.toml:1: a number of more than 1,000 digits",
}


@pytest.mark.parametrize(("text", "told"), SYNTAX.items(), ids=lambda value: str(value)[:40])
def test_what_is_no_toml(here: Here, text: str, told: str) -> None:
    """The reader's words, with its line."""
    assert here.told(text) == [told]


MANY = f"""\
[host]
data = 1
colour = "red"

[tools.time]
command = [1,
  "x", 2]

{RULE}
rate = "x"
burst = 3
concurrency = "y"
[agents."B"]
tools = 1
"""


def test_all_mistakes_are_found(here: Here) -> None:
    """In the order of the file, those in what is wrong itself included."""
    assert [line.split(": ")[:2] for line in here.told(MANY)] == [
        ["caxton.toml:2", "host.data"],
        ["caxton.toml:3", "host.colour"],
        ["caxton.toml:6", "tools.time.command[0]"],
        ["caxton.toml:7", "tools.time.command[2]"],
        ["caxton.toml:13", 'agents.planner.rules."http.fetch".rate'],
        ["caxton.toml:15", 'agents.planner.rules."http.fetch".concurrency'],
        ["caxton.toml:16", "agents.B"],
        ["caxton.toml:17", "agents.B.tools"],
    ]


def test_loading_raises_the_first(here: Here) -> None:
    """One error with the first mistake, how many more there are, and all of them as data."""
    with pytest.raises(HostError) as caught:
        here.load(MANY)
    error = caught.value
    assert isinstance(error, ConfigProblems)
    assert error.code == "config.invalid"
    assert error.message == f"{here.folder}/caxton.toml:2: host.data: wants a path, not 1 (and 7 more)"
    assert list(error.problems) == here.check(MANY)


def test_loading_with_one_mistake(here: Here) -> None:
    """Where there is one, nothing is said of more."""
    with pytest.raises(ConfigProblems, match=r"unknown key$"):
        here.load("colour = 1")


def test_a_problem_is_data() -> None:
    """For JSON."""
    problem = Problem("caxton.toml", 3, "host.data", "wants a path", "did you mean x?")
    assert problem.as_json() == {
        "file": "caxton.toml",
        "line": 3,
        "key": "host.data",
        "message": "wants a path",
        "hint": "did you mean x?",
    }
    assert str(problem) == "caxton.toml:3: host.data: wants a path; did you mean x?"


def test_very_many_mistakes(here: Here) -> None:
    """Of a million the first thousand are told."""
    found = here.check("".join(f"wrong{number} = 1\n" for number in range(50_000)))
    assert [one.line for one in found] == list(range(1, MOST + 1))


def test_nothing_in_a_message_reaches_the_terminal(here: Here) -> None:
    """Keys and values are escaped, and cut."""
    hostile = "\\u001b[31m\\u202e\\u0007"
    for text in (f'"{hostile}" = 1', f'[host]\nworkers = "{hostile}"', f'[agents."{hostile}"]\nmodule = "x"'):
        (line,) = here.told(text)
        assert line.isprintable()
        assert "\\x1b[31m\\u202e\\x07" in line
    (line,) = here.told(f"[host]\nworkers = '{'x' * 100_000}'")
    assert len(line) < 1_500
