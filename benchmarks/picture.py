"""Draws docs/images/benchmarks.svg: ``python benchmarks/picture.py RUN.json > docs/images/benchmarks.svg``.

Bars on a logarithmic scale, one panel for each question, Caxton's in colour. Text is drawn in the reader's own font and
in colours that can be read on white and on black.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from typing import Any, Final

WIDTH: Final = 860
LEFT, RIGHT = 330, 90  # room for names, and for figures
BAR, GAP, HEADING, TAIL = 18, 8, 34, 14
CAPTION: Final = "Shorter is better. Each panel has a logarithmic scale of its own."
OURS, OTHERS, INK = "#d9662b", "#7d8fa3", "#7a7f87"


@dataclass(frozen=True)
class Panel:
    """One question: figures by name, with what to call them."""

    title: str
    unit: str
    rows: tuple[tuple[str, str], ...]


PANELS: Final = (
    Panel(
        "256 bytes in, 256 bytes out",
        "µs",
        (
            ("turn", "Caxton: a turn"),
            ("ask", "Caxton: ask, one at a time"),
            ("ask-many", "Caxton: ask, many at once"),
            ("ask-task", "asyncio task with a queue"),
            ("ask-extism", "Extism"),
            ("ask-plain", "plain wasmtime binding"),
        ),
    ),
    Panel(
        "From nothing to the first answer",
        "µs",
        (
            ("spawn-answer", "Caxton"),
            ("spawn-task-answer", "asyncio task with a queue"),
            ("spawn-plain-answer", "plain wasmtime binding"),
            ("spawn-extism-answer", "Extism"),
        ),
    ),
    Panel(
        "Resident memory for each idle unit",
        "KiB",
        (
            ("memory", "Caxton, no allocator"),
            ("memory-c", "Caxton, C with an allocator"),
            ("memory-task", "asyncio task with a queue"),
            ("memory-plain", "plain wasmtime binding"),
            ("memory-extism", "Extism"),
        ),
    ),
    Panel(
        "p99 of an ask, from when it was due",
        "ms",
        (
            ("latency-idle-p99", "Caxton, nothing beside it"),
            ("latency-spinning-p99", "Caxton, two guests spin"),
            ("latency-threads-p99", "asyncio task, two Python threads spin"),
        ),
    ),
)


def draw(run: Mapping[str, Any]) -> str:
    """The picture of a run."""
    figures = {figure["name"]: figure for section in run["sections"] for figure in section["figures"]}
    parts: list[str] = []
    top = 0
    for panel in PANELS:
        found = [(label, float(figures[name]["value"])) for name, label in panel.rows if name in figures]
        if found:
            parts += _panel(panel, found, top)
            top += HEADING + len(found) * (BAR + GAP) + TAIL
    parts.append(f'<text x="0" y="{top + 12}" font-size="12">{CAPTION}</text>\n')
    top += 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="14" fill="{INK}">\n'
        "<title>What an agent costs, beside what it is compared with</title>\n"
    )
    return head + "".join(parts) + "</svg>\n"


def _panel(panel: Panel, rows: Sequence[tuple[str, float]], top: int) -> Iterator[str]:
    floor, ceiling = _decades([value for _, value in rows])
    yield f'<text x="0" y="{top + 20}" font-weight="600">{escape(panel.title)}</text>\n'
    width = WIDTH - LEFT - RIGHT
    for number, (label, value) in enumerate(rows):
        y = top + HEADING + number * (BAR + GAP)
        length = max(2.0, width * (log10(max(value, 1e-9)) - floor) / (ceiling - floor))
        colour = OURS if label.startswith("Caxton") else OTHERS
        text = y + BAR - 4
        yield f'<text x="{LEFT - 10}" y="{text}" text-anchor="end">{escape(label)}</text>\n'
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>\n'
        yield f'<text x="{LEFT + length + 8:.1f}" y="{text}">{_digits(value)} {escape(panel.unit)}</text>\n'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten below the smallest and above the largest."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = log10(min(positive)), log10(max(positive))
    return int(low // 1) - (low % 1 < 0.15), int(high // 1) + 1


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def main(arguments: list[str]) -> int:
    """Reads a run, prints the picture. 2 where it cannot be read."""
    if len(arguments) != 1:
        print("usage: python benchmarks/picture.py RUN.json", file=sys.stderr)
        return 2
    try:
        print(draw(json.loads(Path(arguments[0]).read_text(encoding="utf-8"))), end="")
    except (OSError, ValueError, KeyError) as error:
        print(f"picture.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
