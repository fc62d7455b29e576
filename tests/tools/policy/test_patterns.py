"""Patterns mean what ECMA-262 says, and are matched in time linear in the text, whatever they and the text are."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.tools.policy import patterns
from caxton.tools.policy.matching import compiled
from caxton.tools.policy.patterns import translate


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        ("^a$", "b\na", False),
        ("a$|b", "a\nb", True),
        ("[$]", "$", True),
        (r"\$", "$", True),
        (r"^\d+$", "12", True),
        (r"^\d+$", "\N{ARABIC-INDIC DIGIT ONE}", False),
        (r"^\w+$", "caf\u00e9", False),
        (r"^[\w]+$", "\N{CYRILLIC SMALL LETTER A}", False),
        (r"^\W$", "\u00e9", True),
        (r"^[\D]$", "\N{ARABIC-INDIC DIGIT ONE}", True),
        (r"\bx\b", "\u00e9x\u00e9", True),
        (r"^\s$", "\u2028", True),
        (r"^\s$", "\ufeff", True),
        (r"^\s$", "\x1c", False),
        (r"^\S+$", "a\u00a0b", False),
        (r"^\S$", "\x1c", True),
        (r"^[\s]$", "\u3000", True),
        (r"^[^\s]$", "\u3000", False),
        (r"^[\S]$", "\u3000", False),
        (r"^[\s\S]$", "\u3000", True),
        ("^.$", "\u2028", False),
        ("^.$", "\r", False),
        ("^.$", "\n", False),
        ("^[.]$", "x", False),
        ("^[^]$", "\n", True),
        ("[]", "x", False),
        (r"^[[]$", "[", True),
        (r"^[\]]$", "]", True),
        ("^[a&&b]+$", "&", True),
        ("^[a||b]+$", "|", True),
        ("^[~~]$", "~", True),
        ("^[[:alpha:]]$", "b", False),
        ("^[[:alpha:]]$", "a]", True),
        ("^[a^]$", "^", True),
        ("^[a-c]$", "b", True),
        ("^[a-c-e]+$", "c-e", True),
        ("^[a-c-e]$", "d", False),
        ("^[+--]+$", "+,-", True),
        ("^[--a]$", "A", True),
        ("^[a-]$", "-", True),
        ("^[-a]$", "-", True),
        (r"^\/$", "/", True),
        (r"^\x41\u0042\u{43}$", "ABC", True),
        (r"^\u{1F600}$", "\U0001f600", True),
        (r"^[\u{1F600}-\u{1F602}]$", "\U0001f601", True),
        (r"^\ud83d\ude00$", "\U0001f600", True),
        (r"^[\uD83D\uDE00-\uD83D\uDE02]$", "\U0001f601", True),
        (r"^[^\ud800-\udfff]$", "a", True),
        (r"[\ud800-\udfff]", "a\U0001f600", False),
        (r"^[\u0020-\uffff]$", "\ue000", True),
        ("^.$", "\U0001f600", True),
        (r"^[^a]$", "\U0001f600", True),
        (r"^\cJ\cj[\cA]$", "\n\n\x01", True),
        (r"^[\b]$", "\b", True),
        (r"^[\w-]$", "-", True),
        (r"^[.-\/]$", ".", True),
        (r"^\0$", "\0", True),
        (r"^\t\n\r\f\v$", "\t\n\r\f\v", True),
        ("^(?<year>[0-9]{4})-(?:a|b)$", "2026-a", True),
        ("^a{2,3}?$", "aa", True),
        ("^a{2,3}$", "aaaa", False),
        ("^a{2}$", "aa", True),
        ("^a{2,}$", "a", False),
        ("^(?:ab){0}$", "", True),
        ("^{a}{}{,}$", "{a}{}{,}", True),
        ("^a|b$", "ax", True),
        ("^(a|)b$", "b", True),
        ("^()$", "", True),
        ("", "a", True),
        ("x^", "x", False),
        ("^a.c$", "abc", True),
        ("^i$", "I", False),
        ("^#x $", "#x ", True),
    ],
)
def test_what_a_pattern_matches(pattern: str, text: str, fits: bool) -> None:
    """Anchors, classes, dots, escapes and repetitions."""
    assert fits == compiled(pattern).found_in(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "[", "a**", "a++", "a*+", "a?+", "a{1}+", "*", "^*", "a|*", "(?:+)", "a{2}{3}", "{2}", "a{,2}",
        "a{3,2}", "[b-a]", r"[\d-x]", r"[!-\s]", "[a-", "[^", "\\", "(?P<x>a)", "(?i)a", "(?i:a)", "(?>a)", "(?#x)",
        "(?(1)a|b)", "[a--b]", "(?<a*)b", r"\A", r"\Z", r"\a", r"\q", r"\u{110000}", r"\u12", r"\c1", r"\01",
        r"[\1]", r"[\B]", "a{99999999999999999999}", "(?:(?:a{100}){100}){2}", "(?:){20000}", "a" * 5_000,
        "(" * 60 + ")" * 60, "[\\",
    ],
)  # fmt: skip
def test_what_is_refused(pattern: str) -> None:
    """What ECMA-262 does not know, or leaves open, or what is too large: instead of something that is nearly it."""
    with pytest.raises(ValueError, match=r".+"):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("^(?=a)a", "looking ahead, (?=...)"),
        (r"\B|\u00e9", r"\B is not possible here"),
        ("^(?!a)b", "looking ahead, (?!...)"),
        ("b(?<=b)$", "looking behind, (?<=...)"),
        ("b(?<!c)$", "looking behind, (?<!...)"),
        (r"(a)\1", r"a reference to a group, \1"),
        (r"(?<x>a)\k<x>", r"a reference to a group, \k"),
        (r"^\p{L}$", r"\p{...}"),
        (r"^[\P{L}]$", r"\P{...}"),
    ],
)
def test_what_has_no_linear_time(pattern: str, named: str) -> None:
    """Is refused by its name, as is what the engine would know of another Unicode than ours."""
    with pytest.raises(ValueError, match=re.escape(named)):
        translate(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a.*b.*c.*d$", "abc" * 700),
        ("^([a-z]+[ ]?)+$", "a" * 40 + "!"),
        ("^(a+)+$", "a" * 2_000 + "b"),
        ("^(a|aa)+$", "a" * 2_000 + "b"),
        ("^(a|a?)+$", "a" * 2_000 + "b"),
        ("(.*)*x", "a" * 2_000),
        (r"^(\w+\s?)*\.$", "word " * 400),
        ("^(?:a?){1000}a{1000}$", "a" * 999),
        ("[ab]*a[ab]{1000}c", "ab" * 1_000),
    ],
)
def test_no_text_takes_long(pattern: str, text: str) -> None:
    """That this ends is the claim: an engine that tries every way would not live to see it."""
    assert not compiled(pattern).found_in(text)


def test_a_text_that_is_none() -> None:
    """In which nothing could be found, whatever was to be kept out by it."""
    with pytest.raises(UnicodeEncodeError):
        compiled("^x").found_in("x\ud800")


@pytest.mark.parametrize(
    ("pattern", "size"), [("ab", 3), ("(?:ab){3}", 11), ("(?:ab){3,}", 14), ("a{2,9}", 11), (r"\S", 5), ("[]", 2)]
)
def test_the_size_of_a_pattern(pattern: str, size: int) -> None:
    """Grows as the engine's work for one character does."""
    assert size == translate(pattern).size


