"""Regular expressions of JSON Schema (ECMA-262, section 22.2) as Rust's ``regex`` has to be told them.

That engine takes time linear in the text, whatever the expression: what would have to go back and try again (looking
around, references to groups) it does not have, and it is refused here by name. Everything else is told in the few words
that both read alike: every class of characters as the code points that ECMA-262 means, ``$`` as the end of the text.
A character is a code point, as with the flag ``u``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from caxton.text import safe

MAX_LENGTH: Final = 4_096
"""Characters of a pattern."""

MAX_SIZE: Final = 10_000
"""What a pattern comes to with its counted repetitions written out: see ``Translated.size``."""

MAX_NESTED: Final = 50
"""Groups in groups."""

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Characters, as code points from and to."""

_LAST: Final = 0x10FFFF
_SURROGATES: Final = (0xD800, 0xDFFF)
"""They stand in no text: what means them means nothing."""

_WIDE: Final = 4
"""What a class with characters beyond ASCII comes to: as many bytes does one of them have."""

_LINE_ENDS: Final[Ranges] = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_DIGITS: Final[Ranges] = ((0x30, 0x39),)
_WORDS: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Final[Ranges] = (
    *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
_CLASSES: Final = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_CONTROLS: Final = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D}
_ASSERTIONS: Final = {"^": r"\A", "$": r"\z", r"\b": r"(?-u:\b)"}
_SIGNS: Final[dict[str, tuple[int, int | None]]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_LOOKS: Final = {"(?=": "looking ahead", "(?!": "looking ahead", "(?<=": "looking behind", "(?<!": "looking behind"}

_NAME: Final = re.compile(r"\(\?<[A-Za-z_$][\w$]*>", re.ASCII)
_COUNT: Final = re.compile(r"\{([0-9]*)(?:(,)([0-9]*))?\}")
_PAIR: Final = re.compile(r"u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_POINT: Final = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"c([A-Za-z])")


@dataclass(frozen=True, slots=True)
class Translated:
    """A pattern that Rust's ``regex`` reads as ECMA-262 reads the one that was given.

    Attributes:
        text: the pattern.
        size: how many characters and signs it has, with what is counted written out: ``(ab){3}`` is about 6. The time
            of a match is no more than this times the length of the text.
    """

    text: str
    size: int


def translate(pattern: str) -> Translated:
    """``pattern`` for Rust's ``regex``, where it is looked for anywhere in a text.

    Raises:
        ValueError: it is no such expression, is too large, or uses what is not taken here: looking around, references
            to groups, ``\\p{...}``, and groups that ECMA-262 does not have.
    """
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"it has more than {MAX_LENGTH:,} characters")
    return _Reader(pattern).all()


@dataclass(slots=True)
class _Group:
    """What has been read of a group."""

    parts: list[str] = field(default_factory=list)
    size: int = 1

    def add(self, text: str, size: int) -> None:
        self.parts.append(text)
        self.size += size
        if self.size > MAX_SIZE:
            raise ValueError(f"with its repetitions written out it has more than {MAX_SIZE:,} characters")


class _Reader:
    """Reads one pattern from left to right. ``_at`` is where it goes on."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._open = [_Group()]

    def all(self) -> Translated:
        while self._at < len(self._text):
            self._term()
        if len(self._open) > 1:
            raise ValueError("a group does not end")
        return Translated("".join(self._open[0].parts), self._open[0].size)

    def _term(self) -> None:
        char = self._text[self._at]
        sign = self._text[self._at : self._at + 2] if char == "\\" else char
        if sign == r"\B":
            # The engine finds it between the bytes of one character, and then misses what else there is to find.
            raise ValueError(r"\B is not possible here; say with \b, \w and \W what stands there")
        if sign in _ASSERTIONS:
            self._at += len(sign)
            self._open[-1].add(_ASSERTIONS[sign], 1)
        elif char == "|":
            self._at += 1
            self._open[-1].add("|", 1)
        elif char == "(":
            self._begin()
        elif char == ")":
            self._repeated(*self._end())
        elif char == "[":
            self._repeated(*_written(self._class()))
        elif char == ".":
            self._at += 1
            self._repeated(*_written(_others(_LINE_ENDS)))
        else:
            if self._quantifier() is not None:
                raise ValueError(f"there is nothing that {char} could repeat")
            self._repeated(*_written(self._one()))

    # ---- groups and repetitions -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """A group begins. None is remembered: there are no references to them."""
        if self._text.startswith("(?:", self._at):
            self._at += 3
        elif self._text.startswith("(?", self._at):
            name = _NAME.match(self._text, self._at)
            if name is None:
                raise ValueError(self._strange())
            self._at = name.end()
        else:
            self._at += 1
        if len(self._open) > MAX_NESTED:
            raise ValueError(f"more than {MAX_NESTED} groups lie in each other")
        self._open.append(_Group())

    def _strange(self) -> str:
        for sign, what in _LOOKS.items():
            if self._text.startswith(sign, self._at):
                return f"{what}, {sign}...), is not possible here; say it with allOf, not and patterns of their own"
        return f"the group {self._text[self._at : self._at + 4]} is not known here"

    def _end(self) -> tuple[str, int]:
        if len(self._open) == 1:
            raise ValueError("a group ends that has not begun")
        self._at += 1
        group = self._open.pop()
        return f"(?:{''.join(group.parts)})", group.size

    def _repeated(self, text: str, size: int) -> None:
        """Adds what was read, as often as is said behind it."""
        count = self._quantifier()
        if count is None:
            self._open[-1].add(text, size)
            return
        least, most = count
        if most is not None and least > most:
            raise ValueError(f"{{{least},{most}}} is in the wrong order")
        if self._text.startswith("?", self._at):  # as few as may be: it matches the same texts
            self._at += 1
        upper = "" if most is None else str(most)
        self._open[-1].add(f"{text}{{{least},{upper}}}", size * max(least + 1 if most is None else most, 1) + 1)

    def _quantifier(self) -> tuple[int, int | None] | None:
        """How often something is repeated, where a sign that says so stands here; it is read then."""
        found = _SIGNS.get(self._text[self._at : self._at + 1])
        if found is not None:
            self._at += 1
            return found
        match = _COUNT.match(self._text, self._at)
        if match is None or not (match[1] or match[3]):  # a brace that counts nothing is one
            return None
        if not match[1]:
            raise ValueError(f"{safe(match[0], 32)} wants a first number")
        self._at = match.end()
        least = _number(match[1])
        return least, (least if not match[2] else _number(match[3]) if match[3] else None)

    # ---- characters -------------------------------------------------------------------------------------------------

    def _class(self) -> Ranges:
        """A class of characters; an empty one takes nothing, or everything."""
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        found: list[tuple[int, int]] = []
        while not self._next_is("]"):
            first = self._one(inside=True)
            if self._next_is("-") and not self._text.startswith("-]", self._at):
                self._at += 1
                self._next_is("]")
                found.append(_range(first, self._one(inside=True)))
            else:
                found.extend(first)
        self._at += 1
        return _others(found) if negated else tuple(found)

    def _next_is(self, char: str) -> bool:
        if self._at >= len(self._text):
            raise ValueError("a class of characters does not end")
        return self._text[self._at] == char

    def _one(self, *, inside: bool = False) -> Ranges:
        """One character, or an escape, which may be several."""
        char = self._text[self._at]
        self._at += 1
        if char != "\\":
            return _point(ord(char))
        if self._at >= len(self._text):
            raise ValueError("it ends in a backslash")
        for read in (_PAIR, _POINT, _CONTROL):
            match = read.match(self._text, self._at)
            if match is not None:
                self._at = match.end()
                return _point(_numbered(match))
        char = self._text[self._at]
        self._at += 1
        return self._escape(char, inside)

    def _escape(self, char: str, inside: bool) -> Ranges:
        if char.lower() in _CLASSES:
            found = _CLASSES[char.lower()]
            return found if char.islower() else _others(found)
        if char in _CONTROLS:
            return _point(_CONTROLS[char])
        if char == "b" and inside:
            return _point(0x08)
        if char == "0" and not self._text[self._at : self._at + 1].isdecimal():
            return _point(0)
        if char in "123456789k" and not inside:
            raise ValueError(f"a reference to a group, \\{char}, is not possible here")
        if char in "pP":
            raise ValueError(f"\\{char}{{...}} is not known here; write the characters")
        if char.isalnum():
            raise ValueError(f"\\{char} is not known here")
        return _point(ord(char))


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 10 else MAX_SIZE + 1


def _numbered(match: re.Match[str]) -> int:
    """The code point that an escape names."""
    if match.re is _PAIR:
        high, low = int(match[1], 16), int(match[2], 16)
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
    if match.re is _CONTROL:
        return ord(match[1]) % 32
    number = int(match[1] or match[2] or match[3], 16)
    if number > _LAST:
        raise ValueError("a character beyond U+10FFFF")
    return number


def _point(number: int) -> Ranges:
    return ((number, number),)


def _range(first: Ranges, last: Ranges) -> tuple[int, int]:
    if any(len(end) > 1 or end[0][0] != end[0][1] for end in (first, last)):
        raise ValueError("a range of characters has a class at its end")
    if first[0][0] > last[0][0]:
        raise ValueError("a range of characters is in the wrong order")
    return first[0][0], last[0][0]


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, without overlaps."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def _others(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """All characters but those."""
    found = []
    begin = 0
    for first, last in _joined(ranges):
        if begin < first:
            found.append((begin, first - 1))
        begin = last + 1
    return (*found, (begin, _LAST)) if begin <= _LAST else tuple(found)


def _written(ranges: Ranges) -> tuple[str, int]:
    """The characters as a class, by their numbers only: Rust gives a meaning to ``&&``, ``--`` and ``[`` in one."""
    low, high = _SURROGATES
    parts = []
    most = 0
    for first, last in _joined(ranges):
        for one, other in ((first, min(last, low - 1)), (max(first, high + 1), last)):
            if one <= other:
                parts.append(f"\\x{{{one:x}}}" if one == other else f"\\x{{{one:x}}}-\\x{{{other:x}}}")
                most = max(most, other)
    text = f"[{''.join(parts)}]" if parts else rf"[^\x{{0}}-\x{{{_LAST:x}}}]"
    return text, _WIDE if most > 0x7F else 1
