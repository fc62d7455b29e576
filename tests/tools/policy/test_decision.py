"""Grants are decided as the table says: deny before grant, grant before existence, existence before arguments."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.errors import ToolError
from caxton.tools.policy.decision import decide
from caxton.tools.policy.explain import PASSED, REFUSED, explain

DENIED: Final = "grant.denied"
UNKNOWN: Final = "tool.unknown"

URL: Final = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "pattern": r"^https://docs\.example\.org/[a-z/]*$"},
        "max": {"maximum": 10},
    },
    "required": ["url"],
    "additionalProperties": False,
}
QUERY: Final = {"properties": {"sql": {"enum": ["SELECT 1", "SELECT 2"]}, "n": {"type": "integer", "minimum": 0}}}
DEEP: Final = {
    "type": "object",
    "properties": {"a": {"type": "object", "properties": {"b": {"const": 1}}, "additionalProperties": False}},
    "additionalProperties": False,
}


def _grants(*tools: str, deny: tuple[str, ...] = (), **schemas: Any) -> Grants:
    rules = {glob.replace("__", "*").replace("_", "."): Rule(arguments=schema) for glob, schema in schemas.items()}
    return Grants(tools=tools, deny=deny, rules=rules)


HTTP: Final = _grants("http.*", http_fetch=URL)
ALL: Final = _grants("*")
OK_URL: Final = {"url": "https://docs.example.org/x"}

# grants, tool, arguments, code, rule
TABLE: Final[list[tuple[Grants, str, dict[str, Any], str | None, str]]] = [
    # nothing is granted at first
    (Grants(), "time.now", {}, DENIED, "tools"),
    (Grants(), "", {}, DENIED, "tools"),
    (Grants(peers=["*"], topics=["*"], services=["*"], spawn=["*"]), "time.now", {}, DENIED, "tools"),
    # globs
    (_grants("time.now"), "time.now", {}, None, 'tools = "time.now"'),
    (_grants("time.now"), "time.nowhere", {}, DENIED, "tools"),
    (_grants("time.now"), "xtime.now", {}, DENIED, "tools"),
    (_grants("time.now"), "time_now", {}, DENIED, "tools"),
    (_grants("time.*"), "time.now", {}, None, 'tools = "time.*"'),
    (_grants("time.*"), "time.", {}, None, 'tools = "time.*"'),
    (_grants("time.*"), "time", {}, DENIED, "tools"),
    (_grants("time.*"), "timex.now", {}, DENIED, "tools"),
    (_grants("time.*"), "time.zone.list", {}, None, 'tools = "time.*"'),
    (_grants("time.?ow"), "time.now", {}, None, 'tools = "time.?ow"'),
    (_grants("time.?ow"), "time.ow", {}, DENIED, "tools"),
    (_grants("time.[mn]ow"), "time.now", {}, None, 'tools = "time.[mn]ow"'),
    (_grants("time.[!n]ow"), "time.now", {}, DENIED, "tools"),
    (_grants("time.[now"), "time.now", {}, DENIED, "tools"),
    (_grants("time.[now"), "time.[now", {}, None, 'tools = "time.[now"'),
    (_grants("a", "time.*", "*"), "time.now", {}, None, 'tools = "time.*"'),
    (_grants("", " "), "time.now", {}, DENIED, "tools"),
    (_grants(""), "", {}, None, 'tools = ""'),
    (ALL, "anything at all", {}, None, 'tools = "*"'),
    # a glob is no regular expression
    (_grants("time|fs.now"), "fs.now", {}, DENIED, "tools"),
    (_grants("(time.now"), "time.now", {}, DENIED, "tools"),
    (_grants(".*"), "time.now", {}, DENIED, "tools"),
    (_grants("time.now$"), "time.now", {}, DENIED, "tools"),
    # case, and what looks alike
    (_grants("time.now"), "Time.now", {}, DENIED, "tools"),
    (_grants("TIME.*"), "time.now", {}, DENIED, "tools"),
    (_grants("time.now"), "time.now ", {}, DENIED, "tools"),
    (_grants("time.now"), " time.now", {}, DENIED, "tools"),
    (_grants("time.now"), "time.now\n", {}, DENIED, "tools"),
    (_grants("time.now"), "time.now\0", {}, DENIED, "tools"),
    (_grants("time.now"), "time\N{ONE DOT LEADER}now", {}, DENIED, "tools"),
    (_grants("time.now"), "tim\N{CYRILLIC SMALL LETTER IE}.now", {}, DENIED, "tools"),
    (_grants("time.now"), "time.n\N{LATIN SMALL LETTER O WITH DIAERESIS}w", {}, DENIED, "tools"),
    (_grants("time.now"), "\N{FULLWIDTH LATIN SMALL LETTER T}ime.now", {}, DENIED, "tools"),
    (_grants("time.now"), "time.now\N{ZERO WIDTH SPACE}", {}, DENIED, "tools"),
    (_grants("fs.*"), "FS.read", {}, DENIED, "tools"),
    # forged names
    (_grants("fs.read"), "fs/read", {}, DENIED, "tools"),
    (_grants("fs.read"), "fs..read", {}, DENIED, "tools"),
    (_grants("fs.read"), "fs.read/../write", {}, DENIED, "tools"),
    (_grants("fs.read"), "fs.read,fs.write", {}, DENIED, "tools"),
    (_grants("fs.read"), '"fs.read"', {}, DENIED, "tools"),
    (_grants("fs.read"), "a" * 100_000, {}, DENIED, "tools"),
    # deny wins
    (_grants("fs.*", deny=("fs.write",)), "fs.write", {}, DENIED, 'deny = "fs.write"'),
    (_grants("fs.*", deny=("fs.write",)), "fs.read", {}, None, 'tools = "fs.*"'),
    (_grants("fs.write", deny=("fs.*",)), "fs.write", {}, DENIED, 'deny = "fs.*"'),
    (_grants("*", deny=("*",)), "fs.write", {}, DENIED, 'deny = "*"'),
    (_grants("*", deny=("x", "fs.w*")), "fs.write", {}, DENIED, 'deny = "fs.w*"'),
    (_grants(deny=("fs.write",)), "fs.write", {}, DENIED, 'deny = "fs.write"'),
    (_grants("*", deny=("fs.write",)), "fs.Write", {}, None, 'tools = "*"'),
    # before existence: what is not granted is denied, there or not
    (_grants("gone.*"), "gone.tool", {}, UNKNOWN, 'tools = "gone.*"'),
    (_grants("time.*"), "gone.tool", {}, DENIED, "tools"),
    (_grants("*", deny=("gone.*",)), "gone.tool", {}, DENIED, 'deny = "gone.*"'),
    (_grants("*", gone_tool=False), "gone.tool", {}, UNKNOWN, 'tools = "*"'),
    # arguments
    (HTTP, "http.fetch", OK_URL, None, 'tools = "http.*"'),
    (HTTP, "http.head", {"anything": 1}, None, 'tools = "http.*"'),
    (HTTP, "http.fetch", {}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": None}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": ["https://docs.example.org/"]}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "http://docs.example.org/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "https://docs.example.org.evil/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "https://docs-example-org/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "https://docs.example.org/x\n"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "https://docs.example.org/\nhttp://evil/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": " https://docs.example.org/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "https://docs.example.org/\u0430"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", {"url": "https://docs.example.org/@evil/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", OK_URL | {"max": 10.0}, None, 'tools = "http.*"'),
    (HTTP, "http.fetch", OK_URL | {"max": 10.5}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", OK_URL | {"max": 10**399}, DENIED, 'rules."http.fetch".arguments'),
    # more than was foreseen
    (HTTP, "http.fetch", OK_URL | {"URL": "http://evil/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", OK_URL | {"url\0": "http://evil/"}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", OK_URL | {"": 1}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", OK_URL | {"__proto__": {"url": "x"}}, DENIED, 'rules."http.fetch".arguments'),
    (HTTP, "http.fetch", OK_URL | {"\N{FULLWIDTH LATIN SMALL LETTER U}rl": 1}, DENIED, 'rules."http.fetch".arguments'),
    (_grants("*", x=DEEP), "x", {"a": {"b": 1}}, None, 'tools = "*"'),
    (_grants("*", x=DEEP), "x", {"a": {"b": 1.0}}, None, 'tools = "*"'),
    (_grants("*", x=DEEP), "x", {"a": {"b": True}}, DENIED, 'rules."x".arguments'),
    (_grants("*", x=DEEP), "x", {"a": {"b": "1"}}, DENIED, 'rules."x".arguments'),
    (_grants("*", x=DEEP), "x", {"a": {"b": 1, "c": 2}}, DENIED, 'rules."x".arguments'),
    (_grants("*", x=DEEP), "x", {"a": [{"b": 1}]}, DENIED, 'rules."x".arguments'),
    (_grants("*", x=DEEP), "x", {"a.b": 1}, DENIED, 'rules."x".arguments'),
    # texts are compared as they are
    (_grants("*", db=QUERY), "db", {"sql": "SELECT 1"}, None, 'tools = "*"'),
    (_grants("*", db=QUERY), "db", {"sql": "select 1"}, DENIED, 'rules."db".arguments'),
    (_grants("*", db=QUERY), "db", {"sql": "SELECT 1;DROP TABLE t"}, DENIED, 'rules."db".arguments'),
    (_grants("*", db=QUERY), "db", {"sql": "SELECT\N{NO-BREAK SPACE}1"}, DENIED, 'rules."db".arguments'),
    (_grants("*", db=QUERY), "db", {"n": -1}, DENIED, 'rules."db".arguments'),
    (_grants("*", db=QUERY), "db", {"n": True}, DENIED, 'rules."db".arguments'),
    (_grants("*", db=QUERY), "db", {"n": "0"}, DENIED, 'rules."db".arguments'),
    (_grants("*", db=QUERY), "db", {"n": 0.5}, DENIED, 'rules."db".arguments'),
    # every rule holds whose glob matches; none holds for another tool
    (_grants("*", http__=True, http_fetch=URL), "http.fetch", {}, DENIED, 'rules."http.fetch".arguments'),
    (_grants("*", __=False, http_fetch=URL), "http.fetch", OK_URL, DENIED, 'rules."*".arguments'),
    (_grants("*", http_fetch=URL, __=False), "http.fetch", OK_URL, DENIED, 'rules."*".arguments'),
    (_grants("*", x=False), "y", {"a": 1}, None, 'tools = "*"'),
    (_grants("*", x=True), "x", {"a": 1}, None, 'tools = "*"'),
    (_grants("*", X=False), "x", {}, None, 'tools = "*"'),
    # a rule grants nothing
    (_grants(http_fetch=URL), "http.fetch", OK_URL, DENIED, "tools"),
    (_grants("*", deny=("http.*",), http_fetch=True), "http.fetch", OK_URL, DENIED, 'deny = "http.*"'),
]


def _knows(tool: str) -> bool:
    return not tool.startswith("gone.")


def test_the_table_is_long() -> None:
    """Most rows are attempts to get past a grant."""
    assert len(TABLE) >= 60
    assert sum(row[3] is not None for row in TABLE) >= 60


@pytest.mark.parametrize(("grants", "tool", "arguments", "code", "rule"), TABLE, ids=range(len(TABLE)))
def test_a_row(grants: Grants, tool: str, arguments: dict[str, Any], code: str | None, rule: str) -> None:
    """The outcome, the code and the rule that decided are the table's; explaining comes to the same."""
    found = decide(grants, tool, arguments, _knows)
    assert (code is None, code, rule) == (found.allowed, found.code, found.rule)
    explained = explain(grants, tool, arguments, _knows)
    assert found == explained.decision
    assert found.allowed == all(step.outcome != REFUSED for step in explained.steps)


