"""What a component is made of, section by section: its index spaces, as far as the shim has to do with them.

A component may have components inside it, each with index spaces of its own: a ``Scope`` each. Everything here comes
from a hostile binary and is read once, in the compiler's child. Follows the component model's Binary.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from caxton.sandbox.binary_reader import MalformedBinary, Reader

_T = TypeVar("_T")

MAX_DEPTH: Final = 8
MAX_COUNT: Final = 1_000_000

MODULE, CORE_INSTANCE, CORE_TYPE, COMPONENT, INSTANCE, ALIAS, TYPE, CANON, START, IMPORT, EXPORT = range(1, 12)
"""The numbers of sections."""

SORT_FUNC, SORT_TYPE, SORT_COMPONENT, SORT_INSTANCE = 1, 3, 4, 5
SORT_CORE_FUNC, SORT_CORE_MEMORY, SORT_CORE_MODULE, SORT_CORE_INSTANCE = 0x10000, 0x10200, 0x11100, 0x11200
"""Sorts; those of core items have a second byte, here above the lowest."""

LIFT, LOWER, RESOURCE_NEW = 0, 1, 2
_RESOURCE_DROP, _RESOURCE_REP = 3, 4
UTF8, MEMORY, REALLOC, POST_RETURN = 0, 3, 4, 5
_CALLBACK, _CORE_TYPE_OPTION = 7, 8


@dataclass(frozen=True, slots=True)
class CoreModule:
    """A core module inside a component: where its bytes lie, and what an instance of it begins with."""

    start: int
    end: int
    memories: tuple[int, ...]
    tables: tuple[int, ...]
    items: int
    imported_memories: int


@dataclass(frozen=True, slots=True)
class Options:
    """How values cross a function's border. Numbers are those of the component's index spaces; ``plain``: its text is
    UTF-8, and it is called and returns."""

    memory: int | None
    realloc: int | None
    free: int | None
    plain: bool


@dataclass(frozen=True, slots=True)
class Lift:
    """A core function that is made a function of the component's."""

    core: int
    options: Options


@dataclass(frozen=True, slots=True)
class Part:
    """A function or an instance that an instance exports: its number, and the name there."""

    instance: int
    name: str


@dataclass(frozen=True, slots=True)
class Made:
    """An instance of a component inside the component. ``arguments``: instances, by what they are imported as."""

    scope: Scope
    arguments: dict[str, int]


@dataclass(frozen=True, slots=True)
class Imported:
    """An instance from outside. ``type``: its number among the types."""

    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its number, and where its content lies."""

    number: int
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Scope:
    """One component. ``steps`` make its core instances; a name in the plural stands for an index space; ``inner``:
    components by where their section begins; ``steps_of``: by which of the steps each core instance is made;
    ``memories``: the core instance that each memory is of; ``type_sections``: with the number of the first type."""

    parent: Scope | None
    depth: int
    makers: list[int]
    sections: list[Section] = field(default_factory=list)
    inner: dict[int, Scope] = field(default_factory=dict)
    modules: list[CoreModule] = field(default_factory=list)
    components: list[Scope] = field(default_factory=list)
    steps: list[CoreModule | Scope] = field(default_factory=list)
    steps_of: list[int | None] = field(default_factory=list)
    memories: list[int | None] = field(default_factory=list)
    types: int = 0
    type_sections: list[tuple[int, Section]] = field(default_factory=list)
    functions: list[Lift | Part | None] = field(default_factory=list)
    instances: list[Made | Imported | Part | None] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)
    imports: int = 0


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
        read_sort(reader)
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
    if sort == SORT_CORE_MODULE:
        scope.modules.append(_at(reader, source.modules if source else [], index, "core module"))
    elif sort == SORT_COMPONENT:
        scope.components.append(_at(reader, source.components if source else [], index, "component"))


def _canon(reader: Reader, scope: Scope) -> None:
    start = reader.pos
    kind = reader.byte()
    if kind == LIFT:
        reader.byte()
        core = reader.u32()
        options = read_options(reader)
        reader.u32()
        scope.functions.append(Lift(core, options))
    elif kind == LOWER:
        reader.byte()
        reader.u32()
        read_options(reader)
    elif kind in (_RESOURCE_DROP, _RESOURCE_REP):
        reader.u32()
    elif kind == RESOURCE_NEW:
        scope.makers.append(start)
        reader.u32()
    else:
        raise MalformedBinary(start, f"canonical function {kind:#x}")


def read_options(reader: Reader) -> Options:
    """The options of a canonical function."""
    found: dict[int, int] = {}
    for _ in range(reader.count(16, "options")):
        option = reader.byte()
        with_index = option in (MEMORY, REALLOC, POST_RETURN, _CALLBACK, _CORE_TYPE_OPTION)
        found[option] = reader.u32() if with_index else 0
    plain = not found.keys() - {UTF8, MEMORY, REALLOC, POST_RETURN}
    return Options(found.get(MEMORY), found.get(REALLOC), found.get(POST_RETURN), plain)


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
    scope.imports += 1
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
