"""Debug information beside a module: finding it, and having it read.

A module's own DWARF comes first. Without any, a file with DWARF is looked for (named by the module's section
``external_debug_info``, or ``NAME.debug.wasm`` beside it), then a source map (named by ``sourceMappingURL``, or
``NAME.wasm.map``). Both lie inside the project, or are not read. The tool conventions tell of both sections.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.errors import CaxtonError
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.compilation import LineReading
from caxton.sandbox.facts import Facts
from caxton.sandbox.project_files import NotReadable, Project
from caxton.text import safe_name

MAX_COMPANION: Final = 128 << 20
"""The most bytes that a file with debug information may have."""

_FORM: Final = 2
_log = logging.getLogger("caxton.sandbox")

Reading = Callable[[bytes, bytes], LineReading]
Tell = Callable[[str], None]


def tell(why: str) -> None:
    """Warns of debug information that is there and cannot be had."""
    _log.warning("debug information is %s", why)


@dataclass(frozen=True, slots=True)
class Companion:
    """A file with debug information: its path for people, and its content."""

    name: str
    data: bytes


def find_companion(path: str | os.PathLike[str], facts: Facts, tell: Tell = tell) -> Companion | None:
    """The debug information that belongs to the module at ``path``; None where there is none that may be read.

    One that the module names, and that is not read, is told of.
    """
    project = Project(path)
    refused: list[str] = []
    for name, is_named in _names(Path(path).name, facts):
        place = project.inside(name)
        if place is None:
            refused.append(f"{safe_name(name)}: outside of the project")
            continue
        try:
            return Companion(str(project.root.joinpath(*place)), project.read(place, MAX_COMPANION))
        except NotReadable as error:
            if is_named or not error.missing:
                refused.append(f"{safe_name(name)}: {error}")
    for why in refused:
        tell(f"not read: {why}")
    return None


def _names(module: str, facts: Facts) -> Iterator[tuple[str, bool]]:
    """Candidates, each with whether the module names it."""
    stem = module.removesuffix(".wasm")
    for named, beside in ((facts.external_debug_info, f"{stem}.debug.wasm"), (facts.source_map, f"{module}.map")):
        if named is not None:
            yield named, True
        if named not in (beside, f"./{beside}"):
            yield beside, False


def companion_lines(
    path: str | os.PathLike[str], data: bytes, facts: Facts, cache: ModuleCache, reading: Reading, tell: Tell = tell
) -> str:
    """The table of lines (lines.py) of a module that has none itself; empty where nothing beside it tells.

    ``data``: the module's bytes. Blocks; not for the event loop.
    """
    found = find_companion(path, facts, tell)
    if found is None:
        return ""
    digests = " ".join(hashlib.sha256(one).hexdigest() for one in (data, found.data))
    name = f"lines {_FORM} {digests}"
    kept = cache.get(name)
    if kept is not None:
        return bytes(kept).decode()
    try:
        lines, why = reading(data, found.data).run()
    except CaxtonError as error:
        lines, why = "", error.message
    if why:
        tell(f"of no use: {safe_name(found.name)}: {why}")
    else:
        cache.put(name, lines.encode())
    return lines
