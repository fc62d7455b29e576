"""Tables of the documents are whole: a blank line in one would make its last rows loose text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_row_belongs_to_a_table(page: Path) -> None:
    """The first row is the head, and the second the line below it."""
    lines = ["", *page.read_text(encoding="utf-8").splitlines(), ""]
    first = [at for at, line in enumerate(lines) if line.startswith("|") and not lines[at - 1].startswith("|")]
    assert [lines[at] for at in first if not lines[at + 1].startswith("|--")] == []
