"""Looks for many forms of many secrets in one text, in time that is linear in the text, however many they are.

First every fourth place of the text is asked whether the four bytes there are in any form at all: a look into a set,
without a step of Python's for each. Whatever is long enough to be found has such a place in it. Only there it is looked
more closely: at seven bytes that a form begins with, or at nine that are in one somewhere.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, count, product
from typing import Final, NamedTuple

from caxton.tools.redaction_escapes import CHUNK
from caxton.tools.redaction_forms import PIECE_BITS, Form, Forms

MOST: Final = 50_000
"""Places in one text. Where there are more nothing is left of it."""

_HEAD: Final = 7
_WINDOW: Final = 9
_KEY: Final = 64
_FIRST_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")


class Span(NamedTuple):
    """Where a secret, or a piece of one, is."""

    start: int
    end: int
    name: str


class TooManyError(Exception):
    """There are more than ``MOST``."""


class Found(NamedTuple):
    """What was found in a text."""

    whole: list[Span]
    pieces: list[Span]


class Search:
    """Looks for some forms."""

    def __init__(self, forms: Forms) -> None:
        self._groups = (
            _Group(forms.plain, lambda text: text, lambda byte: (byte,)),
            _Group(forms.hexadecimal, bytes.lower, lambda byte: {byte, *bytes([byte]).upper()}),
            _Group(forms.base64, lambda text: text.translate(_FIRST_ALPHABET), _both_alphabets),
        )
        self._short = [form for form in forms.plain if len(form.data) < _HEAD]
        self._grams: dict[int, list[_Group]] = {}
        for group in self._groups:
            for gram in group.grams():
                self._grams.setdefault(gram, []).append(group)
        self._known = frozenset(self._grams)

    def __call__(self, text: bytes) -> Found:
        """Every place, in order; those of pieces may have wholes in them.

        Raises:
            TooManyError: there are too many.
        """
        found = Found([], [])
        for form in self._short:
            _all(text, form, found.whole)
        looks: dict[_Group, _Look] = {}
        known, end = self._known, len(text) & ~3
        for start in range(0, end, CHUNK):
            grams = array("I", text[start : min(start + CHUNK, end)])
            if known.isdisjoint(grams):
                continue
            looks = looks or {group: _Look(group, group.view(text), found) for group in self._groups}
            for number in list(compress(count(), map(known.__contains__, grams))):
                for group in self._grams[grams[number]]:
                    look = looks[group]
                    if start + 4 * number >= look.over:
                        look.near(start + 4 * number)
                if len(found.whole) + len(found.pieces) > MOST:
                    raise TooManyError
        return found


def _all(text: bytes, form: Form, found: list[Span]) -> None:
    place = text.find(form.data)
    while place >= 0:
        found.append(Span(place, place + len(form.data), form.name))
        if len(found) > MOST:
            raise TooManyError
        place = text.find(form.data, place + len(form.data))


def _both_alphabets(byte: int) -> Iterable[int]:
    return {ord("+"): b"+-", ord("/"): b"/_"}.get(byte, (byte,))


class _Group:
    """Forms for which a text is looked at in one way.

    Args:
        forms: they.
        view: the text in that way; of the same length.
        variants: what a byte of a form may be in a text before that.
    """

    def __init__(
        self, forms: Sequence[Form], view: Callable[[bytes], bytes], variants: Callable[[int], Iterable[int]]
    ) -> None:
        self.view = view
        self._variants = variants
        self.names: dict[bytes, str] = {}
        self.heads: dict[bytes, list[int]] = {}
        for form in sorted(forms, key=lambda form: -len(form.data)):
            if len(form.data) >= _HEAD:
                self.names.setdefault(form.data, form.name)
                sizes = self.heads.setdefault(form.data[:_HEAD], [])
                if len(form.data) not in sizes:  # many secrets begin the same, and few of them differ in length
                    sizes.append(len(form.data))
        self._pieces = [form for form in forms if form.before]
        self.windows = {
            form.data[at : at + _WINDOW] for form in self._pieces for at in range(len(form.data) - _WINDOW + 1)
        }
        self.begins = {*self.heads, *(window[:_HEAD] for window in self.windows)}
        self._sorted: list[tuple[bytes, int, int]] | None = None

    def grams(self) -> Iterator[int]:
        """All of four bytes that are looked for, each in all its variants."""
        for part in {begin[at : at + 4] for begin in self.begins for at in range(_HEAD - 3)}:
            for variant in product(*map(self._variants, part)):
                yield int.from_bytes(bytes(variant), sys.byteorder)

    def longest(self, text: bytes, start: int) -> tuple[int, float, str]:
        """How long a piece of a form begins there, the bits that it would take to guess it, and whose it is."""
        if self._sorted is None:  # made when it is first needed, which is seldom
            self._sorted = sorted(
                (form.data[at : at + _KEY], number, at)
                for number, form in enumerate(self._pieces)
                for at in range(len(form.data))
            )
        place = bisect_left(self._sorted, (text[start : start + _KEY],))
        best = (0, 0.0, "")
        for _, number, at in self._sorted[max(0, place - 1) : place + 1]:
            form = self._pieces[number]
            size = _common(text, start, form.data, at)
            best = max(best, (size, form.bits(at, at + size), form.name))
        return best


def _common(text: bytes, start: int, form: bytes, at: int) -> int:
    """How far the two are the same from there."""
    size = 0
    while one := text[start + size : start + size + _KEY]:
        other = form[at + size : at + size + len(one)]
        one = one[: len(other)]
        if one != other:
            differing = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_length()
            return size + (8 * len(one) - differing) // 8
        size += len(one)
        if len(one) < _KEY:
            break
    return size


class _Look:
    """One way through a text, from the front to the back. Of what begins before ``over`` all is known."""

    def __init__(self, group: _Group, text: bytes, found: Found) -> None:
        self._group = group
        self._text = text
        self._found = found
        self._piece = Span(0, 0, "")
        self._number = 0
        self.over = 0

    def near(self, place: int) -> None:
        """Looks at what begins at most three bytes before."""
        group, text = self._group, self._text
        for start in range(max(0, place - 3), place + 1):
            first = text[start : start + _HEAD]
            if first not in group.begins:
                continue
            for size in group.heads.get(first, ()):
                name = group.names.get(text[start : start + size])
                if name is not None and start + size <= len(text):
                    self._whole(Span(start, start + size, name))
                    break
            if text[start : start + _WINDOW] in group.windows and start + _WINDOW > self._piece.end:
                self._look(start)

    def _whole(self, span: Span) -> None:
        self._found.whole.append(span)
        self.over = span.end  # what begins in the midst of it would not count
        if self._group.windows:
            self._take(span)  # where it ends another piece may go on
            self.over = min(span.end, self._piece.end - _WINDOW + 1)

    def _look(self, start: int) -> None:
        size, bits, name = self._group.longest(self._text, start)
        if start < self._piece.end or bits >= PIECE_BITS:
            self._take(Span(start, start + size, name))

    def _take(self, span: Span) -> None:
        """A piece; one that goes on where another has not ended is the same."""
        last = self._piece
        if span.start >= last.end:
            self._piece, self._number = span, len(self._found.pieces)
            self._found.pieces.append(span)
        elif span.end > last.end:
            self._found.pieces[self._number] = self._piece = Span(last.start, span.end, last.name)
