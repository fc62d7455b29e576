"""A WebAssembly binary is read without an engine, says what the engine says of it, and cannot hurt whoever reads it."""

import dataclasses
import hashlib
import random
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.sandbox.binary import (
    BinaryInfo,
    CustomSection,
    Export,
    ExternType,
    FuncType,
    GlobalType,
    Import,
    Kind,
    MalformedBinary,
    MemoryType,
    Section,
    TableType,
    TagType,
    function_names,
    read_binary,
)

CORE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"

C_AGENT = r"""
#include <stddef.h>
#include <stdint.h>
#define EXPORT(n) __attribute__((export_name(#n)))
#define IMPORT(n) __attribute__((import_module("caxton"), import_name(#n)))

IMPORT(log) void host_log(int32_t level, const void *text, int32_t size);
IMPORT(now_ms) int64_t host_now(void);

static uint8_t answer[4096];
static int32_t answered;
static double (*scale)(double, float);

static double twice(double x, float y) { return 2 * x + y; }

EXPORT(scaled) double scaled(double x, float y) { return scale ? scale(x, y) : 0; }

EXPORT(handle_message) int32_t handle_message(const uint8_t *message, int32_t size) {
  scale = host_now() > 0 ? twice : NULL;
  answered = size < (int32_t)sizeof answer ? size : (int32_t)sizeof answer;
  for (int32_t i = 0; i < answered; i++) answer[i] = message[answered - 1 - i];
  host_log(2, answer, answered);
  return 0;
}

EXPORT(get_response) int32_t get_response(uint8_t *room, int32_t size) {
  for (int32_t i = 0; i < answered && i < size; i++) room[i] = answer[i];
  return answered;
}
"""

# Modules whose every type the wasmtime binding can name: numbers, funcref and externref.
PLAIN = {
    "empty": "(module)",
    "imports of every kind": """(module
        (import "caxton" "log" (func (param i32 i32 i32)))
        (import "caxton" "ask" (func (param i32 i64 f32 f64) (result i32)))
        (import "env" "memory" (memory 2 10))
        (import "env" "table" (table 3 9 funcref))
        (import "env" "others" (table 0 externref))
        (import "env" "constant" (global i64))
        (import "env" "variable" (global (mut f32)))
        (import "env" "thrown" (tag (param i32 f64)))
        (import "" "\\u{1F980} \\u{0}" (func (param externref) (result funcref))))""",
    "exports of every kind": """(module
        (func (export "unused"))
        (func (export "f") (param i32 i32) (result i32) (local i64) local.get 0)
        (memory (export "memory") 1)
        (table (export "table") 1 2 externref)
        (table (export "calls") 5 funcref)
        (global (export "sum") i32 (i32.sub (i32.mul (i32.const -7) (i32.const 6)) (i32.const 2147483647)))
        (global (export "wide") (mut i64) (i64.const -9223372036854775808))
        (global (export "single") f32 (f32.const 0x1p-126))
        (global (export "double") (mut f64) (f64.const nan:0x8000000000001))
        (global (export "none") externref (ref.null extern))
        (global (export "callee") funcref (ref.func 0))
        (tag (export "oops") (param i64)))""",
    "imports exported again": """(module
        (import "a" "f" (func (result i64)))
        (import "a" "g" (global (mut i32)))
        (import "a" "t" (table 1 funcref))
        (import "a" "m" (memory 1 3))
        (import "a" "e" (tag (param f32)))
        (func (param f64))
        (global i64 (i64.const 5))
        (export "first" (func 0)) (export "own" (func 1)) (export "again" (func 0))
        (export "global" (global 0)) (export "own global" (global 1))
        (export "table" (table 0)) (export "memory" (memory 0)) (export "tag" (tag 0)))""",
    "multi-value": """(module
        (func (export "swap") (param i32 f64) (result f64 i32) local.get 1 local.get 0)
        (func (export "many") (result i32 i32 i64 i64 f32 externref funcref) unreachable))""",
    "memory limits": '(module (memory (export "none") 0 0) (memory (export "most") 65535 65536))',
    "start, elements and data": """(module
        (memory 1) (table 4 funcref) (func $go) (start $go)
        (elem (i32.const 1) func $go $go) (elem declare func $go)
        (data (i32.const 8) "hello") (data "passive")
        (func (export "init") (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1))))""",
    "more than 128 types": "(module {})".format(
        "".join(f'(func (export "f{n}") (param {"i32 " * (n % 12)} {"f64 " * (n // 12)}))' for n in range(150))
    ),
}

