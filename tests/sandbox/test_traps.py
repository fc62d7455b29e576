"""A trap becomes the contract's error: with its code, with the guest's stack, and with nothing that a guest made up."""

from __future__ import annotations

import json
import struct

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.sandbox.binary_reader import Reader
from caxton.sandbox.dwarf_lines import MAX_FILES, MAX_ROWS, read_line_rows
from caxton.sandbox.lines import Lines, pack_lines
from caxton.sandbox.names import short_name, with_hidden_names
from tests.sandbox.guests import MIB, Box, agent, custom, imports, leb, number, sized, zig_cc

ITEMS = """
  (type $unary (func (param i32)))
  (type $nullary (func))
  (table $t 4 funcref)
  (elem (table $t) (i32.const 0) func $leaf)
  (func $leaf)
  (data $passive "abc")"""

TRAPS = {
    "unreachable": ("(unreachable)", "trap.unreachable"),
    "load beyond the end": ("(i32.load (i32.const 0x7ffffff0))", "trap.out-of-bounds"),
    "store beyond the end": ("(i64.store (i32.const -8) (i64.const 0)) (i32.const 0)", "trap.out-of-bounds"),
    "load across the end": (
        "(i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 3)))",
        "trap.out-of-bounds",
    ),
    "memory.fill": ("(memory.fill (i32.const -1) (i32.const 0) (i32.const 2)) (i32.const 0)", "trap.out-of-bounds"),
    "memory.copy": ("(memory.copy (i32.const 0) (i32.const -9) (i32.const 8)) (i32.const 0)", "trap.out-of-bounds"),
    "memory.init": (
        "(memory.init $passive (i32.const 0) (i32.const 2) (i32.const 2)) (i32.const 0)",
        "trap.out-of-bounds",
    ),
    "dropped data": (
        "(data.drop $passive) (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0)",
        "trap.out-of-bounds",
    ),
    "i32.div_s by 0": ("(i32.div_s (i32.const 1) (i32.const 0))", "trap.divide-by-zero"),
    "i32.rem_u by 0": ("(i32.rem_u (i32.const 1) (i32.const 0))", "trap.divide-by-zero"),
    "i64.rem_s by 0": ("(i32.wrap_i64 (i64.rem_s (i64.const 1) (i64.const 0)))", "trap.divide-by-zero"),
    "i32.div_s overflow": ("(i32.div_s (i32.const 0x80000000) (i32.const -1))", "trap.integer-overflow"),
    "i64.div_s overflow": (
        "(i32.wrap_i64 (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))",
        "trap.integer-overflow",
    ),
    "trunc of a large number": ("(i32.trunc_f64_s (f64.const 1e10))", "trap.integer-overflow"),
    "trunc of infinity": ("(i32.trunc_f32_u (f32.const inf))", "trap.integer-overflow"),
    "trunc of NaN": ("(i32.trunc_f64_u (f64.const nan))", "trap.integer-overflow"),
    "an empty entry": ("(call_indirect $t (type $nullary) (i32.const 1)) (i32.const 0)", "trap.indirect-call"),
    "another type": (
        "(call_indirect $t (type $unary) (i32.const 1) (i32.const 0)) (i32.const 0)",
        "trap.indirect-call",
    ),
    "beyond the table": ("(call_indirect $t (type $nullary) (i32.const 4)) (i32.const 0)", "trap.indirect-call"),
    "a negative entry": ("(call_indirect $t (type $nullary) (i32.const -1)) (i32.const 0)", "trap.indirect-call"),
    "table.get": ("(drop (table.get $t (i32.const 99))) (i32.const 0)", "trap.indirect-call"),
    "table.set": ("(table.set $t (i32.const 99) (ref.null func)) (i32.const 0)", "trap.indirect-call"),
    "recursion": ("(call $deep) (i32.const 0)", "trap.stack-overflow"),
}


@pytest.fixture(scope="module")
def trapper(shared_box: Box) -> caxton.AgentRef:
    """One module with all traps: the message's first byte says which."""
    cases = "".join(
        f"(if (i32.eq (local.get $which) (i32.const {i})) (then (return {body})))"
        for i, (body, _) in enumerate(TRAPS.values())
    )
    text = agent(
        "(if (i32.eqz (local.get $len)) (then (return (i32.const 0)))) (call $inner (i32.load8_u (local.get $ptr)))",
        items=f"""{ITEMS}
        (func $deep (call $deep) (nop))
        (func $inner (param $which i32) (result i32) {cases} (i32.const 0))""",
    )
    return shared_box.spawn(text)


