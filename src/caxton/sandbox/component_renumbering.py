"""Puts a module between a component's code and the host, and counts anew what comes after it.

Core functions, core instances and core modules have numbers, in the order in which a component makes them. The new
module and what belongs to it come where the last of the host's functions is made a core function; all that names a
later one names it by its new number. Follows the component model's Binary.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.component_adapter import HOST, Call, adapter
from caxton.sandbox.component_declarations import skip_type
from caxton.sandbox.component_scopes import (
    ALIAS,
    CANON,
    CORE_INSTANCE,
    LIFT,
    LOWER,
    MAX_COUNT,
    MODULE,
    SORT_CORE_FUNC,
    SORT_CORE_MODULE,
    TYPE,
    Scope,
    Section,
)
from caxton.sandbox.component_sections import read_sort
from caxton.sandbox.component_writing import items
from caxton.sandbox.encoding import name, section, unsigned

_FUNC, _INSTANCE = 0x00, 0x12
_NAMES_FUNCTION: Final = (4, 5, 7)  # realloc, post-return, callback
_WITH_NUMBER: Final = (3, 4, 5, 7, 8)
_AWAITED: Final = -1


@dataclass(frozen=True, slots=True)
class Lowered:
    """A function of the host's that becomes a core function. ``call.realloc`` is its number as it was."""

    function: int
    call: Call


def renumbered(data: bytes, scope: Scope, lowered: dict[tuple[int, int], Lowered]) -> dict[int, bytes]:
    """The sections of the component as they are then, by where they began.

    Raises:
        MalformedBinary: it is made in a way that this cannot be done to.
    """
    return _Renumbering(data, scope, lowered).sections()


