"""A rule's schema is JSON Schema that is checked whole: what would constrain nothing is refused at set-up."""

from __future__ import annotations

import socket
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.errors import HostError
from caxton.tools.policy import alike, keywords
from caxton.tools.policy import schema as schemas
from caxton.tools.policy.decision import argument_fault
from caxton.tools.policy.schema import check_schema, check_schemas

GOOD: list[Any] = [
    True,
    False,
    {},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "x", "type": "object"},
    {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}},
    {"definitions": {"a b": {"type": "integer"}}, "properties": {"a": {"$ref": "#/definitions/a%20b"}}},
    {"$defs": {"a/b~c": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/a~1b~0c"}}},
    {"properties": {"kids": {"items": {"$ref": "#"}}}, "additionalProperties": False},
    {"properties": {"format": {"type": "string"}, "maxlength": {}}},
    {"const": {"format": "uri", "nonsense": 1}, "enum": [{"typ": 1}], "default": {"typ": 1}, "examples": [{"typ": 1}]},
    {"allOf": [{"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"not": {"required": ["b"]}}}]},
    {"patternProperties": {"^x-": {"type": "string"}}, "unevaluatedProperties": False, "minProperties": 1},
]

BAD: list[tuple[Any, str]] = [
    ({"type": "objekt"}, "#/type"),
    ({"type": 3}, "#/type"),
    ({"properties": []}, "#/properties"),
    ({"minimum": "3"}, "#/minimum"),
    ({"required": "url"}, "#/required"),
    ({"properties": {"a": {"type": "strin"}}}, "#/properties/a/type"),
    ({"allOf": []}, "#/allOf"),
    ({"items": [{}]}, "#/items"),
    ({"maxlength": 3}, "did you mean maxLength"),
    ({"properties": {"url": {"Pattern": "^x"}}}, "#/properties/url/Pattern: did you mean pattern"),
    ({"format": "uri"}, "#/format: it would not be checked"),
    ({"contentEncoding": "base64"}, "#/contentEncoding: nothing would be checked"),
    ({"dependencies": {}}, "dependentRequired"),
    ({"additionalItems": False}, "prefixItems"),
    ({"x-note": 1}, "#/x-note"),
    ({"$id": "https://example.org/x"}, "#/$id"),
    ({"$anchor": "a"}, "#/$anchor"),
    ({"$dynamicRef": "#a"}, "use $ref"),
    ({"$schema": "https://json-schema.org/draft-07/schema#"}, "only https://json-schema.org/draft/2020-12/schema"),
    ({"$ref": "https://example.org/schema.json"}, "only references into the same schema"),
    ({"$ref": "file:///etc/passwd"}, "only references into the same schema"),
    ({"$ref": "other.json#/a"}, "only references into the same schema"),
    ({"$ref": "#anchor"}, "only references into the same schema"),
    ({"$ref": "#/$defs/none"}, "there is no schema at #/$defs/none"),
    ({"default": {"a": {}}, "$ref": "#/default/a"}, "there is no schema at"),
    ({"$ref": "#"}, "refers to itself without end"),
    ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}, "without end"),
    ({"pattern": "("}, "#/pattern"),
    ({"pattern": "(?=a)"}, "#/pattern: '(?=a)' will not do as a pattern: looking ahead, (?=...), is not possible here"),
    ({"properties": {"a": {"pattern": "(?<!a)"}}}, "#/properties/a/pattern: '(?<!a)' will not do as a pattern"),
    ({"patternProperties": {"a/b(?!~)": True}}, "#/patternProperties/a~1b(?!~0): 'a/b(?!~)' will not do as a pattern"),
    ({"patternProperties": {f"^a{number}": True for number in range(257)}}, "there are more than 256 patterns"),
    ({"allOf": [{"pattern": f"{number}{{9000}}"} for number in range(9)]}, "all patterns together are larger"),
    ({"pattern": "a{2000}b{9000}"}, "more than 10,000 characters"),
    ({"pattern": "a" * 5_000}, "more than 4,096 characters"),
    ({"pattern": r"\p{L}"}, "will not do as a pattern"),
    ({"pattern": r"(a)\1"}, "will not do as a pattern"),
    ({"pattern": "(?i)a"}, "will not do as a pattern"),
    ({"patternProperties": {"[": {}}}, "#/patternProperties"),
    ({"properties": {"a\x1b": {"typ": 1}}}, r"#/properties/a\x1b/typ"),
]


@pytest.mark.parametrize("schema", GOOD, ids=range(len(GOOD)))
def test_schemas_that_are_taken(schema: Any) -> None:
    """Draft 2020-12, annotations, references into the schema itself."""
    check_schema(Rule(arguments=schema))
    assert argument_fault(Rule(arguments=schema), {"b": 1}) not in (
        "they cannot be checked",
        "the rule's schema is not one",
    )


@pytest.mark.parametrize(("schema", "said"), BAD, ids=range(len(BAD)))
def test_schemas_that_are_refused(schema: Any, said: str) -> None:
    """With ``config.invalid``, the rule's glob, and the place in the schema."""
    with pytest.raises(HostError) as caught:
        check_schema(Rule(arguments=schema), "http.*")
    assert "config.invalid" == caught.value.code
    assert caught.value.message.startswith('rules."http.*".arguments: #')
    assert said in caught.value.message
    assert caught.value.message.isprintable()


def test_all_rules_of_grants_are_checked() -> None:
    """A rule without a schema has nothing to check."""
    check_schemas(Grants(rules={"a": Rule(), "b": Rule(arguments=True)}))
    with pytest.raises(HostError, match=r'rules\."b"\.arguments'):
        check_schemas(Grants(rules={"a": Rule(), "b": Rule(arguments={"type": "x"})}))


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a reference in a schema that was never checked, nor by a name in the arguments."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a name was looked up"))
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket was opened"))
    rule = Rule(arguments={"$ref": "http://127.0.0.1:9/schema.json"})
    assert "the rule's schema is not one" == argument_fault(rule, {"$ref": "http://127.0.0.1:9/schema.json"})


