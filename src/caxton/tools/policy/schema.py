"""Whether arguments satisfy a rule's schema (JSON Schema, draft 2020-12), in bounded time.

The arguments are an agent's. However many, large or deep they are, checking them ends: after ``MAX_STEPS`` keywords,
and with no text longer than ``MAX_MATCHED`` given to a pattern. What was not checked to the end is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.errors import HostError
from caxton.text import safe, safe_name
from caxton.tools.policy.keywords import BadSchema, prepared, without_notes

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_STEPS: Final = 30_000
"""Keywords that are applied to one call's arguments, by one rule's schema."""

MAX_VALUES: Final = 10_000
"""Values (keys, items and what they hold) that arguments may have where a rule has a schema."""

MAX_VALUES_UNEVALUATED: Final = 1_000
"""The same where the schema has ``unevaluatedProperties`` or ``unevaluatedItems``, whose cost grows with the square."""

MAX_MATCHED: Final = 2_048
"""Characters that a text may have which a pattern is applied to; and a name anywhere in the arguments."""

MAX_MATCHED_SUM: Final = 131_072
"""Characters of all texts and names that patterns are applied to."""

_KEPT: Final = 1_024
_steps: ContextVar[list[int]] = ContextVar("steps")


class _TooMuch(Exception):
    """The arguments take too long to check. It says so to whoever sent them."""


def rule_name(glob: str, part: str) -> str:
    """What a part of a rule is called in errors and in the audit: ``rules."http.*".arguments``."""
    return f'rules."{safe_name(glob)}".{part}'


def check_schema(rule: Rule, glob: str = "*") -> None:
    """Looks whether the rule's schema of arguments is one, and can be checked here.

    Raises:
        HostError: ``config.invalid``; it names the rule by its glob, and the place in the schema.
    """
    if rule.arguments is not None:
        try:
            _compile(rule.arguments)
        except BadSchema as error:
            raise HostError("config.invalid", f"{rule_name(glob, 'arguments')}: {error}") from None


def input_checker(schema: Mapping[str, Any]) -> Checker:
    """What checks arguments against a tool's input schema, whose notes (``format``, ``title``) are passed over.

    Raises:
        BadSchema: it is none, or cannot be checked here.
    """
    try:
        return _compile(without_notes(schema))
    except RecursionError:
        raise BadSchema("#: it is too deep") from None


def check_schemas(grants: Grants) -> None:
    """``check_schema`` for every rule. Raises what that raises."""
    for glob, rule in grants.rules.items():
        check_schema(rule, glob)


class Validators:
    """Compiled schemas, by the rule that they are of; the ones used last are kept."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[object, Checker]] = {}

    def get(self, schema: Mapping[str, Any] | bool) -> Checker:
        """The schema's checker.

        Raises:
            BadSchema: it is none; ``check_schema`` would have said so.
        """
        # By identity: a rule is data, and hashing its schema would cost more than the check. Keeping the schema itself
        # makes sure that its identity is nobody else's meanwhile.
        found = self._kept.pop(id(schema), None)
        if found is None:
            found = (schema, _compile(schema))
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[id(schema)] = found
        return found[1]


