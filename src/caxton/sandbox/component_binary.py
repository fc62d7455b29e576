"""The outline of a hostile component: of which core modules it makes instances, in which order, how they begin.

Wasmtime makes the core instances of a component one after the other, in the order in which the component asks for
them; the shim finds an instance's memories by that (shim_component.c). So this reads the component's own index spaces,
as far as they lead from an instance to its module. Between components inside the component that call each other
Wasmtime puts instances of its own, which this does not know of: component_places.py finds out where.

What agents have no need of is refused: modules that come from outside. Follows the component model's Binary.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from caxton.sandbox.binary import BinaryInfo, Kind, read_binary
from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.component_scopes import MAX_DEPTH, CoreModule, Scope
from caxton.sandbox.component_sections import read_component

MOST_INSTANCES: Final = 100
"""Core instances of one component; the shim's limit is the same."""

MOST_ITEMS: Final = 250_000
"""Functions, globals, imports and exports of all core instances in sum: each costs some bytes in every instance."""

_MAX_MODULES: Final = 1_000


@dataclass(frozen=True, slots=True)
class CoreInstance:
    """A core instance: its module, and by which step of which component it is made."""

    module: CoreModule
    scope: Scope
    step: int


@dataclass(frozen=True, slots=True)
class Outline:
    """``modules``: all of them; ``instances``: the core instances, in the order they are made; ``makers``: where the
    functions stand that make resources of the component's own; ``root``: the component itself."""

    modules: tuple[CoreModule, ...]
    instances: tuple[CoreInstance, ...]
    makers: tuple[int, ...]
    root: Scope

    @property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """Of each memory: the core instance that has it, its number in there, and the pages that it begins with."""
        return tuple(
            (number, index, pages)
            for number, instance in enumerate(self.instances, 1)  # 0 is one of Wasmtime's own
            for index, pages in enumerate(instance.module.memories)
        )

    @property
    def tables(self) -> tuple[int, ...]:
        """The elements that each table begins with."""
        return tuple(size for instance in self.instances for size in instance.module.tables)

    def is_main_memory(self, scope: Scope, memory: int | None) -> bool:
        """Whether a memory of a component is the only one that does not begin empty."""
        having = [instance for instance in self.instances if any(instance.module.memories)]
        if len(having) != 1 or len(having[0].module.memories) != 1 or having[0].module.imported_memories:
            return False
        maker = scope.memories[memory] if memory is not None and memory < len(scope.memories) else None
        step = scope.steps_of[maker] if maker is not None and maker < len(scope.steps_of) else None
        return having[0].scope is scope and having[0].step == step


def read_outline(data: bytes, known: Outline | None = None) -> Outline:
    """Reads the outline of a component. ``known``: of one with the same modules, which are then not read again.

    Raises:
        MalformedBinary: the bytes make no sense, or it is made in a way that agents need not be.
    """
    modules: list[CoreModule] = []
    makers: list[int] = []
    read = {module.digest: module for module in known.modules} if known else {}

    def module(start: int, end: int) -> CoreModule:
        if len(modules) == _MAX_MODULES:
            raise MalformedBinary(start, f"more than {_MAX_MODULES} core modules")
        digest = hashlib.sha256(data[start:end]).digest()
        found = read.get(digest) or _read_module(data, start, end, digest)
        modules.append(replace(found, start=start, end=end))
        return modules[-1]

    root = read_component(data, 8, len(data), Scope(None, 0, makers), module)
    instances: list[CoreInstance] = []
    _instantiate(root, instances, 0)
    if sum(instance.module.items for instance in instances) > MOST_ITEMS:
        raise MalformedBinary(0, f"its core instances have more than {MOST_ITEMS} functions, globals, imports, exports")
    return Outline(tuple(modules), tuple(instances), tuple(makers), root)


def _instantiate(scope: Scope, found: list[CoreInstance], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedBinary(0, "components inside components, too deep")
    for number, step in enumerate(scope.steps):
        if isinstance(step, CoreModule):
            found.append(CoreInstance(step, scope, number))
        else:
            _instantiate(step, found, depth + 1)
        if len(found) > MOST_INSTANCES:
            raise MalformedBinary(0, f"more than {MOST_INSTANCES} core instances")


def _read_module(data: bytes, start: int, end: int, digest: bytes) -> CoreModule:
    info = read_binary(data[start:end], sha256="")
    if info.kind is not Kind.CORE_MODULE:
        raise MalformedBinary(start, "no core module where one should be")
    imported = [item.what for item in info.imports]
    memories = sum(type(what).__name__ == "MemoryType" for what in imported)
    tables = sum(type(what).__name__ == "TableType" for what in imported)
    return CoreModule(
        start,
        end,
        digest,
        tuple(item.minimum for item in info.memories[memories:]),
        tuple(item.minimum for item in info.tables[tables:]),
        _items(info),
        memories,
    )


def _items(info: BinaryInfo) -> int:
    sections = {section.name: section.size for section in info.sections}
    # A global takes three bytes of the binary at least; that bounds how many there are.
    return info.functions + len(info.imports) + len(info.exports) + sections.get("global", 0) // 3
