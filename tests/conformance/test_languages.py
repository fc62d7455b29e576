"""Agents in every language keep every behaviour of the one list, built from source with that language's own tools."""

from __future__ import annotations

import pytest

from caxton.conformance import BEHAVIOURS, page
from tests.conformance.agents import ALL, PROVEN, unkept, verdicts
from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "conformance.md"


@pytest.mark.parametrize("language", ALL)
def test_every_behaviour_is_kept(language: str) -> None:
    """From empty messages to cancelled turns."""
    found = verdicts(language)
    assert len(BEHAVIOURS) == len(found)
    assert unkept(found) == []


def test_the_table_is_current() -> None:
    """The page tells of each behaviour and each language, as they are now; `make conformance` writes it anew."""
    text = PAGE.read_text(encoding="utf-8")
    results = {name: verdicts(name) for name in PROVEN}
    assert page.with_table(text, page.table(BEHAVIOURS, results)) == text
