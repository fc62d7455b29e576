"""A module whose instances can be read: its globals and tables are exported, under names that it does not use itself.

Only exports cross the C API. Which function a table's element is, it does not tell; but two references to the same
function of an instance are equal. So the instrumented module has one table more, the *roster*, which lists every
function that a reference can be made of, and which nothing writes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caxton.sandbox import encoding
from caxton.sandbox.binary_reader import Reader
from caxton.sandbox.freeze.layout import (
    CODE,
    ELEMENT,
    EXPORT,
    FUNCTION,
    TABLE,
    TYPE,
    Layout,
    Mode,
    Unfreezable,
    named_function,
    rebuild,
)

NUMBERS: Final = ("i32", "i64", "f32", "f64", "v128")
_FUNC_EXPORT, _TABLE_EXPORT, _GLOBAL_EXPORT = 0, 1, 3
_NO_FUNCTION_TYPE: Final = b"\x60\x00\x00"
_FUNC_TYPES: Final = (b"\x70", b"\x63\x70", b"\x64\x70")
"""``funcref``, its long form, and ``(ref func)``: what the roster's type takes."""


@dataclass(frozen=True, slots=True)
class StateExports:
    """What an instrumented module exports for its state.

    ``prefix``: what the names begin with: ``g0`` is global 0, ``t0`` table 0, ``roster`` the roster. ``roster``: the
    functions in it. ``data`` and ``elements``: the passive segments whose use a function tells (``d0``, ``e0``): it
    traps where the segment has been dropped. ``globals``, ``tables``: how many there are.
    """

    prefix: str
    globals: int
    tables: int
    has_roster: bool
    roster: tuple[int, ...]
    data: tuple[int, ...]
    elements: tuple[int, ...]


def with_state_exports(layout: Layout) -> tuple[bytes, StateExports]:
    """The instrumented module, without custom sections. Functions, globals and tables keep their numbers.

    Raises:
        Unfreezable: its references cannot be told.
    """
    names = StateExports(
        _free_prefix(layout),
        len(layout.globals),
        len(layout.tables),
        bool(layout.tables) or any(item.mutable and item.type not in NUMBERS for item in layout.globals),
        _roster(layout),
        _droppable_data(layout),
        _droppable_elements(layout),
    )
    probes = [_data_probe(layout, number) for number in names.data]
    probes += [_element_probe(layout, number) for number in names.elements]
    replaced: dict[int, bytes | None] = {EXPORT: _exports(layout, names)}
    if names.has_roster:
        replaced |= _with_roster(layout, names.roster)
    if probes:
        replaced |= _with_functions(layout, probes)
    return rebuild(layout, replaced, custom=False), names


def with_global_exports(layout: Layout) -> tuple[bytes, str]:
    """The module with nothing but its globals exported more, and what their names begin with: ``g0`` is global 0.

    Raises:
        Unfreezable: there is no free prefix.
    """
    prefix = _free_prefix(layout)
    more = [
        encoding.name(f"{prefix}g{at}") + bytes([_GLOBAL_EXPORT]) + encoding.unsigned(at)
        for at in range(len(layout.globals))
    ]
    return rebuild(layout, {EXPORT: _appended(layout.content(EXPORT), more)}), prefix


def _free_prefix(layout: Layout) -> str:
    prefix = "state "
    while any(name.startswith(prefix) for name in layout.exports):
        prefix = "_" + prefix
        if len(prefix) > 64:
            raise Unfreezable("exports names that begin with every prefix that was tried")
    return prefix


def _exports(layout: Layout, names: StateExports) -> bytes:
    entries = [(f"g{i}", _GLOBAL_EXPORT, i) for i in range(names.globals)]
    entries += [(f"t{i}", _TABLE_EXPORT, i) for i in range(names.tables)]
    if names.has_roster:
        entries.append(("roster", _TABLE_EXPORT, names.tables))
    probes = [f"d{i}" for i in names.data] + [f"e{i}" for i in names.elements]
    entries += [(probe, _FUNC_EXPORT, layout.functions + i) for i, probe in enumerate(probes)]
    more = [encoding.name(names.prefix + name) + bytes([kind]) + encoding.unsigned(at) for name, kind, at in entries]
    return _appended(layout.content(EXPORT), more)


def _appended(content: bytes, items: list[bytes]) -> bytes:
    """A vector with items behind those that it has."""
    reader = Reader(content)
    count = reader.u32() if content else 0
    return encoding.unsigned(count + len(items)) + content[reader.pos :] + b"".join(items)


# ---- the roster -----------------------------------------------------------------------------------------------------


def _roster(layout: Layout) -> tuple[int, ...]:
    """Every function that a reference can be made of: those that the module names outside its code."""
    found = {item for segment in layout.elements for item in segment.items}
    found.update(index for kind, index in layout.exports.values() if kind == _FUNC_EXPORT)
    values = [item.value for item in layout.globals] + [item.value for item in layout.tables if item.value]
    found.update(named_function(value, 0, len(value)) for value in values if value[0] in (0xD0, 0xD2))
    return tuple(sorted(index for index in found if index >= 0))


def _with_roster(layout: Layout, roster: tuple[int, ...]) -> dict[int, bytes | None]:
    table = encoding.FUNCREF + b"\x00" + encoding.unsigned(len(roster))
    number = encoding.unsigned(len(layout.tables))
    segment = b"\x02" + number + encoding.address(0) + b"\x00" + encoding.functions(roster)
    return {
        TABLE: _appended(layout.content(TABLE), [table]),
        ELEMENT: _appended(layout.content(ELEMENT), [segment]),
    }


# ---- which passive segments are left --------------------------------------------------------------------------------


def _droppable_data(layout: Layout) -> tuple[int, ...]:
    if not layout.has_data_count:  # no instruction can name a segment
        return ()
    return tuple(i for i, item in enumerate(layout.segments) if item.mode is Mode.PASSIVE and item.stop > item.start)


def _droppable_elements(layout: Layout) -> tuple[int, ...]:
    found = tuple(i for i, item in enumerate(layout.elements) if item.mode is Mode.PASSIVE and item.items)
    if any(layout.elements[i].type not in _FUNC_TYPES for i in found):
        raise Unfreezable("has a passive element segment of a type other than functions")
    return found if layout.tables else ()


def _probe(size: int, instruction: bytes) -> bytes:
    """A function that uses no byte at a segment's end: which is outside the segment where it has been dropped."""
    operands = b"\x41\x00" + encoding.address(size)[:-1] + b"\x41\x00"
    return encoding.sized(b"\x00" + operands + instruction + encoding.END)


def _data_probe(layout: Layout, number: int) -> bytes:
    segment = layout.segments[number]
    return _probe(segment.stop - segment.start, b"\xfc\x08" + encoding.unsigned(number) + b"\x00")


def _element_probe(layout: Layout, number: int) -> bytes:
    roster = encoding.unsigned(len(layout.tables))
    size = len(layout.elements[number].items)
    return _probe(size, b"\xfc\x0c" + encoding.unsigned(number) + roster)


def _with_functions(layout: Layout, bodies: list[bytes]) -> dict[int, bytes | None]:
    kind = encoding.unsigned(layout.types)
    return {
        TYPE: _appended(layout.content(TYPE), [_NO_FUNCTION_TYPE]),
        FUNCTION: _appended(layout.content(FUNCTION), [kind] * len(bodies)),
        CODE: _appended(layout.content(CODE), bodies),
    }