R = "#/patternProperties/^a"


@pytest.mark.parametrize(
    ("schema", "arguments", "fits"),
    [
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, True, "1", [1], {"a": 1}, None, 0, False]}, True),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, 1.0]}, False),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [{"a": [1], "b": 2}, {"b": 2.0, "a": [1]}]}, False),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [["list", 1], 1, [1]]}, True),
        ({"properties": {"a": {"multipleOf": 0.5}}}, {"a": 10**399}, True),
        ({"properties": {"a": {"multipleOf": 0.01}}}, {"a": 1e308}, True),
        ({"properties": {"a": {"pattern": "^a$"}}}, {"a": 1}, True),
        ({"patternProperties": {"^a$": {"const": 1}}, "additionalProperties": False}, {"a": 1}, True),
        ({"patternProperties": {"^a$": {"const": 1}}, "additionalProperties": False}, {"a\n": 1}, False),
        ({"patternProperties": {"^a$": True, "^b$": True}, "additionalProperties": False}, {"a": 1, "b": 2}, True),
        ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"a\u0131": 1}, False),
        ({"properties": {"a": True}, "unevaluatedProperties": False}, {"a": 1, "b": 1}, False),
        ({"properties": {"a": {"contains": {"const": 1}, "minContains": 2}}}, {"a": [1, 2, 1.0]}, True),
        ({"patternProperties": {"^a": {"const": 1}}, "properties": {"x": {"$ref": R}}}, {"a": 1, "x": 1}, True),
        ({"patternProperties": {"^a": {"const": 1}}, "properties": {"x": {"$ref": R}}}, {"x": 2}, False),
        ({"patternProperties": {"a": {"type": "integer"}, "b": {"minimum": 2}}}, {"ab": 2, "c": ""}, True),
        ({"patternProperties": {"a": {"type": "integer"}, "b": {"minimum": 2}}}, {"ab": 1}, False),
        ({"patternProperties": {"^x": False}}, {"y": 1}, True),
        ({"patternProperties": {"^x": False}}, {"x": 1}, False),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, {"a": "", "b": 1}, True),
        ({"patternProperties": {"^a": {}}, "additionalProperties": {"type": "integer"}}, {"a": "", "b": ""}, False),
        ({"properties": {"a": {"pattern": "b"}}}, {"a": "x" * 900_000 + "b"}, True),
        ({"properties": {"a": {"enum": [1, "x", None, [1, {"a": 2}]]}}}, {"a": 1.0}, True),
        ({"properties": {"a": {"enum": [1, "x", None, [1, {"a": 2}]]}}}, {"a": [1.0, {"a": 2}]}, True),
        ({"properties": {"a": {"enum": [1, "x", None, [1, {"a": 2}]]}}}, {"a": [True, {"a": 2}]}, False),
        ({"properties": {"a": {"enum": [1, "x", None, [1, {"a": 2}]]}}}, {"a": True}, False),
        ({"properties": {"a": {"enum": [1, "x", None, [1, {"a": 2}]]}}}, {"a": {}}, False),
        ({"properties": {"a": {"const": {"b": 1, "c": [0]}}}}, {"a": {"c": [-0.0], "b": 1.0}}, True),
        ({"properties": {"a": {"const": False}}}, {"a": 0}, False),
        ({"properties": {"a": {"const": "true"}}}, {"a": True}, False),
        (
            {"properties": {"a": {"uniqueItems": True}}},
            {"a": ["1", 1, '"1', [1], "[1]", None, "None", True, "True"]},
            True,
        ),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1e22, 10**22]}, False),
    ],
)
def test_keywords_mean_what_the_draft_says(schema: Any, arguments: dict[str, Any], fits: bool) -> None:
    """Where a quick reading would see it otherwise."""
    check_schema(Rule(arguments=schema))
    if fits != (argument_fault(Rule(arguments=schema), arguments) is None):
        # A multiple of a fraction that no float is near enough to is refused: what cannot be told is not let through.
        assert "multipleOf" in str(schema)


