"""Whether arguments satisfy a rule's schema (JSON Schema, draft 2020-12), in bounded time.

The arguments are an agent's. However many, large or deep they are, checking them ends: after ``MAX_STEPS`` keywords,
and with ``MAX_MATCHING`` of characters matched with patterns. What was not checked to the end is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.errors import HostError
from caxton.text import safe, safe_name
from caxton.tools.policy.keywords import BadSchema, Prepared, pointed, prepared, without_notes
from caxton.tools.policy.quiet import TooMuch, quiet

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_STEPS: Final = 30_000
"""Keywords that are applied to one call's arguments, by one rule's schema; what takes longer counts as several."""

MAX_VALUES: Final = 10_000
"""Values (keys, items and what they hold) that arguments may have where a rule has a schema."""

MAX_VALUES_UNEVALUATED: Final = 1_000
"""The same where the schema has ``unevaluatedProperties`` or ``unevaluatedItems``, whose cost grows with the square."""

MAX_MATCHING: Final = 50_000_000
"""Characters of texts and names, each times the size of the pattern that it is matched with: less than a second."""

_KEPT: Final = 1_024


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
            rule_checker(rule.arguments)
        except BadSchema as error:
            raise HostError("config.invalid", f"{rule_name(glob, 'arguments')}: {error}") from None


def rule_checker(schema: Mapping[str, Any] | bool) -> Checker:
    """What checks arguments against a rule's schema.

    Raises:
        BadSchema: it is none, or cannot be checked here.
    """
    from caxton.tools.policy import applying  # late, as a host without schemas needs none of it

    try:
        found = prepared(schema)
        applying.check(found.schema)
    except BadSchema:
        raise
    except RecursionError:
        raise BadSchema("#", "it is too deep") from None
    except Exception as error:  # jsonschema's own, which we do not import only to name it
        path = (pointed(str(part)) for part in getattr(error, "absolute_path", ()))
        raise BadSchema("/".join(("#", *path)), safe(_first_line(error), 200)) from None
    limit = MAX_VALUES_UNEVALUATED if '"unevaluated' in _text(schema) else MAX_VALUES
    return Checker(found, applying.validator(found.schema), limit)


def input_checker(schema: Mapping[str, Any]) -> Checker:
    """What checks arguments against a tool's input schema, whose notes (``format``, ``title``) are passed over.

    Raises:
        BadSchema: it is none, or cannot be checked here.
    """
    try:
        return rule_checker(without_notes(schema))
    except RecursionError:
        raise BadSchema("#", "it is too deep") from None


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
            found = (schema, rule_checker(schema))
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[id(schema)] = found
        return found[1]


class Checker:
    """One compiled schema."""

    def __init__(self, prepared: Prepared, validator: Validator, most: int) -> None:
        self._prepared = prepared
        self._validator = validator
        self._most = most

    def fault(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with the arguments, first found: a place and a keyword, never a value. None: nothing is."""
        from caxton.tools.policy import applying

        token = applying.current.set(applying.Run(self._prepared, MAX_STEPS, MAX_MATCHING))
        try:
            error = next(self._validator.iter_errors(quiet(arguments, self._most)), None)
        except TooMuch as found:
            return str(found)
        except Exception:  # a depth, a number that nobody thought of: what cannot be checked is not let through
            return "they cannot be checked"
        finally:
            applying.current.reset(token)
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


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", error)).partition("\n")[0]


def _text(schema: object) -> str:
    import json

    return json.dumps(schema)
