"""The ``mappings`` of a source map (ECMA-426), taken apart: one line can then be read without those before it."""

from __future__ import annotations

from caxton.sandbox.source_map import segment_numbers


def line_beginnings(mappings: str) -> list[tuple[int, int, int]]:
    """For each generated line the source (from 0), line and column (from 1) that its first segment counts from.

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
