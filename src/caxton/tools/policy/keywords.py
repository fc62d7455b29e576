"""What a rule's schema may be made of, and whether it is: JSON Schema, draft 2020-12, with nothing that is ignored.

A schema that says less than its author believes is a hole. So a keyword that would constrain nothing here (a misspelt
one, ``format``, one of an older draft) is a mistake, and a reference leads into the same schema or nowhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from caxton.text import safe, safe_name
from caxton.tools.policy.alike import Choices
from caxton.tools.policy.matching import Pattern, compiled

_ONE: Final = (
    "additionalProperties unevaluatedProperties items unevaluatedItems contains propertyNames not if then else"
)
_LIST: Final = "allOf anyOf oneOf prefixItems"
_MAP: Final = "properties patternProperties dependentSchemas $defs definitions"
_PLAIN: Final = (
    "type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems "
    "minItems uniqueItems maxContains minContains maxProperties minProperties required dependentRequired $ref "
    "$schema $comment title description default deprecated readOnly writeOnly examples"
)
ONE, LIST, MAP = (frozenset(words.split()) for words in (_ONE, _LIST, _MAP))
KNOWN: Final = ONE | LIST | MAP | frozenset(_PLAIN.split())

MAX_PATTERNS: Final = 256
"""Patterns in one schema, each counted once."""

MAX_PATTERNS_SIZE: Final = 50_000
"""The size of all of them (``Translated.size``)."""

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_HERE: Final = frozenset("allOf anyOf oneOf not if then else dependentSchemas".split())
"""Keywords whose schemas hold for the same value, not for a part of it."""

_LEADING: Final = ("$dynamicRef", "$recursiveRef")  # not followed, and not to be overlooked either
_LESS: Final = frozenset(
    "pattern patternProperties not if then else oneOf contains minContains maxContains unevaluatedProperties "
    "unevaluatedItems $schema".split()
)
"""Keywords that a loosened schema does not have."""

_WHY: Final = {
    "format": "it would not be checked; use pattern",
    "dependencies": "it is dependentRequired or dependentSchemas in draft 2020-12",
    "additionalItems": "it is items beside prefixItems in draft 2020-12",
    "$recursiveRef": "use $ref",
    "$dynamicRef": "use $ref",
}


class BadSchema(ValueError):
    """The schema will not do; the message says where and why.

    Attributes:
        pointer: the place in the schema, ``#/properties/url``.
        why: a sentence.
    """

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(f"{safe_name(pointer)}: {why}")
        self.pointer = pointer
        self.why = why


@dataclass(frozen=True, slots=True)
class Prepared:
    """A schema that can be applied.

    Attributes:
        schema: a copy, without what would choose another way of checking.
        patterns: its patterns, by their text.
        places: all schemas in it, by what references call them: ``#/$defs/a``.
    """

    schema: Any
    patterns: dict[str, Pattern]
    places: dict[str, Any]


def prepared(schema: Any) -> Prepared:
    """``schema``, after looking through all of it.

    Raises:
        BadSchema: it uses what would not be checked.
    """
    walk = _Walk()
    found = walk.schema(schema, "#", 0)
    walk.check_references()
    return Prepared(found, walk.patterns, walk.places)


def without_notes(schema: Any) -> Any:
    """The schema without what constrains nothing: ``format`` and other words that are notes in draft 2020-12. What
    rules are made of refuses those, since a rule's author means them; a tool's schema is full of them."""
    if not isinstance(schema, dict):
        return schema
    found = {}
    for key, value in schema.items():
        if key in ONE:
            found[key] = without_notes(value)
        elif key in LIST and isinstance(value, list):
            found[key] = [without_notes(one) for one in value]
        elif key in MAP and isinstance(value, dict):
            found[key] = {name: without_notes(one) for name, one in value.items()}
        elif key in KNOWN or key in _LEADING:
            found[key] = value
    return found


def pointed(name: str) -> str:
    """A name as a part of a pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def target(reference: str) -> str:
    """The place in the schema that a reference names."""
    return unquote(reference)


def loosened(schema: Any) -> Any:
    """What a server's schema asks for at the least: a schema that takes all which that one takes, and is checked in a
    bounded time. It has no patterns (they are of the server's choosing, the texts of an agent's), nothing that says
    less once they are gone, and nothing that other drafts write in other ways."""
    if not isinstance(schema, dict) or schema.get("nullable") is True:
        return schema is not False
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ONE - _LESS and isinstance(value, dict | bool):
            found[key] = loosened(value) if isinstance(value, dict) else value
        elif key in LIST - _LESS and isinstance(value, list):
            found[key] = [loosened(one) for one in value]
        elif key in MAP - _LESS and isinstance(value, dict):
            found[key] = {name: loosened(one) for name, one in value.items()}
        elif key in KNOWN - ONE - LIST - MAP - _LESS and not (key.startswith("exclusive") and isinstance(value, bool)):
            found[key] = value
    if "patternProperties" in schema:
        found.pop("additionalProperties", None)  # what else may be there is not known any more
    if "oneOf" in schema and "anyOf" not in schema and isinstance(schema["oneOf"], list):
        found["anyOf"] = [loosened(one) for one in schema["oneOf"]]
    return found