class Checker:
    """One compiled schema."""

    def __init__(self, validator: Validator, most: int) -> None:
        self._validator = validator
        self._most = most

    def fault(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with the arguments, first found: a place and a keyword, never a value. None: nothing is."""
        token = _steps.set([MAX_STEPS, MAX_MATCHED_SUM])
        try:
            error = next(self._validator.iter_errors(_Quiet(self._most).value(arguments)), None)
        except _TooMuch as found:
            return str(found)
        except Exception:  # a depth, a number that nobody thought of: what cannot be checked is not let through
            return "they cannot be checked"
        finally:
            _steps.reset(token)
        return None if error is None else _told(error)


def _told(error: Any) -> str:
    """A fault's place in the arguments and the keyword that found it, with the names that it is about."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{safe(part, 64)}" for part in error.absolute_path)
    keyword, instance, value = error.validator, error.instance, error.validator_value
    names: list[str] = []
    if keyword == "required":
        names = [name for name in value if name not in instance]
    elif keyword == "additionalProperties" and value is False and "patternProperties" not in error.schema:
        names = [name for name in instance if name not in error.schema.get("properties", ())]
    elif keyword == "propertyNames":
        names = [one.instance for one in error.context]
    shown = ", ".join(safe(str(name), 64) for name in names[:3]) + (", ..." if len(names) > 3 else "")
    said = "nothing is allowed" if keyword is None or (keyword == "not" and value is True) else keyword
    return f"{safe('$' + path, 512)}: {said}{f' ({shown})' if shown else ''}"


def _compile(schema: Mapping[str, Any] | bool) -> Checker:
    kind = _validator_class()
    try:
        found = prepared(schema)
        kind.check_schema(found)
    except BadSchema:
        raise
    except RecursionError:
        raise BadSchema("#: it is too deep") from None
    except Exception as error:  # jsonschema's own, which we do not import only to name it
        path = "/".join(map(str, getattr(error, "absolute_path", ())))
        raise BadSchema(f"{safe_name('#/' + path if path else '#')}: {safe(_first_line(error), 200)}") from None
    from referencing import Registry

    # An empty registry: whatever a reference could still name outside of the schema is not there, and nothing is asked.
    limit = MAX_VALUES_UNEVALUATED if '"unevaluated' in _text(schema) else MAX_VALUES
    return Checker(kind(found, registry=Registry()), limit)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", error)).partition("\n")[0]


def _text(schema: object) -> str:
    import json

    return json.dumps(schema)


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    """jsonschema's validator with every keyword counted; imported late, as a host without schemas needs none of it."""
    from jsonschema import Draft202012Validator, validators
    from jsonschema.exceptions import ValidationError

    extend: Any = validators.extend

    def unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        # jsonschema's own compares each with each where they cannot be sorted.
        if wanted and isinstance(instance, list) and len({_frozen(one) for one in instance}) < len(instance):
            yield ValidationError("not unique")

    def names(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        # jsonschema's own tells of the keyword that the name fails, without a word of where the name is.
        for name in instance if isinstance(instance, dict) else ():
            fault = next(validator.descend(instance=name, schema=wanted), None)
            if fault is not None:
                yield ValidationError("a name", context=[fault])

    plain = dict(Draft202012Validator.VALIDATORS) | {"uniqueItems": unique, "propertyNames": names}
    return extend(Draft202012Validator, {key: _counted(key, function) for key, function in plain.items()})


def _counted(key: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        left = _steps.get(None)
        if left is not None:  # else it is a schema that is checked
            left[0] -= 1
            left[1] -= _matched(key, instance, schema)
            if min(left) < 0:
                raise _TooMuch("they take too long to check")
        return function(validator, value, instance, schema)

    return apply


def _matched(key: str, instance: Any, schema: Mapping[str, Any]) -> int:
    """Characters that the keyword gives to a pattern."""
    if key == "pattern" and isinstance(instance, str):
        if len(instance) > MAX_MATCHED:
            raise _TooMuch(f"a text that a pattern must match has more than {MAX_MATCHED} characters")
        return len(instance)
    if key.endswith("Properties") and isinstance(instance, dict) and "patternProperties" in schema:
        return sum(map(len, instance)) * len(schema["patternProperties"])
    return 0


def _frozen(value: Any) -> Any:
    """Something hashable that is equal where JSON Schema says that values are: 1 and 1.0, but not 1 and true."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", *map(_frozen, value))
    if isinstance(value, dict):
        return frozenset((key, _frozen(one)) for key, one in value.items())
    return value


# jsonschema writes each value that it complains of into a message, also in branches that come to nothing. These say
# nothing of themselves, so that a megabyte which is looked at a thousand times is not written out a thousand times.


class _Text(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


class _List(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


class _Dict(dict[str, Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


class _Quiet:
    """Copies arguments into those, and counts."""

    def __init__(self, most: int) -> None:
        self._left = most

    def value(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _TooMuch("they have too many values to check")
        if isinstance(value, str):
            return _Text(value) if len(value) > 64 else value
        if isinstance(value, list):
            return _List(map(self.value, value))
        if isinstance(value, Mapping):
            return _Dict((self._key(key), self.value(one)) for key, one in value.items())
        return value

    def _key(self, key: str) -> str:
        if len(key) > MAX_MATCHED:
            raise _TooMuch(f"a name has more than {MAX_MATCHED} characters")
        return _Text(key) if len(key) > 64 else key