@pytest.mark.parametrize("what", TRAPS.keys())
def test_each_trap_has_its_code(shared_box: Box, trapper: caxton.AgentRef, what: str) -> None:
    """Its code, its stack, the memory; the next message is served by a new instance."""
    before = trapper.statistics()
    error = shared_box.fails(trapper, bytes([list(TRAPS).index(what)]))
    assert isinstance(error, caxton.TrapError)
    assert error.code == TRAPS[what][1]
    if error.code != "trap.stack-overflow":
        assert [frame.function for frame in error.frames] == ["inner", "handle"]
    assert all(frame.file is None and frame.line is None for frame in error.frames)
    # Where the stack overflowed while a function began, the place in that one is not known.
    assert all(0 < frame.offset < 1 << 32 for frame in error.frames[1 if what == "recursion" else 0 :])
    assert (error.memory_limit, error.memory_used is not None) == (64 * MIB, True)
    assert error.message.isprintable()
    assert number(shared_box.ask(trapper)) == 0
    after = trapper.statistics()
    assert (after.restarts - before.restarts, after.traps - before.traps) == (1, 1)


WITH_FEATURES = {
    "a null struct": ("(struct.get $s 0 (ref.null $s))", "gc", ("trap.other", "trap.indirect-call")),
    "beyond an array": (
        "(array.get $a (array.new_default $a (i32.const 3)) (i32.const 3))",
        "gc",
        ("trap.out-of-bounds",),
    ),
    "a failed cast": ("(struct.get $s 0 (ref.cast (ref $s) (ref.i31 (i32.const 1))))", "gc", ("trap.other",)),
    "a null function": (
        "(call_ref $nullary (ref.null $nullary)) (i32.const 0)",
        "gc",
        ("trap.indirect-call", "trap.other"),
    ),
    "an uncaught exception": ("(throw $oops)", "exceptions", ("trap.other",)),
}


@pytest.mark.parametrize(("body", "feature", "codes"), WITH_FEATURES.values(), ids=WITH_FEATURES.keys())
def test_traps_of_optional_features(box: Box, body: str, feature: str, codes: tuple[str, ...]) -> None:
    """What only modules with a feature can do wrong is contained in the same way."""
    items = {
        "gc": "(type $s (struct (field i32))) (type $a (array i32)) (type $nullary (func))",
        "exceptions": "(tag $oops)",
    }[feature]
    ref = box.spawn(
        agent(f"(if (result i32) (local.get $len) (then {body}) (else (i32.const 0)))", items=items), features=[feature]
    )
    error = box.fails(ref, b"x")
    assert error.code in codes
    assert error.frames[-1].function == "handle"
    assert number(box.ask(ref)) == 0


def test_in_turn_0(box: Box) -> None:
    """A guest that traps while it starts does not start; the error is the trap's."""
    for how in (
        "(start $bad)",
        '(export "_initialize" (func $bad))',
        '(func (export "caxton_init") (result i32) (call $bad) (i32.const 0))',
    ):
        error = box.refused(agent(items=f"(func $bad (drop (i32.div_u (i32.const 1) (i32.const 0)))) {how}"))
        assert error.code == "trap.divide-by-zero"
        assert error.frames[0].function == "bad"
    data = agent(items='(data (i32.const 65530) "too long for the memory")')
    assert box.refused(data).code == "trap.out-of-bounds"
    table = agent(items="(table 1 funcref) (elem (i32.const 1) func $handle)")
    assert box.refused(table).code == "trap.indirect-call"


def test_the_error_is_ready_for_json(box: Box) -> None:
    """Code, message, frames."""
    error = box.fails(box.spawn(agent("(call $f)", items="(func $f (result i32) (unreachable))")))
    found = json.loads(json.dumps(error.as_json()))
    assert found["code"] == "trap.unreachable"
    assert [frame["function"] for frame in found["frames"]] == ["f", "handle"]
    assert set(found["frames"][0]) == {"function", "index", "offset"}
    assert str(error).startswith("trap.unreachable: ")