@pytest.mark.parametrize(
    ("wanted", "name", "told"),
    [
        ({"enum": ["a"]}, "b", "$: propertyNames (b)"),
        ({"pattern": "^[a-z]+$"}, "A", "$: propertyNames (A)"),
        ({"allOf": [{"maxLength": 3}]}, "a\x1b[2J" + "b" * 500, "$: propertyNames (a\\x1b[2J" + "b" * 53 + "…)"),
        (False, "a", "$: propertyNames (a)"),
    ],
)
def test_a_name_that_is_not_allowed(wanted: Any, name: str, told: str) -> None:
    """Is told of with the keyword, escaped and cut."""
    assert told == argument_fault(Rule(arguments={"propertyNames": wanted}), {name: 1})
    deep = Rule(arguments={"properties": {"deep": {"propertyNames": wanted}}})
    assert told.replace("$", "$.deep", 1) == argument_fault(deep, {"deep": {name: 1}})


def _nested(levels: int, bottom: dict[str, Any]) -> dict[str, Any]:
    found = bottom
    for _ in range(levels):
        found = {"op": "c", "kid": found}
    return found


def _tree(more: dict[str, Any]) -> dict[str, Any]:
    branch = {"properties": {"op": {"const": "a"}, "kid": {"$ref": "#/$defs/n"}, **more}}
    return {"$defs": {"n": {"anyOf": [branch] * 3}}, "properties": {"kid": {"$ref": "#/$defs/n"}}}


_TREE = _tree({})
_ANY = {"contains": {"type": "integer"}}
NO_MORE = {"additionalProperties": False}
NO_REST = {"unevaluatedProperties": False}

_TYPED = {"type": "object", "anyOf": [{"properties": {"kid": {"$ref": "#/$defs/n"}}}] * 2}
_TYPED_TREE = {"$defs": {"n": _TYPED}, "properties": {"kid": {"$ref": "#/$defs/n"}}}

