"""An instance between two messages, as data: what a frozen module is made from, and what may be kept or sent.

Between two messages nothing is on an instance's stack: its linear memory, its mutable globals and its tables are all
of it, and which of its passive segments it has dropped. An ``Image`` holds that, and which module it belongs to. As
bytes (``to_bytes``) it is not authenticated: whoever keeps it elsewhere does that. ``from_bytes`` checks its form,
``thaw.py`` that it fits its module.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

PAGE: Final = 1 << 16
BLOCK: Final = 1 << 12
"""Zeros are left out in blocks of so many bytes: the pages of the machine."""

MAX_PAGES: Final = 1 << 16
MAX_MEMORY_BYTES: Final = 64 << 20
"""The most bytes of memory, zeros left out, of one image."""

MAX_GLOBALS: Final = 200_000
MAX_TABLES: Final = 100
MAX_ELEMENTS: Final = 200_000
MAX_SEGMENTS: Final = 200_000

NULL: Final = -1
_MOST: Final = (MAX_PAGES, MAX_MEMORY_BYTES // BLOCK + 1, MAX_GLOBALS, MAX_TABLES, MAX_SEGMENTS, MAX_SEGMENTS)
_MAGIC: Final = b"caxton image 1\n"
_HEAD: Final = struct.Struct("<32sIIIIII")
_RUN: Final = struct.Struct("<II")
_GLOBAL: Final = struct.Struct("<IB")
_SIZES: Final = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}
_KINDS: Final = (*_SIZES, "reference")


class ImageError(Exception):
    """Bytes that are no image, or an image that does not fit its module; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Value:
    """A mutable global, by its number: the ``bits`` of a number of type ``kind``, or the function that it refers to."""

    index: int
    kind: str
    bits: bytes = b""
    function: int = NULL


@dataclass(frozen=True, slots=True)
class Image:
    """The state of one instance.

    ``module``: the SHA-256 of its module's binary; ``pages`` of memory, of which ``runs`` (address, bytes) are not
    zero; ``tables``: each one's elements, function numbers or ``NULL``; ``dropped_data`` and ``dropped_elements``: the
    passive segments that it has given back.
    """

    module: bytes
    pages: int
    runs: tuple[tuple[int, bytes], ...]
    globals: tuple[Value, ...]
    tables: tuple[tuple[int, ...], ...]
    dropped_data: tuple[int, ...] = ()
    dropped_elements: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of memory that are kept."""
        return sum(len(content) for _, content in self.runs)

    def to_bytes(self) -> bytes:
        """The image as bytes; equal images give equal ones."""
        counts = (self.runs, self.globals, self.tables, self.dropped_data, self.dropped_elements)
        parts = [_MAGIC, _HEAD.pack(self.module, self.pages, *map(len, counts))]
        for at, content in self.runs:
            parts += (_RUN.pack(at, len(content)), content)
        for item in self.globals:
            bits = item.bits if item.kind in _SIZES else struct.pack("<i", item.function)
            parts += (_GLOBAL.pack(item.index, _KINDS.index(item.kind)), bits)
        for table in self.tables:
            parts.append(struct.pack(f"<I{len(table)}i", len(table), *table))
        for dropped in (self.dropped_data, self.dropped_elements):
            parts.append(struct.pack(f"<{len(dropped)}I", *dropped))
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Image:
        """Reads what ``to_bytes`` wrote.

        Raises:
            ImageError: it is something else, or more than an image may be.
        """
        return _Source(data).image()


def runs_of(memory: bytes | memoryview) -> tuple[tuple[int, bytes], ...]:
    """The parts of a memory that are not zero, in whole blocks."""
    view = memoryview(memory)
    zero = bytes(BLOCK)
    runs: list[tuple[int, bytes]] = []
    begin: int | None = None
    for at in range(0, len(view), BLOCK):
        if view[at : at + BLOCK] == zero[: len(view) - at]:
            if begin is not None:
                runs.append((begin, bytes(view[begin:at])))
                begin = None
        elif begin is None:
            begin = at
    if begin is not None:
        runs.append((begin, bytes(view[begin:])))
    return tuple(runs)


class _Source:
    """Reads an image's bytes forward; nothing is allocated that they do not justify."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._at = 0

    def _take(self, size: int) -> memoryview:
        if size > len(self._data) - self._at:
            raise ImageError("an image that breaks off")
        self._at += size
        return self._data[self._at - size : self._at]

    def _numbers(self, layout: str, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}{layout}", self._take(4 * count))

    def image(self) -> Image:
        if bytes(self._take(len(_MAGIC))) != _MAGIC:
            raise ImageError("no image, or one of another version")
        module, pages, runs, globals_, tables, data, elements = _HEAD.unpack(self._take(_HEAD.size))
        found = (pages, runs, globals_, tables, data, elements)
        if any(count > most for count, most in zip(found, _MOST, strict=True)):
            raise ImageError("an image that is larger than one may be")
        image = Image(
            module,
            pages,
            tuple(self._runs(runs, pages * PAGE)),
            tuple(self._globals(globals_)),
            tuple(self._tables(tables)),
            _rising(self._numbers("I", data)),
            _rising(self._numbers("I", elements)),
        )
        if self._at != len(self._data):
            raise ImageError("an image with something behind it")
        return image

    def _runs(self, count: int, size: int) -> Iterable[tuple[int, bytes]]:
        end = total = 0
        for _ in range(count):
            at, length = _RUN.unpack(self._take(_RUN.size))
            if at < end or length == 0 or at + length > size:
                raise ImageError("an image whose memory is not in order")
            end = at + length
            total += length
            if total > MAX_MEMORY_BYTES:
                raise ImageError("an image that is larger than one may be")
            yield at, bytes(self._take(length))

    def _globals(self, count: int) -> Iterable[Value]:
        last = -1
        for _ in range(count):
            index, number = _GLOBAL.unpack(self._take(_GLOBAL.size))
            if index <= last or number >= len(_KINDS):
                raise ImageError("an image whose globals are not in order")
            last, kind = index, _KINDS[number]
            if kind in _SIZES:
                yield Value(index, kind, bytes(self._take(_SIZES[kind])))
            else:
                yield Value(index, kind, function=_functions(self._numbers("i", 1))[0])

    def _tables(self, count: int) -> Iterable[tuple[int, ...]]:
        total = 0
        for _ in range(count):
            size = self._numbers("I", 1)[0]
            total += size
            if total > MAX_ELEMENTS:
                raise ImageError("an image that is larger than one may be")
            yield _functions(self._numbers("i", size))


def _functions(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if any(number < NULL for number in numbers):
        raise ImageError("an image with a function of no number")
    return numbers


def _rising(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if any(a >= b for a, b in pairwise(numbers)):
        raise ImageError("an image whose segments are not in order")
    return numbers
