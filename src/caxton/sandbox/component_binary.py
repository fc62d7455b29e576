"""The outline of a hostile component: of which core modules it makes instances, in which order, how they begin.

Wasmtime makes the core instances of a component one after the other, in the order in which the component asks for
them; the shim finds an instance's memories by that (shim_component.c). So this reads the component's own index spaces,
as far as they lead from an instance to its module. Between components inside the component that call each other
Wasmtime puts instances of its own, which this does not know of: component_places.py finds out where.

What agents have no need of is refused: modules that come from outside. Follows the component model's Binary.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from caxton.sandbox.binary import BinaryInfo, Kind, read_binary
from caxton.sandbox.binary_reader import MalformedBinary, Reader

_T = TypeVar("_T")

MOST_INSTANCES: Final = 100
"""Core instances of one component; the shim's limit is the same."""

MOST_ITEMS: Final = 250_000
"""Functions, globals, imports and exports of all core instances in sum: each costs some bytes in every instance."""

_MAX_DEPTH: Final = 8
_MAX_MODULES: Final = 1_000
_MAX_COUNT: Final = 1_000_000

_MODULE, _CORE_INSTANCE, _CORE_TYPE, _COMPONENT, _INSTANCE, _ALIAS, _TYPE, _CANON, _START, _IMPORT, _EXPORT = range(
    1, 12
)
_CORE_MODULE_SORT: Final = 0x11
_FUNC, _TYPE_SORT, _COMPONENT_SORT = 0x01, 0x03, 0x04
_UTF8, _MEMORY, _REALLOC, _FREE = 0, 3, 4, 5


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
class Lift:
    """A core function that is made a function of the component's. Numbers are those of the component's index spaces;
    ``plain``: its text is UTF-8, and it is called and returns."""

    core: int
    memory: int | None
    realloc: int | None
    free: int | None
    plain: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """``modules``: all of them; ``instances``: the module of each core instance, in the order they are made;
    ``makers``: where the functions stand that make resources of the component's own; ``lifts``: what its exported
    functions are, where it lifts them itself; ``types``, ``functions``: how many of them it has."""

    modules: tuple[CoreModule, ...]
    instances: tuple[CoreModule, ...]
    makers: tuple[int, ...]
    lifts: dict[str, Lift]
    types: int
    functions: int

    @property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """Of each memory: the core instance that has it, its number in there, and the pages that it begins with."""
        return tuple(
            (number, index, pages)
            for number, module in enumerate(self.instances, 1)  # 0 is one of Wasmtime's own
            for index, pages in enumerate(module.memories)
        )

    @property
    def tables(self) -> tuple[int, ...]:
        """The elements that each table begins with."""
        return tuple(size for module in self.instances for size in module.tables)


@dataclass(slots=True)
class _Scope:
    """One component while it is read. ``steps`` make its core instances; a name stands for an index space."""

    parent: _Scope | None
    depth: int
    makers: list[int]
    modules: list[CoreModule] = field(default_factory=list)
    components: list[_Scope] = field(default_factory=list)
    steps: list[CoreModule | _Scope] = field(default_factory=list)
    types: int = 0
    functions: list[Lift | None] = field(default_factory=list)
    exports: dict[str, Lift] = field(default_factory=dict)


def read_outline(data: bytes) -> Outline:
    """Reads the outline of a component.

    Raises:
        MalformedBinary: the bytes make no sense, or it is made in a way that agents need not be.
    """
    modules: list[CoreModule] = []
    makers: list[int] = []
    scope = _read_component(data, 8, len(data), _Scope(None, 0, makers), modules)
    instances: list[CoreModule] = []
    _instantiate(scope, instances, 0)
    if sum(module.items for module in instances) > MOST_ITEMS:
        raise MalformedBinary(0, f"its core instances have more than {MOST_ITEMS} functions, globals, imports, exports")
    return Outline(tuple(modules), tuple(instances), tuple(makers), scope.exports, scope.types, len(scope.functions))