# Modules that go beyond what the binding can name; what is written here beside each comes from its text.
RICH: dict[str, tuple[str, dict[str, ExternType]]] = {
    "vectors": (
        """(module (func (export "f") (param v128) (result v128) local.get 0)
            (global (export "g") v128 (v128.const i64x2 1 -1)))""",
        {"f": FuncType(("v128",), ("v128",)), "g": GlobalType("v128", False)},
    ),
    "short forms of references": (
        """(module (func (export "f") (param funcref externref anyref eqref i31ref structref arrayref exnref)
            (result nullref nullfuncref nullexternref nullexnref) unreachable))""",
        {
            "f": FuncType(
                ("funcref", "externref", "anyref", "eqref", "i31ref", "structref", "arrayref", "exnref"),
                ("nullref", "nullfuncref", "nullexternref", "nullexnref"),
            )
        },
    ),
    "references that are not null": (
        """(module (func (export "f")
            (param (ref func) (ref extern) (ref any) (ref eq) (ref i31) (ref struct) (ref array) (ref exn))
            (result (ref none) (ref nofunc) (ref noextern) (ref noexn)) unreachable))""",
        {
            "f": FuncType(
                tuple(f"(ref {heap})" for heap in ("func", "extern", "any", "eq", "i31", "struct", "array", "exn")),
                tuple(f"(ref {heap})" for heap in ("none", "nofunc", "noextern", "noexn")),
            )
        },
    ),
    "references to types": (
        """(module
            (type $point (struct (field i32) (field (mut f64)) (field (mut i8)) (field i16)))
            (type $bytes (array (mut i8)))
            (type $call (func (param (ref $point)) (result (ref null $bytes))))
            (func (export "f") (type $call) ref.null none)
            (func (export "g") (param (ref null $call) (ref $call)))
            (table (export "t") 2 4 (ref null $call)))""",
        {
            "f": FuncType(("(ref 0)",), ("(ref null 1)",)),
            "g": FuncType(("(ref null 2)", "(ref 2)"), ()),
            "t": TableType(2, 4, "(ref null 2)", False),
        },
    ),
    "recursion groups and subtypes": (
        """(module
            (rec (type $list (struct (field (ref null $list)) (field (ref null $tree))))
                 (type $tree (sub (struct (field (ref null $list)))))
                 (type $leaf (sub final $tree (struct (field (ref null $list)) (field (mut i16))))))
            (rec (type $empty (sub (struct))) (type $f (sub (func (param (ref $leaf))))))
            (func (export "f") (type $f))
            (global (export "g") (mut (ref null $leaf)) (ref.null $leaf)))""",
        {"f": FuncType(("(ref 2)",), ()), "g": GlobalType("(ref null 2)", True)},
    ),
    "values made of garbage-collected parts": (
        """(module
            (type $s (struct (field i32) (field (mut i64))))
            (type $a (array i32))
            (global (export "made") (ref $s) (struct.new $s (i32.const 1) (i64.const -2)))
            (global (export "default") (ref $s) (struct.new_default $s))
            (global (export "array") (ref $a) (array.new $a (i32.const 300) (i32.const 4)))
            (global (export "zeroes") (ref $a) (array.new_default $a (i32.const 4)))
            (global (export "fixed") (ref $a) (array.new_fixed $a 2 (i32.const 1) (i32.const 2)))
            (global (export "small") (ref i31) (ref.i31 (i32.const 1)))
            (global (export "out") externref (extern.convert_any (global.get 5)))
            (global (export "in") anyref (any.convert_extern (ref.null extern))))""",
        {
            "made": GlobalType("(ref 0)", False),
            "default": GlobalType("(ref 0)", False),
            "array": GlobalType("(ref 1)", False),
            "zeroes": GlobalType("(ref 1)", False),
            "fixed": GlobalType("(ref 1)", False),
            "small": GlobalType("(ref i31)", False),
            "out": GlobalType("externref", False),
            "in": GlobalType("anyref", False),
        },
    ),
    "memories of every sort": (
        """(module
            (memory (export "small pages") 3 70000 (pagesize 1))
            (memory (export "shared") 1 2 shared)
            (memory (export "long") i64 1 281474976710656)
            (memory (export "endless") i64 5))""",
        {
            "small pages": MemoryType(3, 70000, False, False, 1),
            "shared": MemoryType(1, 2, False, True, 65536),
            "long": MemoryType(1, 1 << 48, True, False, 65536),
            "endless": MemoryType(5, None, True, False, 65536),
        },
    ),
    "tables with 64 bits and with first values": (
        """(module (func $f)
            (table (export "long") i64 1 10000000000 externref)
            (table (export "filled") 1 2 (ref func) (ref.func $f)))""",
        {
            "long": TableType(1, 10_000_000_000, "externref", True),
            "filled": TableType(1, 2, "(ref func)", False),
        },
    ),
}


