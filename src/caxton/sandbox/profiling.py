"""Profiles: where a guest spends its time.

Wasmtime's guest profiler can look at a stack only from inside: in the callback that a guest makes when the epoch of its
engine has moved on. So guests that are profiled run in an engine of their own, whose code looks at the epoch, and a
thread moves it on as long as the profile is taken.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from caxton.errors import HostError
from caxton.sandbox.core_abi import CoreGuest
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.module import Module
from caxton.sandbox.native import ffi, shim, take_bytes, take_error, wasmtime
from caxton.text import safe_name

INTERVAL: Final = 0.001
"""Seconds between two samples."""

MAX_SAMPLES: Final = 100_000
MAX_SPENT: Final = 1.0
"""Seconds that taking samples may take in sum: it grows with the depth of stacks, and so does what is kept of them."""

_UNNAMED: Final = re.compile(r"<wasm function (\d{1,7})>", re.ASCII)

# A program points at its profile, which must live as long.
_kept: Final[WeakKeyDictionary[Any, Any]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Profile:
    """A finished profile.

    Attributes:
        data: JSON in the Firefox profiler's processed format.
        samples: how many there are; each stands for a millisecond in which the guest computed.
        complete: False where there was more than is kept.
    """

    data: bytes
    samples: int
    complete: bool


class Profiler:
    """Takes one profile of the instances of one module, which must be one for an engine with epochs."""

    def __init__(self, name: str, module: Module) -> None:
        if not module.settings.profiled:
            raise HostError("config.invalid", "this module was not loaded to be profiled")
        self._module = module
        self._profile = ffi.new("cx_profile_t *")
        self._profile.interval_ns = round(INTERVAL * 1e9)
        self._profile.most_samples = MAX_SAMPLES
        self._profile.most_ns = round(MAX_SPENT * 1e9)
        self._profile.profiler = _new_profiler(name, module, self._profile.interval_ns)
        self._stop = threading.Event()
        # The thread does not hold the profiler: one that everybody has forgotten ends it.
        self._ticker = threading.Thread(target=_tick, args=(module, self._stop), name="caxton-profile", daemon=True)
        self._ticker.start()

    def guest(self, limits: GuestLimits) -> CoreGuest:
        """A new instance, which is profiled as long as the profile is taken.

        Raises:
            LimitError: the module's first memory or table is beyond the limits.
        """
        program = self._module.program(limits)
        program.profile = self._profile
        _kept[program] = self._profile
        return CoreGuest(program, self._module)

    def rest(self) -> None:
        """Ends sampling; what was sampled stays for ``finish``."""
        self._stop.set()

    def stop(self) -> Any:
        """Ends sampling; answers what ``finish`` takes. Instances go on, and are not looked at any more."""
        self.rest()
        return shim.cx_end_profile(self._profile)

    def finish(self) -> Profile:
        """Ends the profile and writes it out. Once; blocks."""
        taken = self.stop()
        self._ticker.join()
        vector = ffi.new("wasm_byte_vec_t *")
        why = take_error(wasmtime.wasmtime_guestprofiler_finish(taken, vector))
        if why is not None:
            raise HostError("storage.failed", f"the profile cannot be written: {safe_name(why)}")
        found = self._profile
        complete = found.samples < found.most_samples and found.spent_ns < found.most_ns
        return Profile(_with_names(take_bytes(vector), self._module), int(found.samples), complete)

    def __del__(self) -> None:
        if wasmtime is None or not hasattr(self, "_stop"):  # while the interpreter shuts down
            return
        taken = self.stop()
        if taken:
            wasmtime.wasmtime_guestprofiler_delete(taken)


def _tick(module: Module, stop: threading.Event) -> None:
    engine = module.engine_pointer
    while not stop.wait(INTERVAL):
        wasmtime.wasmtime_engine_increment_epoch(engine)


def _text(text: str) -> tuple[Any, Any]:
    data = text.encode()
    buffer = ffi.new("uint8_t[]", data)
    vector = ffi.new("wasm_byte_vec_t *")
    vector.size, vector.data = len(data), buffer
    return vector, buffer


def _new_profiler(name: str, module: Module, interval_ns: int) -> Any:
    label, kept = _text(safe_name(name))
    entry = ffi.new("wasmtime_guestprofiler_modules_t *")
    entry.name, entry.module = label, module.pointer
    found = wasmtime.wasmtime_guestprofiler_new(module.engine_pointer, label, interval_ns, entry, 1)
    del kept
    return found


def _with_names(data: bytes, module: Module) -> bytes:
    """The profile with functions by their names, which Wasmtime does not know, and numbers that count imports too."""
    imported = len(module.facts.imports)

    def named(text: Any) -> Any:
        match = _UNNAMED.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return text
        index = int(match[1]) + imported
        name = module.lines.function(index)
        return f"function {index}" if name is None else safe_name(name)

    found = json.loads(data)
    for holder in (found.get("shared"), *found.get("threads", ())):
        if isinstance(holder, dict) and isinstance(holder.get("stringArray"), list):
            holder["stringArray"] = [named(text) for text in holder["stringArray"]]
    return json.dumps(found, separators=(",", ":")).encode()
