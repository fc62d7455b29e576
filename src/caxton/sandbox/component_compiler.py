"""Compiling a component, in the compiler's child: its outline, its types, its code, and where its memories are.

The host meets nothing of a component but what is found out here. What Wasmtime would do with one that is not as it
should be (some of its C API ends the process) happens here too, in a process that may end.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Any, Final

from caxton.errors import ModuleError
from caxton.sandbox import engine
from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.compiler import first_line, invalid
from caxton.sandbox.component_binary import Outline, read_outline
from caxton.sandbox.component_calls import DIRECT, EXPORTS, HANDLE, HANDLE_TEXT
from caxton.sandbox.component_direct import with_direct_entry
from caxton.sandbox.component_flat import with_flat_calls
from caxton.sandbox.component_lines import pack_component_lines
from caxton.sandbox.component_places import find_places
from caxton.sandbox.component_scopes import ALIAS, IMPORT, TYPE, Section
from caxton.sandbox.component_types import ComponentTypes, TooManyTypes
from caxton.sandbox.facts import Facts
from caxton.sandbox.names import with_hidden_names
from caxton.sandbox.native import ffi, take_bytes, take_error, wasmtime

PREAMBLE: Final = b"\0asm\x0d\0\x01\0"
_MAKE, _TELL = 0x02, 0x04
_TOO_MANY_TYPES: Final = "its types are larger than an agent can have"


def is_component(data: bytes) -> bool:
    """Whether a binary begins as components do."""
    return data[:8] == PREAMBLE


def component_facts(data: bytes, settings: engine.Settings) -> Facts:
    """The facts of a component that is not to run: nothing is tried.

    Raises:
        ModuleError: ``module.invalid``, ``module.too-complex``.
    """
    return _compiled(data, engine.compiling_engine(settings), settings)[0]


def compile_component(data: bytes, settings: engine.Settings) -> tuple[Facts, bytes]:
    """Compiles a component: its facts, and what ``wasmtime_component_deserialize`` takes.

    Raises:
        ModuleError: ``module.invalid``; ``module.too-complex``, it cannot be compiled, or is beyond what agents need.
    """
    compiler = engine.compiling_engine(settings)
    facts, component, outline = _compiled(data, compiler, settings)
    facts = replace(facts, places=find_places(compiler, component, outline))
    if settings.dumpable:
        from caxton.sandbox.component_dumpable import dump_facts  # which others do not need

        facts = replace(facts, dump=dump_facts(data, read_outline(data), outline))
    vector = ffi.new("wasm_byte_vec_t *")
    why = take_error(wasmtime.wasmtime_component_serialize(component, vector))
    if why is not None:
        raise ModuleError("module.invalid", f"the component cannot be kept: {first_line(why)}")
    return facts, take_bytes(vector)


def _compiled(data: bytes, compiler: engine.Engine, settings: engine.Settings) -> tuple[Facts, Any, Outline]:
    try:
        outline = read_outline(data)
    except MalformedBinary as error:
        raise ModuleError("module.invalid", f"not a component that can be an agent: {error}") from None
    for module in outline.modules:
        code = data[module.start : module.end]
        why = engine.accepts(code, settings.features)
        if why is not None:
            raise invalid(code, why, settings.features)
    found = ffi.new("wasmtime_component_t **")
    for changed, around, direct, flat in _changed(data, outline):
        if _new(compiler, _made_safe(changed, around), found) is None:
            facts = replace(_facts(data, changed, compiler, found[0], around), direct=direct, flat=flat)
            if flat:
                facts = replace(facts, imports=_imports_as_declared(data, compiler, outline))
            if not direct or _is_agent(facts):
                return facts, found[0], around
    why = _new(compiler, _made_safe(data, outline), found)
    if why is not None:
        raise ModuleError("module.invalid", f"not a valid component: {first_line(why)}")
    return _facts(data, data, compiler, found[0], outline), found[0], outline


def _changed(data: bytes, outline: Outline) -> Iterator[tuple[bytes, Outline, bool, bool]]:
    """The component with what spares values (a second way in, flat host calls), with the most first."""
    bases = [(data, outline, False)]
    flat = with_flat_calls(data, outline) if _declares_first(outline) else None
    if flat is not None:
        with contextlib.suppress(MalformedBinary):  # it has as many core instances as it may already
            bases.insert(0, (flat, read_outline(flat, outline), True))
    for base, around, is_flat in bases:
        direct = with_direct_entry(base, around, HANDLE, HANDLE_TEXT)
        if direct is not None:
            yield direct, read_outline(direct, around), True, is_flat
        if is_flat:
            yield base, around, False, True


def _new(compiler: engine.Engine, binary: bytes, found: Any) -> str | None:
    return take_error(wasmtime.wasmtime_component_new(compiler.pointer, ffi.from_buffer(binary), len(binary), found))


def _is_agent(facts: Facts) -> bool:
    """Whether the function that is called has the type that the second way in takes for granted."""
    name = HANDLE if HANDLE in facts.exports else HANDLE_TEXT
    return facts.exports.get(name) == EXPORTS[name]


def _declarations(outline: Outline) -> list[Section]:
    """The sections before all that is no declaration of types and imports."""
    return list(takewhile(lambda at: at.number in (0, TYPE, IMPORT, ALIAS), outline.root.sections))


def _declares_first(outline: Outline) -> bool:
    return sum(at.number == IMPORT for at in _declarations(outline)) == sum(
        at.number == IMPORT for at in outline.root.sections
    )


def _imports_as_declared(data: bytes, compiler: engine.Engine, outline: Outline) -> tuple[tuple[str, str, str], ...]:
    """What the component itself imports, where what is compiled imports something else."""
    found = ffi.new("wasmtime_component_t **")
    declared = data[: _declarations(outline)[-1].end]
    if _new(compiler, declared, found) is not None:
        raise ModuleError("module.invalid", "not a valid component")
    return _imports(ComponentTypes(compiler.pointer, found[0]))


def _made_safe(data: bytes, outline: Outline) -> bytes:
    changed = bytearray(data)
    for start in outline.makers:
        # A resource of the component's own takes memory of the host's that no limit counts. `resource.rep` has the same
        # type as `resource.new`, and traps for what was never made.
        assert changed[start] == _MAKE
        changed[start] = _TELL
    for module in outline.modules:
        changed[module.start : module.end] = with_hidden_names(data[module.start : module.end])
    return bytes(changed)


def _facts(data: bytes, compiled: bytes, compiler: engine.Engine, component: Any, outline: Outline) -> Facts:
    types = ComponentTypes(compiler.pointer, component)
    listed = _imports(types)
    try:
        exports = types.exports()
    except TooManyTypes:
        raise ModuleError("module.too-complex", _TOO_MANY_TYPES) from None
    return Facts(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        imports=listed,
        exports={
            name: what if isinstance(what, str) else "interface"
            for name, what in exports.items()
            if not name.startswith(DIRECT)
        },
        memory=None,
        memories=tuple(pages for _, _, pages in outline.places),
        tables=outline.tables,
        has_start=False,
        has_dwarf=False,
        places=outline.places,
        lines=pack_component_lines(compiled, outline),
        has_lines=True,
    )


def _imports(types: ComponentTypes) -> tuple[tuple[str, str, str], ...]:
    listed: list[tuple[str, str, str]] = []
    try:
        imports = types.imports()
    except TooManyTypes:
        raise ModuleError("module.too-complex", _TOO_MANY_TYPES) from None
    for name, what in imports.items():
        if isinstance(what, str):
            listed.append(("", name, what))
        else:
            listed += [(name, key, kind) for key, kind in what.items()] or [(name, "", "interface")]
    return tuple(listed)
