"""The project's pages as data: fenced blocks, tables, headings, links."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
REFERENCE: Final = DOCS / "reference"

_FENCE: Final = re.compile(r"^```(\w*)([^\n`]*)$")
_OPTION: Final = re.compile(r"(\w+)=(\S+)")
_LINK: Final = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *$")
_CODE: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the options after it (``file=upper.wat``), its text, its first line's number."""

    language: str
    options: dict[str, str]
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """One page. ``prose`` is its lines outside fenced blocks, with their numbers."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    prose: list[tuple[int, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path from the project's top."""
        return self.path.relative_to(ROOT).as_posix()

    def headings(self) -> list[str]:
        """The headings, in order."""
        return [match[1] for _, line in self.prose if (match := _HEADING.match(line))]

    def anchors(self) -> set[str]:
        """What a link to a part of the page may name."""
        return {anchor(heading) for heading in self.headings()}

    def links(self) -> list[tuple[int, str]]:
        """Every link's line and target."""
        return [(number, match[1]) for number, line in self.prose for match in _LINK.finditer(line)]

    def section(self, heading: str) -> list[str]:
        """The prose lines under a heading, up to the next heading."""
        lines: list[str] | None = None
        for _, line in self.prose:
            found = _HEADING.match(line)
            if found:
                if lines is not None:
                    return lines
                lines = [] if found[1] == heading else None
            elif lines is not None:
                lines.append(line)
        if lines is None:
            raise LookupError(f"{self.name} has no heading {heading!r}")
        return lines

    def rows(self, heading: str | None = None) -> list[list[str]]:
        """The cells of the tables under a heading (or on the whole page), without the tables' own headings."""
        lines = [line for _, line in self.prose] if heading is None else self.section(heading)
        return _rows(lines)

    def codes(self) -> list[tuple[int, str]]:
        """Every `piece of code` in the prose, with its line."""
        return [(number, match[1]) for number, line in self.prose for match in _CODE.finditer(line)]


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")


def plain(cell: str) -> str:
    """A cell without its code marks."""
    return cell.replace("`", "").strip()


def _rows(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found.pop()  # the line before was the table's heading
        else:
            found.append(cells)
    return found


def read(path: Path) -> Page:
    """The page in a file."""
    page = Page(path)
    block: tuple[str, dict[str, str], int] | None = None
    inside: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if block is not None:
            if line == "```":
                page.blocks.append(Block(block[0], block[1], "\n".join(inside) + "\n", block[2]))
                block, inside = None, []
            else:
                inside.append(line)
        elif fence:
            block = (fence[1], dict(_OPTION.findall(fence[2])), number + 1)
        else:
            page.prose.append((number, line))
    assert block is None, f"{path}: a block is not closed"
    return page


def paths() -> list[Path]:
    """The pages that the project has."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("examples/*/README.md"))]


def pages() -> list[Page]:
    """Every page."""
    return [read(path) for path in paths()]