class _Walk:
    def __init__(self) -> None:
        self._edges: dict[str, list[str]] = {}
        self._references: list[tuple[str, str]] = []
        self.patterns: dict[str, Pattern] = {}
        self.places: dict[str, Any] = {}

    def schema(self, schema: Any, at: str, depth: int) -> Any:
        self._edges[at] = []
        self.places[at] = schema
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise BadSchema(at, "a schema is an object, true or false")
        found = {key: self._keyword(key, value, at, depth) for key, value in schema.items()}
        found.pop("$schema", None)  # it would choose another validator than ours
        self.places[at] = found
        return found

    def _keyword(self, key: str, value: Any, at: str, depth: int) -> Any:
        here = f"{at}/{key}"
        if key not in KNOWN:
            near = difflib.get_close_matches(key, KNOWN, n=1)
            why = _WHY.get(key) or (f"did you mean {near[0]}?" if near else "nothing would be checked by it")
            raise BadSchema(here, why)
        if key in ONE:
            return self._inside(value, here, at, key, depth)
        if key in LIST and isinstance(value, list):
            return [self._inside(one, f"{here}/{number}", at, key, depth) for number, one in enumerate(value)]
        if key in MAP and isinstance(value, dict):
            return dict(self._map(key, value, at, depth))
        if key == "pattern" and isinstance(value, str):
            self._pattern(value, here)
        if key == "const" or (key == "enum" and isinstance(value, list)):
            return Choices(value if key == "enum" else [value])
        if key == "$ref":
            self._refer(value, here, at)
        if key == "$schema" and str(value).removesuffix("#") != DRAFT:
            raise BadSchema(here, f"only {DRAFT} is read")
        return value

    def _map(self, key: str, value: dict[str, Any], at: str, depth: int) -> Iterator[tuple[str, Any]]:
        for name, one in value.items():
            here = f"{at}/{key}/{pointed(name)}"
            if key == "patternProperties":
                self._pattern(name, here)
            inside = self._inside(one, here, at, key, depth)
            if inside is False:
                inside = {"not": True}  # the same, but jsonschema then says where it was
            yield name, inside

    def _inside(self, value: Any, here: str, at: str, key: str, depth: int) -> Any:
        if key in _HERE:
            self._edges[at].append(here)
        return self.schema(value, here, depth + 1)

    def _refer(self, value: Any, here: str, at: str) -> None:
        if not isinstance(value, str) or not (value == "#" or value.startswith("#/")):
            raise BadSchema(here, "only references into the same schema (#/$defs/...) are followed")
        there = target(value)
        self._edges[at].append(there)
        self._references.append((here, there))

    def _pattern(self, pattern: str, here: str) -> None:
        if pattern in self.patterns:
            return
        if len(self.patterns) >= MAX_PATTERNS:
            raise BadSchema(here, f"there are more than {MAX_PATTERNS} patterns")
        try:
            self.patterns[pattern] = compiled(pattern)
        except ValueError as error:
            raise BadSchema(
                here, f"{safe_name(repr(pattern))} will not do as a pattern: {safe(str(error), 200)}"
            ) from None
        if sum(one.size for one in self.patterns.values()) > MAX_PATTERNS_SIZE:
            raise BadSchema(here, f"all patterns together are larger than {MAX_PATTERNS_SIZE:,} characters")

    def check_references(self) -> None:
        """Every reference leads to a schema, and none leads back to itself without going into the value.

        Raises:
            BadSchema: one does not.
        """
        for here, there in self._references:
            if there not in self._edges:
                raise BadSchema(here, f"there is no schema at {safe_name(there)}")
        # Leaves first: what is left over when no leaf is left goes round.
        edges = {at: set(targets) for at, targets in self._edges.items()}
        users: dict[str, list[str]] = {}
        for at, targets in edges.items():
            for target in targets:
                users.setdefault(target, []).append(at)
        leaves = [at for at, targets in edges.items() if not targets]
        while leaves:
            leaf = leaves.pop()
            del edges[leaf]
            for user in users.get(leaf, ()):
                edges[user].discard(leaf)
                if not edges[user]:
                    leaves.append(user)
        if edges:
            raise BadSchema(min(edges), "it refers to itself without end")
