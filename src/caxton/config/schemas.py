"""Kinds of values that are JSON Schemas: of the arguments that a rule allows, and of those that an agent takes."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from caxton.config.kinds import Json, Kind, Say, shown
from caxton.config.shapes import check_json, inside

if TYPE_CHECKING:
    from caxton.tools.policy.keywords import BadSchema

_REFERENCES: Final = ("$ref", "$dynamicRef")


def _schema(checked: Callable[[Any, Say], None], *, flag: bool, schema: Json) -> Kind:
    """A JSON Schema as a table, and with ``flag`` also ``true`` or ``false``."""

    def check(value: Any, say: Say) -> Any:
        if isinstance(value, bool) and flag:
            return value
        if not isinstance(value, dict):
            say(f"wants a JSON Schema as a table{', true or false' if flag else ''}, not {shown(value)}")
            return None
        good = True

        def note(message: str, hint: str = "", *at: str | int) -> None:
            nonlocal good
            good = False
            say(message, hint, *at)

        check_json(value, note)
        _check_words(value, note)
        if good:
            checked(value, say)
        return MappingProxyType(value)

    return Kind("JSON Schema", check, schema)


def _check_rule(value: Json, say: Say) -> None:
    """What policy/schema.py will apply to the arguments of calls."""
    from caxton.tools.policy.keywords import BadSchema
    from caxton.tools.policy.schema import rule_checker

    try:
        rule_checker(value)
    except BadSchema as error:
        _say_place(error, say)


def _say_place(error: BadSchema, say: Say) -> None:
    """Says what is wrong with a schema where it stands in it."""
    parts = (part.replace("~1", "/").replace("~0", "~") for part in error.pointer.split("/")[1:])
    at = (int(part) if part.isdecimal() else part for part in parts)
    say(f"is no JSON Schema for arguments: {error.why}", "", *at)


def _check_input(value: Json, say: Say) -> None:
    """What MCP clients are told of an agent: a schema of an object, made ready as serving/exposed.py does."""
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import SchemaError

    from caxton.tools.policy.keywords import BadSchema
    from caxton.tools.policy.schema import input_checker

    good = True

    def note(message: str, hint: str = "", *at: str | int) -> None:
        nonlocal good
        good = False
        say(message, hint, *at)

    _check_references(value, note)
    if value.get("type") != "object":
        note('is not the schema of an object: it wants type = "object"')
    try:
        Draft202012Validator.check_schema(value, format_checker=FormatChecker(()))  # whose patterns are not ours
        if good:
            input_checker(value)
    except SchemaError as error:
        say(f"is no JSON Schema (draft 2020-12): {error.message}", "", *error.absolute_path)
    except BadSchema as error:
        _say_place(error, say)


def _check_words(value: Any, say: Say) -> None:
    """Finds lists of names that hold something else, before the library compares each of its items with each."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check_words(item, inside(say, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            lists = {key: item} if key in ("required", "type") else item if key == "dependentRequired" else {}
            for name, one in lists.items() if isinstance(lists, dict) else ():
                if isinstance(one, list) and not all(isinstance(text, str) for text in one):
                    say("wants a list of texts", "", *dict.fromkeys((key, name)))
            _check_words(item, inside(say, key))


def _check_references(value: Any, say: Say) -> None:
    """A schema that leads elsewhere would have somebody fetch what somebody else may change."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check_references(item, inside(say, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _REFERENCES and isinstance(item, str) and not item.startswith("#"):
                say("leads out of the schema: a reference begins with #", "", key)
            _check_references(item, inside(say, key))


RULE_SCHEMA: Final = _schema(_check_rule, flag=True, schema={"type": ["object", "boolean"]})
INPUT_SCHEMA: Final = _schema(
    _check_input,
    flag=False,
    schema={"type": "object", "properties": {"type": {"const": "object"}}, "required": ["type"]},
)