def test_a_decision_can_be_raised() -> None:
    """As the error of its code; an allowed one is none."""
    with pytest.raises(ToolError, match="is not granted") as caught:
        decide(Grants(), "time.now", {}).check()
    assert "grant.denied" == caught.value.code
    decide(ALL, "time.now", {}).check()


def test_what_is_denied_looks_the_same_there_or_not() -> None:
    """Nobody is even asked whether there is such a tool; denied by name and not granted read alike."""

    def asked(tool: str) -> bool:
        raise AssertionError(tool)

    reasons = {
        decide(grants, "fs.write", {}, asked).reason
        for grants in (Grants(), _grants("time.*"), _grants("fs.*", deny=("fs.write",)))
    }
    assert {"the tool fs.write is not granted"} == reasons


def test_a_reason_names_the_place_and_no_value() -> None:
    """The path into the arguments, the keyword and the rule; what the agent wrote there stays out of it."""
    schema = {"properties": {"list": {"items": {"properties": {"token": {"maxLength": 3}}}}}}
    found = decide(_grants("*", x=schema), "x", {"list": [{}, {"token": "hunter2-hunter2"}]})
    assert 'x: $.list[1].token: maxLength: not allowed by rules."x".arguments' == found.reason


@pytest.mark.parametrize(
    ("schema", "arguments", "reason"),
    [
        ({"required": ["a", "b"]}, {"b": 1}, "$: required (a)"),
        (
            {"additionalProperties": False},
            {"k1": 1, "k2": 2, "k3": 3, "k4": 4},
            "$: additionalProperties (k1, k2, k3, ...)",
        ),
        (False, {}, "$: nothing is allowed"),
        ({"properties": {"a\x1b[2J": False}}, {"a\x1b[2J": 1}, "$.a\\x1b[2J: nothing is allowed"),
        ({"additionalProperties": False}, {"\u202e" * 500: 1}, "$: additionalProperties ("),
    ],
)
def test_a_reason_names_what_is_missing_or_too_much(schema: Any, arguments: dict[str, Any], reason: str) -> None:
    """Names are an agent's too: they are escaped and cut."""
    found = decide(_grants("*", x=schema), "x", arguments).reason
    assert found.startswith(f"x: {reason}")
    assert found.isprintable()
    assert len(found) < 1000


