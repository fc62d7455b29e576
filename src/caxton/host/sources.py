"""The source around the place where a guest ended: for people, and only from inside the project."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from caxton.errors import Frame
from caxton.sandbox.project_files import NotReadable, Project
from caxton.text import safe

AROUND: Final = 2
"""Lines that are shown before and after the one that matters."""

MAX_SOURCE: Final = 4 << 20
"""The most bytes of a file that lines are shown of."""

MAX_WIDTH: Final = 160
"""Bytes that a line may have there."""

SDK: Final = "caxton"
"""The folder of a project that ``caxton new`` puts the SDK into."""

_MOST_FRAMES: Final = 64
_KINDS: Final = frozenset(
    "as asm c c++ cc cpp cs cxx d dart f90 fs go grain h h++ hh hpp hxx inc inl java js kt mbt mjs mm mts nim odin pas"
    " py rs s scala swift ts v wat wit wast zig".split()
)
"""What the names of source files end in. A module may name any file of its folder: keys and settings are not shown."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A few lines of a source file, safe to print. ``first``: the number of the first; ``line``: the one that matters,
    at ``column``, where that is known."""

    file: str
    line: int
    column: int | None
    first: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self._shown())

    def _shown(self) -> Iterator[str]:
        width = len(str(self.first + len(self.lines) - 1))
        for number, text in enumerate(self.lines, self.first):
            mark = ">" if number == self.line else " "
            yield f"{mark} {number:{width}} | {text}".rstrip()


def excerpt(module: str | os.PathLike[str], frames: Iterable[Frame]) -> Excerpt | None:
    """The source around the innermost frame whose file lies in the project of ``module``; None where there is none.

    Files of the SDK's (in the project's folder ``caxton``) come last: a panic ends there, and begins elsewhere. Blocks:
    it reads files.
    """
    project = Project(module)
    known = [frame for frame in list(frames)[:_MOST_FRAMES] if frame.file is not None and frame.line]
    looked_at: set[str] = set()
    for frame in sorted(known, key=lambda one: _is_of_sdk(project, one)):
        file, line = frame.file or "", frame.line or 0
        lines = None if file in looked_at else _lines_of(project, file)
        if lines is not None and line <= len(lines):
            first = max(1, line - AROUND)
            shown = lines[first - 1 : line + AROUND]
            safe_lines = tuple(safe(one.expandtabs(4), MAX_WIDTH) for one in shown)
            return Excerpt(file, line, frame.column, first, safe_lines)
        looked_at.add(file)
    return None


def _is_of_sdk(project: Project, frame: Frame) -> bool:
    place = project.inside(frame.file or "")
    return place is not None and SDK in place[:-1]


def _lines_of(project: Project, file: str) -> list[str] | None:
    """The lines of a source file: relative to the module's folder, or to the project's."""
    for base in dict.fromkeys((project.place, ())):
        place = project.inside(file, base)
        if place is None or not _is_source(place):
            continue
        try:
            data = project.read(place, MAX_SOURCE)
        except NotReadable:
            continue
        return data.decode("utf-8", "replace").split("\n")
    return None


def _is_source(place: tuple[str, ...]) -> bool:
    return not any(part.startswith(".") for part in place) and place[-1].rpartition(".")[2].lower() in _KINDS
