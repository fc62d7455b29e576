"""What can be said of a module without running it, as JSON-ready data. Runs in the compiler's child process."""

from __future__ import annotations

import json
from typing import Any, Final

from caxton.errors import ModuleError
from caxton.sandbox import compiler, engine
from caxton.sandbox.binary import BinaryInfo, Kind, Producers, read_binary
from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.binary_types import ExternType, FuncType, GlobalType, MemoryType, TableType, TagType, signature
from caxton.sandbox.component_compiler import component_facts
from caxton.sandbox.coredump_reader import read_core_dump
from caxton.sandbox.warmth import Allowance
from caxton.text import NAME_LIMIT, cut

MOST_ITEMS: Final = 10_000
"""Imports, exports and custom sections that are listed, of each; a module may have ten times as many."""


def describe(data: bytes, features: frozenset[str], allowance: Allowance | None = None) -> dict[str, Any]:
    """Describes a core module or a component; binary or text.

    ``allowance``: what its initialisation may use, which is run to say whether it can be run ahead; None: it is not.
    ``error`` says why the module is not valid with ``features``; ``facts`` are what the load checks need (compiler.py),
    None of a component that is not valid. Names are cut to 256 bytes and otherwise as the module has them: escape them
    before they are shown.

    Raises:
        ModuleError: ``module.invalid``, nothing can be said of it.
    """
    binary = compiler.to_binary(data)
    try:
        info = read_binary(binary)
    except MalformedBinary as error:
        raise ModuleError("module.invalid", f"not valid WebAssembly: {error}") from None
    core = info.kind is Kind.CORE_MODULE
    if not core:
        return {"format": "binary" if binary is data else "text", **_component(binary, info, features)}
    why = _validity(binary, features)
    facts = compiler.read_facts(binary)
    if why is None and allowance is not None:
        facts, _ = compiler.warmed(binary, facts, features, allowance)
    return {
        "format": "binary" if binary is data else "text",
        "kind": info.kind.value,
        "error": why,
        "facts": json.loads(facts.as_json()),
        "coredump": read_core_dump(binary),
        **_contents(info),
    }


def _component(binary: bytes, info: BinaryInfo, features: frozenset[str]) -> dict[str, Any]:
    """The same of a component, whose types only Wasmtime tells, once it has compiled it."""
    found: dict[str, Any] = {"kind": info.kind.value, "error": None, "facts": None, "coredump": None, **_contents(info)}
    try:
        facts = component_facts(binary, engine.Settings(features))
    except ModuleError as error:
        return found | {"error": error.message}
    imports = [
        {"module": cut(module, NAME_LIMIT), "name": cut(name, NAME_LIMIT), "type": cut(kind, NAME_LIMIT)}
        for module, name, kind in facts.imports[:MOST_ITEMS]
    ]
    exports = [
        {"name": cut(name, NAME_LIMIT), "type": cut(kind, NAME_LIMIT)}
        for name, kind in list(facts.exports.items())[:MOST_ITEMS]
    ]
    found |= {"imports": imports, "exports": exports, "facts": json.loads(facts.as_json())}
    found["memories"] = [f"memory, {pages} or more pages" for pages in facts.memories]
    found["tables"] = [f"table, {size} or more" for size in facts.tables]
    return found


def _validity(binary: bytes, features: frozenset[str]) -> str | None:
    why = engine.accepts(binary, features)
    return None if why is None else compiler.invalid(binary, why, features).message


def _contents(info: BinaryInfo) -> dict[str, Any]:
    return {
        "sha256": info.sha256,
        "size": info.size,
        "imports": [
            {
                "module": cut(item.module, NAME_LIMIT),
                "name": cut(item.name, NAME_LIMIT),
                "type": type_text(item.what),
                "signature": signature(item.what),
            }
            for item in info.imports[:MOST_ITEMS]
        ],
        "exports": [
            {"name": cut(item.name, NAME_LIMIT), "type": type_text(item.what)} for item in info.exports[:MOST_ITEMS]
        ],
        "memories": [type_text(item) for item in info.memories],
        "tables": [type_text(item) for item in info.tables],
        "functions": info.functions,
        "code_size": info.code_size,
        "data_size": info.data_size,
        "start": info.has_start,
        "sections": [{"name": item.name, "count": item.count, "size": item.size} for item in info.sections],
        "custom_sections": [
            {"name": cut(item.name, NAME_LIMIT), "size": item.size} for item in info.custom_sections[:MOST_ITEMS]
        ],
        "left_out": sum(
            max(0, len(found) - MOST_ITEMS) for found in (info.imports, info.exports, info.custom_sections)
        ),
        "debug": {
            "dwarf": info.has_dwarf,
            "names": info.has_names,
            "source_map": _url(info.source_mapping_url),
            "external": _url(info.external_debug_info),
        },
        "producers": _producers(info.producers),
    }


def _url(url: str | None) -> str | None:
    return None if url is None else cut(url, NAME_LIMIT)


def _producers(found: Producers | None) -> dict[str, list[str]]:
    if found is None:
        return {}
    fields = {"language": found.language, "processed-by": found.processed_by, "sdk": found.sdk}
    return {
        name: [cut(f"{tool} {version}".strip(), NAME_LIMIT) for tool, version in pairs[:100]]
        for name, pairs in fields.items()
        if pairs
    }


def _range(minimum: int, maximum: int | None) -> str:
    return f"{minimum} to {maximum}" if maximum is not None else f"{minimum} or more"


def type_text(what: ExternType) -> str:
    """A type for people to read, in one line: ``func (i32 i32) -> (i32)``, ``memory, 1 or more pages``."""
    match what:
        case FuncType():
            return cut(signature(what), NAME_LIMIT)
        case MemoryType():
            pages = "pages" if what.page_size == engine.PAGE else f"pages of {what.page_size} byte"
            notes = (", 64-bit" if what.memory64 else "") + (", shared" if what.shared else "")
            return f"memory, {_range(what.minimum, what.maximum)} {pages}{notes}"
        case TableType():
            return f"table, {_range(what.minimum, what.maximum)} of {what.element}" + (
                ", 64-bit" if what.table64 else ""
            )
        case GlobalType():
            return f"global, {'mutable ' if what.mutable else ''}{what.content}"
        case TagType():
            return cut(f"tag ({' '.join(what.params)})", NAME_LIMIT)