def test_without_names_there_are_numbers(box: Box) -> None:
    """Functions without a name are told by their index, imported ones counted first."""
    text = """(module
      (import "caxton" "now_ms" (func (result i64)))
      (memory (export "memory") 1)
      (func (export "handle_message") (param i32 i32) (result i32) (call 3) (i32.const 0))
      (func (export "get_response") (param i32 i32) (result i32) (i32.const 0))
      (func (unreachable)))"""
    error = box.fails(box.spawn(text))
    assert [(frame.function, frame.index) for frame in error.frames] == [(None, 3), (None, 1)]
    assert "function 3" in str(error.frames[0])


# ---- hostile names

DEEP = bytes(
    wasmtime.wat2wasm("""(module
      (memory (export "memory") 1)
      (func (export "handle_message") (param i32 i32) (result i32) (call 2 (i32.const 50)) (i32.const 0))
      (func (export "get_response") (param i32 i32) (result i32) (i32.const 0))
      (func (param i32)
        (if (i32.eqz (local.get 0)) (then (unreachable)))
        (call 2 (i32.sub (local.get 0) (i32.const 1)))))""")
)


def named(*names: tuple[int, bytes], module: bytes | None = None) -> bytes:
    """A name section."""
    functions = leb(len(names)) + b"".join(leb(index) + sized(name) for index, name in names)
    head = b"" if module is None else b"\0" + sized(sized(module))
    return custom("name", head + b"\1" + sized(functions))


def test_names_are_escaped_and_cut(box: Box) -> None:
    """A function's name cannot write on a terminal, look like a line of a stack, or fill a screen."""
    evil = "x\n    1:   0x2f - main\n   at /etc/passwd:12:3\nCaused by:\n concurrent\x1b[31m\u202e\0\u2028" + "y" * 3000
    error = box.fails(box.spawn(DEEP + named((2, evil.encode()), (0, b"\xff\xfe"))))
    assert error.code == "trap.unreachable"
    assert 1 < len(error.frames) <= 64
    for frame in error.frames:
        assert frame.function is not None
        assert frame.function.isprintable()
        assert len(frame.function.encode()) <= 256
        assert (frame.file, frame.line) == (None, None)
        assert str(frame).isprintable()


def test_a_name_cannot_change_the_code(box: Box) -> None:
    """What an error is called does not depend on what functions are called."""
    text = agent("(call $f) (i32.const 0)", items="(tag $oops) (func $f (throw $oops))")
    binary = bytes(wasmtime.wat2wasm(text.replace("$f", "$concurrent").replace("$handle", "$mmap_os_error_12")))
    assert box.fails(box.spawn(binary, features=["exceptions"])).code == "trap.other"


@pytest.mark.parametrize("size", [5_000, 99_999, 100_001, 20 * MIB])
def test_long_names_cost_nothing(box: Box, size: int) -> None:
    """A name that would fill gigabytes of stack traces is cut, or left out."""
    for section in (named((2, b"a" * size)), named((2, b"ok"), module=b"m" * size)):
        error = box.fails(box.spawn(DEEP + section))
        assert error.code == "trap.unreachable"
        assert all(len(frame.function or "") <= 256 for frame in error.frames)
        assert len(json.dumps(error.as_json())) < 40_000


