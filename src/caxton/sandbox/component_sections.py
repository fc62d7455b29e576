"""Reads the sections of a hostile component, once, in the compiler's child. Follows the component model's Binary.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.component_scopes import (
    ALIAS,
    CANON,
    COMPONENT,
    CORE_INSTANCE,
    EXPORT,
    IMPORT,
    INSTANCE,
    LIFT,
    LOWER,
    MAX_COUNT,
    MAX_DEPTH,
    MODULE,
    RESOURCE_NEW,
    SORT_COMPONENT,
    SORT_CORE_MEMORY,
    SORT_CORE_MODULE,
    SORT_FUNC,
    SORT_INSTANCE,
    SORT_TYPE,
    TYPE,
    CoreModule,
    Imported,
    Lift,
    Made,
    Options,
    Part,
    Scope,
    Section,
)  # fmt: skip

_T = TypeVar("_T")

_RESOURCE_DROP, _RESOURCE_REP = 3, 4
_UTF8, _MEMORY, _REALLOC, _POST_RETURN, _CALLBACK, _CORE_TYPE = 0, 3, 4, 5, 7, 8
_NO_OPTIONS: Final = Options(None, None, None, True)


def read_component(
    data: bytes, start: int, end: int, parent: Scope, read_module: Callable[[int, int], CoreModule]
) -> Scope:
    """The component whose bytes lie there, behind its preamble."""
    scope = Scope(parent, parent.depth + 1, parent.makers)
    if scope.depth > MAX_DEPTH:
        raise MalformedBinary(start, "components inside components, too deep")
    reader = Reader(data, start, end)
    for number, stop in reader.sections():
        section = Section(number, reader.pos, stop)
        scope.sections.append(section)
        if number == MODULE:
            scope.modules.append(read_module(reader.pos, stop))
        elif number == COMPONENT:
            inner = read_component(data, reader.pos + 8, stop, scope, read_module)
            scope.inner[section.start] = inner
            scope.components.append(inner)
        elif number == TYPE:
            scope.type_sections.append((scope.types, section))
            scope.types += reader.count(MAX_COUNT, "types")
        elif number in _SECTIONS:
            for _ in range(reader.count(MAX_COUNT, "items")):
                _SECTIONS[number](reader, scope)
    return scope


# -- sections, item by item


def _core_instance(reader: Reader, scope: Scope) -> None:
    if reader.byte() == 0:
        scope.steps_of.append(len(scope.steps))
        scope.steps.append(_pick(reader, scope.modules, "core module"))
        for _ in range(reader.count(MAX_COUNT, "arguments")):
            reader.skip_name()
            reader.byte()
            reader.u32()
        return
    scope.steps_of.append(None)
    for _ in range(reader.count(MAX_COUNT, "exports")):
        reader.skip_name()
        reader.byte()
        reader.u32()


def _instance(reader: Reader, scope: Scope) -> None:
    if reader.byte() == 0:
        inner = _pick(reader, scope.components, "component")
        scope.steps.append(inner)
        arguments: dict[str, int] = {}
        for _ in range(reader.count(MAX_COUNT, "arguments")):
            name = reader.name()
            sort, index = read_sort(reader), reader.u32()
            if sort == SORT_INSTANCE:
                arguments[name] = index
        scope.instances.append(Made(inner, arguments))
        return
    scope.instances.append(None)
    for _ in range(reader.count(MAX_COUNT, "exports")):
        _extern_name(reader)
        scope.lends |= read_sort(reader) == SORT_CORE_MODULE
        reader.u32()


def _alias(reader: Reader, scope: Scope) -> None:
    sort = read_sort(reader)
    target = reader.byte()
    if target == 2:
        count, index = reader.u32(), reader.u32()
        _count(scope, sort, None)
        _outer(reader, scope, sort, count, index)
        return
    instance, name = reader.u32(), reader.name()
    if target == 1 and sort == SORT_CORE_MEMORY:
        scope.memories.append(instance)
    _count(scope, sort, Part(instance, name) if target == 0 else None)
    if target == 0 and sort in (SORT_CORE_MODULE, SORT_COMPONENT):
        raise MalformedBinary(reader.pos, "a module or a component out of an instance")


def _outer(reader: Reader, scope: Scope, sort: int, count: int, index: int) -> None:
    source: Scope | None = scope
    for _ in range(min(count, MAX_DEPTH + 1)):
        source = source.parent if source else None
    if sort == SORT_CORE_MODULE and source is not None:
        source.lends = True
        scope.modules.append(_at(reader, source.modules, index, "core module"))
    elif sort == SORT_COMPONENT and source is not None:
        scope.components.append(_at(reader, source.components, index, "component"))


def _canon(reader: Reader, scope: Scope) -> None:
    start = reader.pos
    kind, core, options = read_canon(reader)
    if kind == LIFT:
        scope.functions.append(Lift(core, options))
    elif kind == RESOURCE_NEW:
        scope.makers.append(start)


def read_canon(reader: Reader) -> tuple[int, int, Options]:
    """A canonical function: its kind, the number of what it is made of, its options."""
    start = reader.pos
    kind = reader.byte()
    if kind in (LIFT, LOWER):
        reader.byte()
        number, options = reader.u32(), _options(reader)
        if kind == LIFT:
            reader.u32()
        return kind, number, options
    if kind not in (RESOURCE_NEW, _RESOURCE_DROP, _RESOURCE_REP):
        raise MalformedBinary(start, f"canonical function {kind:#x}")
    return kind, reader.u32(), _NO_OPTIONS


def _options(reader: Reader) -> Options:
    found: dict[int, int] = {}
    for _ in range(reader.count(16, "options")):
        option = reader.byte()
        with_index = option in (_MEMORY, _REALLOC, _POST_RETURN, _CALLBACK, _CORE_TYPE)
        found[option] = reader.u32() if with_index else 0
    plain = not found.keys() - {_UTF8, _MEMORY, _REALLOC, _POST_RETURN}
    return Options(found.get(_MEMORY), found.get(_REALLOC), found.get(_POST_RETURN), plain)


def _count(scope: Scope, sort: int, part: Part | None) -> None:
    """An item of another place is one of this component's, too."""
    if sort == SORT_TYPE:
        scope.types += 1
    elif sort == SORT_FUNC:
        scope.functions.append(part)
    elif sort == SORT_INSTANCE:
        scope.instances.append(part)


