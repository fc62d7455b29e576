"""What Caxton declares of Wasmtime's C API is what the installed library has: sizes, offsets, signatures, numbers.

The package ``wasmtime`` carries bindings that were generated from the library's own headers: they are the witness.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from cffi import FFI
from wasmtime import _bindings, _ffi

from build_backend import native_abi
from build_backend.shim import find_compiler
from caxton.agents import ports
from caxton.sandbox import hostcalls, module, native, traps
from caxton.sandbox.freeze import state

SOURCES: Final = Path(native.__file__).parent
SHIM_H: Final = (SOURCES / "shim.h").read_text()
SHIM_C: Final = (SOURCES / "shim.c").read_text()
PRIVATE_H: Final = (SOURCES / "shim_private.h").read_text()
COMPONENT_C: Final = (SOURCES / "shim_component.c").read_text()
CALLS_C: Final = (SOURCES / "shim_component_calls.c").read_text()
PYTHON: Final = (SOURCES / "wasmtime_api.h").read_text()
DECLARED: Final = SHIM_H.partition("/* [wasmtime] */")[2].partition("/* [/wasmtime] */")[0]

# Our name for a struct, and the binding's where it is another one.
STRUCTS: Final = {
    "wasmtime_instance_t": "wasmtime_instance",
    "wasmtime_func_t": "wasmtime_func",
    "wasmtime_memory_t": "wasmtime_memory",
    "wasmtime_table_t": "wasmtime_table",
    "wasmtime_global_t": "wasmtime_global",
    "wasmtime_ref_t": "wasmtime_anyref",
    "wasmtime_extern_t": "wasmtime_extern",
    "wasmtime_val_t": "wasmtime_val",
    "wasmtime_async_continuation_t": "wasmtime_async_continuation_t",
    "wasm_byte_vec_t": "wasm_byte_vec_t",
    "wasm_frame_vec_t": "wasm_frame_vec_t",
    "wasm_valtype_vec_t": "wasm_valtype_vec_t",
    "wasmtime_guestprofiler_modules_t": "wasmtime_guestprofiler_modules",
    "wasmtime_component_instance_t": "wasmtime_component_instance",
    "wasmtime_component_func_t": "wasmtime_component_func",
    "wasmtime_component_vallist_t": "wasmtime_component_vallist",
    "wasmtime_component_valrecord_t": "wasmtime_component_valrecord",
    "wasmtime_component_valtuple_t": "wasmtime_component_valtuple",
    "wasmtime_component_valvariant_t": "wasmtime_component_valvariant",
    "wasmtime_component_valresult_t": "wasmtime_component_valresult",
    "wasmtime_component_val_t": "wasmtime_component_val",
    "wasmtime_component_valrecord_entry_t": "wasmtime_component_valrecord_entry",
    "wasmtime_component_valtype_t": "wasmtime_component_valtype_t",
    "wasmtime_component_item_t": "wasmtime_component_item_t",
}
NAMED_BEFORE: Final = {"wasmtime_component_val_t", "wasmtime_component_valrecord_entry_t"}
"""Structs that are declared by a name before what is in them."""


def test_every_declared_struct_is_compared() -> None:
    """A struct that is added to the declarations must be added here."""
    declared = set(re.findall(r"\}\s*(\w+);", DECLARED)) | set(re.findall(r"\}\s*(\w+);", PYTHON))
    inner = {name for name in declared if not name.endswith("_t")}
    assert (declared - inner) | NAMED_BEFORE == set(STRUCTS)
    assert inner <= {"of", "outer"}


def leaves(ours: Any, base: int = 0) -> list[tuple[int, int]]:
    """Offset and size of everything in a C type that is no struct; of a union, of each alternative."""
    if ours.kind not in ("struct", "union"):
        return [(base, native.ffi.sizeof(ours))]
    found: list[tuple[int, int]] = []
    for _, field in ours.fields:
        found += leaves(field.type, base + field.offset)
    return found


def their_leaves(theirs: Any, base: int = 0) -> list[tuple[int, int]]:
    if not (isinstance(theirs, type) and issubclass(theirs, ctypes.Structure | ctypes.Union)):
        return [(base, ctypes.sizeof(theirs))]
    found: list[tuple[int, int]] = []
    for name, kind, *_ in theirs._fields_:
        found += their_leaves(kind, base + getattr(theirs, name).offset)
    return found


def has_union(ours: Any) -> bool:
    if ours.kind not in ("struct", "union"):
        return False
    return ours.kind == "union" or any(has_union(field.type) for _, field in ours.fields)


@pytest.mark.parametrize(("ours", "theirs"), STRUCTS.items(), ids=STRUCTS.keys())
def test_size_and_offsets(ours: str, theirs: str) -> None:
    """The size, the alignment, and where each field lies; where we declare fewer alternatives of a union, those."""
    our_type, their_type = native.ffi.typeof(ours), getattr(_bindings, theirs)
    assert native.ffi.sizeof(our_type) == ctypes.sizeof(their_type)
    assert native.ffi.alignof(our_type) == ctypes.alignment(their_type)
    our_leaves = leaves(our_type)
    if has_union(our_type):
        assert set(our_leaves) <= set(their_leaves(their_type))
    else:
        assert our_leaves == their_leaves(their_type)


UNIONS: Final = {
    ("wasmtime_extern_t", "wasmtime_extern_union"): ("func", "global", "table", "memory"),
    ("wasmtime_val_t", "wasmtime_valunion"): ("i32", "i64", "f64", "funcref", "v128"),
    ("wasmtime_component_val_t", "wasmtime_component_valunion"): (
        "boolean",
        "u8",
        "u32",
        "u64",
        "string",
        "list",
        "record",
        "tuple",
        "variant",
        "enumeration",
        "option",
        "result",
        "resource",
    ),
}


@pytest.mark.parametrize(("types", "names"), UNIONS.items())
def test_alternatives_of_unions(types: tuple[str, str], names: tuple[str, ...]) -> None:
    """Every alternative that we name is the library's, at its place, with its size."""
    union = dict(native.ffi.typeof(types[0]).fields)["of"]
    theirs = getattr(_bindings, types[1])
    outer = getattr(_bindings, types[0].removesuffix("_t"))
    assert union.offset == outer.of.offset
    assert native.ffi.sizeof(union.type) == ctypes.sizeof(theirs)
    for name in names:
        field = dict(union.type.fields)[name]
        their_name = "global_" if name == "global" else name  # a keyword in Python
        assert field.offset == getattr(theirs, their_name).offset == 0
        assert native.ffi.sizeof(field.type) == getattr(theirs, their_name).size