class _Renumbering:
    """``functions``, ``instances``: the new number of each. ``made``: how many core functions there are now."""

    def __init__(self, data: bytes, scope: Scope, lowered: dict[tuple[int, int], Lowered]) -> None:
        self._data = data
        self._scope = scope
        self._lowered = lowered
        self._last = max(start for start, _ in lowered)
        self._functions: list[int] = []
        self._instances: list[int] = []
        self._made = 0
        self._modules = 0
        self._added_module: int | None = None
        self._raw: list[tuple[int, int, Lowered]] = []  # its number before, its number now

    def sections(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for at in self._scope.sections:
            if at.number == MODULE:
                self._modules += 1
            elif at.number == TYPE and self._raw:
                self._look_at_types(at)
            elif at.number in (CORE_INSTANCE, ALIAS, CANON):
                found[at.start] = self._section(at)
            if at.start == self._last:
                found[at.start] += self._added()
        return found

    def _look_at_types(self, at: Section) -> None:
        """A type may name a core function, as a destructor: then it is refused."""
        reader = Reader(self._data, at.start, at.end)
        for _ in range(reader.count(MAX_COUNT, "types")):
            skip_type(reader)

    def _section(self, at: Section) -> bytes:
        reader = Reader(self._data, at.start, at.end)
        count = reader.count(MAX_COUNT, "items")
        if at.number == CANON:
            content = [self._canon(reader, self._lowered.get((at.start, place))) for place in range(count)]
        else:
            read = self._core_instance if at.number == CORE_INSTANCE else self._alias
            content = [read(reader) for _ in range(count)]
        return items(at.number, content) or section(at.number, b"\0")

    # -- items

    def _core_instance(self, reader: Reader) -> bytes:
        made = reader.byte() == 0
        head = b"\0" + unsigned(self._module(reader.u32())) if made else b"\x01"
        parts = []
        count = reader.count(MAX_COUNT, "items")
        for _ in range(count):
            parts.append(self._raw_name(reader) + self._core_item(reader))
        self._instances.append(len(self._instances) + (2 if self._added_module is not None else 0))
        return head + unsigned(count) + b"".join(parts)

    def _core_item(self, reader: Reader) -> bytes:
        sort, number = reader.byte(), reader.u32()
        if sort == _FUNC:
            number = self._function(number)
        elif sort == _INSTANCE:
            number = self._instance(number)
        return bytes([sort]) + unsigned(number)

    def _alias(self, reader: Reader) -> bytes:
        start = reader.pos
        sort, target = read_sort(reader), reader.byte()
        head = self._data[start : reader.pos]
        number = reader.u32()
        if target == 2:
            self._modules += sort == SORT_CORE_MODULE
            return head + unsigned(number) + unsigned(reader.u32())
        if target == 1:
            number = self._instance(number)
            if sort == SORT_CORE_FUNC:
                self._make()
        return head + unsigned(number) + self._raw_name(reader)

    def _canon(self, reader: Reader, lowered: Lowered | None) -> bytes:
        start = reader.pos
        kind = reader.byte()
        if kind == LIFT:
            head = self._data[start : reader.pos + 1]
            reader.byte()
            core = self._function(reader.u32())
            return head + unsigned(core) + self._options(reader) + unsigned(reader.u32())
        if kind == LOWER:
            reader.byte()
            function = reader.u32()
            options = self._options(reader)
            if lowered is None:
                self._make()
            else:
                self._raw.append((len(self._functions), self._made, lowered))
                self._functions.append(_AWAITED)
                self._made += 1
                options = b"\0"
            return b"\x01\0" + unsigned(function) + options
        reader.u32()  # of a resource
        self._make()
        return self._data[start : reader.pos]

    def _options(self, reader: Reader) -> bytes:
        count = reader.count(16, "options")
        parts = [unsigned(count)]
        for _ in range(count):
            option = reader.byte()
            parts.append(bytes([option]))
            if option in _WITH_NUMBER:
                number = reader.u32()
                parts.append(unsigned(self._function(number) if option in _NAMES_FUNCTION else number))
        return b"".join(parts)

    def _raw_name(self, reader: Reader) -> bytes:
        start = reader.pos
        reader.skip_name()
        return self._data[start : reader.pos]

    # -- numbers

    def _make(self) -> None:
        self._functions.append(self._made)
        self._made += 1

    def _function(self, number: int) -> int:
        if number >= len(self._functions) or self._functions[number] == _AWAITED:
            raise MalformedBinary(0, f"core function {number} is used too early")
        return self._functions[number]

    def _instance(self, number: int) -> int:
        if number >= len(self._instances):
            raise MalformedBinary(0, f"there is no core instance {number}")
        return self._instances[number]

    def _module(self, number: int) -> int:
        return number + 1 if self._added_module is not None and number >= self._added_module else number

    # -- what is added

    def _added(self) -> bytes:
        """The module, an instance of what it imports, an instance of it, and its functions in place of the host's."""
        self._added_module = self._modules
        allocators = sorted({raw.call.realloc for _, _, raw in self._raw if raw.call.realloc is not None})
        calls = []
        given = [(str(i), self._function(number)) for i, number in enumerate(allocators)]
        for place, (_, now, raw) in enumerate(self._raw):
            number = None if raw.call.realloc is None else allocators.index(raw.call.realloc)
            calls.append(Call(f"{place}:{raw.call.name}", raw.call.parameters, number))
            given.append((calls[-1].name, now))
        return self._written(calls, given)

    def _written(self, calls: list[Call], given: list[tuple[str, int]]) -> bytes:
        first = len(self._instances)
        bundle = (
            b"\x01" + unsigned(len(given)) + b"".join(name(key) + b"\0" + unsigned(number) for key, number in given)
        )
        arguments = b"\x01" + name(HOST) + bytes([_INSTANCE]) + unsigned(first)
        instance = b"\0" + unsigned(self._modules) + arguments
        aliases = []
        for (before, _, _), call in zip(self._raw, calls, strict=True):
            self._functions[before] = self._made
            self._made += 1
            aliases.append(b"\0\0\x01" + unsigned(first + 1) + name(call.name))
        module = section(MODULE, adapter(calls, len(given) - len(calls)))
        return module + items(CORE_INSTANCE, [bundle, instance]) + items(ALIAS, aliases)
