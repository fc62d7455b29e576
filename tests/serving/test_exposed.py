"""What becomes of a tool's arguments on their way to an agent, and which schemas are accepted."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton import jsontext
from caxton.serving import Exposed
from caxton.serving.exposed import table
from tests.serving.agents import SCHEMA

TEXT = Exposed("a", "An agent.")
WEATHER = Exposed("weather", "Weather.", SCHEMA)
ANYTHING = Exposed("a", "An agent.", {"type": "object"})


def bad(exposed: Exposed, arguments: dict[str, Any] | None) -> str:
    """Why the arguments are refused."""
    with pytest.raises(caxton.ToolError) as caught:
        exposed.payload(arguments)
    assert "tool.bad-arguments" == caught.value.code
    return caught.value.message


def test_a_text_is_the_payload() -> None:
    """An agent without a schema gets the message's bytes, and nothing around them."""
    assert "Grüße".encode() == TEXT.payload({"message": "Grüße"})
    assert b"" == TEXT.payload({"message": ""})


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (None, "$.message: a text is required"),
        ({}, "$.message: a text is required"),
        ({"message": 1}, "$.message: a text is required"),
        ({"message": None}, "$.message: a text is required"),
        ({"message": "x", "more": 1}, "$.more: there is no such argument"),
        ({"message": "x", "\x1b[31m": 1}, "$.\\x1b[31m: there is no such argument"),
    ],
)
def test_no_text(arguments: dict[str, Any] | None, why: str) -> None:
    """Anything else is refused, by its path, and what a client has written cannot control a terminal."""
    assert why == bad(TEXT, arguments)


def test_arguments_are_json() -> None:
    """An agent with a schema gets the arguments as compact JSON."""
    assert b'{"city":"K\xc3\xb6ln","days":[1,2]}' == WEATHER.payload({"city": "Köln", "days": [1, 2]})


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (None, "$: required (city)"),
        ({"city": 5}, "$.city: type"),
        ({"city": "x", "days": [1, 2, 0]}, "$.days[2]: minimum"),
        ({"city": "x", "town": 1}, "$: additionalProperties (town)"),
    ],
)
def test_arguments_against_the_schema(arguments: dict[str, Any] | None, path: str) -> None:
    """What the schema does not allow is refused, with the path to the first mistake."""
    assert path == bad(WEATHER, arguments)


def test_arguments_that_no_agent_should_see() -> None:
    """Too many levels, NaN, infinities and lone surrogates are refused, whatever the schema says."""
    deep: Any = 1
    for _ in range(33):
        deep = [deep]
    for value in (deep, math.nan, math.inf, "\ud800", {"\udfff": 1}):
        assert bad(ANYTHING, {"x": value}).startswith("$: ")
    assert bad(TEXT, {"message": "\ud800"}).startswith("$: ")


def test_a_value_is_not_repeated() -> None:
    """The message says where and what is wrong, and is short, whatever was sent."""
    assert "$.city: type" == bad(WEATHER, {"city": ["x" * 1_000_000]})
    assert 400 > len(bad(WEATHER, {"city": "x", "y" * 2_000: 1}))


def test_checking_ends() -> None:
    """Many values are refused; a text that a pattern could split in many ways is looked at once."""
    schema = {
        "type": "object",
        "properties": {
            "all": {"type": "array", "uniqueItems": True},
            "text": {"type": "string", "pattern": "^(a|aa)+$"},
        },
    }
    exposed = Exposed("a", "An agent.", schema)
    assert "they have too many values to check" == bad(exposed, {"all": [{"n": n} for n in range(100_000)]})
    assert exposed.payload({"text": "a" * 100_000})
    assert "$.text: pattern" == bad(exposed, {"text": "a" * 100_000 + "!"})
    assert "$.all: uniqueItems" == bad(exposed, {"all": [1, 2, 1]})


def test_notes_in_a_schema() -> None:
    """``format`` and words that JSON Schema does not know are listed to clients, and constrain nothing."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"place": {"type": "string", "format": "uri", "x-hint": "somewhere"}},
        "properties": {"place": {"$ref": "#/$defs/place"}, "both": {"allOf": [{"x-y": 1, "minimum": 5}]}},
        "x-order": ["place"],
    }
    exposed = Exposed("a", "An agent.", schema)
    assert schema == exposed.schema
    assert b'{"place":"no uri"}' == exposed.payload({"place": "no uri"})
    assert "$.place: type" == bad(exposed, {"place": 5})
    assert "$.both: minimum" == bad(exposed, {"both": 1})


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({}, '"type" is not "object"'),
        ({"type": "string"}, '"type" is not "object"'),
        ({"type": "object", "properties": {"a": {"type": "wrong"}}}, "#/properties/a/type"),
        ({"type": "object", "properties": 7}, "#/properties"),
        ({"type": "object", "$ref": "#/$defs/nowhere"}, "nowhere"),
        ({"type": "object", "$ref": "http://127.0.0.1:9/schema"}, "only references into the same schema"),
        ({"type": "object", "$ref": "#"}, "refers to itself without end"),
        ({"type": "object", "$dynamicRef": "#x"}, "use $ref"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "will not do as a pattern"),
        ({"type": "object", "properties": {"a": {"pattern": "^(?!x)"}}}, "looking ahead, (?!...), is not possible"),
        ({"type": "object", "minimum": math.nan}, "not JSON compliant"),
        ({"type": "object", "x": {1, 2}}, "not JSON serializable"),
    ],
)
def test_unusable_schemas(schema: dict[str, Any], why: str) -> None:
    """A schema that says nothing, or refers to what is not in it, is refused at once; nothing is fetched."""
    with pytest.raises(caxton.HostError, match=r"input schema of a") as caught:
        Exposed("a", "An agent.", schema)
    assert "config.invalid" == caught.value.code
    assert why in caught.value.message


def test_a_schema_is_copied() -> None:
    """What its owner does with it later is not the server's."""
    schema: dict[str, Any] = {"type": "object"}
    exposed = Exposed("a", "An agent.", schema)
    schema["type"] = "string"
    assert {"type": "object"} == exposed.schema


def test_names_and_descriptions() -> None:
    """A tool's name is an agent's; a description is never empty, since clients demand one; no agent comes twice."""
    with pytest.raises(caxton.AgentError, match="no agent name"):
        Exposed("Not a name", "x")
    assert "The agent a." == Exposed("a", " ").description
    with pytest.raises(caxton.HostError, match="twice"):
        table([Exposed("a", "x"), Exposed("a", "y")])
    assert ["b"] == list(table(lambda: [Exposed("b", "x")]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_whatever_is_sent(arguments: dict[str, Any]) -> None:
    """Is refused with a path, or reaches the agent as exactly the same JSON."""
    try:
        data = ANYTHING.payload(arguments)
    except caxton.ToolError as error:
        why = error.message
    else:
        why = "$"
        assert arguments == jsontext.loads(data)
    assert why.startswith("$")
