"""The forms in which secrets are looked for, and how much of one is a piece worth hiding."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from caxton.tools.redaction_escapes import FLAT, skeleton

PIECE_BITS: Final = 56.0
"""A piece of a secret is taken out if nobody could have come by it with less than 2 to that many guesses.

Shorter ones must stay: an agent that can store text with a server, and read it back, would learn from what is missing
in it which of its guesses are parts of the secret, a million of them in a call, and then one character after another.
"""

_LONG_LINE: Final = 16
_SHORT: Final = 6
_WORD: Final = re.compile(rb"[a-z]{4,}|[A-Z]{4,}|[A-Z][a-z]{3,}")
_HEAD: Final = re.compile(
    rb"-----[^\n]*\n[^\n]*\n|eyJ[^.]*\.|AKIA|ASIA|AIza|SG\.|ya29\.|(?:(?:[a-z]{1,12}|[A-Z]{1,12})[0-9]{0,3}[-_])+"
)
_BOUNDARY: Final = re.compile(rb"-----[^\n]*")
_DIGITS: Final = math.log2(10)


@dataclass(frozen=True, eq=False, slots=True)
class Form:
    """A text that is looked for, and whose it is.

    Attributes:
        data: the text.
        name: the secret's.
        before: at each place of ``data``, the bits of the secret that all lie before it; and one more, for the end.
        begun: the same, with that which only begins before it.
    """

    data: bytes
    name: str
    before: Sequence[float] = ()
    begun: Sequence[float] = ()

    def bits(self, start: int, end: int) -> float:
        """What it would take to guess a piece; 0 where pieces of it are not looked for."""
        return self.before[end] - self.begun[start] if self.before else 0.0


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of some secrets, by how a text has to be looked at to find them: as it is, without capital letters,
    in the first of base64's alphabets."""

    plain: list[Form]
    hexadecimal: list[Form]
    base64: list[Form]


def secret_bytes(value: str) -> bytes:
    """A secret as it goes to a server."""
    return value.encode("utf-8", "surrogateescape")


def needles(value: str) -> Iterator[str]:
    """What is looked for: the value, and of one with several lines each that is long enough to be told from others."""
    yield value
    if value.strip() != value and len(value.strip()) >= _SHORT:
        yield value.strip()
    for line in map(str.strip, value.splitlines()):  # who prints a line likes to take away what nobody sees
        if line != value.strip() and len(line) >= _LONG_LINE and not line.startswith("-----"):
            yield line


def forms(secrets: dict[str, str], has_pieces: Callable[[str], bool]) -> Forms:
    """All forms; ``has_pieces`` says of which secrets pieces are looked for too."""
    found = Forms([], [], [])
    for name, value in secrets.items():
        for needle in needles(value):
            data = secret_bytes(needle)
            costs = guessing(data) if needle == value and has_pieces(name) else []
            if sum(costs) < PIECE_BITS:
                costs = []
            for plain in {data.translate(FLAT), skeleton(data)}:
                if len(plain) >= _SHORT:
                    own = costs if len(plain) == len(data) else guessing(plain) if costs else []
                    found.plain.append(_form(plain, name, own))
            found.hexadecimal.append(_form(data.hex().encode(), name, costs, step=4))
            found.base64.extend(_base64(data, name, costs))
    return found


def _base64(data: bytes, name: str, costs: list[float]) -> Iterator[Form]:
    for skipped in range(3):
        encoded = base64.b64encode(bytes(skipped) + data)
        # Only characters that are made of nothing but the secret's bits.
        first, last = -(-8 * skipped // 6), 8 * (skipped + len(data)) // 6
        yield _form(encoded[first:last], name, costs, start=6 * first - 8 * skipped, step=6)


def _form(data: bytes, name: str, costs: list[float], start: int = 0, step: int = 8) -> Form:
    """A form that begins at the secret's bit ``start``, and has ``step`` bits of it in each character."""
    if not costs:
        return Form(data, name)
    sums = [0.0, *accumulate(costs)]
    bits = range(start, start + step * len(data) + 1, step)
    return Form(data, name, [sums[bit // 8] for bit in bits], [sums[-(-bit // 8)] for bit in bits])


def guessing(data: bytes) -> list[float]:
    """Bits that it takes to guess each byte of a secret: few for words, for what goes on as it began, and none for what
    everybody knows (``sk-proj-``, the head of a key or of a token)."""
    found = [_alphabet(data)] * len(data)
    for at, byte in enumerate(data):
        if not chr(byte).isalnum() or (at and -1 <= byte - data[at - 1] <= 1):
            found[at] = 1.0
    for word in _WORD.finditer(data):
        if not re.fullmatch(rb"[0-9a-f]+|[0-9A-F]+", data):
            found[word.start() : word.end()] = [2.0] * len(word[0])
    for known in filter(None, (_HEAD.match(data), *_BOUNDARY.finditer(data))):
        found[known.start() : known.end()] = [0.0] * len(known[0])
    return found


def _alphabet(data: bytes) -> float:
    """Bits of a character."""
    letters = re.sub(rb"[^0-9A-Za-z]", b"", data)
    if letters.isdigit():
        return _DIGITS
    if re.fullmatch(rb"[0-9a-f]*|[0-9A-F]*", letters):
        return 4.0
    return math.log2(36 if letters.lower() == letters or letters.upper() == letters else 62)