def _instantiate(scope: _Scope, found: list[CoreModule], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise MalformedBinary(0, "components inside components, too deep")
    for step in scope.steps:
        if isinstance(step, CoreModule):
            found.append(step)
        else:
            _instantiate(step, found, depth + 1)
        if len(found) > MOST_INSTANCES:
            raise MalformedBinary(0, f"more than {MOST_INSTANCES} core instances")


def _read_component(data: bytes, start: int, end: int, parent: _Scope, modules: list[CoreModule]) -> _Scope:
    scope = _Scope(parent, parent.depth + 1, parent.makers)
    if scope.depth > _MAX_DEPTH:
        raise MalformedBinary(start, "components inside components, too deep")
    reader = Reader(data, start, end)
    for number, stop in reader.sections():
        if number == _MODULE:
            scope.modules.append(_read_module(data, reader.pos, stop, modules))
        elif number == _COMPONENT:
            scope.components.append(_read_component(data, reader.pos + 8, stop, scope, modules))
        elif number == _TYPE:
            scope.types += reader.count(_MAX_COUNT, "types")
        elif number in _SECTIONS:
            for _ in range(reader.count(_MAX_COUNT, "items")):
                _SECTIONS[number](reader, scope)
    return scope


def _read_module(data: bytes, start: int, end: int, modules: list[CoreModule]) -> CoreModule:
    if len(modules) == _MAX_MODULES:
        raise MalformedBinary(start, f"more than {_MAX_MODULES} core modules")
    info = read_binary(data[start:end], sha256="")
    if info.kind is not Kind.CORE_MODULE:
        raise MalformedBinary(start, "no core module where one should be")
    imported = [item.what for item in info.imports]
    memories = sum(type(what).__name__ == "MemoryType" for what in imported)
    tables = sum(type(what).__name__ == "TableType" for what in imported)
    made = CoreModule(
        start,
        end,
        tuple(item.minimum for item in info.memories[memories:]),
        tuple(item.minimum for item in info.tables[tables:]),
        _items(info),
        memories,
    )
    modules.append(made)
    return made


def _items(info: BinaryInfo) -> int:
    sections = {section.name: section.size for section in info.sections}
    # A global takes three bytes of the binary at least; that bounds how many there are.
    return info.functions + len(info.imports) + len(info.exports) + sections.get("global", 0) // 3


# -- sections, item by item


def _core_instance(reader: Reader, scope: _Scope) -> None:
    if reader.byte() == 0:
        scope.steps.append(_pick(reader, scope.modules, "core module"))
        for _ in range(reader.count(_MAX_COUNT, "arguments")):
            reader.skip_name()
            reader.byte()
            reader.u32()
        return
    for _ in range(reader.count(_MAX_COUNT, "exports")):
        reader.skip_name()
        reader.byte()
        reader.u32()


def _instance(reader: Reader, scope: _Scope) -> None:
    if reader.byte() == 0:
        scope.steps.append(_pick(reader, scope.components, "component"))
        for _ in range(reader.count(_MAX_COUNT, "arguments")):
            reader.skip_name()
            _sort(reader)
            reader.u32()
        return
    for _ in range(reader.count(_MAX_COUNT, "exports")):
        _extern_name(reader)
        _sort(reader)
        reader.u32()


def _alias(reader: Reader, scope: _Scope) -> None:
    sort = _sort(reader)
    target = reader.byte()
    if target == 2:
        count, index = reader.u32(), reader.u32()
        _count(scope, sort)
        _outer(reader, scope, sort, count, index)
        return
    reader.u32()
    reader.skip_name()
    _count(scope, sort)
    if target == 0 and sort in (_CORE_MODULE_SORT << 8, _COMPONENT_SORT):
        raise MalformedBinary(reader.pos, "a module or a component out of an instance")


def _outer(reader: Reader, scope: _Scope, sort: int, count: int, index: int) -> None:
    source: _Scope | None = scope
    for _ in range(min(count, _MAX_DEPTH + 1)):
        source = source.parent if source else None
    if sort in (_CORE_MODULE_SORT << 8, _COMPONENT_SORT):
        space = "modules" if sort != _COMPONENT_SORT else "components"
        items = getattr(source, space) if source else []
        if index >= len(items):
            raise MalformedBinary(reader.pos, "an alias of nothing")
        getattr(scope, space).append(items[index])


def _canon(reader: Reader, scope: _Scope) -> None:
    start = reader.pos
    kind = reader.byte()
    if kind == 0:
        reader.byte()
        core = reader.u32()
        options = _options(reader)
        reader.u32()
        plain = not options.keys() - {_UTF8, _MEMORY, _REALLOC, _FREE}
        scope.functions.append(Lift(core, options.get(_MEMORY), options.get(_REALLOC), options.get(_FREE), plain))
    elif kind == 1:
        reader.byte()
        reader.u32()
        _options(reader)
    elif kind in (3, 4):
        reader.u32()
    elif kind == 2:
        scope.makers.append(start)
        reader.u32()
    else:
        raise MalformedBinary(start, f"canonical function {kind:#x}")


def _options(reader: Reader) -> dict[int, int]:
    found: dict[int, int] = {}
    for _ in range(reader.count(16, "options")):
        option = reader.byte()
        found[option] = reader.u32() if option in (_MEMORY, _REALLOC, _FREE, 7, 8) else 0
    return found


def _count(scope: _Scope, sort: int) -> None:
    """An item of another place is one of this component's, too."""
    if sort == _TYPE_SORT:
        scope.types += 1
    elif sort == _FUNC:
        scope.functions.append(None)


def _import(reader: Reader, scope: _Scope) -> None:
    _extern_name(reader)
    kind = reader.byte()
    if kind == 0:
        raise MalformedBinary(reader.pos, "a core module from outside")
    if kind == _COMPONENT_SORT:
        raise MalformedBinary(reader.pos, "a component from outside")
    _count(scope, kind)
    if kind == _TYPE_SORT:
        _bound(reader)
        return
    reader.u32()


def _export(reader: Reader, scope: _Scope) -> None:
    name = _extern_name(reader)
    sort = _sort(reader)
    index = reader.u32()
    if reader.byte():
        if reader.byte() == 3:
            _bound(reader)
        else:
            reader.u32()
    # An export is an item of its own in its index space.
    if sort == _FUNC:
        lift = scope.functions[index] if index < len(scope.functions) else None
        scope.functions.append(lift)
        if lift is not None:
            scope.exports[name] = lift
    elif sort == _TYPE_SORT:
        scope.types += 1
    elif sort == _COMPONENT_SORT:
        scope.components.append(_at(reader, scope.components, index, "component"))
    elif sort == _CORE_MODULE_SORT << 8:
        scope.modules.append(_at(reader, scope.modules, index, "core module"))


def _bound(reader: Reader) -> None:
    if reader.byte() == 0:
        reader.u32()


def _extern_name(reader: Reader) -> str:
    if reader.byte() > 1:
        raise MalformedBinary(reader.pos, "an unknown kind of name")
    return reader.name()


def _sort(reader: Reader) -> int:
    """A sort; those of core items in the upper byte."""
    first = reader.byte()
    return reader.byte() << 8 if first == 0 else first


def _pick(reader: Reader, items: list[_T], what: str) -> _T:
    return _at(reader, items, reader.u32(), what)


def _at(reader: Reader, items: list[_T], index: int, what: str) -> _T:
    if index >= len(items):
        raise MalformedBinary(reader.pos, f"there is no {what} {index}")
    return items[index]


_SECTIONS: Final[dict[int, Callable[[Reader, _Scope], None]]] = {
    _CORE_INSTANCE: _core_instance,
    _INSTANCE: _instance,
    _ALIAS: _alias,
    _CANON: _canon,
    _IMPORT: _import,
    _EXPORT: _export,
}
