"""Patterns mean what ECMA-262 says, not what Python would make of the same text."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("^[a-c]$", "b", True),
        ("^[-a]$", "-", True),
        (r"^\/$", "/", True),
        (r"^\x41\u0042\u{43}$", "ABC", True),
        (r"^\u{1F600}$", "\U0001f600", True),
        (r"^[\u{1F600}-\u{1F602}]$", "\U0001f601", True),
        (r"^\0$", "\0", True),
        (r"^\t\n\r\f\v$", "\t\n\r\f\v", True),
        ("^(?<year>[0-9]{4})-(?:a|b)$", "2026-a", True),
        ("^(?=a)a(?!c)b(?<=b)(?<!c)$", "ab", True),
        ("^a{2,3}?$", "aa", True),
        ("^a.c$", "abc", True),
        ("^i$", "I", False),
        ("^#x $", "#x ", True),
    ],
)
def test_what_a_pattern_matches(pattern: str, text: str, fits: bool) -> None:
    """Anchors, classes, dots and escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fits == (re.search(translate(pattern), text) is not None)


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "[", "a**", "a++", "a*+", "a?+", "a{1}+", "*", "[b-a]", "[--a]", r"[\d-x]", r"[!-\s]", "\\",
        r"(a)\1", r"(?<x>a)\k<x>", "(?P<x>a)", "(?i)a", "(?i:a)", "(?>a)", "(?#x)", "(?(1)a|b)", "(?<a*)b",
        r"\A", r"\Z", r"\a", r"\p{L}", r"\q", r"\u{110000}", r"\u12", r"\cJ", "a{99999999999999999999}",
    ],
)  # fmt: skip
def test_what_is_refused(pattern: str) -> None:
    """What ECMA-262 does not know or Python cannot do, instead of something that is nearly it."""
    with pytest.raises(ValueError, match=r".+"):
        translate(pattern)


@given(st.lists(st.sampled_from(["^a$", "b|c", "(d)", "[^e]", r"\s", "(?<x>f)"]), min_size=1, max_size=4))
def test_patterns_can_be_joined(patterns: list[str]) -> None:
    """As the check of additional properties does: one matches where any of them does."""
    joined = "|".join(map(translate, patterns))
    for text in ("a", "b", "e", "f", " ", "a\n"):
        assert any(re.search(translate(one), text) for one in patterns) == (re.search(joined, text) is not None)


@given(st.text(st.sampled_from("ab()[]{}^$.*+?|\\-,1swdDSWbBu/:=!<>&~\n"), max_size=12))
def test_any_text_is_a_pattern_or_refused(pattern: str) -> None:
    """Nothing else is raised, no warning is given, and what is taken can be compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = translate(pattern)
        except ValueError:
            return
        re.compile(found)
