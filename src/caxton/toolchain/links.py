"""Links in a project that lead out of it, refused before any compiler sees them.

Compilers follow links, and say what they find in a file that they cannot read. So a project could show, or put into its
module, files of this machine that its own sources do not name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caxton.errors import HostError
from caxton.text import safe_name

MOST: Final = 200_000
"""Files and folders that are looked at."""

LEFT: Final = frozenset({"node_modules"})
"""Folders that npm fills, with links of its own; they may lie anywhere."""

LEFT_AT_TOP: Final = frozenset({"target", "zig-out", "venv", "env"})
"""Folders of the project's own folder that other programs fill."""


def refuse_links_out(folder: Path, written: frozenset[str]) -> None:
    """Refuses a project that has a link to something outside of its folder.

    Hidden files are not looked at, nor what other programs fill: compilers find neither by themselves.

    Args:
        folder: the project's, absolute, links resolved.
        written: names of files that a build replaces, in the project's own folder.

    Raises:
        HostError: ``config.invalid``, there is such a link, or there are too many files.
    """
    top = str(folder)
    left, known, seen = [top], {top}, 0
    while left:
        place = left.pop()
        for entry in _entries(place, LEFT | LEFT_AT_TOP | written if place == top else LEFT):
            seen += 1
            if seen > MOST:
                raise HostError("config.invalid", f"{safe_name(top)} has more than {MOST:,} files")
            target = _target(folder, entry) if entry.is_symlink() else entry.path
            # A link inside the project may lead to a folder that would not be looked at.
            if target not in known and os.path.isdir(target):
                known.add(target)
                left.append(target)


def _target(folder: Path, link: os.DirEntry[str]) -> str:
    target = os.path.realpath(link.path)
    if not Path(target).is_relative_to(folder):
        name = safe_name(os.path.relpath(link.path, folder))
        raise HostError("config.invalid", f"{name} is a link that leads out of the project's folder")
    return target


def _entries(place: str, skipped: frozenset[str]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(place) as found:
            for entry in sorted(found, key=lambda one: one.name):
                if not entry.name.startswith(".") and entry.name not in skipped:
                    yield entry
    except OSError:  # what cannot be read here, no compiler reads either
        return
