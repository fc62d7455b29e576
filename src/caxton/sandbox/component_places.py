"""Where an instance of a component has its memories: which of the store's core instances, which memory of it.

The outline says so, but for the instances that Wasmtime puts between components inside a component. So a first instance
is made, in the compiler's child, and each place is looked at. To look where there is nothing ends the process: it is
done in a process of its own each time.
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
from typing import Any, Final

from caxton.errors import ModuleError
from caxton.sandbox import engine
from caxton.sandbox.component_binary import MOST_INSTANCES, Outline
from caxton.sandbox.native import ffi, shim, take_error, wasmtime

_TRIAL_FUEL: Final = 100_000_000
_GROWTH: Final = 64 * engine.MIB
_ROOM: Final = engine.GIB
_NEVER: Final = 1 << 62
_I32: Final = 0
_SIZE: Final = struct.Struct("<Q")
Place = tuple[int, int, int]


def find_places(compiler: engine.Engine, component: Any, outline: Outline) -> tuple[Place, ...]:
    """The places of all memories, looked at.

    Raises:
        ModuleError: ``module.invalid``, some cannot be found.
    """
    wanted = outline.places
    _make_room(len(wanted) * compiler.settings.reservation)
    context, store = _first_instance(compiler, component, max((pages for *_, pages in wanted), default=0))
    found = _sizes(context, store, [(number, index) for number, index, _ in wanted])
    if found is not None and all(
        size >= pages * engine.PAGE for size, (_, _, pages) in zip(found, wanted, strict=True)
    ):
        return wanted
    return _searched(context, store, wanted)


def _searched(context: Any, store: int, wanted: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places, found one after the other: an instance that is not in the outline moves all that come after it."""
    places: list[Place] = []
    moved = 0
    for number, index, pages in wanted:
        while True:
            if number + moved > MOST_INSTANCES:
                raise ModuleError("module.invalid", "the memories of the component cannot be found")
            found = _sizes(context, store, [(number + moved, index)])
            if found is not None and found[0] >= pages * engine.PAGE:
                break
            moved += 1
        places.append((number + moved, index, pages))
    return tuple(places)


def _make_room(memories: int) -> None:
    """Lifts two limits that compiling was held to: address space for an instance's memories, and the (nameless) files
    that their first contents are mapped from."""
    _raise(resource.RLIMIT_AS, memories + _ROOM)
    _raise(resource.RLIMIT_FSIZE, _ROOM)


def _raise(which: int, by: int) -> None:
    soft, hard = resource.getrlimit(which)
    if soft == resource.RLIM_INFINITY:
        return
    wanted = soft + by if hard == resource.RLIM_INFINITY else min(soft + by, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (wanted, hard))


def _first_instance(compiler: engine.Engine, component: Any, pages: int) -> tuple[Any, int]:
    """An instance whose imports trap. Where it asks for one while it is made, it is half an instance, but all there."""
    linker = wasmtime.wasmtime_component_linker_new(compiler.pointer)
    why = take_error(wasmtime.wasmtime_component_linker_define_unknown_imports_as_traps(linker, component))
    if why is not None:
        raise ModuleError("module.invalid", "the component cannot be linked")
    store = wasmtime.wasmtime_store_new(compiler.pointer, ffi.NULL, ffi.NULL)
    context = wasmtime.wasmtime_store_context(store)
    wasmtime.wasmtime_store_limiter(store, pages * engine.PAGE + _GROWTH, -1, MOST_INSTANCES, -1, -1)
    take_error(wasmtime.wasmtime_context_set_fuel(context, _TRIAL_FUEL))
    wasmtime.wasmtime_context_set_epoch_deadline(context, _NEVER)  # code that is profiled looks at it
    instance = ffi.new("wasmtime_component_instance_t *")
    take_error(wasmtime.wasmtime_component_linker_instantiate(linker, context, component, instance))
    return context, _store_number(context)


def _store_number(context: Any) -> int:
    """The number of a store, from something that is made in it and belongs to no instance."""
    kind = wasmtime.wasm_globaltype_new(wasmtime.wasm_valtype_new(_I32), 0)
    value = ffi.new("wasmtime_val_t *")
    made = ffi.new("wasmtime_global_t *")
    take_error(wasmtime.wasmtime_global_new(context, kind, value, made))
    return int(made.store_id)


def _sizes(context: Any, store: int, places: list[tuple[int, int]]) -> list[int] | None:
    """The sizes of some memories; None where one of them is not there."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            found = [shim.cx_memory_at(context, store, number, index) for number, index in places]
            os.write(sending, b"".join(map(_SIZE.pack, found)))
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    if len(data) != len(places) * _SIZE.size:
        return None
    return [size for (size,) in _SIZE.iter_unpack(data)]
