"""The mappings of a source map, as a decoder reads them that reads all of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from caxton.sandbox.source_map import segment_numbers
from caxton.toolchain.mappings import line_beginnings, without_gaps

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def vlq(number: int) -> str:
    """A number in base 64 VLQ."""
    value = (-number << 1 | 1) if number < 0 else number << 1
    text = ""
    while True:
        value, digit = value >> 5, value & 31
        text += DIGITS[digit | (32 if value else 0)]
        if not value:
            return text


PLACES = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5000), st.integers(0, 5000)), max_size=4),
    min_size=1,
    max_size=8,
)


@given(PLACES)
def test_every_line_begins_where_the_one_before_has_ended(lines: list[list[tuple[int, int, int]]]) -> None:
    """Sources count from 0, lines and columns from 1."""
    before = (0, 0, 0)
    expected, texts = [], []
    for places in lines:
        expected.append((before[0], before[1] + 1, before[2] + 1))
        segments = []
        for place in places:
            segments.append("".join(map(vlq, (7, *(now - then for now, then in zip(place, before, strict=True))))))
            before = place
        texts.append(",".join(segments))
    assert line_beginnings(";".join(texts)) == expected


SEGMENTS = st.lists(
    st.tuples(st.integers(0, 5000))
    | st.tuples(st.integers(0, 5000), st.integers(-9, 9), st.integers(-5000, 5000), st.integers(-5000, 5000)),
    max_size=8,
)


def offsets(mappings: str) -> list[tuple[int, tuple[int, ...]]]:
    """Where each segment of a line begins that has a source, and the rest of it."""
    found, offset = [], 0
    for segment in filter(None, mappings.split(",")):
        first, *rest = segment_numbers(segment)
        offset += first
        found += [(offset, tuple(rest))] if rest else []
    return found


@given(st.lists(SEGMENTS, min_size=1, max_size=4))
def test_what_has_a_source_stays_where_it_is(lines: list[list[tuple[int, ...]]]) -> None:
    """And what has none is gone."""
    given_ones = [",".join("".join(map(vlq, segment)) for segment in line) for line in lines]
    found = without_gaps(";".join(given_ones)).split(";")
    assert list(map(offsets, given_ones)) == list(map(offsets, found))
    assert all(len(segment_numbers(segment)) > 1 for line in found for segment in filter(None, line.split(",")))
