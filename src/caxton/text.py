"""Text that comes from a guest, made safe for logs, errors and terminals."""

from __future__ import annotations

import unicodedata
from typing import Final

TEXT_LIMIT: Final = 4096
"""Bytes of UTF-8 that one piece of a guest's text may have in a log, an error or on a terminal."""

NAME_LIMIT: Final = 256
"""Bytes of UTF-8 that a name from a guest (a function, an import, a topic) may have there."""

# Cc controls, Cf format characters (the bidirectional ones among them), Co private use, Cs surrogates, Zl and Zp
# line ends that terminals and log readers treat in ways of their own.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def _escape(character: str) -> str:
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def cut(text: str, limit: int) -> str:
    """``text``, shortened to at most ``limit`` bytes of UTF-8; an ellipsis shows that something is missing."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return text
    return encoded[: max(limit - 3, 0)].decode("utf-8", "ignore") + "…"


def safe(text: str, limit: int = TEXT_LIMIT, *, keep: str = "") -> str:
    """``text`` with control, bidirectional and other invisible characters escaped, cut to ``limit`` bytes.

    Characters in ``keep`` (a line feed, say) stay as they are.
    """
    # Cut first: what is thrown away need not be escaped. Escaping lengthens, so cut again.
    text = cut(text, limit)
    if text.isascii() and text.isprintable():
        return text
    escaped = "".join(c if c in keep or unicodedata.category(c) not in _UNSAFE else _escape(c) for c in text)
    return cut(escaped, limit)


def safe_name(text: str) -> str:
    """A name that a guest has chosen, for an error or a log."""
    return safe(text, NAME_LIMIT)


def safe_bytes(data: bytes | bytearray | memoryview, limit: int = TEXT_LIMIT, *, keep: str = "") -> str:
    """Bytes from a guest as text: what is not UTF-8 is replaced, the rest treated like ``safe``."""
    return safe(bytes(data[: limit * 2]).decode("utf-8", "replace"), limit, keep=keep)
