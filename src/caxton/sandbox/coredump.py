"""Core dumps: the memory, the globals and the stack of an instance that has failed, as a WebAssembly module.

The format is that of the tool conventions ("WebAssembly core dumps"): custom sections ``core``, ``coremodules``,
``coreinstances`` and ``corestack``, and a memory, globals and data sections with the state. The values of locals cannot
be had through Wasmtime's C API: each is written as missing. A section of our own, ``caxton``, says why it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from caxton.errors import CaxtonError
from caxton.sandbox import encoding
from caxton.sandbox.facts import Facts
from caxton.sandbox.native import ffi, wasmtime

CORE, MODULES, INSTANCES, STACK, OURS = "core", "coremodules", "coreinstances", "corestack", "caxton"
MISSING: Final = b"\x01"
MAX_FRAMES: Final = 1_000
_PAGE: Final = 1 << 16
_MOST_SEGMENTS: Final = 50_000
_SMALLEST: Final = 1 << 12
_HEADER: Final = b"\0asm\x01\0\0\0"
_TYPES: Final = {"i32": b"\x7f", "i64": b"\x7e", "f32": b"\x7d", "f64": b"\x7c", "v128": b"\x7b"}
_SIZES: Final = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}
_FUNCREF: Final = b"\x70"


@dataclass(frozen=True, slots=True)
class Place:
    """A frame: which instance, which function of its module, how many bytes into its body, and how many locals."""

    instance: int
    function: int
    offset: int
    locals: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: the number of its module, and those of its memories and of its globals."""

    module: int
    memories: Sequence[int]
    globals: Sequence[int]


class CoreDump:
    """What is left of one instance; only while that has not been freed. ``name``: what the process is called."""

    def __init__(self, slot: Any, facts: Facts, error: CaxtonError, name: str, module: str) -> None:
        self._slot = slot
        self._facts = facts
        self._error = error
        self._name = name
        self._module = module

    def write(self, file: BinaryIO) -> None:
        """Writes the dump.

        Raises:
            OSError: the file takes nothing more.
        """
        memories = self._memories()
        file.write(_HEADER + _custom(CORE, b"\0" + encoding.name(self._name)))
        pages = [b"\0" + encoding.unsigned(len(memory) // _PAGE) for memory in memories]
        file.write(encoding.section(5, encoding.vector(pages)))
        values = list(self._globals())
        file.write(encoding.section(6, encoding.vector(values)))
        _write_data(file, memories)
        instances = self._instances(range(len(values)))
        count = 1 + max((one.module for one in instances), default=0)
        file.write(_custom(MODULES, encoding.vector([b"\0" + encoding.name(self._module)] * count)))
        file.write(_custom(INSTANCES, encoding.vector([*map(_instance, instances)])))
        file.write(_custom(STACK, b"\0" + encoding.name("main") + encoding.vector([*map(_frame, self._stack())])))
        file.write(_custom(OURS, self._ours()))

    def _ours(self) -> bytes:
        return json.dumps(
            {"code": self._error.code, "message": self._error.message, "sha256": self._facts.sha256}
        ).encode()

    def _memories(self) -> list[memoryview]:
        slot = self._slot
        return [memoryview(ffi.buffer(slot.base, slot.size)) if slot.has_memory and slot.size else memoryview(b"")]

    def _instances(self, globals_: Sequence[int]) -> list[Instance]:
        return [Instance(0, [0], globals_)]

    def _globals(self) -> Iterator[bytes]:
        """Each global's type and value; a reference's value is null, since what it refers to is not in the dump."""
        dump, slot = self._facts.dump, self._slot
        if dump is None or not slot.instance.store_id:  # it ended in its start function: nothing can be asked for
            return
        found, value = ffi.new("wasmtime_extern_t *"), ffi.new("wasmtime_val_t *")
        for index, (kind, mutable) in enumerate(dump.globals):
            name = f"{dump.prefix}g{index}".encode()
            instance = ffi.addressof(slot, "instance")
            there = wasmtime.wasmtime_instance_export_get(slot.context, instance, name, len(name), found)
            flag = b"\x01" if mutable else b"\x00"
            if kind not in _TYPES or not there:
                yield _FUNCREF + flag + encoding.reference(None, _FUNCREF)
                continue
            wasmtime.wasmtime_global_get(slot.context, ffi.addressof(found.of, "global"), value)
            bits = bytes(ffi.buffer(ffi.addressof(value, "of"), _SIZES[kind]))
            yield _TYPES[kind] + flag + encoding.number(kind, bits)

    def _stack(self) -> list[Place]:
        """Innermost first."""
        vector = ffi.new("wasm_frame_vec_t *")
        if self._slot.trap:
            wasmtime.wasm_trap_trace(self._slot.trap, vector)
        elif self._slot.error:
            wasmtime.wasmtime_error_wasm_trace(self._slot.error, vector)
        else:
            return []
        found = map(self._place, (vector.data[at] for at in range(min(vector.size, MAX_FRAMES))))
        places = [place for place in found if place is not None]
        wasmtime.wasm_frame_vec_delete(vector)
        return places

    def _place(self, frame: Any) -> Place | None:
        function, dump = wasmtime.wasm_frame_func_index(frame), self._facts.dump
        locals_ = 0 if dump is None else dump.locals_of(function)
        return Place(0, function, wasmtime.wasm_frame_func_offset(frame), locals_)


def _instance(one: Instance) -> bytes:
    numbers = [encoding.vector([encoding.unsigned(at) for at in those]) for those in (one.memories, one.globals)]
    return b"\0" + encoding.unsigned(one.module) + b"".join(numbers)


def _frame(place: Place) -> bytes:
    numbers = map(encoding.unsigned, (place.instance, place.function, place.offset, place.locals))
    return b"\0" + b"".join(numbers) + MISSING * place.locals + encoding.unsigned(0)


def _custom(name: str, content: bytes) -> bytes:
    return encoding.section(0, encoding.name(name) + content)


def _write_data(file: BinaryIO, memories: Sequence[memoryview]) -> None:
    """The data section; the memory is written from where it lies, and zeros are left out."""
    most = _MOST_SEGMENTS // max(1, len(memories))
    parts = [
        (_segment(number, *run), memory[slice(*run)])
        for number, memory in enumerate(memories)
        for run in _runs(memory, most)
    ]
    size = sum(len(head) + len(content) for head, content in parts)
    count = encoding.unsigned(len(parts))
    file.write(b"\x0b" + encoding.unsigned(len(count) + size) + count)
    for head, content in parts:
        file.write(head)
        file.write(content)


def _segment(memory: int, at: int, stop: int) -> bytes:
    kind = b"\2" + encoding.unsigned(memory) if memory else b"\0"
    return kind + encoding.address(at) + encoding.unsigned(stop - at)


def _runs(memory: memoryview, most: int) -> list[tuple[int, int]]:
    """The parts that are not zero, in whole blocks, of which a large memory has larger ones: segments are limited."""
    block = _SMALLEST
    while len(memory) // block > 2 * most:
        block *= 2
    zero = bytes(block)
    runs: list[tuple[int, int]] = []
    for at in range(0, len(memory), block):
        piece = memory[at : at + block]
        if piece == zero[: len(piece)]:
            continue
        if runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], at + len(piece))
        else:
            runs.append((at, at + len(piece)))
    return runs
