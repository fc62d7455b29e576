"""Making a module whose instances can be dumped: its globals are exported. Runs in the compiler's child process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.binary_types import TypeIndex, read_value_type
from caxton.sandbox.dump_facts import DumpFacts
from caxton.sandbox.freeze.instrument import with_global_exports
from caxton.sandbox.freeze.layout import CODE, FUNCTION, TYPE, Unfreezable, read_layout

MAX_GLOBALS: Final = 10_000
"""A module that has more is dumped without any."""

_MAX_FUNCTIONS: Final = 200_000
_MAX_LOCALS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Dumpable:
    """A module with its globals exported. ``shift``: by how many bytes its code lies further behind."""

    binary: bytes
    facts: DumpFacts
    shift: int


def make_dumpable(data: bytes, imported: int) -> Dumpable:
    """Exports the globals of a valid binary, which has ``imported`` functions; as it is, where that cannot be."""
    locals_ = count_locals(data)
    try:
        layout = read_layout(data)
        if len(layout.globals) > MAX_GLOBALS:
            raise Unfreezable("has too many globals")
        binary, prefix = with_global_exports(layout)
        shift = read_layout(binary).code_at - layout.code_at
    except (Unfreezable, MalformedBinary):
        return Dumpable(data, DumpFacts("", (), locals_, imported), 0)
    globals_ = tuple((item.type, item.mutable) for item in layout.globals)
    return Dumpable(binary, DumpFacts(prefix, globals_, locals_, imported), shift)


def count_locals(data: bytes) -> tuple[int, ...]:
    """How many locals each function of a core module has, as far as they can be read."""
    found: list[int] = []
    reader = Reader(data, 8)
    types, kinds = TypeIndex(data), [0]
    try:
        for number, _ in reader.sections():
            if number == TYPE:
                types.read_section(reader)
            elif number == FUNCTION:
                kinds = [reader.u32() for _ in range(min(reader.u32(), _MAX_FUNCTIONS))]
            elif number == CODE:
                for kind in kinds[: reader.u32()]:
                    stop = reader.u32() + reader.pos
                    found.append(min(types.parameters(kind) + _declared(reader), _MAX_LOCALS))
                    reader.pos = stop
    except MalformedBinary:
        pass
    return tuple(found)


def _declared(reader: Reader) -> int:
    total = 0
    for _ in range(reader.u32()):
        total += reader.u32()
        read_value_type(reader)
    return total