def assemble(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def leb(value: int, width: int = 1) -> bytes:
    """Unsigned LEB128, padded to at least `width` bytes."""
    encoded = bytearray()
    while value >= 0x80 or len(encoded) + 1 < width:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded) + bytes([value])


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + leb(len(content)) + content


def named(text: str | bytes) -> bytes:
    encoded = text.encode() if isinstance(text, str) else text
    return leb(len(encoded)) + encoded


def custom(name: str | bytes, content: bytes) -> bytes:
    return section(0, named(name) + content)


@pytest.fixture(scope="module")
def engine() -> wasmtime.Engine:
    """An engine with every feature that Caxton can turn on, and those it refuses, so that all of it is valid."""
    config = wasmtime.Config()
    for feature in ("gc", "exceptions", "function_references", "threads", "memory64", "multi_memory"):
        setattr(config, f"wasm_{feature}", True)
    config.wasm_custom_page_sizes = True
    return wasmtime.Engine(config)


@pytest.fixture(scope="module")
def c_agent(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An agent in C as a compiler leaves it, with DWARF."""
    folder = tmp_path_factory.mktemp("c-agent")
    source, binary = folder / "agent.c", folder / "agent.wasm"
    source.write_text(C_AGENT)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-nostdlib", "-g", "-O1"]
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(folder / "global"), "ZIG_LOCAL_CACHE_DIR": str(folder / "local")}
    subprocess.run(
        [*command, "-Wl,--no-entry", "-o", str(binary), str(source)], check=True, env=environment, timeout=300
    )
    return binary.read_bytes()


def engine_type(found: object) -> ExternType:
    """A type of the wasmtime binding as one of ours."""

    def text(value: wasmtime.ValType) -> str:
        return {"anyref": "externref"}.get(str(value), str(value))  # the binding's word for externref

    match found:
        case wasmtime.FuncType():
            return FuncType(tuple(map(text, found.params)), tuple(map(text, found.results)))
        case wasmtime.MemoryType():
            return MemoryType(found.limits.min, found.limits.max, found.is_64, found.is_shared, found.page_size)
        case wasmtime.TableType():
            return TableType(found.limits.min, found.limits.max, text(found.element), False)
        case wasmtime.GlobalType():
            return GlobalType(text(found.content), found.mutable)
        case wasmtime.TagType():
            return TagType(tuple(map(text, found.functype.params)))
    raise AssertionError(found)


def assert_as_engine_says(data: bytes, engine: wasmtime.Engine) -> BinaryInfo:
    module = wasmtime.Module(engine, data)
    info = read_binary(data)
    assert info.imports == tuple(Import(i.module, i.name or "", engine_type(i.type)) for i in module.imports)
    assert info.exports == tuple(Export(e.name, engine_type(e.type)) for e in module.exports)
    return info


def refusal(data: bytes) -> MalformedBinary:
    with pytest.raises(MalformedBinary) as caught:
        read_binary(data)
    return caught.value


@pytest.mark.parametrize("name", PLAIN)
def test_imports_and_exports_are_those_the_engine_reports(name: str, engine: wasmtime.Engine) -> None:
    """Names, order and types of imports and exports equal what the engine says of the same bytes."""
    assert_as_engine_says(assemble(PLAIN[name]), engine)


@pytest.mark.parametrize("name", RICH)
def test_types_beyond_the_binding_are_read_as_written(name: str, engine: wasmtime.Engine) -> None:
    """Vector, reference and garbage-collected types, and all sorts of memories and tables, read as written."""
    text, expected = RICH[name]
    data = assemble(text)
    wasmtime.Module.validate(engine, data)
    assert expected == {export.name: export.what for export in read_binary(data).exports}


def test_a_compilers_output_is_read_whole(c_agent: bytes, engine: wasmtime.Engine) -> None:
    """What a C compiler makes reads as the engine reads it, and its DWARF, names and tools are seen."""
    info = assert_as_engine_says(c_agent, engine)
    assert info.has_dwarf
    assert info.has_names
    assert {".debug_info", ".debug_line", "name"} <= {section.name for section in info.custom_sections}
    assert {"handle_message", "get_response", "scaled", "host_log", "twice"} <= set(function_names(c_agent).values())
    assert info.producers is not None
    assert "clang" in {name.split()[0] for name, _ in info.producers.processed_by}
    assert info.functions >= 4
    assert info.size == len(c_agent) > info.code_size > 0


def test_without_debug_information_none_is_reported() -> None:
    """A module without custom sections has no DWARF, names, URLs or producers."""
    info = read_binary(CORE)
    assert info.custom_sections == ()
    assert (info.has_dwarf, info.has_names) == (False, False)
    assert (info.external_debug_info, info.source_mapping_url, info.producers) == (None, None, None)
    assert function_names(CORE) == {}


def test_sizes_and_counts_are_those_of_the_bytes() -> None:
    """Kind, size, hash, sections, functions, code, data and start are reported in bytes and numbers."""
    data = assemble(PLAIN["start, elements and data"])
    info = read_binary(data)
    assert info.kind is Kind.CORE_MODULE
    assert (info.size, info.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert info.functions == 2
    assert info.has_start
    assert not read_binary(CORE).has_start
    sizes = {section.name: section for section in info.sections}
    assert (info.code_size, info.data_size) == (sizes["code"].size, sizes["data"].size)
    assert sizes["start"] == Section("start", 1, 1)
    assert sum(section.size + 2 * section.count for section in info.sections) + len(CORE) == len(data)


def test_a_known_hash_is_taken_over() -> None:
    """A caller who has hashed the bytes already is not made to hash them again."""
    assert read_binary(CORE, sha256="00" * 32).sha256 == "00" * 32


def test_memories_and_tables_are_listed_imported_ones_first() -> None:
    """`memories` and `tables` are in the order of their index."""
    info = read_binary(
        assemble(
            '(module (import "e" "m" (memory 7)) (import "e" "t" (table 8 funcref)) (memory 1 2) (table 3 4 externref))'
        )
    )
    assert info.memories == (MemoryType(7, None, False, False, 65536), MemoryType(1, 2, False, False, 65536))
    assert info.tables == (TableType(8, None, "funcref", False), TableType(3, 4, "externref", False))


def test_custom_sections_are_listed_wherever_they_stand() -> None:
    """Names and sizes of custom sections are listed in order; text that is not UTF-8 is replaced there."""
    data = CORE + custom("first", b"12345") + section(5, b"\x01\0\x01") + custom(b"\xff", b"") + custom("first", b"")
    expected = (CustomSection("first", 5), CustomSection("\ufffd", 0), CustomSection("first", 0))
    assert expected == read_binary(data).custom_sections


def test_urls_of_external_debug_information_are_read() -> None:
    """`external_debug_info` and `sourceMappingURL` are reported as they stand, and as absent where they break off."""
    data = CORE + custom("external_debug_info", named("agent.dwarf.wasm")) + custom("sourceMappingURL", named("a.map"))
    info = read_binary(data)
    assert (info.external_debug_info, info.source_mapping_url) == ("agent.dwarf.wasm", "a.map")
    assert not info.has_dwarf
    broken = read_binary(CORE + custom("external_debug_info", b"\x09abc") + custom("sourceMappingURL", b""))
    assert (broken.external_debug_info, broken.source_mapping_url) == (None, None)


def test_producers_are_read() -> None:
    """The producers section's languages, tools and SDKs are pairs of name and version."""
    producers = read_binary(
        assemble('(module (@producers (language "C" "11") (processed-by "clang" "19") (sdk "wasi" "24")))')
    ).producers
    assert producers is not None
    assert (producers.language, producers.processed_by) == ((("C", "11"),), (("clang", "19"),))
    assert producers.sdk == (("wasi", "24"),)


@pytest.mark.parametrize(
    "content", [b"", b"\x05", b"\xff\xff\xff\xff\x0f", b"\x01\x08language\xff\xff\xff\xff\x0f", b"\0" * 100_000]
)
def test_a_broken_producers_section_spoils_nothing(content: bytes) -> None:
    """An error inside a custom section leaves the module readable."""
    producers = read_binary(CORE + custom("producers", content)).producers
    assert producers is None


def test_function_names_come_from_the_name_section() -> None:
    """Names are by function index, imported functions first; `only` leaves the others out; a component has none."""
    data = assemble(
        """(module $m (import "a" "b" (func $imported))
            (func $first (param $x i32)) (func) (func $"ünique") (memory $mem 1))"""
    )
    assert function_names(data) == {0: "imported", 1: "first", 3: "ünique"}
    assert function_names(data, only={3, 9}) == {3: "ünique"}
    assert function_names(assemble("(component (core module $m (func $f)))")) == {}


def test_a_broken_name_section_gives_what_stands_before_the_break() -> None:
    """Names are hints: what can be read is given, text that is not UTF-8 is replaced, and nothing is raised."""
    content = section(0, named("module")) + section(
        1, leb(3) + b"\0" + named("good") + b"\1" + named(b"\xfe!") + b"\2\x7f"
    )
    data = CORE + custom("name", content)
    assert function_names(data) == {0: "good", 1: "\ufffd!"}
    assert read_binary(data).has_names


def test_of_a_component_only_the_outline_is_read() -> None:
    """A component's kind, sections and custom sections are reported; the modules inside are not looked into."""
    text = '(component (core module (func (export "f"))) (core module) (@custom "note" "abc"))'
    info = read_binary(assemble(text))
    assert info.kind is Kind.COMPONENT
    assert (info.imports, info.exports, info.functions) == ((), (), 0)
    assert CustomSection("note", 3) in info.custom_sections
    assert ("core module", 2) in [(section.name, section.count) for section in info.sections]
    assert "unknown section id 13" in str(refusal(COMPONENT + section(13, b"")))


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"", 0),
        (b"\0as", 0),
        (b"(module)", 0),
        (b"\0ASM\x01\0\0\0", 0),
        (CORE[:4], 4),
        (b"\0asm\x02\0\0\0", 4),
        (b"\0asm\x01\0\x01\0", 4),
        (b"\0asm\x0d\0\0\0", 4),
        (b"\0asm\x0c\0\x01\0", 4),
    ],
)
def test_only_the_two_known_preambles_are_accepted(data: bytes, offset: int) -> None:
    """Another magic number, version or layer is refused, and the error says where."""
    assert refusal(data).offset == offset


