"""One module out of several, linked as their instances are.

Functions, tables and globals of all come after each other; what one imports of another is that one's number now.
Offsets and initial values that refer to another module's constant are worked out. So Wasmtime can lay out memory and
table when it compiles, which it does for those that a module has itself, at places that are constant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from caxton.sandbox.binary_reader import Reader
from caxton.sandbox.encoding import address, name, section, sized, unsigned, vector
from caxton.toolchain.merging.called import is_called
from caxton.toolchain.merging.code import Numbers, renumbered
from caxton.toolchain.merging.parts import FUNC, GLOBAL, MEMORY, PREAMBLE, TABLE, Elements, Parts, Unmergeable

_ONE_CONSTANT: Final = re.compile(
    rb"(?:\x42[\x80-\xff]{0,9}[\x00-\x7f]|\x43[\x00-\xff]{4}|\x44[\x00-\xff]{8}|\xd0[\x6f\x70])\x0b"
)
_I32_CONST, _GLOBAL_GET, _ADD, _SUB, _MUL, _END = 0x41, 0x23, 0x6A, 0x6B, 0x6C, 0x0B
_MASK: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Something that one of the modules has itself: which of them, its kind, its number among the module's own."""

    module: int
    kind: int
    number: int


@dataclass(frozen=True, slots=True)
class Outside:
    """A function that comes from none of the modules: the ``number``th of those."""

    number: int


Source = Callable[[int, int, int], Place | Outside]
"""Where something comes from: of module, kind and number in that module, imports first."""


