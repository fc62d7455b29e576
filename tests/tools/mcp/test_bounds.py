"""Lines are cut right however they come, and never kept beyond their limit; meters count."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.tools.mcp.bounds import (
    EDGE,
    Bounded,
    EndlessLineError,
    Events,
    Lines,
    Meter,
    Overlong,
    has_too_many_values,
)

LIMIT = 1_000


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` in pieces."""
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(0, 5_000), max_size=20))
def test_lines_in_any_pieces(parts: list[bytes], places: list[int]) -> None:
    """Are the lines of the whole."""
    data = b"\n".join(parts) + b"\n"
    lines = Lines(LIMIT)
    assert data.split(b"\n")[:-1] == [line for piece in cut(data, places) for line in lines.feed(piece)]


@given(st.integers(LIMIT + 1, 3 * LIMIT), st.integers(1, 700))
def test_a_line_that_is_too_long(size: int, step: int) -> None:
    """Leaves its two ends; the next one is whole."""
    line = bytes(97 + number % 26 for number in range(size))
    data = line + b"\nnext\n"
    lines = Lines(LIMIT)
    found = [one for start in range(0, len(data), step) for one in lines.feed(data[start : start + step])]
    assert [Overlong(line[:EDGE], line[-EDGE:]), b"next"] == found


def test_a_line_without_end() -> None:
    """Is given up; the bytes that are kept until then are bounded."""
    lines = Lines(LIMIT, skip=LIMIT)
    for _ in range(20):
        assert [] == lines.feed(b"x" * 100)
        assert sum(map(len, lines._parts)) <= LIMIT
    with pytest.raises(EndlessLineError):
        lines.feed(b"x")


@given(st.lists(st.lists(st.sampled_from([b"data: x", b"id: 1", b": remark"]), min_size=1)), st.data())
def test_events_in_any_pieces(events: list[list[bytes]], data: st.DataObject) -> None:
    """Are whole events, whichever line ends there are."""
    end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    stream = b"".join(end.join(event) + end + end for event in events)
    cutter, places = Events(LIMIT), data.draw(st.lists(st.integers(0, 3_000), max_size=20))
    found = [event for piece in cut(stream, places) for event in cutter.feed(piece)]
    assert [b"\n".join(event) + b"\n\n" for event in events] == found


@pytest.mark.parametrize("line", [b"data: xxxxxxxx\n", b"x", b": y\n"])
def test_an_event_without_end(line: bytes) -> None:
    """Is given up."""
    events = Events(LIMIT)
    with pytest.raises(EndlessLineError):
        _ = [events.feed(line) for _ in range(LIMIT + 2)]


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def values(value: Any) -> int:
    """How many values there are, containers among them."""
    if isinstance(value, dict):
        return 1 + sum(map(values, value.values()))
    return 1 + sum(map(values, value)) if isinstance(value, list) else 1


@given(JSON, st.integers(1, 40), st.booleans())
def test_counting_values(value: Any, limit: int, ascii_only: bool) -> None:
    """More than the limit are found; fewer than half of it are let through, whatever is in their strings."""
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if values(value) > 2 * limit + 1:
        assert has_too_many_values(data, limit)
    if values(value) < limit / 2:
        assert not has_too_many_values(data, limit)


@pytest.mark.parametrize("part", [b'\\"', b'"', b"\\\\", b'"",', b"[],", b'{"a":', b"x,", b'\\",', b'"\\'])
def test_counting_takes_little_time(part: bytes) -> None:
    """Whatever a line is made of."""
    began = time.process_time()
    for start in (b"", b'"', b"[" * 300_000 + b'"'):
        has_too_many_values(start + part * ((1 << 22) // len(part)))
    assert time.process_time() - began < 3


class Time:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """What it is."""
        return self.now


def test_a_meter() -> None:
    """What is spent beyond the burst takes time to come back."""
    now = Time()
    meter = Meter(10, 5, now)
    assert [0, 0, 0, 0, 0] == [meter.spend() for _ in range(5)]
    assert [0.1, 0.2] == pytest.approx([meter.spend(), meter.spend()])
    now.now = 0.25
    assert 0.05 == pytest.approx(meter.spend())
    assert not meter.allows()
    now.now = 1_000
    assert [True] * 5 + [False] == [meter.allows() for _ in range(6)]


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 100)), max_size=100))
def test_a_meter_over_time(steps: list[tuple[float, float]]) -> None:
    """Whoever waits as long as it says never spends more than its rate, and one burst."""
    now = Time()
    meter, spent = Meter(10, 50, now), 0.0
    for pause, amount in steps:
        now.now += pause
        now.now += meter.spend(amount)
        spent += amount
        assert spent <= 50 + 10 * now.now + 1e-3


def test_a_bounded_log() -> None:
    """Says how much it has kept back."""
    written: list[str] = []
    log = Bounded(written.append, rate=1e-9, burst=2)
    for number in range(5):
        log(lambda number=number: f"line {number}")  # type: ignore[misc]
    assert ["line 0", "line 1"] == written
    log._meter._level = 1
    log(lambda: "line 5")
    assert ["(3 lines were kept back)", "line 5"] == written[2:]
