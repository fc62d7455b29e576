"""Waiting for a change in a project's files: by looking at them, three times a second at most.

Looking works on every file system, shared folders and containers included, and a project is small. What a build itself
writes (the module, hidden files) is not looked at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from caxton.toolchain.files import MOST

LOOK: Final = 0.3
"""Seconds between two looks, at least."""

SHARE: Final = 20
"""Looking takes at most this part of the time: where it takes long it is done less often."""

QUIET: Final = 0.1
"""Seconds for which nothing changes before a change is told: an editor may write several files."""

_SKIPPED: Final = frozenset({"node_modules", "target", "zig-out", "__pycache__", "build", "dist"})
_WRITTEN: Final = (".wasm", ".wasm.map", ".pyc", ".swp", "~")

Snapshot: TypeAlias = dict[str, tuple[int, int, int]]
"""Modification time in nanoseconds, size and inode of each file."""


def snapshot(folder: Path) -> Snapshot:
    """How a project's files are now. Of a folder with very many files only the first ones count."""
    found: Snapshot = {}
    for path in _files(folder):
        try:
            known = os.stat(path)
        except OSError:  # it has just gone
            continue
        found[path] = (known.st_mtime_ns, known.st_size, known.st_ino)
    return found


def wait_for_change(
    folder: Path, before: Snapshot, *, sleep: Callable[[float], None] = time.sleep
) -> tuple[Snapshot, list[str]]:
    """Waits until the files differ from ``before`` and have come to rest; answers how they are then, and what changed.

    Args:
        sleep: waits for some seconds; what it raises ends the waiting.
    """
    while True:
        began = time.monotonic()
        now = snapshot(folder)
        if now != before:
            break
        sleep(max(LOOK, SHARE * (time.monotonic() - began)))
    while True:
        sleep(QUIET)
        later = snapshot(folder)
        if later == now:
            changed = {path for path, _ in before.items() ^ now.items()}
            return now, sorted(os.path.relpath(path, folder) for path in changed)
        now = later


def _files(folder: Path) -> Iterator[str]:
    seen = 0
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            if name.startswith(".") or name.endswith(_WRITTEN):
                continue
            seen += 1
            if seen > MOST:
                return
            yield os.path.join(root, name)
