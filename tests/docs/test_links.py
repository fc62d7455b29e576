"""The documents hang together: links lead somewhere, every page can be reached, every decision is in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import caxton
from tests.docs.pages import DOCS, ROOT, Page, pages, read

PAGES = pages()


def _is_outside(target: str) -> bool:
    return target.startswith(("https://", "mailto:"))


def _broken(page: Page, target: str) -> bool:
    path, _, fragment = target.partition("#")
    found = page.path if not path else (page.path.parent / path).resolve()
    if not found.is_file() or not found.is_relative_to(ROOT):
        return True
    return bool(fragment) and fragment not in read(found).anchors()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    """Every link inside the project names a file that is there, and a heading that it has."""
    broken = [f"{line}: {target}" for line, target in page.links() if not _is_outside(target) and _broken(page, target)]
    assert broken == []


def test_every_page_can_be_reached() -> None:
    """Whoever begins at the README comes to every page."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md" or not path.is_file():
            continue
        seen.add(path)
        targets = [target.partition("#")[0] for _, target in read(path).links() if not _is_outside(target)]
        waiting += [(path.parent / target).resolve() for target in targets if target]
    assert [page.name for page in PAGES if page.path not in seen] == []


def _decisions() -> list[Path]:
    return sorted((DOCS / "adr").glob("[0-9]*.md"))


def test_every_decision_is_in_the_index() -> None:
    """The index of decisions lists every one, in order, under its own title."""
    rows = read(DOCS / "adr" / "README.md").rows()
    listed = [(match[2], f"{match[1]} {row[1]}") for row in rows if (match := re.match(r"\[(\d+)\]\((.+)\)", row[0]))]
    assert listed == [(path.name, read(path).headings()[0]) for path in _decisions()]


@pytest.mark.parametrize("path", _decisions(), ids=lambda path: path.stem)
def test_a_decision_has_its_parts(path: Path) -> None:
    """A decision is numbered and says its context, what was decided, and what follows."""
    first, *rest = read(path).headings()
    assert first.startswith(path.name[:4])
    assert rest == ["Context", "Decision", "Consequences"]


def test_the_changelog_knows_this_version() -> None:
    """The changelog has the version that the package says it is, as a release or as the next one."""
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{caxton.__version__}]" in text or ("## [Unreleased]" in text and caxton.__version__ in text)