def test_the_error_carries_offset_and_reason() -> None:
    """`MalformedBinary` is a ValueError whose text holds the offset in hex and the reason."""
    error = refusal(CORE + b"\x63\0")
    assert isinstance(error, ValueError)
    assert (error.offset, error.reason) == (10, "unknown section id 99")
    assert str(error) == "at byte 0xa: unknown section id 99"


def test_padded_integers_are_read_as_linkers_write_them(engine: wasmtime.Engine) -> None:
    """LEB128 padded to five bytes is accepted in sizes, counts, indices and limits, as the specification allows."""
    types = leb(1, 5) + b"\x60" + leb(1, 5) + b"\x7f" + leb(0, 5)
    functions = leb(2, 5) + leb(0, 5) + leb(0, 3)
    memory = leb(1, 5) + b"\x01" + leb(1, 5) + leb(2, 5)
    exports = leb(1, 5) + leb(1, 5) + b"f\0" + leb(1, 5)
    code = leb(2) + b"\x02\0\x0b" * 2
    parts = {1: types, 3: functions, 5: memory, 7: exports, 10: code}
    data = CORE + b"".join(bytes([kind]) + leb(len(content), 5) + content for kind, content in parts.items())
    info = assert_as_engine_says(data, engine)
    assert info.exports == (Export("f", FuncType(("i32",), ())),)


