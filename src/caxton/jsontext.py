"""JSON from guests, tools and the network, read strictly (RFC 8259, and stricter where it leaves freedom).

Refused: duplicate keys, NaN and the infinities, lone surrogates, more than ``MAX_DEPTH`` levels, text that is not
UTF-8, a byte order mark. What Python's reader would take quietly is how one side comes to see another message than
the other.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 32
_MAX_DIGITS: Final = 400


_LONG_NUMBER: Final = re.compile(rb"[0-9]{%d}" % (_MAX_DIGITS + 1))


_NO_BRACKET: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^\[\]{}"]+', re.DOTALL)


_INNERMOST: Final = re.compile(r"\[\]|\{\}")


class InvalidJson(ValueError):
    """The text is not acceptable JSON; the message says why."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJson("a key stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise InvalidJson(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise InvalidJson("a number has too many digits")
    return int(digits)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidJson("a number is too large")
    return value


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_float
)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _check_depth(text: str) -> None:
    """Refuses too many levels before the recursive reader sees them.

    Whatever is no bracket is thrown away, then the innermost level again and again: each step is one pass in C, where a
    loop over a megabyte of characters would hold up everybody else.
    """
    brackets = _NO_BRACKET.sub("", text)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = _INNERMOST.sub("", brackets)
    if brackets:
        raise InvalidJson(f"more than {MAX_DEPTH} levels, or brackets that do not match")


def _value(text: str) -> Any:
    """What ``JSONDecoder.decode`` does, in fewer steps where no spaces stand around the value."""
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError:
        end = -1
    return value if end == len(text) else _DECODER.decode(text)


def loads(data: bytes | str) -> Any:
    """The value that ``data`` holds.

    Raises:
        InvalidJson: it is not JSON, or not acceptable JSON.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"not UTF-8 (byte {error.start})") from None
    # Only a text with that many brackets can be too deep: the slow count is for those.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    try:
        value = _value(text)
    except InvalidJson:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"not JSON: {error}") from None
    if "\\u" in text or not text.isascii():
        try:
            dumps(value)
        except UnicodeEncodeError:
            raise InvalidJson("a lone surrogate") from None
    return value


def check(data: bytes) -> None:
    """Holds what ``dumps`` has made to the limits of ``loads``, without reading all of it.

    Raises:
        InvalidJson: ``loads`` would refuse it.
    """
    if _LONG_NUMBER.search(data) or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        loads(data)  # they may stand in a text


def dumps(value: Any) -> bytes:
    """``value`` as compact UTF-8 JSON.

    Raises:
        ValueError: it holds NaN or an infinity, or a lone surrogate (``UnicodeEncodeError``).
        TypeError: it is not JSON's.
    """
    return _ENCODER.encode(value).encode("utf-8")
