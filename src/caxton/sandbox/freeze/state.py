"""Reading the state of an instance whose module ``instrument.py`` has made."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from caxton.sandbox.freeze.image import MAX_ELEMENTS, MAX_MEMORY_BYTES, NULL, PAGE, Image, Value, runs_of
from caxton.sandbox.freeze.instrument import NUMBERS, StateExports
from caxton.sandbox.freeze.layout import Layout, Unfreezable
from caxton.sandbox.native import ffi, take_error, wasmtime

FUNCREF: Final = 5
_SIZES: Final = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}
_POLLS: Final = 1_000
_FUEL: Final = 1_000_000
_OUTSIDE: Final = (1, 3)  # the trap codes for what lies outside a memory, a table, or a segment


def capture(slot: Any, layout: Layout, names: StateExports) -> Image:
    """The image of an idle instance. ``slot`` is the shim's; ``layout`` that of the module before it was instrumented.

    Raises:
        Unfreezable: it holds what an image cannot hold.
    """
    reading = Reading(slot, names)
    if slot.size > MAX_MEMORY_BYTES:
        raise Unfreezable(f"needs {int(slot.size) >> 20} MiB of memory, more than {MAX_MEMORY_BYTES >> 20}")
    return Image(
        hashlib.sha256(layout.data).digest(),
        int(slot.size) // PAGE,
        runs_of(ffi.buffer(slot.base, slot.size)) if slot.size else (),
        tuple(reading.value(i, item.type) for i, item in enumerate(layout.globals) if item.mutable),
        reading.tables(),
        tuple(number for number in names.data if reading.is_dropped(f"d{number}")),
        tuple(number for number in names.elements if reading.is_dropped(f"e{number}")),
    )


class Reading:
    """The globals and tables of one instance, idle or trapped."""

    def __init__(self, slot: Any, names: StateExports) -> None:
        self._slot = slot
        self._names = names
        self._found = ffi.new("wasmtime_extern_t *")
        self._value = ffi.new("wasmtime_val_t *")
        self._functions = self._roster()

    def _export(self, name: str) -> Any:
        text = (self._names.prefix + name).encode()
        instance = ffi.addressof(self._slot, "instance")
        if not wasmtime.wasmtime_instance_export_get(self._slot.context, instance, text, len(text), self._found):
            raise Unfreezable("lacks an export that was added to it")
        return self._found.of

    def bits(self, index: int, kind: str) -> bytes:
        """The bytes of a global that is a number, little end first."""
        wasmtime.wasmtime_global_get(
            self._slot.context, ffi.addressof(self._export(f"g{index}"), "global"), self._value
        )
        return bytes(ffi.buffer(ffi.addressof(self._value, "of"), _SIZES[kind]))

    def value(self, index: int, kind: str) -> Value:
        """A global's value.

        Raises:
            Unfreezable: it is a reference to something else than a function.
        """
        if kind in NUMBERS:
            return Value(index, kind, self.bits(index, kind))
        wasmtime.wasmtime_global_get(
            self._slot.context, ffi.addressof(self._export(f"g{index}"), "global"), self._value
        )
        return Value(index, "reference", function=self._function("a global"))

    def _function(self, where: str) -> int:
        """Which function the value that was read is."""
        key = self._key()
        if key is None:
            return NULL
        found = self._functions.get(key)
        if found is None:
            raise Unfreezable(f"keeps a reference in {where} that is not to a function of its own")
        return found

    def _key(self) -> int | None:
        value = self._value
        if value.of.funcref.store_id == 0:
            return None
        return int(ffi.cast("uintptr_t", value.of.funcref.index)) if value.kind == FUNCREF else 0

    def _roster(self) -> dict[int, int]:
        if not self._names.has_roster:
            return {}
        numbered = zip(self._names.roster, self._keys("roster"), strict=True)
        return {key: number for number, key in numbered if key is not None}

    def _keys(self, name: str) -> list[int | None]:
        export = self._export(name)
        table = ffi.new("wasmtime_table_t *", export.table)
        size = wasmtime.wasmtime_table_size(self._slot.context, table)
        if size > MAX_ELEMENTS:
            raise Unfreezable(f"has a table of more than {MAX_ELEMENTS} elements")
        keys = []
        for at in range(size):
            wasmtime.wasmtime_table_get(self._slot.context, table, at, self._value)
            keys.append(self._key())
        return keys

    def tables(self) -> tuple[tuple[int, ...], ...]:
        """Every table's elements.

        Raises:
            Unfreezable: one is a reference to something else than a function.
        """
        found = []
        for number in range(self._names.tables):
            keys = self._keys(f"t{number}")
            functions = [NULL if key is None else self._functions.get(key) for key in keys]
            if None in functions:
                raise Unfreezable("keeps a reference in a table that is not to a function of its own")
            found.append(tuple(item for item in functions if item is not None))
        return tuple(found)

    def is_dropped(self, probe: str) -> bool:
        """Whether the function that uses a passive segment traps. It changes nothing."""
        function = ffi.new("wasmtime_func_t *", self._export(probe).func)
        take_error(wasmtime.wasmtime_context_set_fuel(self._slot.context, _FUEL))  # each job gets its own anew
        trap, error = ffi.new("wasm_trap_t **"), ffi.new("wasmtime_error_t **")
        future = wasmtime.wasmtime_func_call_async(self._slot.context, function, ffi.NULL, 0, ffi.NULL, 0, trap, error)
        ended = any(wasmtime.wasmtime_call_future_poll(future) for _ in range(_POLLS))
        wasmtime.wasmtime_call_future_delete(future)
        code = ffi.new("uint8_t *")
        known = bool(trap[0]) and wasmtime.wasmtime_trap_code(trap[0], code) and code[0] in _OUTSIDE
        strange = bool(trap[0]) and not known
        if trap[0]:
            wasmtime.wasm_trap_delete(trap[0])
        if error[0]:
            wasmtime.wasmtime_error_delete(error[0])
        if not ended or error[0] or strange:
            raise Unfreezable("has segments that cannot be looked at")
        return known
