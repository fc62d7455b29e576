"""Core dumps of components: all memories, and the stack through the component's core modules.

Their globals cannot be had: Wasmtime's C API has no way from a component to them. Each core module is called as the
component's file is; its number is that among the core modules in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caxton.sandbox.coredump import CoreDump, Instance, Place
from caxton.sandbox.dump_facts import InnerModule
from caxton.sandbox.native import ffi, shim, wasmtime


class ComponentDump(CoreDump):
    """What is left of an instance of a component; only while that has not been freed."""

    def _memories(self) -> list[memoryview]:
        slot, found = self._slot, []
        for number, index, _ in (self._facts.places or ()) if slot.has_memory else ():
            where = slot.context, slot.part.instance.store_id, number, index
            size = shim.cx_memory_at(*where)
            found.append(memoryview(ffi.buffer(shim.cx_memory_data(*where), size)) if size else memoryview(b""))
        return found

    def _instances(self, globals_: Sequence[int]) -> list[Instance]:
        dump = self._facts.dump
        if dump is None:
            return []
        there = dump.memories if self._slot.has_memory else ()
        having = [[at for at, owner in enumerate(there) if owner == number] for number in range(len(dump.instances))]
        return [Instance(module, having[number], ()) for number, module in enumerate(dump.instances)]

    def _place(self, frame: Any) -> Place | None:
        """None: the frame is in a module of the host's."""
        dump = self._facts.dump
        if dump is None:
            return None
        at = wasmtime.wasm_frame_module_offset(frame)
        module = next((number for number, one in enumerate(dump.modules) if _has(one, at)), None)
        if module is None or module not in dump.instances:
            return None
        function, offset = wasmtime.wasm_frame_func_index(frame), wasmtime.wasm_frame_func_offset(frame)
        return Place(dump.instances.index(module), function, offset, dump.locals_of(function, module))


def _has(module: InnerModule, at: int) -> bool:
    return module.start is not None and module.end is not None and module.start <= at < module.end
