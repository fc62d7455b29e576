"""JSON Schema's keywords as they are applied here: jsonschema's, each counted, and ours where theirs would not do.

Theirs match with Python's ``re``, which tries every way, for ever if a text is made for that; they compare each item
with each, and each value with all of an ``enum``. This is imported late, as jsonschema is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, TypeAlias

from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema.exceptions import ValidationError
from referencing import Registry

from caxton.tools.policy.alike import Choices, plain, written
from caxton.tools.policy.keywords import Prepared, target
from caxton.tools.policy.quiet import TooMuch

_PER_STEP: Final = 64
"""Characters that are written, to compare values, in the time of one keyword."""

_PER_MATCH: Final = 64
"""What asking the engine costs, as if that many characters more were matched."""

_WALKS: Final = frozenset(
    "items prefixItems contains additionalProperties patternProperties propertyNames unevaluatedItems "
    "unevaluatedProperties".split()
)
"""Keywords that go through all that is in a value, also where nothing is asked of it."""


class Run:
    """One check: by what, and what it may still cost."""

    def __init__(self, prepared: Prepared, steps: int, matching: int) -> None:
        self.places = prepared.places
        self._patterns = prepared.patterns
        self._steps = steps
        self._matching = matching

    def take(self, steps: int) -> None:
        """Raises TooMuch: they are not left."""
        self._steps -= steps
        if self._steps < 0:
            raise TooMuch("they take too long to check")

    def found(self, pattern: str, text: str) -> bool:
        """Whether a pattern of the schema is found in the text. Raises TooMuch: there is no time left to look."""
        one = self._patterns[pattern]
        self._matching -= one.size * len(text) + _PER_MATCH
        if self._matching < 0:
            raise TooMuch("they take too long to match with patterns")
        return one.found_in(text)

    def named(self, patterns: Iterable[str], names: Iterable[str]) -> list[str]:
        """Those names in which one of the patterns is found."""
        return [name for name in names if any(self.found(pattern, name) for pattern in patterns)]

    def written(self, values: list[Any]) -> list[str]:
        """Texts that are the same for equal values."""
        texts = [written(value) for value in values]
        self.take((len(texts) >> 2) + sum(map(len, texts)) // _PER_STEP)
        return texts


current: Final[ContextVar[Run]] = ContextVar("current")
"""The check that goes on."""


def check(schema: Any) -> None:
    """Raises what jsonschema raises where this is no JSON Schema. Patterns are not looked at: they are not Python's."""
    Draft202012Validator.check_schema(schema, format_checker=FormatChecker(()))


def validator(schema: Any) -> Any:
    """What applies a schema to a value, while a ``Run`` is current."""
    # An empty registry: whatever a reference could still name outside of the schema is not there, and nothing is asked.
    return _kind()(schema, registry=Registry())


@lru_cache(maxsize=1)
def _kind() -> Any:
    ours: dict[str, _Keyword] = {
        "additionalProperties": _additional,
        "const": _enum,
        "enum": _enum,
        "pattern": _pattern,
        "patternProperties": _by_pattern,
        "propertyNames": _names,
        "unevaluatedItems": _unevaluated_items,
        "unevaluatedProperties": _unevaluated_properties,
        "uniqueItems": _unique,
    }
    extend: Any = validators.extend
    keywords = dict(Draft202012Validator.VALIDATORS) | ours
    return extend(Draft202012Validator, {key: _counted(key, function) for key, function in keywords.items()})


_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Any]


def _counted(key: str, function: _Keyword) -> _Keyword:
    walks = key in _WALKS

    def apply(validator: Any, wanted: Any, instance: Any, schema: Any) -> Any:
        steps = 1
        if isinstance(wanted, list | dict) and not isinstance(wanted, Choices):
            steps += len(wanted) >> 4
        if walks and isinstance(instance, list | dict):
            steps += len(instance) >> 1
        current.get().take(steps)
        return function(validator, wanted, instance, schema)

    return apply


