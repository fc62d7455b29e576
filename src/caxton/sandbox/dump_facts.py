"""What a core dump needs to know of a module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DumpFacts:
    """Found out in the child that compiles (dumpable.py).

    ``prefix``: what the names of the added exports begin with: ``g0`` is global 0. ``globals``: type and whether it is
    mutable, of each. ``locals``: how many each function of the module's own has, parameters included. ``imported``: how
    many functions come before those.
    """

    prefix: str
    globals: tuple[tuple[str, bool], ...]
    locals: tuple[int, ...]
    imported: int

    def locals_of(self, function: int) -> int:
        """How many locals a function has, as far as that is known."""
        index = function - self.imported
        return self.locals[index] if 0 <= index < len(self.locals) else 0

    @classmethod
    def from_mapping(cls, found: Mapping[str, Any] | None) -> DumpFacts | None:
        """What JSON has made of ``dataclasses.asdict``."""
        if not found:
            return None
        globals_ = tuple((str(kind), bool(mutable)) for kind, mutable in found["globals"])
        return cls(found["prefix"], globals_, tuple(found["locals"]), found["imported"])
