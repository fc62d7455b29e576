"""Kinds of values: what a setting takes, as a check, as words, and as JSON Schema (draft 2020-12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from caxton.agents.units import seconds, size
from caxton.config.problems import nearest, quoted
from caxton.errors import CaxtonError
from caxton.tools.secrets import check_references

Json = Mapping[str, Any]

SECRET: Final = "${secret"
"""What a secret's place begins with."""

NO_SECRET: Final = "a secret may not stand here: only in env, headers, url, arguments and tools.llm.key"
_REFERENCE: Final = re.compile(r"\$\{secret:[^{}]*\}")

_WHOLE: Final = re.compile(r"\d[\d_]{0,30}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,12}(\.\d{0,9})?", re.ASCII)
_SIZE_TEXT: Final = r"^\s*[0-9][0-9_]{0,24} ?(B|KiB|MiB|GiB|kB|MB|GB)?\s*$"
_TIME_TEXT: Final = r"^\s*[0-9][0-9_]{0,12}(\.[0-9]{1,9})? ?(ms|s|m|h)\s*$"
_UNITS: Final = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


class Say(Protocol):
    """Notes a mistake in a value: what is wrong, what was perhaps meant, and where inside of it."""

    def __call__(self, message: str, hint: str = "", *at: str | int) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting takes.

    Attributes:
        word: for a table's cell.
        check: the value as the program wants it; mistakes are said, and then the answer does not count.
        schema: the same for editors. It may take more than ``check``, never less.
        from_text: what the environment's text would be in the file; None: it cannot be set there.
        show: a default as a person would write it.
        secrets: whether ``${secret:NAME}`` may stand in it. Such values are never repeated in an error.
        path: whether it is a path, relative to the file.
    """

    word: str
    check: Callable[[Any, Say], Any]
    schema: Json
    from_text: Callable[[str], Any] | None = None
    show: Callable[[Any], str] = lambda value: shown(value)
    secrets: bool = False
    path: bool = False

    def read(self, value: Any, say: Say) -> Any:
        """The checked value. Mistakes are said; then the answer does not count."""
        mistakes = 0

        def count(message: str, hint: str = "", *at: str | int) -> None:
            nonlocal mistakes
            mistakes += 1
            say(message, hint, *at)

        for text, at, is_key in texts_in(value):
            if SECRET not in text:
                continue
            if is_key or not self.secrets:
                count(NO_SECRET, "", *at)
                continue
            try:
                check_references(text)
            except CaxtonError as error:
                count(f"{error.message}: write ${{secret:NAME}}", "", *at)
        return None if mistakes else self.check(value, count)


def texts_in(value: Any) -> Iterator[tuple[str, tuple[str | int, ...], bool]]:
    """Every text in a value with its place, and whether it is a key."""
    if isinstance(value, str):
        yield value, (), False
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key, (key,), True
            for text, at, is_key in texts_in(item):
                yield text, (key, *at), is_key
    elif isinstance(value, list):
        for number, item in enumerate(value):
            for text, at, is_key in texts_in(item):
                yield text, (number, *at), is_key


def without_secrets(text: str) -> str:
    """The text with something harmless in the place of each secret."""
    return _REFERENCE.sub("x", text)


def shown(value: Any) -> str:
    """A value as TOML writes it, on one line, short and safe to print; a list or a table by its name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return f"{value:_}" if abs(value) < 10**30 else "a number of many digits"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, list | tuple):
        return "a list" if value else "[]"
    if isinstance(value, Mapping):
        return "a table" if value else "{}"
    return "a date or time"


def named(value: Any) -> str:
    """What a value is, without saying it: it may be a secret."""
    if isinstance(value, str):
        return "this text"
    return "a number" if isinstance(value, int | float) and not isinstance(value, bool) else shown(value)


def _kind(word: str, a: str, convert: Callable[[Any], Any], schema: Json, **more: Any) -> Kind:
    """A kind whose check is a function that raises ``ValueError`` or ``CaxtonError`` for what is not ``a`` such."""

    def check(value: Any, say: Say) -> Any:
        try:
            return convert(value)
        except (ValueError, CaxtonError):
            say(f"wants {a}, not {named(value) if more.get('secrets') else shown(value)}")
            return None

    return Kind(word, check, schema, **more)


# ---- numbers --------------------------------------------------------------------------------------------------------