@pytest.mark.parametrize(
    "name",
    ["cx_slot_t", "cx_program_t", "cx_profile_t", "cx_import_t", "cx_part_t", "cx_origin_t", "cx_component_import_t"],
)
def test_the_compiler_agrees_with_cffi(tmp_path: Path, name: str) -> None:
    """cffi computes layouts itself: of the structs that both sides read, they are those that a C compiler gives."""
    fields = [field for field, _ in native.ffi.typeof(name).fields]
    offsets = "".join(f", offsetof({name}, {field})" for field in fields)
    source = tmp_path / "layout.c"
    source.write_text(f"""
        #include <stdbool.h>
        #include <stddef.h>
        #include <stdint.h>
        #include "shim.h"
        const size_t layout[] = {{sizeof({name}){offsets}}};""")
    compiler = find_compiler()
    target = tmp_path / "layout.so"
    command = [*compiler.command, *compiler.flags, f"-I{SOURCES}", str(source), "-o", str(target)]
    cache = {"ZIG_GLOBAL_CACHE_DIR": str(tmp_path), "ZIG_LOCAL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=os.environ | cache, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = list((ctypes.c_size_t * (1 + len(fields))).in_dll(ctypes.CDLL(str(target)), "layout"))
    ours = [native.ffi.offsetof(name, field) for field in fields]
    assert dict(zip(fields, found[1:], strict=True)) == dict(zip(fields, ours, strict=True))
    assert found[0] == native.ffi.sizeof(name)


def functions_in_c(source: str = SHIM_C) -> dict[str, Any]:
    """The functions that a C source of the shim declares of Wasmtime's, as cffi reads them."""
    rest = source.partition("/* Wasmtime's C API, as far as this file calls it. */")[2]
    block = re.split(r"enum \{|#define|\n\n", rest)[0]
    assert "wasmtime_error_delete" in block
    ffi = FFI()
    ffi.cdef(
        re.sub(r"/\*.*?\*/", "", DECLARED, flags=re.DOTALL) + "typedef struct { size_t size; char *data; } ignored;"
    )
    ffi.cdef(block)
    library = ffi.dlopen(str(native.wasmtime_library()))
    return {name: ffi.typeof(getattr(library, name)) for name in re.findall(r"\b(wasm\w+)\(", block)}


def functions_in_python() -> dict[str, Any]:
    """The functions that native.py declares."""
    names = re.findall(r"\b(wasm\w+)\(", PYTHON)
    assert len(names) > 50
    return {name: native.ffi.typeof(getattr(native.wasmtime, name)) for name in names}


def same(ours: Any, theirs: Any) -> bool:
    """Whether a type of cffi's and one of ctypes' are passed in the same way."""
    if theirs is None:
        return bool(ours.kind == "void")
    if ours.kind in ("pointer", "function"):
        return ctypes.sizeof(theirs) == ctypes.sizeof(ctypes.c_void_p) and not issubclass(theirs, ctypes.c_uint64)
    number = native.ffi.typeof(ours.cname)
    return ctypes.sizeof(theirs) == native.ffi.sizeof(number) and issubclass(theirs, ctypes._SimpleCData)


@pytest.mark.parametrize("source", ["shim.c", "shim_component.c", "shim_component_calls.c", "native.py"])
def test_signatures(source: str) -> None:
    """Every function is there, with as many arguments, each of the right size and kind, and the right result."""
    sources = {"shim.c": SHIM_C, "shim_component.c": COMPONENT_C, "shim_component_calls.c": CALLS_C}
    found = functions_in_c(sources[source]) if source in sources else functions_in_python()
    for name, ours in found.items():
        theirs = getattr(_bindings, f"_{name}")
        assert len(ours.args) == len(theirs.argtypes), name
        assert all(map(same, ours.args, theirs.argtypes)), name
        assert same(ours.result, theirs.restype), name


def test_both_sides_declare_the_same() -> None:
    """Where the shim's source and Python declare the same function, they agree."""
    ours = functions_in_c() | functions_in_c(COMPONENT_C) | functions_in_c(CALLS_C)
    python = functions_in_python()
    for name in ours.keys() & python.keys():
        # A struct that has both a tag and a typedef is called by either.
        assert re.sub(r"struct |_t\b", "", ours[name].cname) == re.sub(r"struct |_t\b", "", python[name].cname), name


# ---- numbers


def constants(source: str) -> dict[str, int]:
    """The values of the enumerators in a C source, as the compiler counts them."""
    found: dict[str, int] = {}
    for body in re.findall(r"enum(?: \w+)? \{(.*?)\}", re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL), re.DOTALL):
        following = 0
        for entry in filter(None, (part.strip() for part in body.split(","))):
            name, _, value = (part.strip() for part in entry.partition("="))
            following = int(value, 0) if value else following
            found[name] = following
            following += 1
    return found