# ---- patterns -------------------------------------------------------------------------------------------------------


def _pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not current.get().found(wanted, instance):
        yield ValidationError("not found")


def _by_pattern(validator: Any, wanted: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    for pattern, inside in wanted.items() if isinstance(instance, dict) else ():
        for name in current.get().named((pattern,), instance):
            yield from validator.descend(instance[name], inside, path=name, schema_path=pattern)


def _additional(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    others = [name for name in instance if name not in schema.get("properties", ())]
    if "patternProperties" in schema:
        named = set(current.get().named(schema["patternProperties"], others))
        others = [name for name in others if name not in named]
    if wanted is False and others:
        yield ValidationError("others")
    for name in others if wanted is not False else ():
        yield from validator.descend(instance[name], wanted, path=name)


def _names(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    # jsonschema's own tells of the keyword that the name fails, without a word of where the name is.
    for name in instance if isinstance(instance, dict) else ():
        fault = next(validator.descend(instance=name, schema=wanted), None)
        if fault is not None:
            yield ValidationError("a name", context=[fault])


# ---- values that are alike ------------------------------------------------------------------------------------------


def _enum(validator: Any, wanted: Choices, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, list | dict):
        among = bool(wanted.written) and current.get().written([instance])[0] in wanted.written
    else:
        among = plain(instance) in wanted.plain
    if not among:
        yield ValidationError("none of them")


def _unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if wanted and isinstance(instance, list) and len(set(current.get().written(instance))) < len(instance):
        yield ValidationError("not unique")


# ---- what nothing has looked at -------------------------------------------------------------------------------------

_Seen: TypeAlias = Callable[[Any, Any, Any], Iterator[Any]]


def _unevaluated_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict) and not instance.keys() <= _evaluated(validator, instance, schema, _seen_names):
        yield ValidationError("unevaluated")


def _seen_names(validator: Any, instance: Any, schema: Any) -> Iterator[str]:
    yield from instance.keys() & schema.get("properties", {}).keys()
    yield from current.get().named(schema.get("patternProperties", ()), instance)
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in schema:
            yield from (name for name, value in instance.items() if _fits(validator, value, schema[keyword]))


def _unevaluated_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, list):
        seen = _evaluated(validator, instance, schema, _seen_places)
        if not all(at in seen for at in range(len(instance))):
            yield ValidationError("unevaluated")


def _seen_places(validator: Any, instance: Any, schema: Any) -> Iterator[int]:
    yield from range(len(instance) if "items" in schema else len(schema.get("prefixItems", ())))
    for keyword in ("contains", "unevaluatedItems"):
        if keyword in schema:
            yield from (at for at, value in enumerate(instance) if _fits(validator, value, schema[keyword]))


def _evaluated(validator: Any, instance: Any, schema: Any, seen: _Seen) -> set[Any]:
    """The names (or places) in ``instance`` that the schema looks at, or one in it that holds for the same value.

    ``seen`` tells those of one schema by itself.
    """
    if isinstance(schema, bool):
        return set()
    run = current.get()
    run.take(1 + (len(instance) >> 1))
    found = set(seen(validator, instance, schema))
    for inside in _in_place(validator, instance, schema):
        found |= _evaluated(validator, instance, inside, seen)
    return found


def _in_place(validator: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """The schemas in it that hold for the same value, and do."""
    if "$ref" in schema:
        yield current.get().places[target(schema["$ref"])]
    for keyword in ("allOf", "oneOf", "anyOf"):
        yield from (one for one in schema.get(keyword, ()) if _fits(validator, instance, one))
    if "if" in schema:
        holds = _fits(validator, instance, schema["if"])
        if holds:
            yield schema["if"]
        yield schema.get("then" if holds else "else", True)
    if isinstance(instance, dict):
        yield from (one for name, one in schema.get("dependentSchemas", {}).items() if name in instance)


def _fits(validator: Any, value: Any, schema: Any) -> bool:
    return next(validator.descend(value, schema), None) is None
