"""The names and lines of a component's functions: a table (lines.py) for each core module inside it.

A frame's offset counts from the component's first byte, so it says which module the frame is in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.lines import Lines, Place, pack_lines

if TYPE_CHECKING:  # reading a binary is the business of the child that compiles
    from caxton.sandbox.component_binary import Outline


def pack_component_lines(data: bytes, outline: Outline) -> str:
    """The tables of all modules, as text that ``ComponentLines`` reads; empty for a module that names nothing."""
    tables: list[tuple[int, int, str]] = []
    for module in outline.modules:
        try:
            packed = pack_lines(data[module.start : module.end])
        except MalformedBinary:
            packed = ""
        tables.append((module.start, module.end, packed))
    return json.dumps(tables) if any(packed for _, _, packed in tables) else ""


class ComponentLines:
    """Looks frames up, as ``Lines`` of lines.py does for one module. ``packed``: from ``pack_component_lines``."""

    def __init__(self, packed: str) -> None:
        self._tables: list[tuple[int, int, Any]] = [tuple(table) for table in json.loads(packed)] if packed else []

    @property
    def shift(self) -> int:
        """None: what runs is what was compiled."""
        return 0

    def _module(self, offset: int) -> tuple[int, Lines] | None:
        for number, (start, end, found) in enumerate(self._tables):
            # Where a stack overflows the offset may not be known (0): with one module the function's number is enough.
            if start <= offset < end or (not offset and len(self._tables) == 1):
                if not found:
                    return None
                if isinstance(found, str):
                    found = Lines(found)
                    self._tables[number] = (start, end, found)
                return start, found
        return None

    @property
    def has_places(self) -> bool:
        """Whether any function's lines are known."""
        return any(isinstance(found, Lines) and found.has_places for _, _, found in self._tables)

    def find(self, offset: int) -> Place | None:
        """File, line and column of the code at ``offset``, where they are known."""
        found = self._module(offset) if offset else None
        return None if found is None else found[1].find(offset - found[0])

    def inlined(self, offset: int) -> list[tuple[str, Place | None]]:
        """The functions that a compiler has put around ``offset``, innermost first, and where each was called."""
        found = self._module(offset) if offset else None
        return [] if found is None else found[1].inlined(offset - found[0])

    def function(self, index: int, offset: int = 0) -> str | None:
        """The name of function ``index`` of the module that has code at ``offset``; 0: it is not known."""
        found = self._module(offset)
        return None if found is None else found[1].function(index)