def test_statuses_are_those_of_the_port() -> None:
    """What `cx_run` and `cx_compact` answer, and what agents/ports.py calls it."""
    header = constants(SHIM_H)
    for name in ("DONE", "CALL", "YIELD", "RESPONSE", "FAULT", "INTERRUPTED", "MORE"):
        assert header[f"CX_{name}"] == getattr(ports, name), name
    assert sum(name.startswith("CX_") and not name.startswith("CX_FAULT_") for name in header) == 7


def test_faults_are_those_of_traps() -> None:
    """Each fault of the shim is known to traps.py, under its number."""
    header = {name: value for name, value in constants(SHIM_H).items() if name.startswith("CX_FAULT_")}
    assert header["CX_FAULT_TRAP"] == traps.FAULT_TRAP
    assert header["CX_FAULT_PROTOCOL"] == traps.FAULT_PROTOCOL
    assert header["CX_FAULT_EXIT"] == traps.FAULT_EXIT
    assert header["CX_FAULT_HOST"] == traps.FAULT_HOST
    meanings = {
        "CX_FAULT_PROTOCOL": "abi.protocol",
        "CX_FAULT_DEADLINE": "limit.deadline",
        "CX_FAULT_HOST_CALLS": "limit.host-calls",
        "CX_FAULT_MESSAGE_SIZE": "limit.message-size",
        "CX_FAULT_RESPONSE_SIZE": "limit.response-size",
        "CX_FAULT_ALLOCATION": "limit.memory",
        "CX_FAULT_WINDOW": "limit.memory",
        "CX_FAULT_REFUSED": "agent.refused-start",
    }
    assert {number: code for number, (code, _) in traps._FAULTS.items()} == {
        header[name]: code for name, code in meanings.items()
    }
    assert header["CX_FAULT_NOT_TEXT"] == traps.FAULT_NOT_TEXT
    elsewhere = {"CX_FAULT_NONE", "CX_FAULT_TRAP", "CX_FAULT_EXIT", "CX_FAULT_HOST", "CX_FAULT_NOT_TEXT"}
    assert set(header) == set(meanings) | elsewhere


