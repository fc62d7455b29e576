"""What is known of a module when it has been compiled, as the child that compiles tells it to the host."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from caxton.sandbox.dump_facts import DumpFacts
from caxton.sandbox.warmth import NOTHING, Warmth


@dataclass(frozen=True, slots=True)
class Facts:
    """What the load checks need to know of a module, so that nothing in the host parses a guest's bytes.

    ``imports``: (module, name, signature); ``exports``: name to signature (signature.py); ``memory``: (minimum,
    maximum or None, is 64-bit, is shared) of the exported memory, pages; ``memories``, ``tables``: minima, of the
    module's own. ``lines``: its functions' names and where its code comes from (lines.py), ``has_lines``: that
    it says so; only compiling finds that out. ``dump``: what core dumps need (dumpable.py), where it is made for them.
    ``external_debug_info``, ``source_map``: where it says that debug information lies; names of its own making.
    """

    sha256: str
    size: int
    imports: tuple[tuple[str, str, str], ...]
    exports: dict[str, str]
    memory: tuple[int, int | None, bool, bool] | None
    memories: tuple[int, ...]
    tables: tuple[int, ...]
    has_start: bool
    has_dwarf: bool
    lines: str = ""
    has_lines: bool = False
    external_debug_info: str | None = None
    source_map: str | None = None
    warmth: Warmth = NOTHING
    places: tuple[tuple[int, int, int], ...] | None = None
    direct: bool = False
    flat: bool = False
    dump: DumpFacts | None = None

    @property
    def has_initialisation(self) -> bool:
        """Whether there is anything to do in turn 0."""
        return self.has_start or "_initialize" in self.exports or "caxton_init" in self.exports

    @classmethod
    def from_json(cls, text: bytes | memoryview) -> Facts:
        """The facts that ``as_json`` wrote."""
        found = json.loads(bytes(text))
        found["imports"] = tuple((m, n, s) for m, n, s in found["imports"])
        found["memory"] = tuple(found["memory"]) if found["memory"] else None
        found["warmth"] = Warmth.from_mapping(found["warmth"])
        found["dump"] = DumpFacts.from_mapping(found["dump"])
        found["memories"], found["tables"] = tuple(found["memories"]), tuple(found["tables"])
        if found["places"] is not None:
            found["places"] = tuple((number, index, pages) for number, index, pages in found["places"])
        return cls(**found)

    def as_json(self) -> bytes:
        """The facts as JSON."""
        return json.dumps(asdict(self)).encode()