def _import(reader: Reader, scope: Scope) -> None:
    name = _extern_name(reader)
    kind = reader.byte()
    if kind == 0:
        raise MalformedBinary(reader.pos, "a core module from outside")
    if kind == SORT_COMPONENT:
        raise MalformedBinary(reader.pos, "a component from outside")
    if kind == SORT_TYPE:
        scope.types += 1
        _bound(reader)
        return
    index = reader.u32()
    if kind == SORT_INSTANCE:
        scope.instances.append(Imported(name, index))
    else:
        _count(scope, kind, None)


def _export(reader: Reader, scope: Scope) -> None:
    name = _extern_name(reader)
    sort = read_sort(reader)
    index = reader.u32()
    if reader.byte():
        if reader.byte() == 3:
            _bound(reader)
        else:
            reader.u32()
    # An export is an item of its own in its index space.
    if sort == SORT_FUNC:
        scope.exports[name] = index
        scope.functions.append(scope.functions[index] if index < len(scope.functions) else None)
    elif sort == SORT_INSTANCE:
        scope.instances.append(scope.instances[index] if index < len(scope.instances) else None)
    elif sort == SORT_TYPE:
        scope.types += 1
    elif sort == SORT_COMPONENT:
        scope.components.append(_at(reader, scope.components, index, "component"))
    elif sort == SORT_CORE_MODULE:
        scope.lends = True
        scope.modules.append(_at(reader, scope.modules, index, "core module"))


def _bound(reader: Reader) -> None:
    if reader.byte() == 0:
        reader.u32()


def _extern_name(reader: Reader) -> str:
    if reader.byte() > 1:
        raise MalformedBinary(reader.pos, "an unknown kind of name")
    return reader.name()


def read_sort(reader: Reader) -> int:
    """A sort."""
    first = reader.byte()
    return 0x10000 | reader.byte() << 8 if first == 0 else first


def _pick(reader: Reader, items: list[_T], what: str) -> _T:
    return _at(reader, items, reader.u32(), what)


def _at(reader: Reader, items: list[_T], index: int, what: str) -> _T:
    if index >= len(items):
        raise MalformedBinary(reader.pos, f"there is no {what} {index}")
    return items[index]


_SECTIONS: Final[dict[int, Callable[[Reader, Scope], None]]] = {
    CORE_INSTANCE: _core_instance,
    INSTANCE: _instance,
    ALIAS: _alias,
    CANON: _canon,
    IMPORT: _import,
    EXPORT: _export,
}
