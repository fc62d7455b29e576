"""What a watcher is told of a guest's host calls: arguments as the guest meant them, not as pointers."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from caxton.agents.tracing import SHOWN, Argument, Data, HostCall, Room, TraceSink
from caxton.errors import CaxtonError
from caxton.sandbox.hostcalls import DOUBLES, READ, WORDS, HostCalls, Import
from caxton.sandbox.native import ffi, shim

_MOST_VECTORS: Final = 1024
"""Of a list of pieces of memory that are to be written out, so many are looked at."""

_MOST_NUMBERS: Final = 64


class Tracer:
    """Tells a sink of the host calls of one instance. One call at a time is under way."""

    def __init__(self, agent: str, sink: TraceSink) -> None:
        self._agent = agent
        self._sink = sink
        self._name: tuple[str, str] | None = None
        self._arguments: tuple[Argument, ...] = ()
        self._began = 0.0
        self._before: tuple[Any, Any] = (None, None)

    def begin(self, calls: HostCalls, module: str, name: str, arguments: Iterable[Argument]) -> None:
        """A call is about to be answered."""
        self._name = module, name
        self._arguments = tuple(arguments)
        self._began = time.perf_counter()
        self._before = calls.kept

    def answered(self, calls: HostCalls, answer: int) -> None:
        """The guest is about to get its answer."""
        last, info = calls.kept
        is_new = bool(info) and info is not self._before[1]
        code = info.get("code") if is_new else None
        result = Data.of(last) if is_new or last is not self._before[0] else None
        self._tell(answer, code, result, self._used(calls.slot))

    def ended(self, slot: Any, reason: CaxtonError | str, code: str) -> None:
        """The call ends the turn."""
        text = reason.message if isinstance(reason, CaxtonError) else reason
        self._tell(None, code or None, Data.of(text.encode()), self._used(slot))

    def refused(self, slot: Any, module: str, name: str, arguments: Iterable[Argument], code: str) -> None:
        """The shim has refused a call, and the turn has ended."""
        self._name = module, name
        self._arguments = tuple(arguments)
        self._began = time.perf_counter()
        self._tell(None, code, None, int(slot.fuel_used))

    def _used(self, slot: Any) -> int:
        return int(slot.program.fuel) - int(shim.cx_fuel_left(slot))

    def _tell(self, answer: int | None, code: str | None, result: Data | None, fuel: int) -> None:
        name, self._name = self._name, None
        if name is None:  # it was under way already when the watcher came
            return
        wall = time.perf_counter() - self._began
        self._sink(HostCall(self._agent, *name, self._arguments, answer, code, result, fuel, wall))


def _signed(value: int) -> int:
    return value - (1 << 32) if value & (1 << 31) else value


def core_answer(row: Import, answer: int) -> int:
    """The number that the guest sees; 0 where it sees none."""
    if not row.result:
        return 0
    return _signed(answer & 0xFFFFFFFF) if row.result == "i32" else answer


def core_arguments(slot: Any, row: Import, values: list[int]) -> Iterator[Argument]:
    """The arguments of a core module's call, each pointer with its length as one."""
    kinds = row.parameters.split()
    pairs = {pair & 15: pair for pair in row.pairs}
    at = 0
    while at < len(kinds):
        pair = pairs.get(at)
        if pair is None:
            yield _signed(values[at]) if kinds[at] == "i32" else values[at]
            at += 1
        else:
            yield from _pair(slot, row, pair, values[at], values[at + 1])
            at += 2


def _pair(slot: Any, row: Import, pair: int, pointer: int, length: int) -> Iterator[Argument]:
    if pair & WORDS:
        count = min(length, _MOST_NUMBERS)
        data = _bytes(slot, pointer, count * 4)
        if data is None:
            yield Room(pointer, length * 4)
        else:
            yield from struct.unpack(f"<{count}i", data)
    elif pair & DOUBLES:
        yield _gathered(slot, pointer, length) if row.name == "fd_write" else Room(pointer, length * 8)
    elif pair & READ:
        data = _bytes(slot, pointer, length, SHOWN)
        yield Room(pointer, length) if data is None else Data(data, length)
    else:
        yield Room(pointer, length)


def _gathered(slot: Any, pointer: int, count: int) -> Data | Room:
    """What a list of (pointer, length) pairs stands for; the list itself, where it is none."""
    looked_at = min(count, _MOST_VECTORS)
    vectors = _bytes(slot, pointer, looked_at * 8)
    if vectors is None:
        return Room(pointer, count * 8)
    first, size = b"", 0
    for start, length in struct.iter_unpack("<II", vectors):
        piece = _bytes(slot, start, length, SHOWN - len(first))
        if piece is None:
            return Room(pointer, count * 8)
        first += piece
        size += length
    return Data(first, size)


def _bytes(slot: Any, pointer: int, length: int, most: int = 1 << 16) -> bytes | None:
    """The first bytes of a piece of the guest's memory; None where it is not inside."""
    if pointer + length > slot.size:
        return None
    length = min(length, most)
    return bytes(ffi.buffer(slot.base + pointer, length)) if length else b""


def component_arguments(slot: Any, shape: str) -> Iterator[Argument]:
    """The arguments of a component's call, kept by the shim: ``shape`` says what each is (shim.h)."""
    at = 0
    for letter in shape:
        value = int(slot.arguments[at])
        if letter not in "sph":
            yield value
            at += 1
            continue
        length = int(slot.arguments[at + 1])
        at += 2
        kept = min(length, SHOWN) if value and length <= slot.program.message_limit else 0
        if letter == "h":
            count = min(length, _MOST_NUMBERS) if value else 0
            yield from ffi.unpack(ffi.cast("int32_t *", value), count) if count else ()
        else:
            yield Data(bytes(ffi.buffer(ffi.cast("char *", value), kept)) if kept else b"", length)


def value_arguments(values: Iterable[Any]) -> Iterator[Argument]:
    """The arguments of a call of WASI's that a component makes."""
    for value in values:
        if isinstance(value, list):
            yield from (one for one in value[:_MOST_NUMBERS] if isinstance(one, int))
        elif isinstance(value, int):
            yield int(value)
        else:
            yield Data.of(value if isinstance(value, bytes) else b"")
