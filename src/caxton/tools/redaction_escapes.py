"""A text without its escapes: what JSON, URLs and Python put between the characters of a text, however often it was
written into another one, is undone or taken away. In a secret too: so they meet, whatever happened on the way.

Lossy on purpose: a line feed is an ``n`` with or without a backslash before it, a blank is ``+``, and all backslashes
are gone. What is found by this is hidden, and nothing else is done with it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import Final

_CONTROLS: Final = {0x20: "+", 0x08: "b", 0x0C: "f", 0x0A: "n", 0x0D: "r", 0x09: "t"}
FLAT: Final = bytes(ord(_CONTROLS.get(byte, chr(byte))) for byte in range(256))
"""For ``bytes.translate``: characters that JSON has letters for become these; a blank becomes ``+``, as in forms."""

CHUNK: Final = 1 << 16
"""Bytes that are worked on at a time: nobody else in the process moves meanwhile."""

_NEAR: Final = 64
_BRIEF: Final = 16
_HEX: Final = rb"[0-9a-fA-F]"
_BACKSLASH: Final = rb"(?:\\|%(?:25)*+5[cC])"
_UNICODE: Final = rb"%b++u%b{4}" % (_BACKSLASH, _HEX)
_BYTE: Final = rb"%b++x%b{2}" % (_BACKSLASH, _HEX)
_PERCENT: Final = rb"%%(?!(?:25)*+5[cC])(?:25)*%b{2}" % _HEX

# Possessive, and never from the middle of a run of backslashes: each is read once, however many there are. It begins
# with a set of characters, for which ``re`` has a fast search.
_FIRST: Final = rb"(?:(?<=\\)|(?<=%)(?:25)*+5[cC])"
_RUNS: Final = re.compile(
    rb"[\\%%](?<!\\\\)(?:%b%b*+u%b{4}(?:%b)*+|%b%b*+x%b{2}(?:%b)*+|(?<=%%)%b(?:%b)*+|(?<=%%)(?:25)*+5[cC](?:%%(?:25)*+5[cC])*+)"
    % (_FIRST, _BACKSLASH, _HEX, _UNICODE, _FIRST, _BACKSLASH, _HEX, _BYTE, _PERCENT[1:], _PERCENT)
)
_PAIR: Final = rb"%b++u[dD][89abAB]%b{2}%b++u[dD][c-fC-F]%b{2}" % (_BACKSLASH, _HEX, _BACKSLASH, _HEX)
_ONE: Final = re.compile(rb"%b|%b|%b|%b++|%b" % (_PAIR, _UNICODE, _BYTE, _BACKSLASH, _PERCENT))
_BACKSLASHES: Final = re.compile(rb"%b++" % _BACKSLASH)
_QUOTED: Final = re.compile(rb"%(?:25)*+5[cC]")
_DOUBLED: Final = re.compile(rb"%%(?:25)+(?=%b{2})" % _HEX)
_ESCAPABLE: Final = frozenset(b"\"'/bfnrtux")


def skeleton(data: bytes) -> bytes:
    """The text without escapes."""
    flat = data.translate(FLAT)
    if b"%" not in flat and b"\\" not in flat:
        return flat
    if b"%" in flat:  # or a run of both kinds of backslashes would be read from each of them anew
        flat = _BACKSLASHES.sub(rb"\\", flat)
    return _RUNS.sub(_replacement, flat).translate(FLAT, b"\\")


def _replacement(found: re.Match[bytes]) -> bytes:
    escapes = found[0]
    return _undone_before(escapes) if len(escapes) < _BRIEF else _undone(escapes)


def _undone(escapes: bytes) -> bytes:
    """What some escapes of one kind stand for."""
    if b"u" in escapes:
        units = bytes.fromhex(_bare(escapes).replace(b"u", b"").decode())
        text = units.decode("utf-16-be", "surrogatepass")
        try:
            return text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return b"".join(_encoded(character) for character in text)
    if b"x" in escapes:
        return bytes.fromhex(_bare(escapes).replace(b"x", b"").decode())
    once = _DOUBLED.sub(b"%", escapes) if b"%25" in escapes else escapes
    return bytes.fromhex(once.replace(b"%", b"").decode())


_undone_before: Final = lru_cache(maxsize=4096)(_undone)


def _encoded(character: str) -> bytes:
    is_escape = "\udc80" <= character <= "\udcff"  # of a byte that is no text
    return character.encode("utf-8", "surrogateescape" if is_escape else "surrogatepass")


def _bare(escapes: bytes) -> bytes:
    return (_QUOTED.sub(b"", escapes) if b"%" in escapes else escapes).replace(b"\\", b"")


class Skeleton:
    """The skeleton of a text (which is flat already), with the way back."""

    def __init__(self, flat: bytes) -> None:
        self._flat = flat
        self._starts = [0]
        self._places = [0]
        parts: list[bytes] = []
        size = 0
        while self._starts[-1] < len(flat):
            start = self._starts[-1]
            end = _cut(flat, start)
            parts.append(skeleton(flat[start:end]))
            size += len(parts[-1])
            self._starts.append(end)
            self._places.append(size)
        self.data = b"".join(parts)
        self._chunk = -1
        self._from: list[int] = []
        self._to: list[int] = []

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where that part of the skeleton is in the text."""
        first = self._look(start)
        begin = self._from[start - first]
        last = self._look(end - 1)
        return begin, self._to[end - 1 - last]

    def _look(self, place: int) -> int:
        """Makes the map of the chunk that a place is in; answers where that begins."""
        chunk = bisect_right(self._places, place) - 1
        if chunk != self._chunk:
            self._chunk = chunk
            start, end = self._starts[chunk], self._starts[chunk + 1]
            self._from, self._to = _mapped(self._flat[start:end], start)
        return self._places[chunk]


