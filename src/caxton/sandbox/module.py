"""Modules: loading, the checks that make one an agent, and what instances of it are made from."""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

from caxton.errors import LimitError, ModuleError
from caxton.sandbox import component, engine
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.compilation import Compilation
from caxton.sandbox.component import Component
from caxton.sandbox.core_abi import IMPORTS, CoreGuest
from caxton.sandbox.facts import Facts
from caxton.sandbox.hostcalls import Import
from caxton.sandbox.limits import CALL_COST, PROGRAMS, SLICE, GuestLimits
from caxton.sandbox.lines import Lines
from caxton.sandbox.native import WASMTIME_VERSION, ffi, shim, take_error, wasmtime
from caxton.sandbox.signature import function
from caxton.sandbox.warmth import Allowance
from caxton.text import safe_name

_I32: Final = "i32"
REQUIRED: Final[dict[str, str]] = {
    "memory": "memory",
    "handle_message": function("i32 i32", _I32),
    "get_response": function("i32 i32", _I32),
}
OPTIONAL: Final[dict[str, str]] = {
    "_initialize": function(),
    "caxton_init": function("", _I32),
    "caxton_alloc": function(_I32, _I32),
    "caxton_free": function("i32 i32", ""),
}
_C_ALLOCATOR: Final[dict[str, str]] = {"malloc": function(_I32, _I32), "free": function(_I32, "")}
WINDOW, CAXTON_ALLOC, MALLOC, NO_MESSAGES = range(4)
"""Where messages are placed. Instances that only start have no place for them."""

_log = logging.getLogger("caxton.sandbox")


def check_imports(facts: Facts) -> None:
    """Holds every import against the table.

    Raises:
        ModuleError: ``module.unknown-import``, with the import's name.
    """
    known = {(row.module, row.name): row for row in IMPORTS}
    for module, name, found in facts.imports:
        row = known.get((module, name))
        label = f"{safe_name(module)}.{safe_name(name)}"
        if row is None:
            raise ModuleError("module.unknown-import", f"the host has no import {label} ({found})")
        if row.signature != found:
            raise ModuleError("module.unknown-import", f"{label} is {row.signature}, not {found}")


def check_exports(facts: Facts) -> None:
    """Holds the exports against the contract.

    Raises:
        ModuleError: ``module.missing-export``, with the export's name.
    """
    for name, wanted in (REQUIRED | OPTIONAL).items():
        found = facts.exports.get(name)
        if found is None and name in REQUIRED:
            raise ModuleError("module.missing-export", f"the module exports no {name} ({wanted})")
        if found is not None and found != wanted:
            raise ModuleError("module.missing-export", f"the export {name} is {found}, not {wanted}")
    if ("caxton_alloc" in facts.exports) != ("caxton_free" in facts.exports):
        raise ModuleError("module.missing-export", "caxton_alloc and caxton_free are exported both, or neither")
    assert facts.memory is not None
    if facts.memory[2] or facts.memory[3]:
        kind = "64-bit" if facts.memory[2] else "shared"
        raise ModuleError("module.missing-export", f"the export memory is a {kind} memory")


def allocator(facts: Facts) -> int:
    """How the host finds room for messages: WINDOW, CAXTON_ALLOC or MALLOC.

    Raises:
        ModuleError: ``module.no-message-buffer``, there is no way.
    """
    if "caxton_alloc" in facts.exports:
        return CAXTON_ALLOC
    if all(facts.exports.get(name) == wanted for name, wanted in _C_ALLOCATOR.items()):
        return MALLOC
    assert facts.memory is not None
    minimum, maximum, _, _ = facts.memory
    if minimum >= (65_536 if maximum is None else maximum):
        raise ModuleError(
            "module.no-message-buffer",
            "the module exports no allocator (caxton_alloc and caxton_free, or malloc and free), and its memory has "
            "no room to grow by a page",
        )
    return WINDOW


def check_first(facts: Facts, memory: int, table: int) -> None:
    """Refuses a module that starts with more than so many bytes of memory or elements of a table, or too many tables.

    Raises:
        LimitError: ``limit.memory`` or ``limit.table``.
    """
    first = max(facts.memories, default=0) * engine.PAGE
    window = engine.PAGE if allocator(facts) == WINDOW else 0
    if first + window > memory:
        raise LimitError(
            "limit.memory",
            f"the module starts with {first} bytes of memory" + (" and needs a page more" if window else ""),
            memory_used=first,
            memory_limit=memory,
        )
    if len(facts.tables) > engine.TABLES:
        raise LimitError("limit.table", f"the module has more than {engine.TABLES} tables")
    if max(facts.tables, default=0) > table:
        raise LimitError("limit.table", f"a table starts with more than {table} elements")


