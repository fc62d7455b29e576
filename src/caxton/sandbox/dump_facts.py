"""What a core dump needs to know of a module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class InnerModule:
    """A core module inside a component. ``start``, ``end``: where it lies in what was compiled; None: it is not in
    there. ``imported``, ``locals``: as in ``DumpFacts``."""

    start: int | None
    end: int | None
    imported: int
    locals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DumpFacts:
    """Found out in the child that compiles (dumpable.py).

    ``prefix``: what the names of the added exports begin with: ``g0`` is global 0. ``globals``: type and whether it is
    mutable, of each. ``locals``: how many each function of the module's own has, parameters included. ``imported``: how
    many functions come before those. Of a component instead: ``modules``, in the order in which they lie in its file;
    ``instances``: of each core instance its module; ``memories``: of each memory its instance.
    """

    prefix: str
    globals: tuple[tuple[str, bool], ...]
    locals: tuple[int, ...]
    imported: int
    modules: tuple[InnerModule, ...] = ()
    instances: tuple[int, ...] = ()
    memories: tuple[int, ...] = ()

    def locals_of(self, function: int, module: int | None = None) -> int:
        """How many locals a function has, as far as that is known; of a component's in one of its modules."""
        of = self if module is None else self.modules[module]
        index = function - of.imported
        return of.locals[index] if 0 <= index < len(of.locals) else 0

    @classmethod
    def from_mapping(cls, found: Mapping[str, Any] | None) -> DumpFacts | None:
        """What JSON has made of ``dataclasses.asdict``."""
        if not found:
            return None
        globals_ = tuple((str(kind), bool(mutable)) for kind, mutable in found["globals"])
        modules = tuple(
            InnerModule(one["start"], one["end"], one["imported"], tuple(one["locals"])) for one in found["modules"]
        )
        rest = tuple(found["instances"]), tuple(found["memories"])
        return cls(found["prefix"], globals_, tuple(found["locals"]), found["imported"], modules, *rest)
