"""Each key is found on its line, whatever TOML is written; and no text, TOML or not, takes long."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from caxton.config.locate import MAX_DEPTH, Refused, _Lost, _Scanner, locate
from tests.config.writer import Where, document

EVERYTHING = """\
top = 1
[a]
b.c = 2
"q.uoted" = { in = 1, 'side' = { x = [1,
  2, { y = 3 }] } }
text = \"""
[not.a.header]
also = "not a key"
\"""
[a.d]   # a comment
list = [
  "one",   # [x]
  '''two
  lines''',
  { name = "three" },
]
[[t]]
k = 1
[[t]]
k = 2
[t.sub]
k = 3
[[t.u]]
[[t.u]]
z = '''''quotes'''''
\tindented = "x"
"""


def _leaves(value: Any, where: Where = ()) -> Iterator[Where]:
    if where:
        yield where
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _leaves(item, (*where, key))


def test_everything_once() -> None:
    """Tables, dotted and quoted keys, inline tables, arrays over lines, strings over lines, arrays of tables."""
    lines = locate(EVERYTHING)
    expected: dict[Where, int] = {
        ("top",): 1,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", "c"): 3,
        ("a", "q.uoted", "side", "x", 0): 4,
        ("a", "q.uoted", "side", "x", 1): 5,
        ("a", "q.uoted", "side", "x", 2, "y"): 5,
        ("a", "text"): 6,
        ("a", "d"): 10,
        ("a", "d", "list"): 11,
        ("a", "d", "list", 0): 12,
        ("a", "d", "list", 1): 13,
        ("a", "d", "list", 2, "name"): 15,
        ("t",): 17,
        ("t", 0, "k"): 18,
        ("t", 1): 19,
        ("t", 1, "sub", "k"): 22,
        ("t", 1, "u"): 23,
        ("t", 1, "u", 1, "z"): 25,
        ("t", 1, "u", 1, "indented"): 26,
    }
    assert expected == {where: lines.line(where) for where in expected}


def test_what_is_not_there_has_the_line_around_it() -> None:
    """A key that nobody wrote is told of at its table; outside of all there is no line."""
    lines = locate("[a]\n[a.b]\n")
    assert (2, 1, None) == (lines.line(("a", "b", "c", "d")), lines.line(("a", "x")), lines.line(("z",)))


def test_a_header_of_its_own_goes_before_what_was_said_in_passing() -> None:
    """[a.b] mentions a; [a] is where it stands."""
    assert locate("[a.b]\n\n[a]\n").line(("a",)) == 3


@given(st.data())
def test_random_documents(data: st.DataObject) -> None:
    """Python's reader and the scanner see the same keys, each on the line where it was written."""
    writer = document(data)
    try:
        values = tomllib.loads(writer.text)
    except tomllib.TOMLDecodeError:
        reject()
    lines = locate(writer.text)
    wrong = {where: lines.line(where) for where in _leaves(values) if lines.line(where) != writer.lines[where]}
    assert wrong == {}, writer.text


_TOKENS = [
    "a",
    "b-1",
    "'c'",
    '"\\t"',
    ".",
    "=",
    " = ",
    "1",
    "0x1",
    '"x"',
    '"',
    "'",
    "'''",
    '"""',
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
]
_SOUP = st.lists(st.sampled_from([*_TOKENS, ", ", "\n", "#c\n", "\\", " ", "k=", "\nk2 = "]), max_size=14).map("".join)


@given(
    _SOUP
    | _SOUP.map("k = {}".format)
    | _SOUP.map("k = [{}]".format)
    | _SOUP.map('k = """{}"""'.format)
    | _SOUP.map("k = '''{}'''".format)
    | st.text(max_size=40)
)
@example('a = """"""\n')
@example("a = ''''''''\n")
@example('a = """""x"""""')
@example('a."b\\u0022" = 1')
@example('"a\\\\" = "\\\\"')
def test_any_text(text: str) -> None:
    """What Python's reader takes, the scanner takes to its end; and it raises nothing for the rest."""
    locate(text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    scanner = _Scanner(text)
    scanner.document()
    assert values.keys() == {where[0] for where in scanner.found}


@given(st.data(), st.integers(0, 400), st.sampled_from(["", '"', "'", '"""', "\\", "]", "}", ".", "=", "\n", "[", "#"]))
def test_broken_documents(data: st.DataObject, at: int, put: str) -> None:
    """The same after something was cut out and put in."""
    text = document(data).text
    cut = text[: at % (len(text) + 1)] + put + text[at % (len(text) + 1) + 1 :]
    try:
        tomllib.loads(cut)
    except tomllib.TOMLDecodeError:
        locate(cut)
        return
    _Scanner(cut).document()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n" + ".".join(["a"] * (MAX_DEPTH + 1)) + " = 1", 2),
        ("[" + ".".join(["a"] * 500_000) + "]", 1),
        ("x = 1\n\nk = " + "[" * 500_000, 3),
        ("k = " + "{a=" * 300_000, 1),
        ("k = " + "{a.b.c=" * 20, 1),
        ("[a.b]\n" + "c." * MAX_DEPTH + "d = 1", 2),
    ],
    ids=["dotted", "header", "arrays", "inline tables", "inline dotted", "header and dots"],
)
def test_depth_is_bounded(text: str, line: int) -> None:
    """More levels than there may be are refused, before a reader that recurses sees them."""
    with pytest.raises(Refused) as caught:
        locate(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "k = [" + "\n1," * 340_000,
        "k = [" + "\n1," * 340_000 + "]",
        'k = "' + "\\n" * 500_000,
        'k = """' + '""\\' * 330_000,
        "k = '''" + "''x" * 330_000,
        "#" * 1_000_000,
        "\n" * 1_000_000,
        " \t" * 500_000,
        "a=1\n" * 250_000,
        "[[a]]\n" * 170_000,
        "'" * 1_000_000,
        '"' * 1_000_000,
        "k = 1" + " " * 1_000_000 + "x",
        "k = [" + " \n#\n" * 250_000,
        "k = {" + "a=1," * 250_000,
    ],
    ids=str.__len__,
)
def test_a_megabyte_takes_no_longer_than_reading_it(text: str) -> None:
    """No text makes the scanner go back and forth."""
    began = time.process_time()
    locate(text)
    assert time.process_time() - began < 8


def test_where_it_is_lost_it_says_nothing() -> None:
    """What stood before a mistake is found; the mistake is the reader's to report."""
    assert locate("a = 1\nb = = 2\nc = 3\n").line(("a",)) == 1
    with pytest.raises(_Lost):
        _Scanner("b = = 2").document()