def test_a_tool_name_cannot_break_a_line() -> None:
    """Whatever an agent calls, the reason and the rule are one printable line."""
    for name in ("a\nb", "\x1b]0;x\x07", "\u202egnp", "x" * 5000):
        found = decide(Grants(), name, {})
        assert (found.reason + found.rule).isprintable()
        assert len(found.reason) < 400


def test_an_invalid_schema_denies() -> None:
    """One that nobody has checked at set-up lets nothing through."""
    found = decide(_grants("*", x={"type": "objekt"}), "x", {})
    assert (False, 'rules."x".arguments') == (found.allowed, found.rule)


GLOB = st.text("ab.*?[]!", max_size=6)
NAME = st.text("ab.[]!", max_size=6)


@given(st.lists(GLOB, max_size=4), st.lists(GLOB, max_size=3), NAME, st.booleans())
def test_names_are_decided_as_defined(tools: list[str], deny: list[str], name: str, known: bool) -> None:
    """Granted by some glob and denied by none, and there: in that order."""
    found = decide(Grants(tools=tools, deny=deny), name, {}, known)
    granted = any(fnmatchcase(name, glob) for glob in tools)
    denied = any(fnmatchcase(name, glob) for glob in deny)
    code = DENIED if denied or not granted else None if known else UNKNOWN
    assert code == found.code