def whole(low: int, high: int) -> Kind:
    """A whole number."""

    def convert(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError

    def from_text(text: str) -> Any:
        return int(text.replace("_", "")) if _WHOLE.fullmatch(text) else text

    a = f"a whole number from {low:_} to {high:_}"
    return _kind("whole number", a, convert, {"type": "integer", "minimum": low, "maximum": high}, from_text=from_text)


def show_size(value: Any) -> str:
    """``64 MiB``; what has no such form, as bytes."""
    for unit, factor in _UNITS:
        if value >= factor and value % factor == 0:
            return f"{value // factor} {unit}"
    return f"{value:_}"


def bytes_(low: int, high: int) -> Kind:
    """A size; the value is bytes."""

    def convert(value: Any) -> int:
        found = size(value)
        if not low <= found <= high:
            raise ValueError
        return found

    a = f'a size from {show_size(low)} to {show_size(high)}, such as "16 MiB" or 1_000_000'
    number = {"type": "integer", "minimum": low, "maximum": high}
    schema = {"anyOf": [number, {"type": "string", "pattern": _SIZE_TEXT}]}
    return _kind("size", a, convert, schema, from_text=str, show=lambda value: f'"{show_size(value)}"')


def time(high: float, *, zero: bool = False) -> Kind:
    """A time; the value is seconds: more than none unless ``zero``, and at most ``high``."""

    def convert(value: Any) -> float:
        found = seconds(value)
        if found > high or (found <= 0 and not zero):
            raise ValueError
        return found

    def from_text(text: str) -> Any:
        return float(text) if _NUMBER.fullmatch(text) else text

    a = f'a time of {"" if zero else "more than 0 and "}at most {_show_time(high)}, such as "300ms", "1s" or 2.5'
    number: Json = {"type": "number", "minimum" if zero else "exclusiveMinimum": 0, "maximum": high}
    schema = {"anyOf": [number, {"type": "string", "pattern": _TIME_TEXT}]}
    return _kind("time", a, convert, schema, from_text=from_text, show=lambda value: f'"{_show_time(value)}"')


def _show_time(value: Any) -> str:
    return f"{value / 3600:g}h" if value >= 3600 and value % 3600 == 0 else f"{value:g}s"


# ---- words ----------------------------------------------------------------------------------------------------------


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


FLAG: Final = _kind("true or false", "true or false", _flag, {"type": "boolean"})


def text(most: int, *, empty: bool = False, pattern: str | None = None, a: str = "", **more: Any) -> Kind:
    """A text of at most ``most`` characters, none of them NUL; all of it is ``pattern``, where there is one."""
    wanted = None if pattern is None else re.compile(pattern, re.ASCII)

    def convert(value: Any) -> str:
        if not isinstance(value, str) or not (0 if empty else 1) <= len(value) <= most:
            raise ValueError
        if wanted is not None and not wanted.fullmatch(value):
            raise ValueError
        return value

    schema: dict[str, Any] = {"type": "string", "maxLength": most}
    if not empty:
        schema["minLength"] = 1
    if pattern is not None:
        schema["pattern"] = f"^(?:{pattern})$"
    words = a or f"a text of {'at most' if empty else '1 to'} {most:_} characters"
    found = _kind(more.pop("word", "text"), words, convert, schema, from_text=str, **more)

    def check(value: Any, say: Say) -> Any:
        if isinstance(value, str) and "\0" in value:
            say("has a NUL, which no text may have here")
            return None
        return found.check(value, say)

    return replace(found, check=check)


PATH: Final = text(4096, a="a path", word="path", path=True)


def choice(*words: str, later: tuple[str, ...] = ()) -> Kind:
    """One of some words; those of ``later`` are refused by name."""

    def check(value: Any, say: Say) -> Any:
        if isinstance(value, str) and value in words:
            return value
        if isinstance(value, str) and value in later:
            say(f"{quoted(value)} comes with a later version")
            return None
        meant = nearest(value, words) if isinstance(value, str) else None
        wanted = " or ".join(map(quoted, words))
        say(f"wants {wanted}, not {shown(value)}", "" if meant is None else f"did you mean {quoted(meant)}?")
        return None

    return Kind(" or ".join(map(quoted, words)), check, {"enum": list(words)})


def not_yet(kind: Kind) -> Kind:
    """A flag that may be false only: what it would turn on is not there."""

    def check(value: Any, say: Say) -> Any:
        found = kind.check(value, say)
        if found is True:
            say("comes with a later version")
        return found

    return replace(kind, check=check, schema={"const": False})