def bomb(doublings: int) -> str:
    """A C++ name in which each parameter stands for two of the one before."""
    seq = ["S_", *(f"S{digit}_" for digit in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")]
    return "_Z1fSt4pairIiiE" + "".join(f"S_I{seq[at]}{seq[at]}E" for at in range(1, doublings + 1))


@pytest.mark.parametrize("name", [bomb(34), "_RN" + "v" * 3000, "_RINvC1a1fpE" * 300])
def test_mangled_names_are_not_taken_apart(box: Box, name: str) -> None:
    """A name of some hundred bytes that stands for gigabytes costs nothing: what it stands for is not written out."""
    error = box.fails(box.spawn(DEEP + named((2, name.encode())), caxton.Limits(deadline=20)))
    assert error.code == "trap.unreachable"
    assert (error.frames[0].function or "").rstrip("…") == short_name(name)[:253]


SHORT = {
    "_ZN5agent6handle17h0123456789abcdefE": "agent::handle",
    "_ZN5agent17h0123456789abcdefE": "agent",
    "_ZN7Counter6divideEi": "Counter::divide",
    "_ZNK7Counter3getEv": "Counter::get",
    "_Z6divideii": "divide",
    "_RNvNtCs1CYXbLPYCFn_4core9panicking18panic_bounds_check": "core::panicking::panic_bounds_check",
    "_RNvCsfgHYwM92fyn_7___rustc12___rust_abort": "__rustc::__rust_abort",
    "_RNvC5agent4mainC3app": "agent::main",
    **{
        name: name
        for name in (
            "divide", "_Z", "_ZN", "_ZNE", "_ZN5abcE", "_ZN1a", "_Z99f", "_ZN7CounterIiE6divideEi", "_Z1fIiEvT_",
            "_ZN1aE\u0661", "_RNvC5agent9main", "_RNCNvC5agent4main0B3_", "_RINvC5agent4mainhE", "_R", "_RC", "_RNv",
            bomb(3).replace("_Z1f", "_Y1f"), "_ZN" + "1a" * 100 + "E",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize(("name", "shown"), SHORT.items())
def test_short_names(name: str, shown: str) -> None:
    """Plain and nested names lose their mangling; what is more than that stays."""
    assert short_name(name) == shown


@given(st.sampled_from(["_Z", "_R"]), st.text("_ZNKE0123456789ahICvts", max_size=60))
def test_any_mangled_name(begin: str, name: str) -> None:
    """Gets no longer by more than the colons between its parts."""
    assert len(short_name(begin + name)) <= 2 * len(name) + 2


BROKEN_NAMES = {
    "nothing": b"",
    "an endless number": b"\xff" * 30,
    "a size beyond the end": b"\x01\xff\x01\x02",
    "a count beyond the end": b"\x01\x05\xff\xff\xff\xff\x0f",
    "a name beyond the end": b"\x01\x04\x01\x02\x7f\x61",
    "a subsection twice": (b"\x01" + sized(b"\x01\x02\x01a")) * 2,
    "an unknown subsection": b"\x7f" + sized(b"abc") + b"\x01" + sized(b"\x01\x02\x02ok"),
    "an index that is not there": b"\x01" + sized(b"\x01\xff\xff\x03\x01a"),
    "a million entries": b"\x01" + sized(leb(1_000_000) + b"\x02\x01a" * 1_000_000),
}


@pytest.mark.parametrize("content", BROKEN_NAMES.values(), ids=BROKEN_NAMES.keys())
def test_a_broken_name_section_spoils_nothing(box: Box, content: bytes) -> None:
    """The module runs, and its stack is plain or has the names that can be read."""
    error = box.fails(box.spawn(DEEP + custom("name", content)))
    assert error.code == "trap.unreachable"
    assert {frame.function for frame in error.frames} <= {None, "a", "ok"}


def test_hiding_names_changes_nothing_else() -> None:
    """Every byte stands where it stood, but for one of each name section's own name."""
    plain = DEEP + custom("other", b"name")
    assert with_hidden_names(plain) == plain
    both = DEEP + named((2, b"a" * 5000)) + named((2, b"ok"))
    hidden = with_hidden_names(both)
    assert [i for i in range(len(both)) if both[i] != hidden[i]] == [
        i + 3 for i in range(len(both)) if both.startswith(b"name", i)
    ]


# ---- DWARF

C_AGENT = r"""
#define EXPORT(name) __attribute__((export_name(#name)))
int sink;
static __attribute__((noinline)) void inner(int depth) {
  if (depth == 0)
    __builtin_trap();               /* line 6 */
  inner(depth - 1);                 /* line 7 */
  sink++;
}
static inline __attribute__((always_inline)) void inlined(const char *text, int length) {
  if (length > 3)
    sink = 100 / (text[0] - 'x');   /* line 12 */
}
EXPORT(handle_message) int handle_message(const char *text, int length) {
  if (length == 1)
    inner(2);                       /* line 16 */
  inlined(text, length);
  return 0;
}
EXPORT(get_response) int get_response(char *out, int length) { return 0; }
"""


@pytest.fixture(scope="module")
def built() -> dict[str, bytes]:
    """A C program with debug information of each version."""
    flags = ("-nostdlib", "-O1", "-Wl,--no-entry")
    found = {
        str(version): zig_cc(C_AGENT, *flags, f"-gdwarf-{version}", "-ffile-prefix-map=/=/src/") for version in (4, 5)
    }
    return found | {"default": zig_cc(C_AGENT, *flags, "-g"), "none": zig_cc(C_AGENT, *flags, "-g0")}


@pytest.mark.parametrize("version", ["4", "5", "default"])
def test_dwarf_gives_file_and_line(box: Box, built: dict[str, bytes], version: str) -> None:
    """Every frame has the line of its trap or of its call, columns too; a function that was inlined counts."""
    ref = box.spawn(built[version])
    error = box.fails(ref, b"1")
    assert error.code == "trap.unreachable"
    assert [(frame.function, frame.line) for frame in error.frames] == [
        ("inner", 6),
        ("inner", 7),
        ("inner", 7),
        ("handle_message", 16),
    ]
    assert all(frame.file is not None and frame.file.endswith("guest.c") for frame in error.frames)
    assert all(frame.column for frame in error.frames)
    assert "guest.c:6:" in str(error.frames[0])
    error = box.fails(ref, b"xxxx")
    assert (error.code, error.frames[0].line) == ("trap.divide-by-zero", 12)


def test_without_dwarf_there_are_names_alone(box: Box, built: dict[str, bytes]) -> None:
    """No line is better than a wrong one."""
    error = box.fails(box.spawn(built["none"]), b"1")
    assert [frame.function for frame in error.frames] == ["inner", "inner", "inner", "handle_message"]
    assert {frame.line for frame in error.frames} == {None}


def test_running_out_has_lines_too(box: Box) -> None:
    """A stack at a limit is told like one at a trap."""
    source = C_AGENT.replace("__builtin_trap();", "for (;;) sink++; ")
    binary = zig_cc(source, "-nostdlib", "-O1", "-Wl,--no-entry", "-g")
    error = box.fails(box.spawn(binary, caxton.Limits(fuel=10**6)), b"1")
    assert error.code == "limit.fuel"
    assert [frame.line for frame in error.frames] == [6, 7, 7, 16]


def many_units(units: int, ranges: int) -> bytes:
    """DWARF whose every unit claims the same long list of addresses: small, and gigabytes for who reads it all."""
    abbreviation = bytes([1, 0x11, 0, 0x55, 0x17, 0x11, 0x01, 0, 0, 0])
    unit = struct.pack("<HIB", 4, 0, 4) + b"\x01" + struct.pack("<II", 0, 0)
    unit = struct.pack("<I", len(unit)) + unit
    listed = b"".join(struct.pack("<II", i * 8 + 1, i * 8 + 5) for i in range(ranges)) + bytes(8)
    return custom(".debug_abbrev", abbreviation) + custom(".debug_info", unit * units) + custom(".debug_ranges", listed)


def program(opcodes: bytes, files: bytes = b"\0a.c\0\0\0\0\0") -> bytes:
    """A line program of DWARF 4."""
    tables = b"\x01\x01\x01\xfb\x0e\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01" + files
    body = struct.pack("<HI", 4, len(tables)) + tables + opcodes
    return struct.pack("<I", len(body)) + body


HOSTILE_DWARF = {
    "units that share ranges": many_units(2_000, 50_000),
    "random bytes": b"".join(
        custom(f".debug_{name}", bytes(range(256)) * 40) for name in ("line", "info", "abbrev", "str")
    ),
    "an endless unit": custom(".debug_line", b"\xff\xff\xff\xff" * 1000),
    "rows without end": custom(".debug_line", program(b"\x00\x05\x02\x30\x00\x00\x00" + b"\x20" * MIB)),
    "files without end": custom(".debug_line", program(b"\x01", b"\0" + b"f\0\0\0\0" * 500_000 + b"\0")),
    "a file's name without end": custom(".debug_line", program(b"\x01", b"\0" + b"f" * (8 * MIB) + b"\0\0\0\0\0")),
    "a million units": custom(".debug_line", b"\x01\0\0\0\0" * 1_000_000),
    "numbers that are too long": custom(".debug_line", program(b"\x02" + b"\xff" * 100_000)),
}


@pytest.mark.parametrize("sections", HOSTILE_DWARF.values(), ids=HOSTILE_DWARF.keys())
def test_hostile_dwarf_gives_a_plain_stack(box: Box, sections: bytes) -> None:
    """Whatever is wrong with debug information, the error is the guest's trap, at once and in little memory."""
    ref = box.spawn(DEEP + sections)
    for _ in range(3):
        error = box.fails(ref)
        assert error.code == "trap.unreachable"
        assert error.frames
        assert len(json.dumps(error.as_json())) < 50_000


def test_a_files_name_is_escaped_and_cut(box: Box, built: dict[str, bytes]) -> None:
    """Names in debug information are as hostile as others."""
    evil = b"\x1b[31m\xe2\x80\xae\nguest.c"
    binary = built["4"].replace(b"guest.c", evil[: len(b"guest.c")])
    error = box.fails(box.spawn(binary), b"1")
    assert error.frames[0].line == 6
    assert error.frames[0].file is not None
    assert error.frames[0].file.isprintable()
    assert str(error.frames[0]).isprintable()


def test_what_is_kept_of_debug_information_is_bounded() -> None:
    """Rows, files and their names have limits."""
    opcodes = b"".join(
        b"\x00\x05\x02" + struct.pack("<I", 16 + i % 1000) + b"\x03\x01\x01" + b"\x02\x01" + b"\x00\x01\x01"
        for i in range(MAX_ROWS // 2 + 1000)
    )
    found = read_line_rows(program(opcodes), b"", b"", 1 << 20)
    assert len(found.rows) <= MAX_ROWS
    files = b"\0" + b"".join(b"f%d" % i + b"\0\0\0\0" for i in range(MAX_FILES + 1000)) + b"\0"
    found = read_line_rows(program(b"", files), b"", b"", 1 << 20)
    assert len(found.files) == MAX_FILES


def test_functions_that_the_linker_left_out_have_no_lines() -> None:
    """Their line programs are still there, at address 0 or beyond the code."""
    step = b"\x03\x01\x01\x02\x04\x00\x01\x01"
    for address, kept in ((0, 0), (0xFFFFFFFF, 0), (0xFFFFFFFE, 0), (100, 2), (996, 2), (997, 0)):
        found = read_line_rows(program(b"\x00\x05\x02" + struct.pack("<I", address) + step), b"", b"", 1000)
        assert len(found.rows) == kept, address


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=50), st.integers(0, 1 << 32))
def test_any_bytes_as_line_programs(line: bytes, strings: bytes, size: int) -> None:
    """Reading ends, whatever is read."""
    read_line_rows(line, strings, strings, size)
    read_line_rows(program(line), strings, strings, size)
    read_line_rows(program(b"\x01", line), strings, strings, size)


def line_programs(binary: bytes) -> tuple[int, int]:
    """Where `.debug_line` begins and ends."""
    reader = Reader(binary, 8)
    return next((reader.pos, stop) for kind, stop in reader.sections() if not kind and reader.name() == ".debug_line")


@settings(max_examples=300, deadline=None)
@given(version=st.sampled_from(["4", "5"]), changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255))))
def test_damaged_debug_information(built: dict[str, bytes], version: str, changes: list[tuple[float, int]]) -> None:
    """Debug information with some bytes changed still gives a table, and the table finds a line or none anywhere."""
    binary = bytearray(built[version])
    start, stop = line_programs(built[version])
    for where, byte in changes:
        binary[start + int((stop - start) * where)] = byte
    lines = Lines(pack_lines(bytes(binary)))
    for offset in (0, 1, 60, 100, 200, 1 << 31, (1 << 64) - 1):
        place = lines.find(offset)
        assert place is None or (isinstance(place[0], str) and place[1] >= 0)


def test_a_table_survives_packing(built: dict[str, bytes]) -> None:
    """No debug information packs to nothing, and finds nothing."""
    assert pack_lines(bytes(wasmtime.wat2wasm("(module)"))) == ""
    assert Lines("").find(100) is None
    packed = pack_lines(built["4"])
    assert packed.isascii()
    assert {Lines(packed).find(offset) is None for offset in range(len(built["4"]))} == {True, False}


def test_host_calls_stand_on_the_stack(box: Box) -> None:
    """A guest that breaks the protocol in a host call is told where."""
    text = agent(
        "(call $f) (i32.const 0)",
        uses=imports("log"),
        items="""
      (func $f (call $log (i32.const 2) (i32.const -1) (i32.const 2)))""",
    )
    error = box.fails(box.spawn(text))
    assert error.code == "abi.protocol"
    assert [frame.function for frame in error.frames] == ["f", "handle"]