@pytest.mark.parametrize(
    "integer",
    [
        leb(1, 6),
        leb(1, 11),
        b"\xff\xff\xff\xff\x1f",
        b"\x81\x80\x80\x80\x10",
        b"\x80\x80\x80\x80\x70",
        b"\x80" * 1000,
        b"\xff" * 100_000,
    ],
)
def test_overlong_integers_are_refused(integer: bytes) -> None:
    """More bytes than an integer's width needs, or bits beyond it, are refused: as size, count, index and limit."""
    refused = [
        CORE + b"\x01" + integer + b"\0",
        CORE + section(1, integer + b"\x60\0\0"),
        CORE + section(1, b"\x01\x60\0\0") + section(3, b"\x01" + integer),
        CORE + section(5, b"\x01\0" + integer),
        CORE + section(6, b"\x01\x7f\0\x23" + integer + b"\x0b"),
        CORE + section(1, b"\x01\x60\x01\x63" + integer + b"\0"),
    ]
    for data in refused:
        assert refusal(data).offset >= len(CORE)


def test_wide_limits_are_bounded_by_64_bits() -> None:
    """A 64-bit memory's limits take ten bytes and no more."""
    widest = b"\xff" * 9 + b"\x01"
    (memory,) = read_binary(CORE + section(5, b"\x01\x04" + widest)).memories
    assert memory == MemoryType((1 << 64) - 1, None, True, False, 65536)
    assert "does not fit" in str(refusal(CORE + section(5, b"\x01\x04" + b"\xff" * 9 + b"\x02")))
    assert "too many bytes" in str(refusal(CORE + section(5, b"\x01\x04" + b"\xff" * 10 + b"\0")))


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7, 10, 13])
@pytest.mark.parametrize("count", [5, 99_999, 1_000_000, (1 << 32) - 1])
def test_a_hostile_count_allocates_nothing(kind: int, count: int) -> None:
    """A count that the bytes at hand cannot hold is refused before anything is made of it."""
    data = CORE + section(kind, leb(count) + b"\0\0\0")
    tracemalloc.start()
    try:
        error = refusal(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(CORE) < error.offset <= len(data)
    assert peak < 100_000


TYPE_F = section(1, b"\x01\x60\0\0")  # one type: () -> ()
FUNCTION_F = section(3, b"\x01\0")
CODE_F = section(10, b"\x01\x02\0\x0b")


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("out of order", section(3, b"\0") + section(1, b"\0")),
        ("there twice", section(1, b"\0") + section(1, b"\0")),
        ("out of order", section(6, b"\0") + section(13, b"\0")),
        ("out of order", section(10, b"\0") + section(12, b"\0")),
        ("unknown section id", section(14, b"\0")),
        ("bytes too many", section(1, b"\0\0")),
        ("bytes too many", section(7, b"\0\0")),
        ("bytes too many", TYPE_F + FUNCTION_F + section(8, b"\0\0") + CODE_F),
        ("bytes too many", section(12, b"\0\0")),
        ("a section of 5 bytes where 1 are left", b"\x01\x05\0"),
        ("unexpected end", section(1, b"\x02\x60\0\0\x60")),
        ("types in", section(1, b"\x02\0")),
        ("runs past the end", section(2, b"\x01\x05a\0\0")),
        ("1 functions, but code for 0", TYPE_F + FUNCTION_F),
        ("0 functions, but code for 1", CODE_F),
        ("segments announced", section(12, b"\x01")),
        ("data segments, where 2", section(12, b"\x02") + section(11, b"\0")),
    ],
)
def test_sections_out_of_order_or_of_another_size_are_refused(reason: str, data: bytes) -> None:
    """Order, size and number of sections must be as the specification has them."""
    assert reason in str(refusal(CORE + data))


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("unknown type form 0x5d", section(1, b"\x01\x5d\0")),
        ("unknown type form 0x65", section(1, b"\x01\x65\x5f\0")),
        ("unknown type form 0x4d", section(1, b"\x01\x4d\0\x5f\0")),
        ("unknown type form 0x4e", section(1, b"\x01\x4e\x01\x4e\x01\x60\0\0")),
        ("unknown type form 0x50", section(1, b"\x01\x50\0\x50\0\x60\0\0")),
        ("supertypes", section(1, b"\x01\x50\x02\0\0\x60\0\0")),
        ("unknown value type 0x40", section(1, b"\x01\x60\x01\x40\0")),
        ("unknown value type 0x78", section(1, b"\x01\x60\x01\x78\0")),
        ("negative type index", section(1, b"\x01\x60\x01\x63\x62\0\0")),
        ("negative type index", section(1, b"\x01\x60\x01\x64\x68\0")),
        ("negative type index", section(1, b"\x01\x60\x01\x64\xf0\x7f\0")),
        ("unexpected end", section(1, b"\x01\x60\x01\x64")),
        ("unknown mutability", section(1, b"\x01\x5e\x7f\x02")),
        ("unknown value type", section(1, b"\x01\x5f\x02\x78\0\x76\0")),
        ("more than the 1000", section(1, b"\x01\x60" + leb(1001) + b"\x7f" * 1001 + b"\0")),
        ("more than the 10000", section(1, b"\x01\x5f" + leb(10_001) + b"\x7f\0" * 10_001)),
        ("unknown kind of import 0x7e", TYPE_F + section(2, b"\x01\x01m\0\x7e\0\0\x02\x01a\x01b")),
        ("unknown kind of import 0x20", TYPE_F + section(2, b"\x01\x01m\x01a\x20\0")),
        ("type 1 of 1", TYPE_F + section(2, b"\x01\x01m\x01a\0\x01")),
        ("not a function type", section(1, b"\x01\x5f\0") + section(2, b"\x01\x01m\x01a\0\0")),
        ("there are 1 types", TYPE_F + section(3, b"\x01\x01")),
        ("not a reference type", section(4, b"\x01\x7f\0\0")),
        ("unknown table flags", section(4, b"\x01\x70\x02\0")),
        ("unknown value type 0x40", section(4, b"\x01\x40\x01\x70\0\0")),
        ("unknown memory flags", section(5, b"\x01\x10\0")),
        ("without a maximum", section(5, b"\x01\x02\x01")),
        ("below the minimum", section(5, b"\x01\x01\x02\x01")),
        ("page size of 2^12", section(5, b"\x01\x08\x01\x0c")),
        ("more than the 100 ", section(5, leb(101) + b"\0\0" * 101)),
        ("unknown tag attribute", TYPE_F + section(13, b"\x01\x01\0")),
        ("tag with results", section(1, b"\x01\x60\0\x01\x7f") + section(13, b"\x01\0\0")),
        ("unknown mutability", section(6, b"\x01\x7f\x02\x41\0\x0b")),
        ("not a constant expression", section(6, b"\x01\x7f\0\x10\0\x0b")),
        ("not a constant expression", section(6, b"\x01\x7f\0\x41\0")),
        ("not a constant expression", section(6, b"\x01\x6e\0\xd0\x62\x0b")),
        ("unknown kind of export", TYPE_F + FUNCTION_F + section(7, b"\x01\x01f\x05\0")),
        ("number 1, where there are 1", TYPE_F + FUNCTION_F + section(7, b"\x01\x01f\0\x01")),
        ("number 0, where there are 0", section(7, b"\x01\x01m\x02\0")),
        ("two exports of one name", TYPE_F + FUNCTION_F + section(7, b"\x02\x01f\0\0\x01f\0\0")),
        ("starts with function 1", TYPE_F + FUNCTION_F + section(8, b"\x01")),
    ],
)
def test_what_is_not_understood_is_refused(reason: str, data: bytes) -> None:
    """Unknown proposals and indices that lead nowhere are refused, not guessed at."""
    assert reason in str(refusal(CORE + data))


