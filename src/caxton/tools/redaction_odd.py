"""Secrets of which little is left without escapes: they consist of backslashes and of what looks like escapes.

They are looked for one by one, each with an expression that tries the ways to write every character. Few are like that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, quote_plus

from caxton.tools.redaction_forms import secret_bytes
from caxton.tools.redaction_search import Span

_RUN: Final = re.compile(r"\\+|[^\\]", re.DOTALL)
_DOUBLED: Final = 5
_SHORT_ESCAPES: Final = {'"': '"', "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}

# At most 32 backslashes: a longer run must not be read again from each of its places.
_BACKSLASHES: Final = r"\\\\{0,31}"


class OddSearch:
    """Looks for some of them.

    Args:
        needles: what is looked for, and whose each is.
    """

    def __init__(self, needles: Sequence[tuple[str, str]]) -> None:
        self._needles = [(_expression(needle), name) for needle, name in needles]

    def __call__(self, text: bytes) -> Iterator[Span]:
        """Every place."""
        read = text.decode("latin-1") if self._needles else ""
        for expression, name in self._needles:
            for found in expression.finditer(read):
                yield Span(found.start(), found.end(), name)


def _expression(needle: str) -> re.Pattern[str]:
    """For a text whose characters are bytes."""
    fixed = sorted(map(_as_bytes, set(_written(needle))), key=len, reverse=True)
    parts = "".join(map(_characters, _RUN.findall(needle)))
    return re.compile("|".join([*map(re.escape, fixed), parts]))


def _as_bytes(text: str) -> str:
    return secret_bytes(text).decode("latin-1")


def _written(needle: str) -> Iterator[str]:
    """The ways in which the whole is written by common programs."""
    data = secret_bytes(needle)
    yield needle
    for escaped in (json.dumps(needle)[1:-1], json.dumps(needle, ensure_ascii=False)[1:-1]):
        yield escaped
        yield json.dumps(escaped, ensure_ascii=False)[1:-1]
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _characters(text: str) -> str:
    """An expression for one character, or for a run of backslashes, as it is or escaped.

    JSON inside of JSON has its backslashes escaped again. A run of them is read as a whole: an expression that could
    split it in many ways would try them all. Every alternative begins with a fixed character, which ``re`` finds fast.
    """
    data = text.encode("utf-8", "surrogateescape")
    units = text.encode("utf-16-be", "surrogatepass")
    forms = [re.escape(_as_bytes(text))]
    if text[0] == "\\":
        forms = [re.escape(text * (1 << doubled)) for doubled in range(_DOUBLED, -1, -1)]
    forms.append("".join(_BACKSLASHES + "u" + _hex(units[at : at + 2]) for at in range(0, len(units), 2)))
    forms.append("".join(f"%(?:25)*{_hex(data[at : at + 1])}" for at in range(len(data))))
    if text in _SHORT_ESCAPES:
        forms.append(_BACKSLASHES + _SHORT_ESCAPES[text])
    if text == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _hex(data: bytes) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in data.hex())
