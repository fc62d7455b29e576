"""The types of a component as bytes: where the parts of the type of an instance lie. Follows Binary.md."""

from __future__ import annotations

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.component_scopes import MAX_COUNT, MAX_DEPTH, SORT_TYPE, Scope
from caxton.sandbox.component_sections import read_sort

_FUNCTION, _COMPONENT, _INSTANCE, _RESOURCE = 0x40, 0x41, 0x42, 0x3F
_RECORD, _VARIANT, _LIST, _TUPLE, _FLAGS, _ENUM, _OPTION, _RESULT = 0x72, 0x71, 0x70, 0x6F, 0x6E, 0x6D, 0x6B, 0x6A
_OWN, _BORROW = 0x69, 0x68
_PLAIN = range(0x73, 0x80)
_CORE, _TYPE, _ALIAS, _IMPORT, _EXPORT = range(5)

Span = tuple[int, int]


def find_type(data: bytes, scope: Scope, number: int) -> Span:
    """Where a type of a component is written down.

    Raises:
        MalformedBinary: it is of another place, or something before it is nothing that agents have.
    """
    for first, section in scope.type_sections:
        reader = Reader(data, section.start, section.end)
        for index in range(first, first + reader.count(MAX_COUNT, "types")):
            start = reader.pos
            skip_type(reader)
            if index == number:
                return start, reader.pos
    raise MalformedBinary(0, f"type {number} comes from elsewhere")


def exported_functions(data: bytes, instance: Span) -> dict[str, Span]:
    """Of the type of an instance: where the type of each function that it exports is written down in there.

    Raises:
        MalformedBinary: it is none.
    """
    reader = Reader(data, *instance)
    if reader.byte() != _INSTANCE:
        raise MalformedBinary(reader.pos, "no type of an instance")
    types: list[Span | None] = []
    found: dict[str, Span] = {}
    for _ in range(reader.count(MAX_COUNT, "declarations")):
        kind = reader.byte()
        start = reader.pos
        if kind == _TYPE:
            skip_type(reader)
            types.append((start, reader.pos))
        elif kind == _ALIAS:
            types += [None] * _skip_alias(reader)
        elif kind == _EXPORT:
            name, what, index = _read_export(reader)
            types += [None] * (what == SORT_TYPE)
            span = types[index] if what == 1 and index < len(types) else None
            if span is not None and data[span[0]] == _FUNCTION:
                found[name] = span
        else:
            raise MalformedBinary(start, f"declaration {kind:#x}")
    return found


def skip_type(reader: Reader, depth: int = 0) -> None:
    """Walks over a type.

    Raises:
        MalformedBinary: it is none, or one that agents do not have.
    """
    if depth > MAX_DEPTH:
        raise MalformedBinary(reader.pos, "types inside types, too deep")
    kind = reader.byte()
    if kind in _PLAIN:
        return
    if kind == _FUNCTION:
        _skip_fields(reader)
        if reader.byte() == 0:
            _skip_value(reader)
        else:
            reader.byte()
    elif kind in (_COMPONENT, _INSTANCE):
        for _ in range(reader.count(MAX_COUNT, "declarations")):
            _skip_declaration(reader, depth)
    elif kind == _RESOURCE:
        reader.byte()
        if reader.byte():
            raise MalformedBinary(reader.pos, "a resource with a destructor")
    else:
        _skip_defined(reader, kind)


def _skip_defined(reader: Reader, kind: int) -> None:
    if kind == _RECORD:
        _skip_fields(reader)
    elif kind == _VARIANT:
        for _ in range(reader.count(MAX_COUNT, "cases")):
            reader.skip_name()
            _skip_optional(reader)
            reader.byte()
    elif kind in (_LIST, _OPTION, _OWN, _BORROW):
        _skip_value(reader)
    elif kind == _TUPLE:
        for _ in range(reader.count(MAX_COUNT, "types")):
            _skip_value(reader)
    elif kind in (_FLAGS, _ENUM):
        for _ in range(reader.count(MAX_COUNT, "names")):
            reader.skip_name()
    elif kind == _RESULT:
        _skip_optional(reader)
        _skip_optional(reader)
    else:
        raise MalformedBinary(reader.pos, f"type {kind:#x}")


def _skip_fields(reader: Reader) -> None:
    for _ in range(reader.count(MAX_COUNT, "fields")):
        reader.skip_name()
        _skip_value(reader)


def _skip_optional(reader: Reader) -> None:
    if reader.byte():
        _skip_value(reader)


def _skip_value(reader: Reader) -> None:
    """A plain type, or the number of another one."""
    while reader.byte() >= 0x80:
        pass


def _skip_declaration(reader: Reader, depth: int) -> None:
    kind = reader.byte()
    if kind == _TYPE:
        skip_type(reader, depth + 1)
    elif kind == _ALIAS:
        _skip_alias(reader)
    elif kind in (_IMPORT, _EXPORT):
        _read_export(reader)
    else:
        raise MalformedBinary(reader.pos, f"declaration {kind:#x}")


def _skip_alias(reader: Reader) -> int:
    """Answers how many types it adds."""
    sort = read_sort(reader)
    outer = reader.byte() == 2
    reader.u32()
    if outer:
        reader.u32()
    else:
        reader.skip_name()
    return int(sort == SORT_TYPE)


def _read_export(reader: Reader) -> tuple[str, int, int]:
    """The name, the sort and the number of an export, or of an import."""
    if reader.byte() > 1:
        raise MalformedBinary(reader.pos, "an unknown kind of name")
    name, sort = reader.name(), reader.byte()
    if sort in (0, 2):
        raise MalformedBinary(reader.pos, f"an export of the sort {sort}")
    if sort == SORT_TYPE and reader.byte():
        return name, sort, 0
    return name, sort, reader.u32()
