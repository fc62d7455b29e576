"""Components: the checks that make one an agent, and what instances of it are made from."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from caxton.errors import LimitError, ModuleError
from caxton.sandbox import engine
from caxton.sandbox.component_abi import IMPORTS, ComponentGuest
from caxton.sandbox.component_calls import (
    DIRECT_FREE,
    DIRECT_HANDLE,
    DIRECT_REALLOC,
    EXPORTS,
    FLAT,
    HANDLE,
    HANDLE_TEXT,
    HOST,
    PACKAGE,
    TYPES,
    VERSION,
    ComponentCall,
)
from caxton.sandbox.component_lines import ComponentLines
from caxton.sandbox.component_wasi import RESOURCES, USES
from caxton.sandbox.component_wasi import VERSION as WASI_VERSION
from caxton.sandbox.facts import Facts
from caxton.sandbox.limits import CALL_COST, COMPONENT_SLICE, PROGRAMS, GuestLimits
from caxton.sandbox.native import ffi, shim, take_error, wasmtime
from caxton.text import cut, safe_name

_SHOWN: Final = 400
_VERSIONED: Final = re.compile(r"([^@]+)@(\d+)\.(\d+)\.(\d+)")
_KNOWN: Final = {(row.interface, row.name): row for row in IMPORTS}
_INTERFACES: Final = {row.interface for row in IMPORTS} | {TYPES} | set(USES)
_WASI_VERSION: Final = ("0", "2")


def _interface(name: str) -> str:
    """An interface without its version, where that is one that the host has.

    Raises:
        ModuleError: ``module.unknown-import``.
    """
    found = _VERSIONED.fullmatch(name)
    plain = found[1] if found else name
    if plain not in _INTERFACES:
        raise ModuleError("module.unknown-import", f"the host has no interface {safe_name(name)}")
    if found:
        version = ".".join(found.groups()[1:])
        wanted = VERSION if plain.startswith(f"{PACKAGE}/") else WASI_VERSION
        same = version == VERSION if wanted is VERSION else found.groups()[1:3] == _WASI_VERSION
        if not same:
            raise ModuleError("module.unknown-import", f"the host has {plain}@{wanted}, not {safe_name(name)}")
    return plain


def check_imports(facts: Facts) -> None:
    """Holds every import against the interfaces that the host has.

    Raises:
        ModuleError: ``module.unknown-import``, with the import's name.
    """
    for module, name, found in facts.imports:
        if not module:
            raise ModuleError("module.unknown-import", f"the host has no import {safe_name(name)} ({_short(found)})")
        plain = _interface(module)
        if not name or (found == "resource" and name in USES.get(plain, ())):
            continue
        row = _KNOWN.get((plain, name))
        label = f"{safe_name(module)}.{safe_name(name)}"
        if row is None:
            raise ModuleError("module.unknown-import", f"the host has no import {label} ({_short(found)})")
        if row.signature not in ("", found):
            raise ModuleError("module.unknown-import", f"{label} is {_short(row.signature)}, not {_short(found)}")


def knows(interface: str, name: str) -> bool:
    """Whether the host has a function, a resource or an interface of that name; its type is another question."""
    plain = interface.partition("@")[0]
    return not name or (plain, name) in _KNOWN or name in USES.get(plain, ())


def check_exports(facts: Facts) -> None:
    """Looks for one of the two functions that make a component an agent.

    Raises:
        ModuleError: ``module.missing-export``, with the export's name.
    """
    for name, wanted in EXPORTS.items():
        found = facts.exports.get(name)
        if found == wanted:
            return
        if found is not None:
            raise ModuleError("module.missing-export", f"the export {name} is {_short(found)}, not {_short(wanted)}")
    raise ModuleError("module.missing-export", f"the component exports neither {HANDLE} nor {HANDLE_TEXT}")


def _short(signature: str) -> str:
    return safe_name(cut(signature, _SHOWN))


def check_first(facts: Facts, memory: int, table: int) -> None:
    """Refuses a component that begins with more memory, or with more or larger tables, than its instances may have.

    Raises:
        LimitError: ``limit.memory`` or ``limit.table``.
    """
    first = sum(facts.memories) * engine.PAGE
    if first > memory:
        raise LimitError(
            "limit.memory",
            f"the component starts with {first} bytes of memory",
            memory_used=first,
            memory_limit=memory,
        )
    if len(facts.tables) > engine.COMPONENT_TABLES:
        raise LimitError("limit.table", f"the component has more than {engine.COMPONENT_TABLES} tables")
    if max(facts.tables, default=0) > table:
        raise LimitError("limit.table", f"a table starts with more than {table} elements")


class Component:
    """A checked, compiled component. ``sha256`` is the binary's; instances share the code."""

    allocator = 0

    def __init__(self, facts: Facts, pointer: Any, used: engine.Engine) -> None:
        check_imports(facts)
        check_exports(facts)
        self.facts = facts
        self.sha256 = facts.sha256
        self._engine = used
        self._pointer = pointer
        self._programs: dict[GuestLimits, Any] = {}
        self._lines: ComponentLines | None = None
        self._origin = self._make_origin()

    def _make_origin(self) -> Any:
        facts = self.facts
        name = HANDLE if HANDLE in facts.exports else HANDLE_TEXT
        self._export = self._index(name)
        if self._export is None:
            raise ModuleError("module.missing-export", f"the component exports no {name}")
        numbers = [part for number, index, _ in facts.places or () for part in (number, index)]
        self._places = ffi.new("uint32_t[]", numbers or [0])
        origin = ffi.new("cx_origin_t *")
        origin.component = self._pointer
        origin.linker = _linker(self._engine)
        origin.handle = self._export
        origin.places = self._places
        origin.memories = len(numbers) // 2
        origin.text_only = name == HANDLE_TEXT
        if facts.direct or facts.flat:
            origin.main_memory = self._main_memory()
        origin.flat = facts.flat
        if facts.direct:
            self._add_direct(origin)
        return origin

    def _main_memory(self) -> int:
        return next(i for i, (_, _, pages) in enumerate(self.facts.places or ()) if pages)

    def _add_direct(self, origin: Any) -> None:
        found = [self._index(name) for name in (DIRECT_HANDLE, DIRECT_REALLOC, DIRECT_FREE)]
        if found[0] is None or found[1] is None:
            return
        self._direct = found
        origin.direct_handle, origin.direct_realloc = found[0], found[1]
        origin.direct_free = ffi.NULL if found[2] is None else found[2]

    def _index(self, name: str) -> Any:
        encoded = name.encode()
        export = wasmtime.wasmtime_component_get_export_index(self._pointer, ffi.NULL, encoded, len(encoded))
        return ffi.gc(export, wasmtime.wasmtime_component_export_index_delete) if export else None

    @property
    def lines(self) -> ComponentLines:
        """Where its code comes from."""
        if self._lines is None:
            self._lines = ComponentLines(self.facts.lines)
        return self._lines

    def add_lines(self, packed: str) -> None:
        """Nothing: debug information beside a component is not looked at."""

    def suits(self, limits: GuestLimits) -> bool:
        """True: no initialisation is run ahead."""
        return True

    @property
    def first_memory(self) -> int:
        """Bytes of memory that an instance begins with."""
        return sum(self.facts.memories) << 16

    def check_limits(self, limits: GuestLimits) -> None:
        """Refuses limits that the component's first memories and tables are beyond.

        Raises:
            LimitError: ``limit.memory`` or ``limit.table``.
        """
        check_first(self.facts, limits.memory, limits.table)

    def guest(self, limits: GuestLimits) -> ComponentGuest:
        """A new instance, not started yet.

        Raises:
            LimitError: the component's first memories or tables are beyond the limits.
        """
        program = self._programs.get(limits)
        if program is None:
            self.check_limits(limits)
            if len(self._programs) > PROGRAMS:  # limits made anew for every agent; instances keep what they use
                self._programs.clear()
            program = self._programs[limits] = self._program(limits)
        return ComponentGuest(program, self)

    def _program(self, limits: GuestLimits) -> Any:
        program = ffi.new("cx_program_t *")
        program.engine = self._engine.pointer
        program.origin = self._origin
        program.memory_limit = limits.memory
        program.table_limit = limits.table
        program.fuel = limits.fuel
        program.slice = COMPONENT_SLICE
        program.message_limit = limits.message
        program.response_limit = limits.response
        program.call_limit = limits.host_calls
        program.call_cost = CALL_COST
        program.allocator = bool(self._origin.direct_handle)  # a turn then goes on after its response, to free it
        return program