@pytest.mark.parametrize("name", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_names_of_imports_and_exports_are_utf8(name: bytes) -> None:
    """Bytes that are not UTF-8, surrogates and overlong forms among them, are refused in what is matched by name."""
    for data in (
        TYPE_F + section(2, b"\x01" + named(name) + b"\x01a\0\0"),
        TYPE_F + section(2, b"\x01\x01a" + named(name) + b"\0\0"),
        TYPE_F + FUNCTION_F + section(7, b"\x01" + named(name) + b"\0\0") + CODE_F,
    ):
        assert "not UTF-8" in str(refusal(CORE + data))


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("bytes of types, imports", CORE + section(2, leb(1) + b"\0" * (8 << 20))),
        ("more than the 100000", CORE + section(2, leb(100_001) + b"\0" * 500_000)),
        ("more than the 100000", CORE + section(7, leb(100_001) + b"\0" * 500_000)),
        ("more than the 1000000", CORE + section(3, leb(1_000_001) + b"\0" * 1_000_001)),
        ("more than 100000 types", CORE + section(1, leb(2) + (b"\x4e" + leb(60_000) + b"\x60\0\0" * 60_000) * 2)),
        ("more than 100000 sections", COMPONENT + section(1, b"") * 100_001),
        ("more than 10000 custom sections", CORE + custom("", b"") * 10_001),
        ("longer than 100000", CORE + section(2, leb(1) + named("x" * 100_001) + b"\x01a\0\0")),
        (
            "parameters of imports and exports",
            CORE
            + section(1, leb(202) + (b"\x60" + leb(1000) + b"\x7f" * 1000 + b"\0") * 202)
            + section(2, leb(202) + b"".join(b"\x01m\x01a\0" + leb(n) for n in range(202))),
        ),
    ],
)
def test_what_would_take_much_memory_is_refused(reason: str, data: bytes) -> None:
    """Beyond the limits that engines agree on, or Caxton's own, a binary is refused."""
    assert reason in str(refusal(data))