@dataclass(slots=True)
class Merger:
    """Puts modules together. ``source`` says where the things come from that they name."""

    modules: list[Parts]
    source: Source
    outside: int
    _types: dict[bytes, int] = field(default_factory=dict)
    _starts: dict[tuple[int, int], int] = field(default_factory=dict)
    _exports: dict[Place, str] = field(default_factory=dict)
    _constants: dict[tuple[int, int], int | None] = field(default_factory=dict)
    _called: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._called = [_called_of(parts) for parts in self.modules]
        for kind in (FUNC, TABLE, MEMORY, GLOBAL):
            at = self.outside if kind == FUNC else 0
            for module, parts in enumerate(self.modules):
                self._starts[module, kind] = at
                at += parts.own(kind)
            if kind == MEMORY and at > 1:
                raise Unmergeable("there are several memories")

    def export(self, place: Place) -> str:
        """The name of the export under which something is to be had."""
        return self._exports.setdefault(place, f"{len(self._exports)}")

    def binary(self) -> bytes:
        """The module, with the exports that have been asked for."""
        numbers = [self._numbers(module) for module in range(len(self.modules))]
        modules = list(zip(self.modules, numbers, strict=True))
        code = [renumbered(p.data, *body, to) for p, to in modules for body in p.bodies]
        elements = [self._segment(i, s, numbers[i]) for i, p in enumerate(self.modules) for s in p.elements]
        data = [self._data(i, s.offset, s.content) for i, p in enumerate(self.modules) for s in p.segments]
        sections = {
            1: list(self._types),
            2: self._imports(numbers),
            3: [to.types[kind] for p, to in modules for kind in p.functions],
            4: [table for p in self.modules for table in p.tables],
            5: [memory for p in self.modules for memory in p.memories],
            6: [g.head + self._value(i, g.value) for i, p in enumerate(self.modules) for g in p.globals],
            7: [name(key) + bytes([at.kind]) + unsigned(self._number(at)) for at, key in self._exports.items()],
            9: [*self._first(numbers), *elements],
        }
        parts = [PREAMBLE, *(section(number, vector(items)) for number, items in sections.items() if items)]
        if data:
            parts.append(section(12, unsigned(len(data))))
        parts.append(section(10, vector([sized(body) for body in code])))
        parts.append(section(11, vector(data)))
        return b"".join([*parts, self._names()])

    def _number(self, place: Place | Outside) -> int:
        if isinstance(place, Outside):
            return place.number
        return self._starts[place.module, place.kind] + place.number

    def _numbers(self, module: int) -> Numbers:
        parts = self.modules[module]
        types = [unsigned(self._types.setdefault(kind, len(self._types))) for kind in parts.types]

        def of(kind: int) -> list[bytes]:
            count = len(parts.imported[kind]) + parts.own(kind)
            return [unsigned(self._number(self.source(module, kind, number))) for number in range(count)]

        before = self.modules[:module]
        segments = any(self._called) + sum(len(p.elements) for p in before), sum(len(p.segments) for p in before)
        counts = len(parts.elements), len(parts.segments)
        elements, data = ([unsigned(at + i) for i in range(n)] for at, n in zip(segments, counts, strict=True))
        return Numbers(types, of(FUNC), of(TABLE), of(GLOBAL), elements, data)

    def _imports(self, numbers: list[Numbers]) -> list[bytes]:
        """The functions from outside, each with the type that those who import it agree on."""
        types: dict[int, bytes] = {}
        for module, parts in enumerate(self.modules):
            for number, item in enumerate(parts.imported[FUNC]):
                found, kind = self.source(module, FUNC, number), numbers[module].types[item.type]
                if isinstance(found, Outside) and types.setdefault(found.number, kind) != kind:
                    raise Unmergeable("a function is imported with two types")
        return [name("") + name(str(i)) + bytes([FUNC]) + types[i] for i in range(self.outside)]

    def _segment(self, module: int, segment: Elements, numbers: Numbers) -> bytes:
        functions = vector([numbers.functions[function] for function in segment.functions])
        if segment.flags & 1:
            return bytes([segment.flags, 0]) + functions
        offset, table = self._value(module, segment.offset), numbers.tables[segment.table]
        return b"\0" + offset + functions if table == b"\0" else b"\x02" + table + offset + b"\0" + functions

    def _first(self, numbers: list[Numbers]) -> list[bytes]:
        """A segment that names what agents are known to call, and does nothing else."""
        found = [to.functions[number] for called, to in zip(self._called, numbers, strict=True) for number in called]
        return [b"\x03\0" + vector(found)] if found else []

    def _data(self, module: int, offset: bytes | None, content: bytes) -> bytes:
        return (b"\x01" if offset is None else b"\0" + self._value(module, offset)) + sized(content)

    def _value(self, module: int, expression: bytes) -> bytes:
        """A constant expression as one that refers to nothing."""
        return expression if _ONE_CONSTANT.fullmatch(expression) else address(self._constant(module, expression))

    def _constant(self, module: int, expression: bytes) -> int:
        """A 32-bit number, worked out."""
        reader, stack = Reader(expression), list[int]()
        while (opcode := reader.byte()) != _END:
            if opcode == _I32_CONST:
                stack.append(_signed(reader))
            elif opcode == _GLOBAL_GET:
                stack.append(self._constant_of(self.source(module, GLOBAL, reader.u32())))
            elif opcode in (_ADD, _SUB, _MUL) and len(stack) > 1:
                right, left = stack.pop(), stack.pop()
                stack.append({_ADD: left + right, _SUB: left - right, _MUL: left * right}[opcode] & _MASK)
            else:
                raise Unmergeable("a constant expression that is not known here")
        if len(stack) != 1:
            raise Unmergeable("a constant expression without a value")
        return stack[0] & _MASK

    def _constant_of(self, place: Place | Outside) -> int:
        assert isinstance(place, Place)  # only functions come from outside
        key = place.module, place.number
        if key not in self._constants:
            found = self.modules[place.module].globals[place.number]
            if not found.is_constant:
                raise Unmergeable("a constant expression refers to what changes")
            self._constants[key] = None
            self._constants[key] = self._constant(place.module, found.value)
        value = self._constants[key]
        if value is None:
            raise Unmergeable("a constant refers to itself")
        return value

    def _names(self) -> bytes:
        named: Iterable[tuple[int, str]] = sorted(
            (self._starts[i, FUNC] + number - len(p.imported[FUNC]), text)
            for i, p in enumerate(self.modules)
            for number, text in p.names.items()
            if len(p.imported[FUNC]) <= number < len(p.imported[FUNC]) + p.own(FUNC)
        )
        content = vector([unsigned(number) + name(text) for number, text in named])
        return section(0, name("name") + b"\x01" + sized(content))


def _called_of(parts: Parts) -> list[int]:
    """The functions in a module's segments that agents are known to call by way of a table (``called.py``)."""
    numbers = {number for segment in parts.elements for number in segment.functions}
    return sorted(number for number in numbers if is_called(parts.names.get(number, "")))


def _signed(reader: Reader) -> int:
    value = shift = 0
    while True:
        byte = reader.byte()
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value - (1 << shift) if byte & 0x40 else value
