"""Running a module's initialisation once, and writing what it left into the module.

In the compiling child, since a guest runs here that may spin, trap or eat memory; the limits are those of a turn, and
those of the child besides. What an initialisation may ask for is in ``ASKED``: the time, random numbers, and what has
the same answer everywhere. An instance that began cold would have come to the very same state, but for the time and the
random numbers that it saw; where that is not certain, the module stays cold (docs/adr/0013).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final, cast

from caxton.agents.ports import CALL, DONE, YIELD, Services
from caxton.errors import CaxtonError
from caxton.sandbox import engine, module
from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.core_abi import IMPORTS, CoreGuest
from caxton.sandbox.facts import Facts
from caxton.sandbox.freeze.image import MAX_MEMORY_BYTES, ImageError
from caxton.sandbox.freeze.instructions import may_see_memory_size
from caxton.sandbox.freeze.instrument import with_state_exports
from caxton.sandbox.freeze.layout import Layout, Unfreezable, read_layout
from caxton.sandbox.freeze.state import capture
from caxton.sandbox.freeze.thaw import Thawed, thaw
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.lines import Lines
from caxton.sandbox.native import ffi, take_error, wasmtime
from caxton.sandbox.warmth import COLD, NOTHING, WARM, Allowance, Warmth

DEFAULT: Final = Allowance()

MEMORY: Final = 1 << 30
"""What its memory may grow to."""

_TABLE: Final = 1_000_000
_SLICES: Final = 100
_QUANTUM_NS: Final = 10_000_000
_WASI: Final = "wasi_snapshot_preview1"
_TIME: Final = frozenset({("caxton", "now_ms"), (_WASI, "clock_time_get")})
_RANDOM: Final = frozenset({("caxton", "random"), (_WASI, "random_get")})
ASKED: Final = (
    _TIME
    | _RANDOM
    | {("caxton", "monotonic_ns")}  # 0, as in every turn 0
    | {
        (_WASI, name)  # the same answer always, and nothing happens
        for name in (
            "args_get",
            "args_sizes_get",
            "clock_res_get",
            "environ_get",
            "environ_sizes_get",
            "fd_fdstat_get",
            "fd_fdstat_set_flags",  # not permitted
            "fd_prestat_get",
            "sched_yield",
        )
    }
)
"""The imports that an initialisation may call and still be run ahead."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it went. ``binary``: the module to compile."""

    warmth: Warmth
    binary: bytes


def warm_up(data: bytes, facts: Facts, features: frozenset[str], allowance: Allowance = DEFAULT) -> Attempt:
    """Runs the initialisation of a valid module."""
    if not facts.has_initialisation:
        return Attempt(NOTHING, data)
    try:
        warmth, thawed = _warm_up(data, facts, features, allowance)
    except Cold as cold:
        tried = allowance.fuel if cold.code == "limit.fuel" else 0
        seconds = allowance.seconds if cold.code == "limit.deadline" else 0.0
        return Attempt(Warmth(COLD, cold.reason, tried=tried, tried_seconds=seconds), data)
    except Unfreezable as error:
        return Attempt(Warmth(COLD, f"the module {error}"), data)
    except (ImageError, MalformedBinary) as error:
        return Attempt(Warmth(COLD, f"what it left cannot be written back: {error}"), data)
    except CaxtonError as error:  # it is no agent, which whoever loads it finds out as well
        return Attempt(Warmth(COLD, error.message), data)
    why = engine.accepts(thawed.binary, features)
    if why is not None:
        return Attempt(Warmth(COLD, "what it left makes no valid module"), data)
    return Attempt(warmth, thawed.binary)


