"""Wasmtime engines: their settings, and the pool that instances come from.

An engine belongs to the process, not to a host: its pool is address space and memory mappings, of which a process has
only so much. So engines are shared (``shared_engine``), one for each set of settings, made on first use.

Fuel is the only meter: it limits a turn, suspends a guest that runs long, and counts what an agent used. Epochs would
cost more than they give (docs/adr/0001); only guests that are profiled have them (profiling.py).
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caxton.sandbox.native import ffi, shim, wasmtime

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
PAGE: Final = 64 * KIB

WASM_STACK: Final = MIB
_FIBER_STACK: Final = WASM_STACK + 256 * KIB
MAX_MEMORY: Final = 4 * GIB
"""Bytes that a 32-bit linear memory can have."""

TABLES: Final = 4
COMPONENT_TABLES: Final = 50
_CORE_INSTANCES: Final = 100
"""Core instances that one component may have."""

TABLE_ELEMENTS: Final = 20_000

# With 4 GiB reserved for each memory a guest's 32-bit addresses need no bounds checks, which makes memory-bound code
# up to a third faster. Where that much address space is not to be had, 64 MiB (the default limit) is.
_RESERVATIONS: Final = (4 * GIB, 64 * MIB)
_GUARD: Final = 64 * KIB
_CAPACITIES: Final = (12_000, 4_000, 1_000)

# A pooled stack takes two of the kernel's mappings from the start; an instance takes two for its memory, and up to
# two more once it has a table and has grown. The rest of the process needs some too.
_MAPPINGS_PER_STACK: Final = 2
_MAPPINGS_PER_INSTANCE: Final = 3
_MAPPINGS_LEFT: Final = 5_000

FEATURES: Final = ("exceptions", "gc")
"""Proposals that a module may ask for with ``features``."""

REFUSED: Final = ("threads", "multi-memory", "memory64", "custom-page-sizes", "relaxed-simd")
"""Proposals that are off; named in the error when a module uses one."""

_NOT_OPTIMISED: Final = 0
_log = logging.getLogger("caxton.sandbox")


@dataclass(frozen=True, slots=True)
class Settings:
    """What compiled code depends on. ``reservation``: bytes of address space behind each linear memory; ``profiled``:
    the code looks at the epoch, so that a profiler can look at the guest; ``dumpable``: its globals are exported."""

    features: frozenset[str] = frozenset()
    reservation: int = _RESERVATIONS[0]
    profiled: bool = False
    dumpable: bool = False

    @property
    def key(self) -> str:
        """The settings as text: part of the name of a cached module."""
        watched = (" epochs" if self.profiled else "") + (" globals" if self.dumpable else "")
        return f"v3 {','.join(sorted(self.features))} {self.reservation} {_GUARD} {WASM_STACK}{watched}"


@dataclass(frozen=True, slots=True)
class Pool:
    """How many instances may live at once, and the bytes that one memory may have."""

    capacity: int
    memory: int


def _features(config: Any, enabled: frozenset[str]) -> None:
    wasmtime.wasmtime_config_wasm_threads_set(config, "threads" in enabled)
    wasmtime.wasmtime_config_shared_memory_set(config, "threads" in enabled)
    wasmtime.wasmtime_config_wasm_relaxed_simd_set(config, "relaxed-simd" in enabled)
    wasmtime.wasmtime_config_wasm_multi_memory_set(config, "multi-memory" in enabled)
    wasmtime.wasmtime_config_wasm_memory64_set(config, "memory64" in enabled)
    wasmtime.wasmtime_config_wasm_custom_page_sizes_set(config, "custom-page-sizes" in enabled)
    wasmtime.wasmtime_config_wasm_wide_arithmetic_set(config, False)
    wasmtime.wasmtime_config_wasm_stack_switching_set(config, False)
    wasmtime.wasmtime_config_wasm_component_model_set(config, True)
    wasmtime.wasmtime_config_concurrency_support_set(config, False)  # tasks inside a component, which ours have none of
    # Reference types need the collector's code; without the gc proposal a guest can allocate nothing with it.
    wasmtime.wasmtime_config_gc_support_set(config, True)
    wasmtime.wasmtime_config_wasm_function_references_set(config, "gc" in enabled)
    wasmtime.wasmtime_config_wasm_gc_set(config, "gc" in enabled)
    wasmtime.wasmtime_config_wasm_exceptions_set(config, "exceptions" in enabled)


def _new_config() -> Any:
    # Wasmtime decides by this variable, when a configuration is made, whether it reads DWARF for file and line of a
    # trap. It must not, for it would do so in this process, without a limit (lines.py does it in another one). There
    # is no other switch in the C API.
    name = "WASMTIME_BACKTRACE_DETAILS"
    before = os.environ.get(name)
    os.environ[name] = "0"
    try:
        return wasmtime.wasm_config_new()
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _configure(settings: Settings, pool: Pool | None, *, probing: bool = False, strict: bool = False) -> Any:
    config = _new_config()
    # Wasmtime's own modules, between components inside a component, have several memories, and it ends the process
    # where that is off. So it is off only in engines that judge what is a guest's (`accepts`).
    _features(config, settings.features if strict else settings.features | {"multi-memory"})
    wasmtime.wasmtime_config_consume_fuel_set(config, True)
    wasmtime.wasmtime_config_epoch_interruption_set(config, settings.profiled)
    wasmtime.wasmtime_config_cranelift_nan_canonicalization_set(config, True)
    wasmtime.wasmtime_config_max_wasm_stack_set(config, WASM_STACK)
    wasmtime.wasmtime_config_async_stack_size_set(config, _FIBER_STACK)
    wasmtime.wasmtime_config_memory_reservation_set(config, settings.reservation)
    wasmtime.wasmtime_config_memory_guard_size_set(config, _GUARD)
    # The shim hands out addresses inside the memory between two polls; pooled ones never move, others must not.
    wasmtime.wasmtime_config_memory_may_move_set(config, False)
    wasmtime.wasmtime_config_memory_init_cow_set(config, not probing)
    if probing:
        wasmtime.wasmtime_config_cranelift_opt_level_set(config, _NOT_OPTIMISED)
    if pool is not None:
        _pool(config, pool)
    return config


def _pool(config: Any, pool: Pool) -> None:
    prefix = "wasmtime_pooling_allocation_config_"
    allocation = wasmtime.wasmtime_pooling_allocation_config_new()
    for name, value in {
        "total_core_instances": pool.capacity * _CORE_INSTANCES,  # a count only: they take no address space
        "total_component_instances": pool.capacity,
        "total_memories": pool.capacity,
        "total_stacks": pool.capacity,
        "total_tables": pool.capacity * TABLES,
        "total_gc_heaps": pool.capacity,
        "max_tables_per_module": TABLES,
        "max_memories_per_module": 1,
        "table_elements": TABLE_ELEMENTS,
        "max_memory_size": pool.memory,
        "max_core_instance_size": 4 * MIB,
    }.items():
        getattr(wasmtime, f"{prefix}{name}_set")(allocation, value)
    wasmtime.wasmtime_pooling_allocation_strategy_set(config, allocation)
    wasmtime.wasmtime_pooling_allocation_config_delete(allocation)


class Engine:
    """One wasmtime engine. ``capacity``: how many instances it can hold, or None where memory alone decides."""

    def __init__(self, settings: Settings, pool: Pool | None, *, probing: bool = False, strict: bool = False) -> None:
        self.settings = settings
        self.pointer = wasmtime.wasm_engine_new_with_config(_configure(settings, pool, probing=probing, strict=strict))
        self.capacity = pool.capacity if pool else None
        self.max_memory = pool.memory if pool else settings.reservation


def _max_mappings() -> int | None:
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        return None


def _fits(capacity: int, reservation: int) -> bool:
    mappings = _max_mappings()
    needed = capacity * (_MAPPINGS_PER_STACK + _MAPPINGS_PER_INSTANCE) + _MAPPINGS_LEFT
    if mappings is not None and needed > mappings:
        return False
    stacks = capacity * (_FIBER_STACK + 64 * KIB)
    tables = capacity * TABLES * (TABLE_ELEMENTS * 16 + 64 * KIB)
    memories = capacity * (reservation + _GUARD)
    # Twice what is wanted would leave nothing for the rest of the process; a tenth more shows that there is room.
    total = (memories + tables + stacks) * 11 // 10
    return bool(shim.cx_can_reserve(total, 0)) and bool(shim.cx_can_reserve(stacks, 1))


def choose_pool() -> tuple[Settings, Pool | None]:
    """Settings and pool that this machine has address space and mappings for; no pool where it has too little."""
    for reservation in _RESERVATIONS:
        for capacity in _CAPACITIES:
            if _fits(capacity, reservation):
                return Settings(reservation=reservation), Pool(capacity, reservation)
            if reservation is _RESERVATIONS[0]:
                break  # many small agents rather than few fast ones
    return Settings(reservation=_RESERVATIONS[-1]), None


_engines: dict[Settings, Engine] = {}
_default: list[Settings] = []
_lock = threading.Lock()


def default_settings(features: frozenset[str] = frozenset(), memory: int = 0) -> Settings:
    """The settings for a module with ``features``, whose memory may have ``memory`` bytes, on this machine."""
    with _lock:
        if not _default:
            _start_default()
        settings = _default[0]
    if not features and memory <= _engines[settings].max_memory:
        return settings
    return Settings(features, max(settings.reservation, _round_up(memory)))


def _round_up(memory: int) -> int:
    return min(MAX_MEMORY, -(-memory // PAGE) * PAGE)


def _start_default() -> None:
    settings, pool = choose_pool()
    if pool is None:
        _log.warning(
            "too little address space for a pool of instances (ulimit -v, or vm.max_map_count): agents start slower"
        )
    _engines[settings] = Engine(settings, pool)
    _default.append(settings)


def shared_engine(settings: Settings) -> Engine:
    """The process's engine of these settings. Thread-safe."""
    default_settings()
    with _lock:
        if settings not in _engines:
            _engines[settings] = Engine(settings, None)
        return _engines[settings]


def compiling_engine(settings: Settings) -> Engine:
    """An engine that only compiles: code for ``settings``, without a pool's address space."""
    return Engine(settings, None)


def probing_engine(features: frozenset[str], memory: int) -> Engine:
    """An engine for one instance with up to ``memory`` bytes: quick to compile, and computing the same.

    It makes no files in memory, which the compiling child may not have.
    """
    return Engine(Settings(features, memory), None, probing=True)


def accepts(data: bytes, features: frozenset[str]) -> str | None:
    """Why ``data`` is not valid with ``features`` (and what is always on); None when it is."""
    from caxton.sandbox.native import take_error

    engine = Engine(Settings(features), None, strict=True)
    try:
        return take_error(wasmtime.wasmtime_module_validate(engine.pointer, ffi.from_buffer(data), len(data)))
    finally:
        wasmtime.wasm_engine_delete(engine.pointer)
