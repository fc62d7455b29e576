"""Globs of names of tools: what is none, and whether two of them can mean the same tool."""

from __future__ import annotations

import fnmatch
import re
import string
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

ALPHABET: Final = frozenset(f"{string.ascii_letters}{string.digits}._/-")
"""What names of tools are made of (tools/functions.py, tools/mcp/listing.py)."""

PATTERN: Final = r"(?:[^\[]|\[!?\]?[^\]]*\])*"
"""About the same as a regular expression, for JSON Schemas: ``[]`` passes."""

_TOKEN: Final = re.compile(r"\[!?+\]?+[^\]]*+\]|.", re.DOTALL)
_WILD: Final = re.compile(r"[*?\[]")
_NO_CHARACTER: Final = fnmatch.translate("[b-a]")

_Tokens: TypeAlias = Sequence[frozenset[str] | None]
"""What may stand at each place of a name; None is any text (``*``)."""


class Budget:
    """Steps that comparing may take: a hostile file has very many pairs of globs. Beyond it globs count as alike, of
    which nothing is said."""

    def __init__(self, steps: int = 2_000_000) -> None:
        self._left = steps

    def spent(self, steps: int = 1) -> bool:
        """Takes steps; whether there were not enough left."""
        self._left -= steps
        return self._left < 0


def fault(glob: str) -> str:
    """Why a text is no glob; "" where it is one."""
    for token in _TOKEN.findall(glob):
        if token == "[":
            return "has a [ without its ]"
        if token[0] == "[" and fnmatch.translate(token) == _NO_CHARACTER:
            return f"has {token}, which is no character"
    return ""


def head(glob: str) -> str:
    """What every name begins with that the glob matches."""
    return _WILD.split(glob, maxsplit=1)[0]


def is_name(glob: str) -> bool:
    """Whether it matches one name only."""
    return _WILD.search(glob) is None


def meets(one: str, other: str, budget: Budget, prefix: str = "") -> bool:
    """Whether there can be a name that both match, and that begins with ``prefix``."""
    first, second = _tokens(one), _tokens(other)
    todo = [(a, b) for a in _after(first, prefix) for b in _after(second, prefix)]
    seen = set(todo)
    while todo:
        a, b = todo.pop()
        if (a == len(first) and b == len(second)) or budget.spent():
            return True
        for pair in _next(first, second, a, b):
            if pair not in seen:
                seen.add(pair)
                todo.append(pair)
    return False


def may_begin(glob: str, prefix: str) -> bool:
    """Whether it can match a name that begins with ``prefix``, and goes on."""
    return bool(_after(_tokens(glob), prefix) - {len(_tokens(glob))})


def _next(first: _Tokens, second: _Tokens, a: int, b: int) -> Iterable[tuple[int, int]]:
    one = first[a] if a < len(first) else frozenset()
    other = second[b] if b < len(second) else frozenset()
    if one is None:
        yield a + 1, b
        if other:
            yield a, b + 1
    if other is None:
        yield a, b + 1
        if one:
            yield a + 1, b
    if one and other and one & other:
        yield a + 1, b + 1


def _after(tokens: _Tokens, prefix: str) -> set[int]:
    """The places in a glob at which one can be when ``prefix`` has been read."""
    places = _rested(tokens, {0})
    for character in prefix:
        found = set()
        for place in places:
            token = tokens[place] if place < len(tokens) else frozenset()
            if token is None:
                found.add(place)
            elif character in token:
                found.add(place + 1)
        places = _rested(tokens, found)
    return places


def _rested(tokens: _Tokens, places: set[int]) -> set[int]:
    """These places, and those behind each ``*`` that may stand for nothing."""
    found = set(places)
    for place in places:
        while place < len(tokens) and tokens[place] is None:
            place += 1
            found.add(place)
    return found


@lru_cache(maxsize=4096)
def _tokens(glob: str) -> _Tokens:
    return tuple(None if token == "*" else _characters(token) for token in _TOKEN.findall(glob))


@lru_cache(maxsize=1024)
def _characters(token: str) -> frozenset[str]:
    return frozenset(one for one in ALPHABET if fnmatch.fnmatchcase(one, token))
