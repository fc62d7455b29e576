"""Regular expressions of JSON Schema (ECMA-262, section 22.2) as Python's ``re`` has to be told them.

Where both read the same text in two ways, a rule would let through what its author meant to keep out: Python's ``$``
also stands before a last line feed, and its ``\\d`` and ``\\w`` take digits and letters of every script.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_SPACE: Final = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_NO_SPACE: Final = (
    r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff"
)
_LOOKS: Final = ("(?:", "(?=", "(?!", "(?<=", "(?<!")
_NAME: Final = re.compile(r"\(\?<[A-Za-z_$][\w$]*>", re.ASCII)
_POINT: Final = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})")
_TOKEN: Final = re.compile(r"\\.|.", re.DOTALL)
_OUTSIDE: Final = {
    "$": r"\Z",
    ".": r"[^\n\r\u2028\u2029]",
    r"\s": f"[{_SPACE}]",
    r"\S": f"[{_NO_SPACE}]",
    r"\/": "/",
}
_INSIDE: Final = {r"\s": _SPACE, r"\S": _NO_SPACE, r"\/": "/", **{mark: "\\" + mark for mark in "[&~|"}}
_LETTERS: Final = frozenset(r"\d \D \w \W \s \S \b \B \t \n \r \f \v \0".split())


@lru_cache(maxsize=1024)
def translate(pattern: str) -> str:
    """``pattern`` for ``re.search``, with the meaning that ECMA-262 gives it; as a group, so that it can be joined.

    Raises:
        ValueError: it is no such expression, or it uses what is not taken here: references to groups, and groups that
            ECMA-262 does not have.
    """
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            part, at = _class(pattern, at + 1)
        elif pattern[at] == "(":
            part, at = _group(pattern, at)
        else:
            part, at = _one(pattern, at, _OUTSIDE)
            if part == "+" and parts and parts[-1] in ("*", "+", "?", "}"):
                raise ValueError("what is repeated is repeated already")  # Python would take it for something else
        parts.append(part)
    found = f"(?a:{''.join(parts)})"
    try:
        re.compile(found)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return found


def _one(pattern: str, at: int, table: dict[str, str]) -> tuple[str, int]:
    """One character or escape, and where the next begins."""
    match = _TOKEN.match(pattern, at)
    assert match is not None
    token = match[0]
    if token == "\\":
        raise ValueError("it ends in a backslash")
    if token in table:
        return table[token], match.end()
    if len(token) == 1:
        return token, match.end()
    point = _POINT.match(pattern, at + 1)
    if point is not None:
        number = int(point[1] or point[2] or point[3], 16)
        if number > 0x10FFFF:
            raise ValueError("a character beyond U+10FFFF")
        return f"\\U{number:08x}", point.end()
    if token[1].isalnum() and token not in _LETTERS:
        raise ValueError(f"{token} is not known here")
    return (r"\x00" if token == r"\0" else token), match.end()


def _group(pattern: str, at: int) -> tuple[str, int]:
    """The beginning of a group. None is remembered: there are no references to them."""
    if not pattern.startswith("(?", at):
        return "(?:", at + 1
    for look in _LOOKS:
        if pattern.startswith(look, at):
            return look, at + len(look)
    name = _NAME.match(pattern, at)
    if name is None:
        raise ValueError(f"{pattern[at : at + 4]} is not known here")
    return "(?:", name.end()


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A class of characters, from behind its bracket; an empty one takes nothing, or everything."""
    negated = pattern.startswith("^", at)
    at += negated
    parts: list[str] = []
    while not pattern.startswith("]", at):
        if at >= len(pattern):
            raise ValueError("a class of characters does not end")
        part, at = _one(pattern, at, _INSIDE)
        if parts and parts[-1] == "-" and (part == "-" or (len(parts) > 1 and part in (_SPACE, _NO_SPACE))):
            raise ValueError("a range of characters has no end")
        parts.append(part)
    if not parts:
        return (r"[\x00-\U0010ffff]" if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{''.join(parts)}]", at + 1