class Module:
    """A checked, compiled module. ``sha256`` is the binary's; instances share the code."""

    def __init__(self, facts: Facts, pointer: Any, used: engine.Engine) -> None:
        check_imports(facts)
        check_exports(facts)
        self.facts = facts
        self.sha256 = facts.sha256
        self.allocator = allocator(facts)
        self._engine = used
        self._pointer = pointer
        self._pre = instance_pre(_linker(used), pointer)
        self._programs: dict[GuestLimits, Any] = {}
        self._lines: Lines | None = None

    @property
    def lines(self) -> Lines:
        """Where its code comes from."""
        if self._lines is None:
            self._lines = Lines(self.facts.lines, self.facts.warmth.shift)
        return self._lines

    def add_lines(self, packed: str) -> None:
        """Says where its code comes from, where the module itself does not."""
        self.facts = replace(self.facts, lines=packed, has_lines=True)
        self._lines = None

    @property
    def first_memory(self) -> int:
        """Bytes of memory that an instance begins with."""
        warmth = self.facts.warmth
        return warmth.memory if warmth.is_warm else max(self.facts.memories, default=0) << 16

    def suits(self, limits: GuestLimits) -> bool:
        """Whether its instances begin under these limits as they would without a warm start."""
        return self.facts.warmth.suits(limits.memory, limits.table, limits.fuel, limits.host_calls)

    def check_limits(self, limits: GuestLimits) -> None:
        """Refuses limits that the module's first memory and tables are beyond.

        Raises:
            LimitError: ``limit.memory`` or ``limit.table``.
        """
        check_first(self.facts, limits.memory, limits.table)

    @property
    def settings(self) -> engine.Settings:
        """What it was compiled for."""
        return self._engine.settings

    @property
    def engine_pointer(self) -> Any:
        """Wasmtime's engine."""
        return self._engine.pointer

    @property
    def pointer(self) -> Any:
        """Wasmtime's module."""
        return self._pointer

    def program(self, limits: GuestLimits) -> Any:
        """What the shim is to know of the module under these limits; one of the caller's own.

        Raises:
            LimitError: the module's first memory or table is beyond the limits.
        """
        self.check_limits(limits)
        return self._program(limits)

    def guest(self, limits: GuestLimits) -> CoreGuest:
        """A new instance, not started yet.

        Raises:
            LimitError: the module's first memory or table is beyond the limits.
        """
        program = self._programs.get(limits)
        if program is None:
            self.check_limits(limits)
            if len(self._programs) > PROGRAMS:  # limits made anew for every agent; instances keep what they use
                self._programs.clear()
            program = self._programs[limits] = self._program(limits)
        return CoreGuest(program, self)

    def _program(self, limits: GuestLimits) -> Any:
        return new_program(self._engine, self._pre, self.facts, limits)


def new_program(used: engine.Engine, pre: Any, facts: Facts, limits: GuestLimits) -> Any:
    """What the shim needs to know of a module under limits."""
    cold = not facts.warmth.is_warm
    program = ffi.new("cx_program_t *")
    program.engine = used.pointer
    program.pre = pre
    program.memory_limit = limits.memory
    program.table_limit = limits.table
    program.fuel = limits.fuel
    program.slice = SLICE
    program.message_limit = limits.message
    program.response_limit = limits.response
    program.call_limit = limits.host_calls
    program.call_cost = CALL_COST
    program.allocator = allocator(facts)
    program.has_initialize = cold and "_initialize" in facts.exports
    program.has_init = cold and "caxton_init" in facts.exports
    return program


# ---- linking --------------------------------------------------------------------------------------------------------

# Linkers, with what their C structures point to, live as long as their engines: to the process's end.
_linkers: dict[engine.Settings, tuple[Any, list[Any]]] = {}
_linkers_lock: Final = threading.Lock()
_KINDS: Final = {"i32": 0, "i64": 1}


def _types(names: str) -> Any:
    kinds = names.split()
    vector = ffi.new("wasm_valtype_vec_t *")
    array = ffi.new("wasm_valtype_t *[]", [wasmtime.wasm_valtype_new(_KINDS[kind]) for kind in kinds])
    wasmtime.wasm_valtype_vec_new(vector, len(kinds), array)
    return vector


def _describe(number: int, row: Import) -> Any:
    described = ffi.new("cx_import_t *")
    described.number = number
    described.parameters = len(row.parameters.split())
    described.result = {"": 0, "i32": 1, "i64": 2}[row.result]
    described.npairs = len(row.pairs)
    for i, pair in enumerate(row.pairs):
        described.pairs[i] = pair
    return described


def _linker(used: engine.Engine) -> Any:
    # Modules are loaded on several threads; two linkers of one engine would leave one's C structures to be freed.
    with _linkers_lock:
        if used.settings not in _linkers:
            _linkers[used.settings] = make_linker(used)
        return _linkers[used.settings][0]


