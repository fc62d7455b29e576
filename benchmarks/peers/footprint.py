"""Memory of this process and all its descendants.

PSS, not RSS: pages that processes share (a forked interpreter's, a program's text) are divided among them, so that the
sum over all of them counts each page once. Page tables are in neither, so they are read beside it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Weight:
    """KiB of one process tree."""

    resident_kib: float
    page_tables_kib: float

    def each(self, before: Weight, units: int) -> tuple[float, float]:
        """What each of `units` has added since `before`, as (resident, page tables)."""
        return (
            (self.resident_kib - before.resident_kib) / units,
            (self.page_tables_kib - before.page_tables_kib) / units,
        )


def weigh() -> Weight:
    """Weigh this process and its descendants, now."""
    tree = [os.getpid(), *descendants(os.getpid())]
    return Weight(
        sum(_field(PROC / str(pid) / "smaps_rollup", "Pss:") for pid in tree),
        sum(_field(PROC / str(pid) / "status", "VmPTE:") for pid in tree),
    )


def descendants(ancestor: int) -> list[int]:
    """The process ids below `ancestor`, however deep."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children[parent].append(int(entry.name))
    found, front = [], [ancestor]
    while front:
        below = children[front.pop()]
        found += below
        front += below
    return found


def _parent(process: Path) -> int | None:
    try:
        stat = (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _field(file: Path, name: str) -> float:
    """A number of KiB; 0 for a process that has ended. Raises `PermissionError` where it may not be read."""
    try:
        lines = file.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith(name)), 0.0)