class Both(NamedTuple):
    """The same expression for both engines."""

    ecma: str
    python: str


def _same(text: str) -> Both:
    return Both(text, text)


_DOT = Both(".", "[^\n\r\u2028\u2029]")
_ATOMS = [
    *map(_same, ["a", "b", "1", " ", "_", "\n", "\u00e9", "\U0001f600", "-", r"\.", r"\n", r"\d", r"\D", r"\w", r"\W"]),
    *map(_same, ["[ab]", "[^a]", "[a-z]", "[^a-z_]", r"[\w.]", r"[^\d]", r"[\D1]", "[\u00e9b]", "[^\u00e9]"]),
    _DOT,
]
_MARKS = [Both("^", r"\A"), Both("$", r"\Z"), _same(r"\b")]
_COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "*?", "+?", "??", "{1,2}?"]


def _larger(inner: st.SearchStrategy[Both]) -> st.SearchStrategy[Both]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: Both(*map("".join, zip(*parts, strict=True)))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Both(*map("|".join, zip(*parts, strict=True)))),
        st.tuples(inner, st.sampled_from(_COUNTS)).map(
            lambda pair: Both(f"({pair[0].ecma}){pair[1]}", f"(?:{pair[0].python}){pair[1]}")
        ),
        inner.map(lambda one: Both(f"(?:{one.ecma})", f"(?:{one.python})")),
    )


_BOTH = st.recursive(st.sampled_from(_ATOMS + _MARKS), _larger, max_leaves=8)


@given(_BOTH, st.text(st.sampled_from("ab1 _-.\n\r\u00e9\U0001f600z"), max_size=7))
def test_both_engines_agree(both: Both, text: str) -> None:
    """Where Python's says the same in other words, the answer is the same."""
    wanted = re.search(both.python, text, re.ASCII) is not None
    assert wanted == compiled(both.ecma).found_in(text)


@given(st.text(st.sampled_from("ab()[]{}^$.*+?|\\-,1swdDSWbBuxck/:=!<>&~\n\u00e9"), max_size=12), st.text(max_size=5))
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    """Nothing else is raised, and what is taken is one that the engine takes."""
    try:
        translated = translate(pattern)
    except ValueError:
        return
    found = compiled(pattern)
    assert 1 <= found.size == translated.size <= patterns.MAX_SIZE
    assert found.found_in(text) in (True, False)
