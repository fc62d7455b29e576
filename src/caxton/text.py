"""Text that comes from a guest, made safe for logs, errors and terminals.

Invisible characters are those with the property Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt), and
the few others that leave nothing to see.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

TEXT_LIMIT: Final = 4096
"""Bytes of UTF-8 that one piece of a guest's text may have in a log, an error or on a terminal."""

NAME_LIMIT: Final = 256
"""Bytes of UTF-8 that a name from a guest (a function, an import, a topic) may have there."""

# Cc controls, Cf format characters (the bidirectional ones among them), Co private use, Cs surrogates, Zl and Zp
# line ends that terminals and log readers treat in ways of their own.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})

# Invisible, and of none of these categories: fillers that count as letters or symbols, variation selectors, and what is
# set aside for more of that kind. First and last of each range.
_RANGES: Final = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1D159, 0x1D159),
)
_INVISIBLE: Final = frozenset(chr(point) for first, last in _RANGES for point in range(first, last + 1))
_NO_TEXT: Final = "\U000e0000"
"""From here on there are tags, variation selectors and private use, and nothing to see."""

_MARKS: Final = frozenset({"Mn", "Me"})
_JOINING: Final = frozenset(map(chr, (*range(0x1160, 0x1200), *range(0xD7B0, 0xD800))))
"""Vowels and final consonants of old Hangul: letters that take no room of their own, as marks."""

MAX_MARKS: Final = 4
"""Marks that one character may carry. Vietnamese has two, pointed Hebrew and Tibetan three or four; a pile of dozens is
there to cover the lines above."""


def _escape(character: str) -> str:
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _escaped(text: str, keep: str) -> Iterator[str]:
    """The characters of ``text``, or what stands for them."""
    marks = 0
    for character in text:
        if character.isascii():
            marks = 0
            yield character if character in keep or character.isprintable() else _escape(character)
            continue
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS or character in _JOINING else 0
        harmful = category in _UNSAFE or marks > MAX_MARKS or character in _INVISIBLE or character >= _NO_TEXT
        yield _escape(character) if harmful and character not in keep else character


def cut(text: str, limit: int) -> str:
    """``text``, shortened to at most ``limit`` bytes of UTF-8; an ellipsis shows that something is missing."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return text
    return encoded[: max(limit - 3, 0)].decode("utf-8", "ignore") + "…"


def safe(text: str, limit: int = TEXT_LIMIT, *, keep: str = "") -> str:
    """``text`` with control, bidirectional and invisible characters escaped, cut to ``limit`` bytes.

    So are combining marks that are piled up, from the fifth on one character on.
    Characters in ``keep`` (a line feed, say) stay as they are.
    """
    # Cut first: what is thrown away need not be escaped. Escaping lengthens, so cut again.
    text = cut(text, limit)
    if text.isascii() and text.isprintable():
        return text
    return cut("".join(_escaped(text, keep)), limit)


def safe_name(text: str) -> str:
    """A name that a guest has chosen, for an error or a log."""
    return safe(text, NAME_LIMIT)


def quoted(text: str) -> str:
    """The same between quotes. Not what ``repr`` makes of a safe name: that would escape what is escaped already."""
    return f"'{safe_name(text)}'"


def safe_bytes(data: bytes | bytearray | memoryview, limit: int = TEXT_LIMIT, *, keep: str = "") -> str:
    """Bytes from a guest as text: what is not UTF-8 is replaced, the rest treated like ``safe``."""
    return safe(bytes(data[: limit * 2]).decode("utf-8", "replace"), limit, keep=keep)