def test_explaining_shows_each_step() -> None:
    """Also what will only be counted at the call, and what was not reached."""
    rule = Rule(arguments=URL, rate="10/s", burst=2, calls=5, approve="ask", hosts=("docs.example.org",))
    grants = Grants(tools=["http.*"], deny=["fs.*"], rules={"http.*": rule})
    found = explain(grants, "http.fetch", OK_URL)
    assert [
        ("deny", PASSED),
        ('tools = "http.*"', PASSED),
        ("known", PASSED),
        ('rules."http.*".arguments', PASSED),
        ('rules."http.*".rate', "noted"),
        ('rules."http.*".burst', "noted"),
        ('rules."http.*".calls', "noted"),
        ('rules."http.*".hosts', "noted"),
        ('rules."http.*".approve', "noted"),
    ] == [(step.rule, step.outcome) for step in found.steps]
    assert {"tool", "allowed", "code", "rule", "reason", "steps"} == set(found.as_json())
    assert {"rule", "outcome", "detail"} == set(found.as_json()["steps"][0])


@pytest.mark.parametrize(
    ("tool", "arguments", "known", "outcomes"),
    [
        ("fs.read", {}, True, "refused | not reached | not reached"),
        ("db.read", {}, True, "passed | refused | not reached"),
        ("http.fetch", OK_URL, False, "passed | passed | refused | not reached | not reached"),
        ("http.fetch", {}, True, "passed | passed | passed | refused | not reached"),
        ("http.fetch", None, True, "passed | passed | passed | noted | noted"),
    ],
)
def test_explaining_stops_where_it_is_refused(
    tool: str, arguments: dict[str, Any] | None, known: bool, outcomes: str
) -> None:
    """What comes after the first refusal is not reached; without arguments the schema is only named."""
    grants = Grants(tools=["http.*", "fs.*"], deny=["fs.*"], rules={"http.*": Rule(arguments=URL, rate="1/s")})
    found = explain(grants, tool, arguments, known)
    assert outcomes == " | ".join(step.outcome for step in found.steps)


@given(st.lists(GLOB, max_size=3), st.lists(GLOB, max_size=2), NAME, st.booleans(), st.sampled_from([True, False, URL]))
def test_explaining_never_contradicts(tools: list[str], deny: list[str], name: str, known: bool, schema: Any) -> None:
    """Allowed exactly where no step refuses."""
    grants = Grants(tools=tools, deny=deny, rules={"a*": Rule(arguments=schema)})
    found = explain(grants, name, {}, known)
    assert found.decision.allowed == all(step.outcome != REFUSED for step in found.steps)
    knows: Callable[[str], bool] = lambda _: known  # noqa: E731
    assert found.decision == decide(grants, name, {}, knows)
