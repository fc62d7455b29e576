"""Text from a guest, made safe: nothing in it is invisible, moves a terminal's cursor or leaves its line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton import jsontext
from caxton.agents.topics import check_pattern, check_topic
from caxton.messages import agent_name, parse_meta
from caxton.text import MAX_MARKS, TEXT_LIMIT, quoted, safe, safe_bytes, safe_name
from caxton.tools.functions import check_name

# Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), then what else leaves nothing to see.
INVISIBLE = [
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
    *((0x2028, 0x2029), (0x2800, 0x2800), (0x1D159, 0x1D159), (0xFFFFE, 0x10FFFF), (0x80, 0x9F), (0, 0x1F)),
]
HARMFUL = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
MARKS = {"Mn", "Me"}
ANY = st.text(
    st.characters()
    | st.characters(categories=["Mn", "Me", "Cf", "Cc"])
    | st.sampled_from("a\u0301\u0307\u20dd\u3164\u2800\ufe0f\U000e0100\u1160\u1161\u11a8\n\t")
)


def longest_pile(text: str) -> int:
    """The most marks that follow each other."""
    piles = (len(list(pile)) for is_mark, pile in groupby(text, lambda c: unicodedata.category(c) in MARKS) if is_mark)
    return max(piles, default=0)


def test_no_invisible_character_is_left() -> None:
    """Whatever is to be ignored where it is not understood, and every filler, shows as its escape."""
    for first, last in INVISIBLE:
        for point in range(first, last + 1):
            shown = safe(f"a{chr(point)}b")
            assert shown.isascii(), hex(point)
            assert f"{point:x}" in shown, hex(point)


@given(ANY)
def test_what_is_safe_is_visible_and_flat(text: str) -> None:
    """Any text: no control or format character, nothing invisible, no more marks on a character than it may have."""
    shown = safe(text)
    assert not [c for c in shown if unicodedata.category(c) in HARMFUL]
    assert not [c for c in shown if any(first <= ord(c) <= last for first, last in INVISIBLE)]
    assert longest_pile(shown) <= MAX_MARKS
    assert len(shown.encode()) <= TEXT_LIMIT
    assert safe(shown) == shown


@given(ANY, st.integers(0, 40))
def test_a_limit_is_kept(text: str, limit: int) -> None:
    """Of bytes in UTF-8, but for the ellipsis, which needs three."""
    assert len(safe(text, limit).encode()) <= max(limit, 3)


@given(ANY)
def test_what_is_kept_is_kept(text: str) -> None:
    """Characters that the caller wants stay, and are as many as before."""
    assert safe(text, keep="\n\t").count("\n") == text.count("\n")
    assert safe(text).count("\n") == 0


@pytest.mark.parametrize(
    "text",
    [
        "Tiếng Việt có nhiều dấu: ế ộ ữ",
        unicodedata.normalize("NFD", "Tiếng Việt có nhiều dấu: ế ộ ữ"),
        "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
        "हिन्दी में क्षत्रिय और त्र्यंबक",
        "தமிழ் நூல்கள்",
        "ภาษาไทยที่นี่",
        "བོད་སྐད་བསྒྲུབས་ཧཱུྃ",
        "العَرَبِيَّةُ لُغَةٌ",
        "漢字 かな 한글 😀 naïve Ångström",
        "one\u00a0two\u3000three",
    ],
)
def test_ordinary_text_stays_readable(text: str) -> None:
    """Languages that set marks, and several on one letter, are shown as they are."""
    assert safe(text) == text


@pytest.mark.parametrize("mark", ["\u0301", "\u20dd", "\u0e49", "\u1161", "\u11a8", "\ud7b0"])
def test_a_pile_is_cut(mark: str) -> None:
    """Of a hundred marks on one letter four are shown as they are, and the others as what they are."""
    shown = safe_name("a" + mark * 20 + "b")
    assert shown == "a" + mark * MAX_MARKS + f"\\u{ord(mark):04x}" * (20 - MAX_MARKS) + "b"
    assert len(safe_bytes(("a" + mark * 5000).encode()).encode()) <= TEXT_LIMIT


def test_an_ignorable_mark_counts_as_one() -> None:
    """A pile cannot be made longer by what is escaped in the middle of it and is itself a mark."""
    assert safe("a" + "\u0301" * 4 + "\u034f" + "\u0301").endswith("\u0301\\u034f\\u0301")


ESC: Final = "a\x1b[31mb"
REFUSALS: Final[dict[str, Callable[[], object]]] = {
    "an agent's name": lambda: agent_name(ESC),
    "a topic": lambda: check_topic(f"{ESC}\n"),
    "a pattern": lambda: check_pattern(f"{ESC}*"),
    "a tool's name": lambda: check_name(ESC),
    "a key of an envelope": lambda: parse_meta(jsontext.dumps({ESC: 1})),
    "a time": lambda: parse_meta(jsontext.dumps({"performative": "inform", "receiver": "a", "reply-by": ESC})),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_an_error_escapes_once(what: str) -> None:
    """What is refused is shown between quotes, and each character escaped as ``safe`` does it."""
    with pytest.raises(caxton.CaxtonError) as caught:
        REFUSALS[what]()
    assert r"a\x1b[31mb" in caught.value.message
    assert r"\\" not in caught.value.message


def test_quotes() -> None:
    """Around what a name is otherwise shown as."""
    assert quoted("it's") == "'it's'"
    assert quoted(ESC) == f"'{safe_name(ESC)}'"


def test_nothing_safe_is_escaped_again() -> None:
    """``repr`` doubles the backslashes of what is safe already."""
    again = re.compile(r"\bsafe(?:_name|_bytes)?\((?:[^(){}]|\([^(){}]*\))*\)!r|repr\(safe")
    source = Path(caxton.__file__).parent
    assert [] == [path.name for path in source.rglob("*.py") if again.search(path.read_text("utf-8"))]
