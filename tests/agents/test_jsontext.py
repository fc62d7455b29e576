"""JSON from outside is read strictly, and in bounded time."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton import jsontext

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    """Compact or not, escaped or not."""
    assert value == jsontext.loads(jsontext.dumps(value))
    assert value == jsontext.loads(json.dumps(value, ensure_ascii=True, indent=2))


_DEEP = st.builds(lambda levels, inner: _nested(levels, inner), st.integers(0, 40), VALUES)
_LONG = st.builds(
    lambda digits, text: int("1" * digits) if not text else "1" * digits, st.integers(390, 410), st.booleans()
)


def _nested(levels: int, inner: Any) -> Any:
    for level in range(levels):
        inner = [inner] if level % 2 else {"[{": inner}
    return inner


@given(VALUES | _DEEP | st.lists(_LONG, max_size=3))
def test_what_is_checked_could_be_read(value: Any) -> None:
    """``check`` refuses of what ``dumps`` makes what ``loads`` refuses, and nothing else."""
    data = jsontext.dumps(value)
    try:
        jsontext.loads(data)
    except jsontext.InvalidJson:
        with pytest.raises(jsontext.InvalidJson):
            jsontext.check(data)
    else:
        jsontext.check(data)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes(data: bytes | str) -> None:
    """Are JSON or InvalidJson, and JSON only if Python's own reader agrees."""
    try:
        value = jsontext.loads(data)
    except jsontext.InvalidJson:
        return
    assert value == json.loads(data)


@given(st.text(alphabet='[]{}",:\\u0d81a \n', max_size=120))
def test_texts_that_look_like_json(text: str) -> None:
    """Brackets, quotes and escapes in any order."""
    with contextlib.suppress(jsontext.InvalidJson):
        jsontext.dumps(jsontext.loads(text))


@pytest.mark.parametrize("levels", [1, 31, 32, 33, 34, 500_000])
@pytest.mark.parametrize(("opening", "inner", "closing"), [("[", "", "]"), ('{"a":', "1", "}"), ('[{"b":', "2", "}]")])
def test_32_levels(levels: int, opening: str, inner: str, closing: str) -> None:
    """Of lists and objects together; deeper is refused before the reader sees it."""
    repeats = levels // len(closing)
    text = opening * repeats + inner + closing * repeats
    if repeats * len(closing) <= jsontext.MAX_DEPTH:
        jsontext.loads(text)
    else:
        with pytest.raises(jsontext.InvalidJson, match="levels"):
            jsontext.loads(text)


def test_brackets_in_strings_are_no_levels() -> None:
    """Nor are escaped quotes the end of one."""
    for text in ("[" * 100, '"' + "[" * 100, "\\" * 7 + "{" * 50, "[]" * 100):
        assert [text] == jsontext.loads(json.dumps([text]))


def test_many_values_side_by_side_are_no_levels() -> None:
    """A long list of lists is only two deep."""
    value: list[list[int]] = [[] for _ in range(1_000)]
    assert value == jsontext.loads(json.dumps(value))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '[{"b": {"a": 1, "a": 2}}]',
        '{"": 1, "": 2}',
        '{"a": 1, "\\u0061": 2}',
        "NaN",
        "[NaN]",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        '"\\ud800"',
        '"\\udc00"',
        '"\\ud800x"',
        '{"\\ud800": 1}',
        "\ufeff1",
        "",
        " ",
        "1 2",
        "01",
        "+1",
        ".5",
        "1.",
        "'a'",
        '"\t"',
        '"\\x41"',
        "[1,]",
        "{,}",
        "nul",
        "True",
        "1" * 5_000,
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        '"a'.encode("utf-16"),
    ],
)
def test_what_is_refused(text: str | bytes) -> None:
    """Duplicate keys, what is no number, lone surrogates, a byte order mark, and what is not JSON anyway."""
    with pytest.raises(jsontext.InvalidJson):
        jsontext.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud83d\\ude00"', "😀"),
        ('"😀"', "😀"),
        ("1e308", 1e308),
        ("-0", 0),
        ("1e-400", 0.0),
        ("1" * 400, int("1" * 400)),
        (" [ ] ", []),
        ('"\\u0000"', "\0"),
        ('{"a": {"a": 1}}', {"a": {"a": 1}}),
    ],
)
def test_what_is_accepted(text: str, value: Any) -> None:
    """Whatever RFC 8259 allows and everybody reads alike."""
    assert value == jsontext.loads(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {"\udfff": 1}])
def test_what_is_not_written(value: Any) -> None:
    """What could not be read back."""
    with pytest.raises(ValueError):  # noqa: PT011 - the reader's own words
        jsontext.dumps(value)