class Cold(Exception):
    """The initialisation is not to be run ahead. ``code``: that of the error it ended with, if it did."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


def _warm_up(data: bytes, facts: Facts, features: frozenset[str], allowance: Allowance) -> tuple[Warmth, Thawed]:
    module.check_imports(facts)
    module.check_exports(facts)
    window = module.allocator(facts) == module.WINDOW
    layout = read_layout(data)
    if window and may_see_memory_size(layout):
        raise Cold("it has no allocator, and looks at the size of its memory, which the host's window is part of")
    instrumented, names = with_state_exports(layout)
    with Probe(instrumented, facts, features, allowance.fuel) as guest:
        seen = initialise(guest, allowance.seconds)
        _, used, calls, size, _ = guest.figures()
        if size > MAX_MEMORY_BYTES:
            raise Cold(f"it leaves {size >> 20} MiB of memory, more than {MAX_MEMORY_BYTES >> 20}")
        image = capture(guest.slot, layout, names)
    table = max(map(len, image.tables), default=0)
    if table > engine.TABLE_ELEMENTS:
        raise Cold(f"it leaves a table of {table} elements, more than any agent may have")
    thawed = thaw(layout, image)
    warmth = Warmth(
        WARM,
        fuel=used,
        host_calls=calls,
        memory=size,
        table=table,
        most_memory=engine.MAX_MEMORY if _cannot_grow_beyond(layout, MEMORY) else MEMORY,
        time=seen.time,
        random=seen.random_numbers,
        shift=thawed.shift,
        size=image.size,
    )
    return warmth, thawed


def _cannot_grow_beyond(layout: Layout, size: int) -> bool:
    memory = layout.memory
    return memory is not None and memory.maximum is not None and memory.maximum * engine.PAGE <= size


# ---- one instance, started ------------------------------------------------------------------------------------------


class Probe:
    """An instance of the instrumented module, in an engine of its own that goes with it.

    ``facts``, ``lines``, ``first_memory``: what an instance asks of its module.
    """

    lines: Final = Lines("")
    first_memory: Final = 0

    def __init__(self, binary: bytes, facts: Facts, features: frozenset[str], fuel: int) -> None:
        self.facts = facts
        self._engine = engine.probing_engine(features, MEMORY)
        self._pointer = ffi.new("wasmtime_module_t **")
        source = ffi.from_buffer(binary)
        why = take_error(wasmtime.wasmtime_module_new(self._engine.pointer, source, len(binary), self._pointer))
        if why is not None:
            wasmtime.wasm_engine_delete(self._engine.pointer)
            raise Cold("the module cannot be compiled with its state exported")
        self._linker, self._kept = module.make_linker(self._engine)
        self._pre = module.instance_pre(self._linker, self._pointer[0])
        limits = GuestLimits(MEMORY, _TABLE, fuel, 0, 0, 1 << 30)
        program = module.new_program(self._engine, self._pre, facts, limits)
        program.allocator = module.NO_MESSAGES
        self._guest = CoreGuest(program, self)

    def __enter__(self) -> CoreGuest:
        return self._guest

    def __exit__(self, *exception: object) -> None:
        self._guest.close()
        ffi.release(self._pre)
        wasmtime.wasmtime_linker_delete(self._linker)
        wasmtime.wasmtime_module_delete(self._pointer[0])
        wasmtime.wasm_engine_delete(self._engine.pointer)


def initialise(guest: CoreGuest, seconds: float = DEFAULT.seconds) -> Seen:
    """Runs turn 0 of an instance, for so long at most; answers what it looked at.

    Raises:
        Cold: it asks for something else, or does not end well.
    """
    seen = Seen()
    status = guest.start(time.monotonic_ns() + int(seconds * 1e9))
    while status in (CALL, YIELD):
        if status == CALL:
            row = IMPORTS[guest.pending_call]
            if (row.module, row.name) not in ASKED:
                raise Cold(f"it calls {row.module}.{row.name}")
            seen.note(row.module, row.name, int(guest.slot.arguments[0]))
            guest.answer_call(cast(Services, seen))
        status = guest.run(_SLICES, _QUANTUM_NS)
    if status != DONE:
        error = guest.fault()
        code = error.code if isinstance(error, CaxtonError) else "agent.refused-start"
        raise Cold(f"it ends with {code}", code)
    return seen


class Seen:
    """What the world looks like to an initialisation, and what it looked at: the ``Services`` that it may reach."""

    def __init__(self) -> None:
        self.time = self.random_numbers = False
        self._now = int(time.time() * 1000)

    def note(self, where: str, name: str, first: int) -> None:
        """A call that will be answered. The monotonic clock is 0 in every turn 0: it is no time that one could see."""
        if (where, name) in _TIME and not (name == "clock_time_get" and first == 1):
            self.time = True
        self.random_numbers = self.random_numbers or (where, name) in _RANDOM

    def now_ms(self) -> int:
        """Unix time; it stands still."""
        return self._now

    def monotonic_ns(self) -> int:
        """Nanoseconds since the instance began."""
        return 0

    def random(self, length: int) -> bytes:
        """Random bytes."""
        return secrets.token_bytes(length)
