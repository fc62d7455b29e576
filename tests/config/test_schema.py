"""The JSON Schema that editors get is made from the table, and takes every file that is right."""

from __future__ import annotations

import datetime
import importlib.resources
import json
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from caxton.config.publish import SCHEMAS
from caxton.config.schema import schema, schema_text
from caxton.config.table import SETTINGS
from tests.config.files import Here
from tests.config.test_load import ALL, CONTRACT
from tests.config.test_mistakes import MISTAKES
from tests.config.test_secret_places import OTHER_PLACES, PLACES
from tests.docs.pages import DOCS, ROOT, read

VALIDATOR = Draft202012Validator(schema())


def _valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(tomllib.loads(text)))


def test_it_is_a_schema() -> None:
    """Of draft 2020-12."""
    Draft202012Validator.check_schema(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_published_is_what_the_table_makes(name: str) -> None:
    """Run ``python -m caxton.config.publish`` after changing the table."""
    assert (ROOT / name).read_text(encoding="utf-8") == schema_text()


def test_the_package_has_it() -> None:
    """Where programs find it."""
    text = importlib.resources.files("caxton.config").joinpath("caxton.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == schema()


def test_every_key_is_explained() -> None:
    """An editor shows what the page says."""
    text = schema_text()
    for setting in SETTINGS:
        assert json.dumps(setting.help, ensure_ascii=False) in text


@pytest.mark.parametrize("text", ["", ALL, CONTRACT, *PLACES.values(), read(DOCS / "configuration.md").blocks[0].text])
def test_right_files(here: Here, text: str) -> None:
    """The schema takes what the reader takes."""
    for name in ("secrets.toml", "private/secrets.toml"):
        here.secrets(name)
    here.load(text)
    assert list(VALIDATOR.iter_errors(tomllib.loads(text))) == []


BEYOND = (
    "wants a list of texts",  # inside of schemas
    "is no JSON Schema",
    "leads out of the schema",
    "is the same as limits.mailbox",
    "is not JSON",
    "has more than",
    "wants a URL such as",
    "without a fragment",
    'not "8 GiB"',
    "not nan",
    "not 2.0",  # a whole number, JSON Schema finds
    "not 0; ",
    'not "0/s"',
    "wants the name of a program",
    "wants base_url",
    "a secret may not stand here",
    "has a NUL",
    "is no IPv6 address",
    "which is no character",
    'names no built-in tool; did you mean "memory.*"?',  # globs that match none
    'names no built-in tool; did you mean "fs.*"?',
    "wants a table, not a date",
)
"""What a schema cannot say, or does not."""


@pytest.mark.parametrize(("text", "told"), MISTAKES.items(), ids=list(MISTAKES.values()))
def test_wrong_files(text: str, told: str) -> None:
    """The schema refuses what is wrong, but for what only the reader can know."""
    if not any(beyond in told for beyond in BEYOND):
        assert not _valid(text)


def test_what_it_cannot_say_is_little() -> None:
    """Most mistakes are seen in the editor."""
    seen = [told for text, told in MISTAKES.items() if not _valid(text)]
    assert len(seen) > 0.7 * len(MISTAKES)
    assert OTHER_PLACES


_JUNK = st.sampled_from(
    [0, 1, -1, 2.5, True, "", "x", "1s", "16 MiB", "10/s", "http://x/", [], ["a"], [1], {}, {"a": "b"}]
)
_MORE = st.sampled_from(
    [{"type": "object"}, {"a": {"b": 1}}, ["gc"], "a" * 64, "lazy", "refuse", "ask", 1 << 40, "permanent"]
)


def _nested(path: str, value: Any) -> dict[str, Any]:
    found: Any = value
    for key in reversed(path.split(".")):
        found = {"a" if key == "*" else key: found}
    return dict(found)


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _merged(one.get(key), other[key]) if key in other else one[key] for key in {**one, **other}}
    return other


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([one.path for one in SETTINGS]), _JUNK | _MORE), max_size=3), st.booleans())
def test_it_takes_every_right_file(here: Here, pairs: list[tuple[str, Any]], whole: bool) -> None:
    """Any values under any keys: where the reader finds no mistake, the schema finds none."""
    values: dict[str, Any] = {"agents": {"a": {"module": "x"}}, "tools": {"a": {"command": ["x"]}}} if whole else {}
    for path, value in pairs:
        values = _merged(values, _nested(path, value))
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
    if not here.check(text):
        assert list(VALIDATOR.iter_errors(tomllib.loads(text))) == []


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_each_key_of_a_wrong_kind(here: Here, setting: Any) -> None:
    """For each key there is something that neither takes."""
    base = {"agents": {"a": {"module": "x"}}, "tools": {"a": {"command": ["x"]}}}
    values = _merged(base, _nested(setting.path, -7))
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
    assert any(one.key == setting.path.replace("*", "a") for one in here.check(text))
    assert not _valid(text)