def _cut(flat: bytes, start: int) -> int:
    """Where to cut, so that no escape is cut."""
    end = start + CHUNK
    if end >= len(flat):
        return len(flat)
    near = max(flat.rfind(b"%", end - _NEAR, end), flat.rfind(b"\\", end - _NEAR, end))
    while near > start and flat[near - 1] == 0x5C and near > end - _NEAR:  # not in a run of backslashes, if that ends
        near -= 1
    return near if near > start else end


def _mapped(flat: bytes, offset: int) -> tuple[list[int], list[int]]:
    """For each byte of a chunk's skeleton, where that begins and ends in the text which it stands for."""
    begins: list[int] = []
    ends: list[int] = []
    at = 0
    escaping = -1  # where backslashes begin that the next character may need
    for found in _ONE.finditer(flat):
        start, end = found.span()
        if at < start:
            _plain(begins, ends, at + offset, start + offset, escaping)
        escaping = -1
        if size := _size(found[0]) if end - start < _BRIEF else len(_bytes_of(found[0])):
            begins += [start + offset] * size
            ends += [end + offset] * size
        elif end < len(flat) and flat[end] in _ESCAPABLE:
            escaping = start + offset
        at = end
    if at < len(flat):
        _plain(begins, ends, at + offset, len(flat) + offset, escaping)
    return begins, ends


def _bytes_of(escape: bytes) -> bytes:
    """What an escape has in the skeleton: nothing, if it is only backslashes."""
    if not (_QUOTED.sub(b"", escape) if b"%" in escape else escape).strip(b"\\"):
        return b""
    return _undone(escape).replace(b"\\", b"")


@lru_cache(maxsize=4096)
def _size(escape: bytes) -> int:
    return len(_bytes_of(escape))


def _plain(begins: list[int], ends: list[int], start: int, end: int, escaping: int) -> None:
    begins.append(start if escaping < 0 else escaping)
    begins.extend(range(start + 1, end))
    ends.extend(range(start + 1, end + 1))
