"""Takes secrets out of what comes back from where they went.

A server may write a secret into a result, an error or a log, as it is or in another form. Found are: the value itself;
written with JSON's, URLs' or Python's escapes, any of its characters, however often; its base64 (both alphabets, and
wherever in a longer text it begins); its hexadecimal digits. Each becomes ``[secret:NAME]``. Where that is asked for,
so do long pieces of a secret in any of these forms: what is left of it where somebody has shortened a text.

This is against accidents. Whoever has a secret and means to give it away can always write it in a way of his own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from caxton import jsontext
from caxton.tools.redaction_escapes import FLAT, Skeleton, skeleton
from caxton.tools.redaction_forms import forms, needles, secret_bytes
from caxton.tools.redaction_odd import OddSearch
from caxton.tools.redaction_search import Found, Search, Span, TooManyError

NOTHING: Final = "[...]"
"""What is left where not even a secret's name can be told."""

LARGE: Final = 1 << 16
"""Bytes, or characters, of a text that is looked through on a thread: that may take longer than others can wait."""

_ROUNDS: Final = 4
_SHORTEST: Final = 6
_NO_TEXT: Final = re.compile("([\ud800-\udc7f\udd00-\udfff])")
"""Surrogates that stand for no byte: UTF-8 has no place for them, and no secret has any."""


T = TypeVar("T", str, bytes)


async def elsewhere(work: Callable[[T], T], text: T) -> T:
    """What ``work`` makes of a text; on a thread where that may take long."""
    return work(text) if len(text) < LARGE else await asyncio.to_thread(work, text)


class Redactor:
    """Knows some secrets and takes them out of texts, bytes and JSON. Threads may share it."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._pieces: Collection[str] | None = ()
        self._known = _Known({}, ())
        self._known_of = 0

    def add(self, name: str, value: str) -> None:
        """Makes a secret known. Texts that were cleaned before stay as they are.

        Raises:
            ValueError: another value has that name.
        """
        if self._secrets.setdefault(name, value) != value:
            raise ValueError(f"there is another secret {name} already")

    def with_pieces(self, names: Collection[str] | None = None) -> Redactor:
        """One that knows the same secrets, also those to come, and takes out long pieces of some too; of all where no
        names are given."""
        found = Redactor()
        found._secrets = self._secrets
        found._pieces = names
        return found

    @property
    def empty(self) -> bool:
        """Whether it knows no secret."""
        return not self._secrets

    def _all(self) -> _Known:
        if self._known_of != len(self._secrets):  # made anew when it is first used, not for each of many secrets
            secrets = dict(self._secrets)
            self._known = _Known(secrets, secrets if self._pieces is None else self._pieces)
            self._known_of = len(secrets)
        return self._known

    def finds(self, text: str | bytes) -> bool:
        """Whether there is a secret in the text."""
        if not self._secrets:
            return False
        if isinstance(text, bytes):
            return self._all().found_in(text)
        return any(self._all().found_in(_encoded(part)) for part in _NO_TEXT.split(text))

    def text(self, text: str) -> str:
        """The text without secrets."""
        if not self._secrets:
            return text
        parts = _NO_TEXT.split(text)
        cleaned = [_decoded(self.data(_encoded(part)), part) for part in parts]
        return text if cleaned == parts else "".join(cleaned)

    def data(self, data: bytes) -> bytes:
        """The bytes without secrets. For JSON there is ``json``, which leaves it JSON."""
        return self._all().removed(data) if self._secrets else data

    def value(self, value: Any) -> Any:
        """JSON's data without secrets, keys included; the rest as it was."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key) if isinstance(key, str) else key: self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and self.finds(str(value)):
            return self.text(str(value))
        return value

    def json(self, data: bytes) -> bytes:
        """JSON without secrets, and still JSON; the very same bytes where there was none.

        Raises:
            InvalidJson: there is a secret in it, and it is no JSON.
        """
        if not self.finds(data):
            return data
        found = jsontext.dumps(self.value(jsontext.loads(data)))
        # A secret with quotes, commas or brackets in it may also lie across values. Then nothing is left of them.
        return jsontext.dumps(NOTHING) if self.finds(found) else found


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass" if _NO_TEXT.fullmatch(text) else "surrogateescape")


def _decoded(data: bytes, text: str) -> str:
    return text if data == _encoded(text) else data.decode("utf-8", "surrogateescape")


class _Known:
    """Some secrets in all their forms; of some of them pieces, too."""

    def __init__(self, secrets: dict[str, str], pieces: Collection[str]) -> None:
        self._search = Search(forms(secrets, pieces.__contains__))
        self._odd = OddSearch(
            [
                (needle, name)
                for name, value in secrets.items()
                for needle in needles(value)
                if len(skeleton(secret_bytes(needle))) < _SHORTEST
            ]
        )
        self._shown = {name: f"[secret:{name}]".encode() for name in secrets}
        if any(self.found_in(shown) for shown in self._shown.values()):
            # A secret that is a part of what it would be replaced by.
            self._shown = dict.fromkeys(secrets, NOTHING.encode())

    def found_in(self, text: bytes) -> bool:
        """Whether any is in the text."""
        try:
            return any(self._find(text))
        except TooManyError:
            return True

    def removed(self, text: bytes) -> bytes:
        """The text without them; the very same where there are none."""
        try:
            for _ in range(_ROUNDS):
                found = self._find(text)
                if not any(found):
                    return text
                text = self._without(text, found)
            if not self.found_in(text):  # else what was put in made another one, with what stands around it
                return text
        except TooManyError:
            pass
        return NOTHING.encode()

    def _find(self, text: bytes) -> Found:
        flat = text.translate(FLAT)
        found = self._search(flat)
        found.whole.extend(self._odd(text))
        if b"%" in flat or b"\\" in flat:
            bare = Skeleton(flat)
            if bare.data != flat:
                more = self._search(bare.data)
                for spans, others in zip(found, more, strict=True):
                    spans.extend(Span(*bare.span(start, end), name) for start, end, name in others)
        return found

    def _without(self, text: bytes, found: Found) -> bytes:
        parts: list[bytes] = []
        end = 0
        for span in _apart(text, found):
            parts += [text[end : span.start], self._shown[span.name]]
            end = span.end
        return b"".join([*parts, text[end:]])


def _apart(text: bytes, found: Found) -> list[Span]:
    """Places that do not overlap, in order. Of wholes the first ones, and there the longest; pieces and what they touch
    are one."""
    spans: list[Span] = []
    for span in sorted(found.whole, key=lambda span: (span.start, -span.end)):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
    if not found.pieces:
        return spans
    apart: list[Span] = []
    for start, end, name in sorted([*spans, *(_characters(text, piece) for piece in found.pieces)]):
        if apart and start < apart[-1].end:
            last = apart.pop()
            start, end, name = last.start, max(end, last.end), last.name
        apart.append(Span(start, end, name))
    return apart


def _characters(text: bytes, span: Span) -> Span:
    """With the whole of the characters that it begins and ends in."""
    start, end, name = span
    while start > 0 and text[start] & 0xC0 == 0x80 and span.start - start < 3:
        start -= 1
    while end < len(text) and text[end] & 0xC0 == 0x80 and end - span.end < 3:
        end += 1
    return Span(start, end, name)
