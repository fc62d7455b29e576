"""Compiling a module, in a process of its own: the child's end.

A compilation cannot be stopped from inside the process that does it, and a few hundred KiB of WebAssembly can make it
take minutes and gigabytes. So a child process parses, validates and compiles, under limits of time and memory, and the
host only ever reads the finished, authenticated result. The child's end is ``main``; compilation.py is the host's.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
from dataclasses import replace
from typing import Any, BinaryIO, Final

from caxton.errors import CaxtonError, ModuleError
from caxton.sandbox import engine
from caxton.sandbox.binary import Kind, read_binary
from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.binary_types import signature
from caxton.sandbox.facts import Facts
from caxton.sandbox.lines import Lines, pack_lines
from caxton.sandbox.names import with_hidden_names
from caxton.sandbox.native import ffi, take_bytes, take_error, wasmtime
from caxton.sandbox.warmth import NOTHING, Allowance

_MAX_NAME: Final = 2048
_MAX_REQUEST: Final = 64 << 20


def to_binary(data: bytes) -> bytes:
    """A module as binary, whether it comes as binary or as text.

    Raises:
        ModuleError: ``module.invalid``, it is neither.
    """
    if data.lstrip()[:1] == b"(" or data[:2] == b";;":
        data = _assemble(data)
    if data[:4] != b"\0asm":
        raise ModuleError("module.invalid", "neither WebAssembly nor its text format")
    return data


def _assemble(data: bytes) -> bytes:
    vector = ffi.new("wasm_byte_vec_t *")
    why = take_error(wasmtime.wasmtime_wat2wasm(data, len(data), vector))
    if why is not None:
        raise ModuleError("module.invalid", f"the text is no WebAssembly: {first_line(why)}")
    return take_bytes(vector)


def first_line(text: str) -> str:
    """The beginning of a message of Wasmtime's, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:3]) if lines else text


def _missing_features(data: bytes, enabled: frozenset[str]) -> list[str]:
    """Which proposals that are off would make the module valid; none where it is invalid with all of them."""
    others = [name for name in (*engine.FEATURES, *engine.REFUSED) if name not in enabled]
    alone = [name for name in others if engine.accepts(data, enabled | {name}) is None]
    if alone:
        return alone
    if engine.accepts(data, enabled.union(others)) is not None:
        return []
    return [name for name in others if engine.accepts(data, enabled.union(others) - {name}) is not None]


def invalid(data: bytes, why: str, enabled: frozenset[str]) -> ModuleError:
    """The error for a module that is not valid: which feature that is off it uses, or ``why`` it is not."""
    for name in _missing_features(data, enabled):
        hint = f'; ask for it with features = ["{name}"]' if name in engine.FEATURES else ""
        return ModuleError("module.invalid", f"the module uses {name}, which is off{hint}")
    return ModuleError("module.invalid", f"not valid WebAssembly: {first_line(why)}")


def read_facts(data: bytes) -> Facts:
    """The facts of a binary.

    Raises:
        ModuleError: ``module.invalid``, it cannot be read, or is a component.
    """
    try:
        info = read_binary(data)
    except MalformedBinary as error:
        raise ModuleError("module.invalid", f"not valid WebAssembly: {error}") from None
    if info.kind is Kind.COMPONENT:
        raise ModuleError("module.invalid", "this is a component, where a core module is wanted")
    memory = next((export.what for export in info.exports if export.name == "memory"), None)
    return Facts(
        sha256=info.sha256,
        size=info.size,
        imports=tuple((item.module, item.name, signature(item.what)) for item in info.imports),
        exports={item.name: signature(item.what) for item in info.exports},
        memory=_memory(memory),
        memories=tuple(item.minimum for item in info.memories),
        tables=tuple(item.minimum for item in info.tables),
        has_start=info.has_start,
        has_dwarf=info.has_dwarf,
        external_debug_info=_short(info.external_debug_info),
        source_map=_short(info.source_mapping_url),
    )


def _short(name: str | None) -> str | None:
    return None if name is None else name[:_MAX_NAME]


def _memory(what: Any) -> tuple[int, int | None, bool, bool] | None:
    if what is None or not hasattr(what, "page_size"):
        return None
    return (what.minimum, what.maximum, what.memory64, what.shared)


def compile_here(data: bytes, settings: engine.Settings, allowance: Allowance | None = None) -> tuple[Facts, bytes]:
    """Compiles in this process, without limits: facts, and what ``wasmtime_module_deserialize`` takes.

    ``allowance``: what its initialisation may use, which is then run, and its outcome compiled; None: it is not.

    Raises:
        ModuleError: ``module.invalid``; ``module.too-complex``, the compiler does not take it.
    """
    data = to_binary(data)
    if data[4:8] == b"\x0d\x00\x01\x00":
        from caxton.sandbox.component_compiler import compile_component

        return compile_component(data, settings)
    compiler = engine.compiling_engine(settings)
    why = engine.accepts(data, settings.features)
    if why is not None:
        raise invalid(data, why, settings.features)
    facts = read_facts(data)
    lines = pack_lines(data)
    facts = replace(facts, lines=lines, has_lines=Lines(lines).has_places)
    if allowance is not None:
        facts, data = warmed(data, facts, settings.features, allowance)
    elif settings.dumpable:
        from caxton.sandbox.dumpable import make_dumpable  # which plain modules do not need

        made = make_dumpable(data, len(facts.imports))
        facts, data = replace(facts, dump=made.facts, warmth=replace(NOTHING, shift=made.shift)), made.binary
    source = ffi.from_buffer(with_hidden_names(data))
    found = ffi.new("wasmtime_module_t **")
    why = take_error(wasmtime.wasmtime_module_new(compiler.pointer, source, len(data), found))
    if why is not None:
        # It is valid: what it is beyond is a limit of the compiler's.
        raise ModuleError("module.too-complex", f"the module cannot be compiled: {first_line(why)}")
    vector = ffi.new("wasm_byte_vec_t *")
    why = take_error(wasmtime.wasmtime_module_serialize(found[0], vector))
    if why is not None:
        raise ModuleError("module.invalid", f"the module cannot be kept: {first_line(why)}")
    return facts, take_bytes(vector)