def test_results_are_frozen_and_slotted() -> None:
    """What was read cannot be changed, nor grow attributes."""
    info = read_binary(assemble(PLAIN["exports of every kind"]))
    for thing in (info, info.exports[0], *[export.what for export in info.exports], info.sections[0]):
        assert not hasattr(thing, "__dict__")
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, dataclasses.fields(thing)[0].name, None)


def read_everything(data: bytes) -> bool:
    """Read all there is; whether it could be read. Anything but `MalformedBinary` fails the test."""
    errors: list[MalformedBinary] = []
    for read in (function_names, read_binary):
        try:
            read(data)
        except MalformedBinary as error:
            errors.append(error)
    assert all(0 <= error.offset <= len(data) for error in errors)
    return not errors


SEEDS = [assemble(text) for text in PLAIN.values()] + [assemble(text) for text, _ in RICH.values()]
SEEDS.append(assemble('(module $m (@producers (language "C" "11")) (func $f (param i32)) (start 1) (func $start))'))
SEEDS.append(assemble('(component (core module (func (export "f"))) (@custom "note" "abc"))'))


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_a_binary_cut_anywhere_is_read_or_refused(seed: int, engine: wasmtime.Engine) -> None:
    """Every prefix of a module is read or refused with `MalformedBinary`; what is valid is read."""
    data = SEEDS[seed]
    for end in range(len(data)):
        assert read_everything(data[:end]) or not is_valid(engine, data[:end])