def make_linker(used: engine.Engine) -> tuple[Any, list[Any]]:
    """A linker with every import there is, and what must live as long as it does."""
    linker = wasmtime.wasmtime_linker_new(used.pointer)
    kept = []
    for number, row in enumerate(IMPORTS):
        described = _describe(number, row)
        kept.append(described)
        signature = wasmtime.wasm_functype_new(_types(row.parameters), _types(row.result))
        module, name = row.module.encode(), row.name.encode()
        why = take_error(shim.cx_define(linker, module, len(module), name, len(name), signature, described))
        wasmtime.wasm_functype_delete(signature)
        if why is not None:
            raise RuntimeError(f"an import cannot be defined: {why}")
    return linker, kept


def instance_pre(linker: Any, pointer: Any) -> Any:
    """A module with its imports resolved.

    Raises:
        ModuleError: ``module.unknown-import``.
    """
    found = ffi.new("wasmtime_instance_pre_t **")
    why = take_error(wasmtime.wasmtime_linker_instantiate_pre(linker, pointer, found))
    if why is not None:
        raise ModuleError("module.unknown-import", f"the module cannot be linked: {safe_name(why)}")
    return ffi.gc(found[0], wasmtime.wasmtime_instance_pre_delete)


# ---- loading --------------------------------------------------------------------------------------------------------

AnyModule: TypeAlias = Module | Component
"""What an agent is made from: a core module or a component."""

_FORM: Final = 11
"""How an entry of the cache, facts and all, is written: another number, and the old ones are not read any more."""


def entry_name(data: bytes, settings: engine.Settings, warm: bool = False) -> str:
    """The name, in the cache, of what a module's bytes compile to. ``warm``: with its initialisation done."""
    start = "warm" if warm else "cold"
    return f"{_FORM} {start} {WASMTIME_VERSION} {settings.key} {hashlib.sha256(data).hexdigest()}"


def load(
    data: bytes,
    cache: ModuleCache,
    *,
    settings: engine.Settings | None = None,
    compilation: Callable[[bytes, engine.Settings], Compilation] | None = None,
    allowance: Allowance | None = None,
) -> AnyModule:
    """The module or component in ``data`` (binary or text), compiled or from the cache. Not for the event loop.

    ``allowance``: what its initialisation may use when it is run ahead; None: it is left to each instance. A
    ``compilation`` of the caller's has to know it as well.

    Raises:
        ModuleError: it is not valid, too complex, or no agent.
        LimitError: its first memory or tables are larger than any agent's may be.
    """
    settings = settings or engine.default_settings()
    used = engine.shared_engine(settings)
    name = entry_name(data, settings, allowance is not None)
    found = _from_cache(cache, name, used, allowance)
    if found is None and allowance is None:  # it may have been left as it is when it was to be warm
        other = _from_cache(cache, entry_name(data, settings, warm=True), used, None)
        found = other if other is not None and not other.facts.warmth.is_warm else None
    if found is not None:
        return found
    facts, code = (
        compilation(data, settings) if compilation else Compilation(data, settings, allowance=allowance)
    ).run()
    checks: Any = component if facts.places is not None else sys.modules[__name__]
    checks.check_imports(facts)
    checks.check_exports(facts)
    checks.check_first(facts, used.max_memory, engine.TABLE_ELEMENTS)  # what the pool has no slot for does not load
    header = facts.as_json()
    module = _made(facts, used, code)
    if module is None:
        raise ModuleError("module.too-complex", "the compiled module does not fit into an instance")
    cache.put(name, len(header).to_bytes(4, "little") + header + code)
    return module


def _from_cache(cache: ModuleCache, name: str, used: engine.Engine, allowance: Allowance | None) -> AnyModule | None:
    entry = cache.get(name)
    if entry is None:
        return None
    length = int.from_bytes(entry[:4], "little")
    try:
        facts = Facts.from_json(entry[4 : 4 + length])
    except (ValueError, KeyError, TypeError):
        module = None
    else:
        module = _made(facts, used, entry[4 + length :])
    if module is None:  # another CPU's, say
        cache.remove(name)
        return None
    return None if module.facts.warmth.is_worth(allowance) else module


def _made(facts: Facts, used: engine.Engine, code: bytes | memoryview) -> AnyModule | None:
    if facts.places is None:
        pointer = _deserialize(used, code)
        return None if pointer is None else Module(facts, pointer, used)
    pointer, why = component.deserialize(used, code)
    if why is not None:
        _log.warning("a compiled component does not load: %s", why)
        return None
    return Component(facts, pointer, used)


def _deserialize(used: engine.Engine, code: bytes | memoryview) -> Any:
    found = ffi.new("wasmtime_module_t **")
    why = take_error(wasmtime.wasmtime_module_deserialize(used.pointer, ffi.from_buffer(code), len(code), found))
    if why is not None:
        _log.warning("a compiled module does not load: %s", why)
        return None
    return ffi.gc(found[0], wasmtime.wasmtime_module_delete)
