"""The plain count is the measure: small texts with counts that can be seen."""

from __future__ import annotations

from caxton.demo.check import differences, plain_count
from caxton.demo.documents import Document

TEXTS = [Document("one", b"Agents send; agents wait.\nA turn."), Document("none", b"")]


def test_terms_are_counted_without_case() -> None:
    """Upper and lower case of ASCII are one term; short and common ones are no top terms."""
    sums = plain_count(TEXTS, most=2, shortest=4, left_out={b"wait"})
    assert sums.terms == {b"agents": 2, b"send": 1, b"wait": 1, b"a": 1, b"turn": 1}
    assert sums.top == [(b"agents", 2), (b"send", 1)]
    assert sums.words == [6, 0]
    assert [newlines for _, newlines, _ in sums.lines] == [1, 0]
    assert [longest for _, _, longest in sums.lines] == [25, 0]


def test_long_terms_are_cut_every_64_bytes() -> None:
    """A run without a gap is terms of 64 bytes and a rest."""
    sums = plain_count([Document("run", b"x" * 130)], most=1, shortest=1, left_out=())
    assert sums.terms == {b"x" * 64: 2, b"xx": 1}


def test_each_kind_of_difference_is_named() -> None:
    """Equal sums have no differences; other terms, tops, words and lines have one each."""
    sums = plain_count(TEXTS, most=2, shortest=4, left_out=())
    other = plain_count([Document("one", b"send"), TEXTS[1]], most=2, shortest=4, left_out=())
    assert list(differences(sums, sums, TEXTS)) == []
    assert len(list(differences(other, sums, TEXTS))) == 3