def test_a_compilers_output_cut_anywhere_is_read_or_refused(c_agent: bytes) -> None:
    """The same holds for a C compiler's output, DWARF and all."""
    for end in range(len(c_agent)):
        read_everything(c_agent[:end])


def is_valid(engine: wasmtime.Engine, data: bytes) -> bool:
    try:
        wasmtime.Module.validate(engine, data)
    except wasmtime.WasmtimeError:
        return False
    return True


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=6) | st.sampled_from([b"\0", b"\x7f", b"\x80\x80\x80\x80\0", b"\x63\x70"]))
        data[place : place + draw(st.integers(0, 6))] = piece
    return bytes(data)


@settings(max_examples=1000, deadline=2000)
@given(data=mutated())
def test_a_mutated_binary_is_read_or_refused(data: bytes, engine: wasmtime.Engine) -> None:
    """Whatever bytes change, reading ends in a result or in `MalformedBinary`, and what an engine accepts is read."""
    assert read_everything(data) or not is_valid(engine, data)


@settings(max_examples=300, deadline=2000)
@given(st.sampled_from([CORE, COMPONENT]), st.integers(0, 14), st.binary(max_size=200))
def test_a_section_of_any_bytes_is_read_or_refused(preamble: bytes, kind: int, content: bytes) -> None:
    """Arbitrary content in any section raises nothing but `MalformedBinary`."""
    read_everything(preamble + section(kind, content))


def test_single_bytes_changed_leave_valid_modules_readable(engine: wasmtime.Engine) -> None:
    """Of thousands of modules with one byte changed, those that an engine accepts are read."""
    chance = random.Random(20240607)
    accepted = 0
    for _ in range(5000):
        data = bytearray(chance.choice(SEEDS))
        data[chance.randrange(len(data))] = chance.randrange(256)
        valid = is_valid(engine, bytes(data))
        assert read_everything(bytes(data)) or not valid
        accepted += valid
    assert accepted > 500


def test_hostile_structure_takes_bounded_time() -> None:
    """The slowest binaries known take a few seconds at most, though they use every limit to the full."""
    globals_ = CORE + section(6, leb(1_000_000) + b"\x63\x80\x01\0\xd0\0\x0b" * 1_000_000)
    constant = CORE + section(6, leb(1) + b"\x7f\0" + b"\x41\0" * 4_000_000 + b"\x0b")
    continued = CORE + section(6, leb(1) + b"\x7f\0\x41" + b"\x80" * 8_000_000)
    functions = CORE + TYPE_F + section(3, leb(1_000_000) + leb(0, 5) * 1_000_000)
    fields = CORE + section(1, leb(400) + (b"\x5f" + leb(10_000) + b"\x78\0" * 10_000) * 400)
    for data in (globals_, constant, continued, functions, fields):
        start = time.process_time()
        read_everything(data)
        assert time.process_time() - start < 30


def test_a_big_module_is_read_in_a_moment() -> None:
    """Code is skipped over, hashing apart: reading 18 MB of it takes as many calls as reading almost none."""
    small, large = reading(bodies=130), reading(bodies=900)
    assert large[0] > 18_000_000 > small[0] * 5
    assert small[1] == large[1]


def reading(bodies: int) -> tuple[int, int]:
    """The size of a module with many functions of so many bytes, and the calls that reading it takes."""
    count = 20_000
    body = leb(bodies) + b"\0" + b"\x01" * (bodies - 2) + b"\x0b"
    types = leb(300) + b"".join(b"\x60" + leb(n) + b"\x7f" * n + b"\0" for n in range(300))
    functions = leb(count) + b"".join(leb(n % 300) for n in range(count))
    exports = leb(100) + b"".join(named(f"export{n}") + b"\0" + leb(n * 150) for n in range(100))
    parts = {1: types, 3: functions, 5: b"\x01\0\x10", 7: exports, 10: leb(count) + body * count}
    data = CORE + b"".join(section(kind, content) for kind, content in parts.items())
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(note)
    try:
        info = read_binary(data, sha256="")
    finally:
        sys.setprofile(None)
    assert (info.functions, len(info.exports)) == (count, 100)
    return len(data), calls


def test_nothing_but_the_standard_library_is_needed() -> None:
    """The reader imports no engine and nothing else from outside."""
    for source in Path(read_binary.__code__.co_filename).parent.glob("binary*.py"):
        imported = [line for line in source.read_text().splitlines() if line.startswith(("import ", "from "))]
        modules = {line.split()[1].split(".")[0] for line in imported}
        assert modules - {""} <= sys.stdlib_module_names
