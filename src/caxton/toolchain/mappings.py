"""The ``mappings`` of a source map (ECMA-426), taken apart and put together."""

from __future__ import annotations

from typing import Final

from caxton.sandbox.source_map import segment_numbers

_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MORE: Final = 0x20


def line_beginnings(mappings: str) -> list[tuple[int, int, int]]:
    """For each generated line the source (from 0), line and column (from 1) that its first segment counts from: so it
    can be read without those before it.

    Raises:
        ValueError: these are no mappings.
    """
    found = []
    source, line, column = 0, 1, 1
    for text in mappings.split(";"):
        found.append((source, line, column))
        for segment in filter(None, text.split(",")):
            numbers = segment_numbers(segment)
            if len(numbers) > 1:
                source, line, column = source + numbers[1], line + numbers[2], column + numbers[3]
    return found


def without_gaps(mappings: str) -> str:
    """The mappings without segments that say that there is no source: there the one before goes on.

    Raises:
        ValueError: these are no mappings.
    """
    return ";".join(map(_line_without_gaps, mappings.split(";")))


def _line_without_gaps(line: str) -> str:
    segments, left_out = [], 0
    for segment in filter(None, line.split(",")):
        first, *rest = segment_numbers(segment)
        if rest:
            segments.append("".join(map(_written, (left_out + first, *rest))))
        left_out = 0 if rest else left_out + first
    return ",".join(segments)


def _written(number: int) -> str:
    """A number in base 64, five bits at a time from the lowest on; the sign is the lowest of all."""
    value, text = abs(number) << 1 | (number < 0), ""
    while value >= _MORE:
        text += _DIGITS[value & (_MORE - 1) | _MORE]
        value >>= 5
    return text + _DIGITS[value]
