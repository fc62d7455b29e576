"""What a component says of its core instances: which modules they are made of, and what each one is given.

Only the component itself is read, not those inside it, and of its own items only those that have to do with core
instances; the others are kept as bytes, in their order, so that their numbers stay. Follows the component model's
Binary.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from caxton.sandbox.binary_reader import Reader
from caxton.toolchain.merging.parts import FUNC, GLOBAL, Unmergeable

CUSTOM, MODULE, CORE_INSTANCE, CORE_TYPE, COMPONENT, INSTANCE, ALIAS, TYPE, CANON, START, IMPORT, EXPORT = range(12)
PREAMBLE: Final = b"\0asm\x0d\0\x01\0"
MEMORY_OPTION: Final = 3
_FUNCTION_OPTIONS: Final = (4, 5)
_ENCODINGS: Final = (0, 1, 2)
_MOST: Final = 1_000_000
_OF_CORE: Final = 0
_OF_TYPES: Final = frozenset({CUSTOM, TYPE, IMPORT, EXPORT})


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What stays as it is: a whole section where ``is_section``, or one item of it."""

    section: int
    content: bytes
    is_section: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Alias:
    """An export of a core instance, of a core sort."""

    sort: int
    instance: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Canon:
    """A canonical function. ``head``: what comes before its options, without the core function that a lift names;
    ``options``: by their numbers; ``tail``: what comes after them; ``lifts``: that function."""

    position: int
    head: bytes
    options: dict[int, int] | None
    tail: bytes = b""
    lifts: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """An instance of a module. ``arguments``: instances, by the name of what is imported from them."""

    number: int
    module: int
    arguments: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """An instance put together from exports: sort and number, by name."""

    number: int
    exports: dict[str, tuple[int, int]]


@dataclass(slots=True)
class Wiring:
    """The component. ``items``: everything but modules, in order; ``spaces``: the core items of each sort."""

    items: list[Raw | Alias | Canon | Made | Bundle] = field(default_factory=list)
    modules: list[bytes] = field(default_factory=list)
    instances: list[Made | Bundle] = field(default_factory=list)
    spaces: tuple[list[Alias | Canon], ...] = field(default_factory=lambda: ([], [], [], []))


def read_wiring(data: bytes) -> Wiring:
    """Reads a component.

    Raises:
        Unmergeable: it has something that is not known here.
        MalformedBinary: it cannot be read.
    """
    if data[:8] != PREAMBLE:
        raise Unmergeable("it is no component")
    wiring, reader = Wiring(), Reader(data, 8)
    for number, stop in reader.sections():
        content = data[reader.pos : stop]
        if number == MODULE:
            wiring.modules.append(content)
        elif number in _READERS:
            for _ in range(reader.count(_MOST, "items")):
                _READERS[number](wiring, reader)
        elif number in (INSTANCE, TYPE, IMPORT, EXPORT) or (number == COMPONENT and _has_types_only(content)):
            wiring.items.append(Raw(number, content))
        elif number != CUSTOM:
            raise Unmergeable(f"it has a section {number}")
    return wiring


def _has_types_only(component: bytes) -> bool:
    """Whether a component inside the component has nothing that could name a core module of this one."""
    reader = Reader(component, 8)
    return all(number in _OF_TYPES for number, _ in reader.sections())


def _core_instance(wiring: Wiring, reader: Reader) -> None:
    number = len(wiring.instances)
    made: Made | Bundle
    if reader.byte() == 0:
        module, arguments = reader.u32(), {}
        for _ in range(reader.count(_MOST, "arguments")):
            name = reader.name()
            reader.byte()
            arguments[name] = reader.u32()
        made = Made(number, module, arguments)
    else:
        exports = {}
        for _ in range(reader.count(_MOST, "exports")):
            name = reader.name()
            exports[name] = reader.byte(), reader.u32()
        made = Bundle(number, exports)
    wiring.instances.append(made)
    wiring.items.append(made)


def _alias(wiring: Wiring, reader: Reader) -> None:
    start = reader.pos
    sort = reader.byte()
    core = reader.byte() if sort == _OF_CORE else None
    target, number = reader.byte(), reader.u32()
    if core is None:
        if target == 2:
            reader.u32()
        else:
            reader.skip_name()
        wiring.items.append(Raw(ALIAS, reader.data[start : reader.pos], is_section=False))
    elif target == 1 and FUNC <= core <= GLOBAL:
        made = Alias(core, number, reader.name())
        wiring.spaces[core].append(made)
        wiring.items.append(made)
    else:
        raise Unmergeable("an alias of something in a core module")


def _canon(wiring: Wiring, reader: Reader) -> None:
    start, position = reader.pos, len(wiring.items)
    kind = reader.byte()
    lifts = None
    options: dict[int, int] | None = None
    if kind in (0, 1):
        reader.byte()
        head = reader.data[start : reader.pos]
        number = reader.pos
        if kind == 0:
            lifts = reader.u32()
        else:
            reader.u32()
            head += reader.data[number : reader.pos]
        options = _options(reader)
        tail = reader.pos
        if kind == 0:
            reader.u32()
        made = Canon(position, head, options, reader.data[tail : reader.pos], lifts)
    elif kind in (2, 3, 4):
        reader.u32()
        made = Canon(position, reader.data[start : reader.pos], None)
    else:
        raise Unmergeable(f"a canonical function {kind}")
    wiring.items.append(made)
    if lifts is None:
        wiring.spaces[FUNC].append(made)


def _options(reader: Reader) -> dict[int, int]:
    found: dict[int, int] = {}
    for _ in range(reader.count(16, "options")):
        option = reader.byte()
        if option in (MEMORY_OPTION, *_FUNCTION_OPTIONS):
            found[option] = reader.u32()
        elif option in _ENCODINGS:
            found[option] = 0
        else:
            raise Unmergeable(f"an option {option}")
    return found


_READERS: Final[dict[int, Callable[[Wiring, Reader], None]]] = {
    CORE_INSTANCE: _core_instance,
    ALIAS: _alias,
    CANON: _canon,
}
