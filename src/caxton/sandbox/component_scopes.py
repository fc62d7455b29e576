"""What a component is made of: its index spaces, as far as the shim has to do with them.

A component may have components inside it, each with index spaces of its own: a ``Scope`` each. Follows the component
model's Binary.md; component_sections.py reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_DEPTH: Final = 8
MAX_COUNT: Final = 1_000_000

MODULE, CORE_INSTANCE, CORE_TYPE, COMPONENT, INSTANCE, ALIAS, TYPE, CANON, START, IMPORT, EXPORT = range(1, 12)
"""The numbers of sections."""

SORT_FUNC, SORT_TYPE, SORT_COMPONENT, SORT_INSTANCE = 1, 3, 4, 5
SORT_CORE_FUNC, SORT_CORE_MEMORY, SORT_CORE_MODULE = 0x10000, 0x10200, 0x11100
"""Sorts; those of core items have a second byte, here above the lowest."""

LIFT, LOWER, RESOURCE_NEW = 0, 1, 2


@dataclass(frozen=True, slots=True)
class CoreModule:
    """A core module inside a component: where its bytes lie, and what an instance of it begins with."""

    start: int
    end: int
    digest: bytes
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
    ``memories``: the core instance that each memory is of; ``type_sections``: with the number of the first type;
    ``lends``: something besides its own core instances names its core modules."""

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
    lends: bool = False