# ---- linking --------------------------------------------------------------------------------------------------------

# Linkers, with what their C structures point to, live as long as their engines: to the process's end.
_linkers: dict[engine.Settings, tuple[Any, list[Any]]] = {}
_linkers_lock: Final = threading.Lock()


def _linker(used: engine.Engine) -> Any:
    with _linkers_lock:
        if used.settings not in _linkers:
            _linkers[used.settings] = _make_linker(used)
        return _linkers[used.settings][0]


def _make_linker(used: engine.Engine) -> tuple[Any, list[Any]]:
    linker = wasmtime.wasmtime_component_linker_new(used.pointer)
    kept: list[Any] = []
    root = wasmtime.wasmtime_component_linker_root(linker)
    for interface in dict.fromkeys([*(row.interface for row in IMPORTS), *USES]):
        _define_interface(root, interface, kept)
    wasmtime.wasmtime_component_linker_instance_delete(root)
    return linker, kept


def _define_interface(root: Any, interface: str, kept: list[Any]) -> None:
    found = ffi.new("wasmtime_component_linker_instance_t **")
    version = VERSION if interface.startswith(f"{PACKAGE}/") else WASI_VERSION
    name = f"{interface}@{version}".encode()
    _must(wasmtime.wasmtime_component_linker_instance_add_instance(root, name, len(name), found))
    for resource in USES.get(interface, ()):
        encoded = resource.encode()
        _must(shim.cx_define_resource(found[0], encoded, len(encoded), RESOURCES[resource]))
    for number, row in enumerate(IMPORTS):
        if row.interface == interface:
            _define_function(found[0], number, row, kept)
    wasmtime.wasmtime_component_linker_instance_delete(found[0])


def _define_function(instance: Any, number: int, row: ComponentCall, kept: list[Any]) -> None:
    described = ffi.new("cx_component_import_t *")
    texts = [ffi.new("char[]", text.encode()) for text in (row.shape, row.result)]
    described.number = number
    described.shape, described.result = texts
    described.flat = row.interface == HOST and row.name in FLAT
    kept += [described, *texts]
    encoded = row.name.encode()
    _must(shim.cx_define_component(instance, encoded, len(encoded), described))


def _must(error: Any) -> None:
    why = take_error(error)
    if why is not None:
        raise RuntimeError(f"an import cannot be defined: {why}")


def deserialize(used: engine.Engine, code: bytes | memoryview) -> tuple[Any, str | None]:
    """A component out of compiled code, or why there is none."""
    found = ffi.new("wasmtime_component_t **")
    why = take_error(wasmtime.wasmtime_component_deserialize(used.pointer, ffi.from_buffer(code), len(code), found))
    return (ffi.gc(found[0], wasmtime.wasmtime_component_delete) if why is None else None), why
