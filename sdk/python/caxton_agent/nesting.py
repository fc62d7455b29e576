"""JSON that is nested too deep raises ``RecursionError``, as Python has it.

Its decoder, which is written in C, looks how much is left of the stack that WebAssembly has in memory. It takes little
of that, and much of the engine's own, whose end is a trap. So the nesting is counted before it begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

DEEPEST: Final = 1000
"""Arrays and objects that may lie in each other."""

_PIECE: Final = 512
_OPEN: Final = ord("[")
_OTHERS: Final = bytes(set(range(256)) - set(b'"[]{}'))


def is_too_deep(text: str) -> bool:
    """Whether the decoder might nest its calls deeper than that.

    Up to where the text is no JSON any more it is taken apart as the decoder does; further the decoder does not come.
    Everything is done by functions that are written in C: it takes a fraction of the time that the decoder takes.
    """
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    data = text.encode("utf-8", "surrogatepass")
    if b"\\" in data:
        data = data.replace(rb"\\", b"").replace(rb"\"", b"")
    # Two quotes beside each other can go: whatever else there is stays inside a string, or outside.
    marks = data.translate(None, _OTHERS).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2]).replace(b"{", b"[")
    depth = 0
    for at in range(0, len(brackets), _PIECE):
        piece = brackets[at : at + _PIECE]
        opened = piece.count(b"[")
        if depth + opened > DEEPEST and depth + max(accumulate(1 if one == _OPEN else -1 for one in piece)) > DEEPEST:
            return True
        depth += 2 * opened - len(piece)
    return False


def install() -> None:
    """Has every decoder count before it reads."""
    theirs: Callable[..., tuple[Any, int]] = json.JSONDecoder.raw_decode

    def raw_decode(self: json.JSONDecoder, s: str, idx: int = 0) -> tuple[Any, int]:
        if is_too_deep(s):
            raise RecursionError(f"maximum recursion depth exceeded: JSON that is nested more than {DEEPEST} deep")
        return theirs(self, s, idx)

    json.JSONDecoder.raw_decode = raw_decode  # type: ignore[method-assign]