HEAVY: list[tuple[str, Any, dict[str, Any]]] = [
    ("a large value in many branches", _TYPED_TREE, {"kid": _nested(11, {"kid": "\x80" * 450_000})}),
    ("branches in branches", _TREE, {"kid": _nested(28, {"op": "c", "text": "x" * 900_000})}),
    ("many values", {"properties": {"a": {"items": {"type": "integer"}}}}, {"a": [1] * 49_000}),
    (
        "many keywords",
        {"items": True, "properties": {"a": {"items": {"allOf": [{"not": {"const": 2}}] * 9}}}},
        {"a": [1] * 9_000},
    ),
    ("many names", {"unevaluatedProperties": False}, {str(number): 1 for number in range(40_000)}),
    ("a long text", {"properties": {"a": {"pattern": "a*a*b"}}}, {"a": "a" * 900_000}),
    ("many texts", {"properties": {"a": {"items": {"pattern": "^(a?){99}a*$"}}}}, {"a": ["a" * 2_000] * 400}),
    ("a text that could be split", {"properties": {"a": {"pattern": "^([a-z]+[ ]?)+$"}}}, {"a": "a" * 40 + "!"}),
    ("a text with many beginnings", {"properties": {"a": {"pattern": "a.*b.*c.*d$"}}}, {"a": "abc" * 700}),
    ("a name that could be split", {"patternProperties": {"^(a+)+$": True}, **NO_MORE}, {"a" * 40 + "!": 1}),
    ("names that are left over", {"patternProperties": {"^(a+)+$": True}, **NO_REST}, {"a" * 40 + "!": 1}),
    ("names in names", {"propertyNames": {"pattern": "^(a+)+$"}}, {"a" * 40 + "!": 1}),
    (
        "a text for many",
        {"allOf": [{"properties": {"a": {"pattern": f"{n}*x"}}} for n in range(99)]},
        {"a": "1" * 900_000},
    ),
    (
        "items without a schema",
        _tree({"l": {"items": {"title": "x"}}}),
        {"kid": _nested(9, {"op": "c", "l": [1] * 9_000})},
    ),
    ("items to find", _tree({"l": {"contains": {"const": 2}}}), {"kid": _nested(9, {"op": "c", "l": [1] * 9_000})}),
    ("items to compare", _tree({"l": {"uniqueItems": True}}), {"kid": _nested(9, {"op": "c", "l": [*range(9_000)]})}),
    ("texts to compare", _tree({"l": {"uniqueItems": True}}), {"kid": _nested(9, {"op": "c", "l": ["x" * 900_000]})}),
    ("lists to choose", _tree({"l": {"enum": [[1]]}}), {"kid": _nested(9, {"op": "c", "l": ["x" * 900_000]})}),
    ("items left over", {"properties": {"a": {"allOf": [_ANY] * 99, "unevaluatedItems": False}}}, {"a": [1] * 900}),
    ("a long name", {"patternProperties": {"a*a*b": True}}, {"a" * 900_000: 1}),
    ("many long names", {"patternProperties": {"^(a?){99}a*$": True}}, {"a" * 2_000 + str(n): 1 for n in range(400)}),
    ("a deep value", {"properties": {"a": {"items": {"$ref": "#/properties/a"}}}}, {"a": eval("[" * 90 + "]" * 90)}),  # noqa: S307
]


@pytest.mark.parametrize(("schema", "arguments"), [row[1:] for row in HEAVY], ids=[row[0] for row in HEAVY])
def test_hostile_arguments_cost_a_bounded_time(schema: Any, arguments: dict[str, Any]) -> None:
    """They are refused, or found good, long before anybody would have to stop it."""
    rule = Rule(arguments=schema)
    check_schema(rule)
    began = time.process_time()
    fault = argument_fault(rule, arguments)
    assert time.process_time() - began < 10
    assert fault is None or fault.isprintable()
    if "deep" not in schema and schema is not HEAVY[-1][1]:
        assert fault is not None


def test_quadratic_keywords_are_linear() -> None:
    """Values that have no order are told apart without comparing each with each."""
    rule = Rule(arguments={"properties": {"a": {"uniqueItems": True}}})
    mixed: list[Any] = [[number, {}] if number % 2 else str(number) for number in range(3_000)]
    began = time.process_time()
    assert argument_fault(rule, {"a": mixed}) is None
    assert "$.a: uniqueItems" == argument_fault(rule, {"a": [*mixed, "0"]})
    assert time.process_time() - began < 2


