"""From what Wasmtime and the shim say of a failed job to the contract's errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from caxton.errors import CaxtonError, Frame, LimitError, error_for
from caxton.sandbox.engine import MIB
from caxton.sandbox.lines import Place
from caxton.sandbox.native import ffi, take_bytes, wasmtime
from caxton.text import safe, safe_name

MAX_FRAMES: Final = 64


class Places(Protocol):
    """Where a guest's code comes from (lines.py, component_lines.py)."""

    @property
    def shift(self) -> int:
        """Bytes by which offsets of the code that runs are larger than those of the original."""

    def find(self, offset: int) -> Place | None:
        """File, line and column of the code at an offset, where they are known."""

    def inlined(self, offset: int) -> list[tuple[str, Place | None]]:
        """The functions that a compiler has put around the code at an offset, innermost first: name, and where it was
        called."""

    def function(self, index: int, offset: int = 0) -> str | None:
        """The name of a function whose code is at an offset."""


# Wasmtime's trap codes (crates/environ/src/trap_encoding.rs) and what they are called in the contract.
_TRAPS: Final[dict[int, tuple[str, str]]] = {
    0: ("trap.stack-overflow", "the guest's stack is used up"),
    1: ("trap.out-of-bounds", "the guest reached outside its memory"),
    3: ("trap.indirect-call", "the guest reached outside a table"),
    4: ("trap.indirect-call", "the guest called an empty table entry"),
    5: ("trap.indirect-call", "the guest called a function of another type"),
    6: ("trap.integer-overflow", "an integer operation overflowed"),
    7: ("trap.divide-by-zero", "an integer was divided by zero"),
    8: ("trap.integer-overflow", "a number does not fit into an integer"),
    9: ("trap.unreachable", "the guest gave up (it executed unreachable)"),
    11: ("limit.fuel", "the turn has used all its fuel"),
    13: ("trap.indirect-call", "the guest called a null reference"),
    14: ("trap.out-of-bounds", "the guest reached outside an array"),
    15: ("limit.memory", "the guest's heap is full"),
}
UNREACHABLE: Final = 9
NEAR_LIMIT: Final = MIB
_UNKNOWN: Final = (1 << (8 * ffi.sizeof("size_t"))) - 1
"""What stands for an offset that Wasmtime does not know."""

_FAULTS: Final[dict[int, tuple[str, str]]] = {
    2: ("abi.protocol", "a pointer or a length outside the memory, or a response that breaks the protocol"),
    3: ("limit.deadline", "the turn took too long"),
    4: ("limit.host-calls", "the turn made too many host calls"),
    5: ("limit.message-size", "the message does not fit"),
    6: ("limit.response-size", "the response is too large"),
    7: ("limit.memory", "the guest's allocator has no memory left"),
    8: ("limit.memory", "there is no room for a page that messages could pass through"),
    9: ("agent.refused-start", "caxton_init refused"),
}
FAULT_TRAP: Final = 1
FAULT_PROTOCOL: Final = 2
FAULT_MEMORY: Final = frozenset({7, 8})
FAULT_EXIT: Final = 10
FAULT_HOST: Final = 11
FAULT_NOT_TEXT: Final = 12


def _message(trap: Any, error: Any) -> str:
    vector = ffi.new("wasm_byte_vec_t *")
    if trap:
        wasmtime.wasm_trap_message(trap, vector)
    elif error:
        wasmtime.wasmtime_error_message(error, vector)
    else:
        return ""
    return take_bytes(vector)[: 256 * 1024].decode("utf-8", "replace")


def frames(trap: Any, error: Any, lines: Places) -> tuple[Frame, ...]:
    """The guest's stack, innermost first; at most ``MAX_FRAMES`` frames, those of inlined calls among them."""
    vector = ffi.new("wasm_frame_vec_t *")
    if trap:
        wasmtime.wasm_trap_trace(trap, vector)
    elif error:
        wasmtime.wasmtime_error_wasm_trace(error, vector)
    else:
        return ()
    found = [one for i in range(min(vector.size, MAX_FRAMES)) for one in _frames(vector.data[i], lines)]
    wasmtime.wasm_frame_vec_delete(vector)
    return tuple(found[:MAX_FRAMES])