def warmed(data: bytes, facts: Facts, features: frozenset[str], allowance: Allowance) -> tuple[Facts, bytes]:
    """A valid module with its initialisation done, where it has one, and where that may be run ahead."""
    if not facts.has_initialisation:
        return facts, data
    from caxton.sandbox.freeze.warm import warm_up  # which plain modules do not need

    _announce(ahead=True)
    try:
        attempt = warm_up(data, facts, features, allowance)
    finally:
        _announce(ahead=False)
    return replace(facts, warmth=attempt.warmth), attempt.binary


_in_child = False


def _announce(*, ahead: bool) -> None:
    """Tells the host that a guest is about to run here, or has: if that ends this child, another one compiles alone."""
    if _in_child:
        sys.stdout.buffer.write(json.dumps({"ahead": ahead}).encode() + b"\n")
        sys.stdout.buffer.flush()


def _limit_this_process(memory: int, seconds: float) -> None:
    cpus = os.cpu_count() or 1
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: int(seconds * cpus) + 1,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for which, limit in wanted.items():
        _, hard = resource.getrlimit(which)
        ceiling = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # Two of them are raised again, for the one instance of a component that is tried (component_places.py).
        raised = which in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (ceiling, hard if raised else ceiling))


def _end_with_parent(stream: BinaryIO) -> None:
    """Ends this process when the host's end of the pipe closes: the host is gone, or has lost interest."""

    def watch() -> None:
        stream.read(1)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def _compile(data: bytes, settings: engine.Settings, allowance: Allowance | None) -> tuple[bytes, bytes]:
    facts, code = compile_here(data, settings, allowance)
    return facts.as_json(), code


def _describe(data: bytes, settings: engine.Settings, allowance: Allowance | None) -> tuple[bytes, bytes]:
    from caxton.sandbox.description import describe

    return json.dumps(describe(data, settings.features, allowance)).encode(), b""


def _read_lines(data: bytes, settings: engine.Settings, allowance: Allowance | None) -> tuple[bytes, bytes]:
    from caxton.sandbox.lines import pack_companion

    module, companion = _unframed(data, 2)
    module = to_binary(module)
    read_facts(module)
    lines, why = pack_companion(module, companion)
    return json.dumps({"why": why}).encode(), lines.encode()


def _read_places(data: bytes, settings: engine.Settings, allowance: Allowance | None) -> tuple[bytes, bytes]:
    from caxton.sandbox.component_compiler import is_component
    from caxton.sandbox.coredump_reader import places, places_in_component

    packed, module, companion = _unframed(data, 3)
    frames, module = json.loads(packed), to_binary(module)
    if is_component(module):
        try:
            found = places_in_component(frames, module)
        except MalformedBinary as error:
            raise ModuleError("module.invalid", f"not a component that can be an agent: {error}") from None
    else:
        found = places(frames, module, len(read_facts(module).imports), companion)
    return json.dumps(found).encode(), b""


_SIZE: Final = 8  # of the length before a piece (compilation.framed)


def _unframed(data: bytes, count: int) -> list[bytes]:
    parts, at = [], 0
    for _ in range(count):
        size = int.from_bytes(data[at : at + _SIZE], "little")
        at += _SIZE
        parts.append(data[at : at + size])
        at += size
    return parts


_TASKS: Final = {"compile": _compile, "describe": _describe, "lines": _read_lines, "places": _read_places}


def main() -> None:
    """The child: one request on standard input, one answer on standard output. It ends the process."""
    # In whatever way it ends: an orderly exit would wait for the thread that watches standard input.
    try:
        _answer()
        os._exit(0)
    finally:
        os._exit(1)


def _answer() -> None:
    global _in_child
    _in_child = True
    stream = sys.stdin.buffer
    request = json.loads(stream.readline(_MAX_REQUEST))
    _limit_this_process(request["memory"], request["seconds"])
    data = stream.read(request["length"])
    _end_with_parent(stream)
    settings = engine.Settings(
        frozenset(request["features"]), request["reservation"], request["profiled"], request["dumpable"]
    )
    allowance = Allowance(*request["allowance"]) if request["allowance"] else None
    try:
        facts, code = _TASKS[request["task"]](data, settings, allowance)
        header = {"facts": len(facts), "code": len(code)}
        parts = [json.dumps(header).encode() + b"\n", facts, code]
    except CaxtonError as error:
        parts = [_refusal(error)]
    except (MemoryError, OSError):
        raise  # without an answer, which says that it was beyond a limit
    except MalformedBinary as error:
        parts = [_refusal(ModuleError("module.invalid", f"not valid WebAssembly: {error}"))]
    except Exception as error:
        parts = [_refusal(ModuleError("module.invalid", f"it could not be read ({type(error).__name__})"))]
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def _refusal(error: CaxtonError) -> bytes:
    return json.dumps({"error": error.code, "message": error.message}).encode() + b"\n"