def test_trap_codes_are_wasmtimes() -> None:
    """The numbers in traps.py mean what Wasmtime's header says; those that it does not know are `trap.other`."""
    meanings = {
        "STACK_OVERFLOW": "trap.stack-overflow",
        "MEMORY_OUT_OF_BOUNDS": "trap.out-of-bounds",
        "TABLE_OUT_OF_BOUNDS": "trap.indirect-call",
        "INDIRECT_CALL_TO_NULL": "trap.indirect-call",
        "BAD_SIGNATURE": "trap.indirect-call",
        "INTEGER_OVERFLOW": "trap.integer-overflow",
        "INTEGER_DIVISION_BY_ZERO": "trap.divide-by-zero",
        "BAD_CONVERSION_TO_INTEGER": "trap.integer-overflow",
        "UNREACHABLE_CODE_REACHED": "trap.unreachable",
        "OUT_OF_FUEL": "limit.fuel",
        "NULL_REFERENCE": "trap.indirect-call",
        "ARRAY_OUT_OF_BOUNDS": "trap.out-of-bounds",
        "ALLOCATION_TOO_LARGE": "limit.memory",
    }
    codes = {item.value: item.name.removeprefix("WASMTIME_TRAP_CODE_") for item in _bindings.wasmtime_trap_code_enum}
    assert {codes[number]: code for number, (code, _) in traps._TRAPS.items()} == meanings
    assert codes[traps.UNREACHABLE] == "UNREACHABLE_CODE_REACHED"
    assert f"#define UNREACHABLE {traps.UNREACHABLE}\n" in PRIVATE_H
    assert f"#define OUT_OF_FUEL {next(n for n, name in codes.items() if name == 'OUT_OF_FUEL')}\n" in PRIVATE_H


def test_kinds_are_wasmtimes() -> None:
    """Of values, of externs, and of types."""
    shim = constants(SHIM_C)
    assert shim["VAL_I32"] == _ffi.WASMTIME_I32.value == module._KINDS["i32"]
    assert shim["VAL_I64"] == _ffi.WASMTIME_I64.value == module._KINDS["i64"]
    assert state.FUNCREF == _ffi.WASMTIME_FUNCREF.value
    assert shim["EXTERN_FUNC"] == _ffi.WASMTIME_EXTERN_FUNC.value
    assert shim["NO_MESSAGES"] == module.NO_MESSAGES
    assert shim["EXTERN_MEMORY"] == _ffi.WASMTIME_EXTERN_MEMORY.value
    assert module._KINDS["i32"] == _ffi.WASM_I32.value
    assert module._KINDS["i64"] == _ffi.WASM_I64.value


def test_pairs_are_the_tables() -> None:
    """How an import's row describes its pointers to the shim."""
    shim = constants(SHIM_C)
    assert (shim["PAIR_READ"], shim["PAIR_WORDS"], shim["PAIR_DOUBLES"]) == (
        hostcalls.READ,
        hostcalls.WORDS,
        hostcalls.DOUBLES,
    )


# ---- what is made of the headers


def test_what_is_loaded_is_what_the_headers_declare() -> None:
    """What cffi loads was made of the headers as they are, and has the layouts that it computes of them."""
    assert not native_abi.is_stale(), "run: make shim"
    parsed: Any = FFI()
    parsed.cdef(native_abi.declarations())
    loaded: Any = native.ffi
    names, structs, unions = loaded.list_types()
    assert (names, structs, unions) == parsed.list_types()
    for name in names:
        ours, theirs = loaded.typeof(name), parsed.typeof(name)
        assert ours.kind == theirs.kind
        if theirs.kind == "struct" and theirs.fields is not None:  # which is not asked of ours where it is opaque
            assert loaded.sizeof(name) == parsed.sizeof(name)
            offsets = [[(field, place.offset) for field, place in one.fields] for one in (ours, theirs)]
            assert offsets[0] == offsets[1]


# ---- versions


def test_the_version_is_pinned() -> None:
    """One version, named once: by the declarations, the metadata and the installed package."""
    assert importlib.metadata.version("wasmtime") == native.WASMTIME_VERSION
    requires = importlib.metadata.requires("caxton") or []
    assert f"wasmtime=={native.WASMTIME_VERSION}" in requires


@pytest.mark.parametrize("version", ["50.0.0", "51.0.0", "50.0.1.dev0", ""])
def test_another_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """The message names both versions, and what to do."""
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    with pytest.raises(native.NativeError, match=re.escape(native.WASMTIME_VERSION)) as caught:
        native._check_version()
    assert f"found {version}" in str(caught.value)
    assert f"pip install wasmtime=={native.WASMTIME_VERSION}" in str(caught.value)


def test_a_missing_wasmtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a package that is not there."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(native.NativeError, match=r"pip install wasmtime=="):
        native._check_version()


def test_importing_caxton_with_another_version_says_so(tmp_path: Path) -> None:
    """Before anything is loaded: the import fails with that message, and the process does not die of a signal."""
    (tmp_path / "wasmtime").mkdir()
    (tmp_path / "wasmtime" / "__init__.py").touch()
    metadata = tmp_path / "wasmtime-49.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: wasmtime\nVersion: 49.0.0\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import caxton"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "NativeError: caxton needs wasmtime" in done.stderr
    assert "found 49.0.0" in done.stderr


def test_a_missing_shim_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the source that nobody installed says what to do."""
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(native.NativeError, match="pip install"):
        native.shim_library()


def test_a_shim_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old library beside new Python is not used."""
    monkeypatch.setattr(native, "SHIM_VERSION", native.SHIM_VERSION + 1)
    with pytest.raises(native.NativeError, match="another version"):
        native._load()