def _frames(frame: Any, lines: Places) -> Iterator[Frame]:
    """A frame, and before it those that there would be if nothing had been inlined; they have its index and offset."""
    index = wasmtime.wasm_frame_func_index(frame)
    found = int(wasmtime.wasm_frame_module_offset(frame))
    offset = 0 if found == _UNKNOWN else found - lines.shift
    name = lines.function(index, offset)
    place = lines.find(offset)
    for inner, called in lines.inlined(offset):
        yield _frame(inner or name, index, offset, place)
        place = called
    yield _frame(name, index, offset, place)


def _frame(name: str | None, index: int, offset: int, place: Place | None) -> Frame:
    file, line, column = place or (None, None, None)
    return Frame(
        None if name is None else safe_name(name),
        index,
        offset,
        None if file is None else safe_name(file),
        line,
        column,
    )


def fault_error(slot: Any, limit: int, lines: Places, reason: str | None = None) -> CaxtonError:
    """The error for a slot whose job has ended with ``FAULT``.

    ``limit`` is the memory limit in bytes; ``lines`` are the module's; ``reason`` is a better sentence, where the host
    knows one.
    """
    message = _message(slot.trap, slot.error)
    stack = frames(slot.trap, slot.error, lines)
    memory = {"memory_used": int(slot.size), "memory_limit": limit}
    if slot.fault != FAULT_TRAP:
        code, text = _FAULTS.get(slot.fault, ("trap.other", "the guest was ended"))
        return error_for(code, reason or text, frames=stack, **memory)
    if slot.trap_code < 0:
        error = _engine_error(message, stack, memory)
        return error if error.code != "trap.other" or not slot.part else _component_error(message, stack, memory)
    code, text = _TRAPS.get(slot.trap_code, ("trap.other", _summary(message)))
    if slot.trap_code == UNREACHABLE and slot.size + NEAR_LIMIT >= limit:
        code, text = "limit.memory", "the guest gave up with its memory nearly at the limit"
    return error_for(code, text, frames=stack, **memory)


def _summary(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return safe(lines[-1] if lines else "the guest trapped", 512)


# What Wasmtime calls a trap though it has found a value that breaks the component model's rules.
_BROKEN: Final = (
    "invalid `char` bit pattern",
    "string content out-of-bounds",
    "list content out-of-bounds",
    "invalid variant discriminant",
    "unaligned pointer",
    "pointer should be aligned",
    "upper bits should be unset",
    "code units should be equal",
    "should have finished string encoding",
)


def _component_error(message: str, stack: tuple[Frame, ...], memory: dict[str, Any]) -> CaxtonError:
    """A component has handed over something that is no value of its type, or traps in a way of its own."""
    said = _summary(message)
    if "hostcall fuel" in said or "fuel allocated for hostcalls" in said:
        return error_for("limit.response-size", "a value is too large to cross", frames=stack, **memory)
    trap = said.partition("wasm trap: ")[2]
    broken = trap in _BROKEN if trap else True
    return error_for("abi.protocol" if broken else "trap.other", said, frames=stack, **memory)


def _engine_error(message: str, stack: tuple[Frame, ...], memory: dict[str, Any]) -> CaxtonError:
    """Wasmtime could not do what it was asked: no slot in the pool, no mapping, a limit of the store."""
    # The causes stand last. What stands before them may name the guest's functions, which say what the guest likes.
    causes = message.rpartition("Caused by:")[2]
    if "concurrent" in causes or "mmap" in causes or "os error 12" in causes or "Cannot allocate" in causes:
        return LimitError("limit.host", f"this process cannot hold another instance: {_summary(message)}")
    if "memory minimum size" in causes:
        return error_for("limit.memory", "the first memory is larger than the limit", **memory)
    if "table minimum size" in causes:
        return error_for("limit.table", "a table is larger than the limit", **memory)
    if "GC heap" in causes:
        return error_for("limit.memory", "the guest's heap is full", frames=stack, **memory)
    return error_for("trap.other", _summary(message), frames=stack, **memory)