class _Watched(str):
    """A text that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        _Watched.compared += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


def test_numbers_of_one_hash_are_told_apart_at_once() -> None:
    """Anybody can write many numbers that Python gives the same hash; a set of them compares each with each."""
    modulus = sys.hash_info.modulus
    numbers = [number * modulus for number in range(1_000)]
    assert {0} == {hash(number) for number in numbers}
    for wrapped in (numbers, [[number] for number in numbers], [{"a": number} for number in numbers]):
        assert 1_000 == len({hash(alike.written(value)) for value in wrapped})


def test_a_value_is_found_among_many_without_comparing_each() -> None:
    """However many an ``enum`` has, for each of many items."""
    rule = Rule(arguments={"properties": {"a": {"items": {"enum": [_Watched(f"v{n}") for n in range(1_000)]}}}})
    check_schema(rule)
    _Watched.compared = 0
    assert argument_fault(rule, {"a": ["v999"] * 9_000}) is None
    assert "$.a[1]: enum" == argument_fault(rule, {"a": ["v0", "v1000"]})
    assert _Watched.compared < 20_000


def test_a_schema_cannot_choose_how_it_is_checked() -> None:
    """What it says of its draft is looked at and then left out, wherever it stands."""
    draft = {"$schema": keywords.DRAFT}
    found = keywords.prepared({**draft, "properties": {"a": {**draft, "type": "string"}}})
    assert {"properties": {"a": {"type": "string"}}} == found.schema


def test_compiled_schemas_are_kept_and_bounded() -> None:
    """The one used last stays; as many as there may be, and no more."""
    kept = schemas.Validators()
    first = Rule(arguments={"type": "object"}).arguments
    assert first is not None
    checker = kept.get(first)
    for number in range(schemas._KEPT + 10):
        kept.get(Rule(arguments={"maxProperties": number}).arguments or {})
        if number % 100 == 0:
            assert checker is kept.get(first)
    assert schemas._KEPT == len(kept._kept)


_SCALARS = st.sampled_from([0, 1, 1.0, True, False, None, "", "a", "ab", 2.5])
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "ab", "b"]), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(["a", "ab", "b"])
_PATTERNS = st.sampled_from(["^a", "b$", "^(a|b)$", "[^a]", "x"])
_SIMPLE = st.booleans() | st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["object", "array", "string", "integer", "boolean"])}),
    st.fixed_dictionaries({"enum": st.lists(_VALUES, max_size=3)}),
    st.fixed_dictionaries({"const": _VALUES}),
    st.fixed_dictionaries({"pattern": _PATTERNS}),
    st.just({"uniqueItems": True}),
    st.just({"$ref": "#/$defs/d"}),
)


_ONE = (
    "additionalProperties unevaluatedProperties propertyNames items contains unevaluatedItems not if then else".split()
)
_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAP = {"properties": _NAMES, "patternProperties": _PATTERNS, "dependentSchemas": _NAMES}


@st.composite
def _schemas(draw: st.DrawFn, depth: int = 3) -> Any:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(_SIMPLE)
    found: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from([*_ONE, *_LIST, *_MAP]), min_size=1, max_size=3, unique=True)):
        inner = _schemas(depth - 1)
        if key in _MAP:
            found[key] = draw(st.dictionaries(_MAP[key], inner, max_size=2))
        else:
            found[key] = draw(inner if key in _ONE else st.lists(inner, min_size=1, max_size=2))
    return found


@given(_schemas(), _SIMPLE.filter(lambda one: "$ref" not in str(one)), _VALUES)
def test_keywords_mean_what_jsonschema_takes_them_for(schema: Any, defined: Any, value: Any) -> None:
    """Ours, which cost less, let through and refuse the same values."""
    whole = {"$defs": {"d": defined}, "properties": {"v": schema}}
    wanted = Draft202012Validator(whole).is_valid({"v": value})
    assert wanted == (schemas.rule_checker(whole).fault({"v": value}) is None)
