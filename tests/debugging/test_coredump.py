"""A core dump holds what an instance was when it failed; ``caxton inspect`` reads it, and any other."""

from __future__ import annotations

import contextlib
import json
import math
import stat
import struct
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.sandbox import encoding
from caxton.sandbox.binary import read_binary
from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.compiler import to_binary
from caxton.sandbox.coredump_reader import MAX_FRAMES, read_core_dump
from caxton.sandbox.freeze.layout import DATA, EXPORT, read_layout, rebuild
from tests.cli.command import EVIL, caxton_each, is_harmless
from tests.cli.command import caxton as command
from tests.debugging.sources import C as C_SOURCE
from tests.debugging.sources import build, failing_line, named, without_debug
from tests.sandbox.guests import Box, agent, imports
from tests.toolchain.linked import linked

TRAPPING = agent(
    """(i32.store (i32.const 70000) (i32.const 0x01020304))
    (global.set $private (i64.const -2))
    (global.set $double (f64.const nan:0x8000000000abc))
    (call $inner (local.get $len) (local.get $ptr)) (i32.const 0)""",
    memory="4",
    items="""
    (global $private (mut i64) (i64.const 1))
    (global $constant f32 (f32.const 1.5))
    (global $double (mut f64) (f64.const 0))
    (global $wide (mut v128) (v128.const i32x4 1 2 3 4))
    (global $reference (mut funcref) (ref.func $inner))
    (data (i32.const 100) "hello")
    (func $inner (param i32 i32) (local i64 f32 f32)
      (if (i32.eq (local.get 0) (i32.const 1)) (then (loop $on (br $on))))
      (unreachable))""",
)


def contents(dump: bytes) -> tuple[bytes, list[Any]]:
    """The memory and the globals of a dump, as an engine sees them; a vector as its bytes."""
    layout = read_layout(dump)
    exports = [encoding.name("m") + b"\2\0"]
    exports += [encoding.name(f"g{at}") + b"\3" + encoding.unsigned(at) for at in range(len(layout.globals))]
    module = rebuild(layout, {EXPORT: encoding.vector(exports)}, custom=False)
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, module), [])
    memory, *globals_ = instance.exports(store).values()
    assert isinstance(memory, wasmtime.Memory)
    values: list[Any] = []
    for one, described in zip(globals_, layout.globals, strict=True):
        assert isinstance(one, wasmtime.Global)
        values.append(described.value[2:-1] if described.type == "v128" else one.value(store))
    return bytes(memory.read(store)), values


def memories(dump: bytes) -> list[bytes]:
    """All memories of a dump, as an engine sees them."""
    count = len(read_binary(dump).memories)
    exports = [encoding.name(f"m{at}") + b"\2" + encoding.unsigned(at) for at in range(count)]
    reader, parts = Reader(dump, 8), [dump[:8]]
    for number, stop in reader.sections():
        if number == DATA:
            parts.append(encoding.section(EXPORT, encoding.vector(exports)))
        if number:
            parts.append(encoding.section(number, dump[reader.pos : stop]))
    store = wasmtime.Store()
    found = wasmtime.Instance(store, wasmtime.Module(store.engine, b"".join(parts)), []).exports(store).values()
    return [bytes(memory.read(store)) for memory in found if isinstance(memory, wasmtime.Memory)]


@pytest.fixture
def dump(box: Box, tmp_path: Path) -> bytes:
    """The dump of an agent that trapped."""
    autopsy = caxton.Autopsy(tmp_path / "out.wasm-coredump")
    ref = box.spawn(TRAPPING, name="trapping", debug=caxton.Debug(coredump=autopsy))
    assert not autopsy.path.exists()
    assert box.fails(ref, "xy").code == "trap.unreachable"
    assert (autopsy.written, autopsy.failure) == (True, None)
    return autopsy.path.read_bytes()


def test_memory_and_globals(dump: bytes) -> None:
    """Are those of the instance, those that it does not export too; a reference is null."""
    memory, globals_ = contents(dump)
    assert len(memory) >= 4 << 16
    assert (memory[100:105], memory[70_000:70_004], memory[50_000:50_010]) == (b"hello", b"\4\3\2\1", bytes(10))
    result, private, constant, double, wide, reference = globals_
    assert (result, private, constant, reference) == (0, -2, 1.5, None)
    assert math.isnan(double)
    assert wide == struct.pack("<4i", 1, 2, 3, 4)


def test_what_the_reader_tells(dump: bytes) -> None:
    """Process, module, instance, the stack with every local missing, and why it ended."""
    found = read_core_dump(dump)
    assert found is not None
    frames = found["threads"][0].pop("frames")
    assert [(one["function"], one["locals"], one["missing"], one["stack"]) for one in frames] == [
        (0, 5, 5, 0),
        (1, 2, 2, 0),
    ]
    assert all(one["offset"] > 0 for one in frames)
    assert found["ended"].pop("sha256") is not None
    assert found == {
        "process": "trapping",
        "modules": ["module"],
        "instances": [{"module": 0, "memories": 1, "globals": 6}],
        "threads": [{"name": "main"}],
        "ended": {"code": "trap.unreachable", "message": "the guest gave up (it executed unreachable)"},
        "problem": None,
    }


def test_the_stack_is_that_of_the_error(box: Box, tmp_path: Path) -> None:
    """Its offsets count from each function's beginning in the module as it was given, not as it ran."""
    autopsy = caxton.Autopsy(tmp_path / "out")
    ref = box.spawn(TRAPPING, debug=caxton.Debug(coredump=autopsy))
    watched = box.fails(ref, "xy").frames
    plain = box.fails(box.spawn(TRAPPING, warm=False), "xy").frames
    assert [(one.index, one.offset, one.function) for one in watched] == [
        (one.index, one.offset, one.function) for one in plain
    ]


ENDINGS = {
    "fuel": ("x", {"fuel": 100_000}, "limit.fuel"),
    "deadline": ("x", {"deadline": 0.2}, "limit.deadline"),
}


@pytest.mark.parametrize(("message", "limits", "code"), ENDINGS.values(), ids=ENDINGS.keys())
def test_limits_too(box: Box, tmp_path: Path, message: str, limits: dict[str, Any], code: str) -> None:
    """A guest that runs into a limit is dumped with its stack."""
    autopsy = caxton.Autopsy(tmp_path / "out")
    ref = box.spawn(TRAPPING, caxton.Limits(**limits), debug=caxton.Debug(coredump=autopsy))
    assert box.fails(ref, message).code == code
    found = read_core_dump(autopsy.path.read_bytes())
    assert found is not None
    assert found["ended"]["code"] == code
    assert [frame["function"] for frame in found["threads"][0]["frames"]] == [0, 1]
    assert contents(autopsy.path.read_bytes())[1][1] == -2


STARTS = {
    "start function": "(start $begin)",
    "_initialize": '(export "_initialize" (func $begin))',
    "start function that has logged": "(start $logged)",
}


@pytest.mark.parametrize("how", STARTS.values(), ids=STARTS.keys())
def test_while_it_starts(box: Box, tmp_path: Path, how: str) -> None:
    """Of an instance that is not there yet the stack is all that can be had, and its memory where it has been seen."""
    text = agent(
        uses=imports("log"),
        items=f"""(func $begin (i32.store (i32.const 8) (i32.const 9)) (unreachable))
        (func $logged (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (call $begin)) {how}""",
    )
    autopsy = caxton.Autopsy(tmp_path / "out")
    assert box.refused(text, debug=caxton.Debug(coredump=autopsy)).code == "trap.unreachable"
    memory, _ = contents(autopsy.path.read_bytes())
    assert memory[8:12] == (b"" if how == "(start $begin)" else b"\x09\0\0\0")


def test_only_the_first(box: Box, tmp_path: Path) -> None:
    """One agent, one dump, for its owner alone; a failure status is no reason for one."""
    autopsy = caxton.Autopsy(tmp_path / "out")
    ref = box.spawn(TRAPPING, debug=caxton.Debug(coredump=autopsy))
    box.fails(ref, "xy")
    first = autopsy.path.read_bytes()
    assert stat.S_IMODE(autopsy.path.stat().st_mode) == 0o600
    box.fails(ref, "other")
    assert autopsy.path.read_bytes() == first
    other = caxton.Autopsy(tmp_path / "other")
    box.fails(box.spawn(agent("(i32.const 7)"), debug=caxton.Debug(coredump=other)))
    assert not other.path.exists()


def test_a_dump_that_cannot_be_written(box: Box, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Costs nothing but the dump."""
    autopsy = caxton.Autopsy(tmp_path)
    ref = box.spawn(TRAPPING, debug=caxton.Debug(coredump=autopsy))
    assert box.fails(ref, "xy").code == "trap.unreachable"
    assert autopsy.failure is not None
    assert "cannot be written" in caplog.text


# ---- components


def dumped_component(box: Box, tmp_path: Path, more: str = "") -> tuple[dict[str, Any], bytes]:
    """A component of four linked modules that traps: what its dump tells, and the dump."""
    autopsy = caxton.Autopsy(tmp_path / "out.wasm-coredump")
    text = linked(CHECK="(unreachable)").removesuffix(")") + more + ")"
    ref = box.spawn(text, debug=caxton.Debug(coredump=autopsy))
    error = box.fails(ref, "xy")
    assert (error.code, autopsy.failure) == ("trap.unreachable", None)
    data = autopsy.path.read_bytes()
    found = read_core_dump(data)
    assert found is not None
    assert found["problem"] is None
    return found, data


def test_a_component(box: Box, tmp_path: Path) -> None:
    """Its memory, its modules by their numbers in its file, and through which of them the stack goes."""
    found, data = dumped_component(box, tmp_path)
    memory = memories(data)[0]
    assert (memory[1040:1046], memory[1048:1049]) == (b"upper:", b"!")
    assert found["modules"] == ["module"] * 5
    having = [(one["module"], one["memories"]) for one in found["instances"]]
    assert having == [(3, 0), (0, 1), (1, 0), (2, 0), (4, 0)]
    (frame,) = found["threads"][0]["frames"]
    assert found["instances"][frame["instance"]]["module"] == 2
    assert (frame["function"], frame["locals"], frame["missing"]) == (6, 3, 3)


def test_a_component_of_several_memories(box: Box, tmp_path: Path) -> None:
    """Each is in the dump, with the instance that has it."""
    more = '(core module $own (memory 1) (data (i32.const 70) "more")) (core instance (instantiate $own))'
    found, data = dumped_component(box, tmp_path, more)
    first, second = memories(data)
    assert (first[1040:1046], second[70:74], len(second)) == (b"upper:", b"more", 1 << 16)
    assert [one["memories"] for one in found["instances"]] == [0, 1, 0, 0, 0, 1]


def test_a_component_on_the_command_line(tmp_path: Path) -> None:
    """With the component beside it, ``inspect`` shows the names of its functions."""
    (tmp_path / "agent.wasm").write_bytes(to_binary(linked(CHECK="(unreachable)").encode()))
    done = command("run", "agent.wasm", "--message", "x", "--coredump", "out.wasm-coredump", cwd=tmp_path)
    assert done.status == 4
    found = command("inspect", "out.wasm-coredump", "--json", cwd=tmp_path).object["coredump"]
    assert [frame["name"] for frame in found["threads"][0]["frames"]] == ["handle"]
    assert found["ended"]["code"] == "trap.unreachable"


# ---- on the command line


def test_from_the_trap_to_its_line(tmp_path: Path) -> None:
    """``run --coredump`` and ``inspect``: with the module beside it, the dump shows names, file and line."""
    build("c", tmp_path)
    done = command("run", "agent.wasm", "--message", "x", "--coredump", "out.wasm-coredump", cwd=tmp_path)
    assert done.status == 4
    assert done.lines[-1] == "caxton: the core dump is in out.wasm-coredump"
    found = command("inspect", "out.wasm-coredump", "--json", cwd=tmp_path).object
    top = found["coredump"]["threads"][0]["frames"][0]
    assert (top["name"], Path(top["file"]).name, top["line"]) == ("divide", "agent.c", failing_line(C_SOURCE))
    assert (found["abi"], found["coredump"]["process"]) == (None, "agent")
    page = command("inspect", "out.wasm-coredump", cwd=tmp_path).out.decode()
    assert f"agent.c:{failing_line(C_SOURCE)}:" in page
    assert "trap.divide-by-zero" in page
    whole = (tmp_path / "agent.wasm").read_bytes()
    (tmp_path / "agent.wasm").write_bytes(without_debug(whole))  # another module
    other = command("inspect", "out.wasm-coredump", "--json", cwd=tmp_path).object["coredump"]
    assert (other["beside"], other["threads"][0]["frames"][0]["file"]) == (None, None)


def test_no_trap_no_dump(tmp_path: Path) -> None:
    """Where all goes well nothing is written; a place where nothing can be is told before."""
    (tmp_path / "a.wat").write_text(agent())
    assert command("run", "a.wat", "--coredump", "out", cwd=tmp_path).status == 0
    assert not (tmp_path / "out").exists()
    done = command("run", "a.wat", "--coredump", "nowhere/out", cwd=tmp_path)
    assert (done.status, len(done.lines)) == (6, 1)


# ---- dumps of others, and hostile ones

HEAD = to_binary(b"(module)")


def foreign(frames: bytes, name: bytes = b"app") -> bytes:
    """A dump as others write them: without our section."""
    parts = [
        named("core", b"\0" + encoding.sized(name)),
        named("coremodules", b"\1\0" + encoding.name("app.wasm")),
        named("coreinstances", b"\1\0\0\1\0\0"),
        named("corestack", b"\0" + encoding.name("main") + frames),
    ]
    return HEAD + b"".join(parts)


VALUES = b"\5\x01\x7f\x2a\x7e\x80\x01\x7d\0\0\0\0\x7c\0\0\0\0\0\0\0\0"


def test_a_dump_of_somebody_else() -> None:
    """Values of every type are read over."""
    found = read_core_dump(foreign(b"\1\0\0\7\x0b" + VALUES + b"\1\x01"))
    assert found is not None
    assert found["threads"][0]["frames"] == [
        {"instance": 0, "function": 7, "offset": 11, "locals": 5, "stack": 1, "missing": 2}
    ]
    assert (found["ended"], found["problem"]) == (None, None)


DAMAGED = {
    "too many frames": foreign(encoding.unsigned(MAX_FRAMES + 1)),
    "frames that are not there": foreign(b"\x0a"),
    "an unknown value": foreign(b"\1\0\0\7\x0b\1\x55\0"),
    "more values than bytes": foreign(b"\1\0\0\7\x0b\xff\xff\x03\0"),
    "a frame of an unknown form": foreign(b"\1\7\0\7\x0b\0\0"),
    "a number without end": foreign(b"\1\0\0\7\x0b\1\x7f" + b"\xff" * 20),
    "our section, broken": foreign(b"\0") + named("caxton", b"{"),
    "our section, deep": foreign(b"\0") + named("caxton", b"[" * 60_000),
    "too many modules": HEAD + named("core", b"\0\1a") + named("coremodules", b"\xff\xff\x03"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_dumps(data: bytes) -> None:
    """What can be read is told, and where reading stopped."""
    found = read_core_dump(data)
    assert found is not None
    assert found["process"] in ("app", "a")
    assert found["problem"]


def test_hostile_names_harm_nobody(tmp_path: Path) -> None:
    """Not on the page, not in JSON; a module's name leads nowhere but beside the dump."""
    (tmp_path / "below").mkdir()
    (tmp_path / "secret.wasm").write_bytes(to_binary(TRAPPING.encode()))
    frames = b"\1\0\0\0\1\0\0"
    evil = foreign(frames, EVIL.encode()).replace(b"\x08app.wasm", b"\x08a\x1b[31m\xff\xff\x0a")
    outside = foreign(frames).replace(b"\x08app.wasm", b"\x0e../secret.wasm")
    lines = []
    for number, data in enumerate((evil, HEAD + outside[len(HEAD) :], b"".join(DAMAGED.values()))):
        (tmp_path / "below" / f"{number}").write_bytes(data)
        lines += [
            ["inspect", str(tmp_path / "below" / f"{number}")],
            ["inspect", str(tmp_path / "below" / f"{number}"), "--json"],
        ]
    for done in caxton_each(lines):
        assert done.status in (0, 3)
        assert is_harmless(done.out.decode() + done.err)
        assert b"inner" not in done.out


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["core", "coremodules", "coreinstances", "corestack", "caxton"]))
def test_any_bytes_in_any_section(content: bytes, section: str) -> None:
    """Reading ends, and what is found is JSON."""
    found = read_core_dump(HEAD + named("core", b"\0\0") + named(section, content))
    assert found is not None
    json.dumps(found)


WHOLE = foreign(b"\2" + (b"\0\0\7\x0b" + VALUES + b"\0") * 2)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(WHOLE) - 1), st.integers(0, 255)), max_size=8))
def test_changed_bytes(changes: list[tuple[int, int]]) -> None:
    """A dump with some bytes changed is read as far as it goes, or is no WebAssembly any more."""
    data = bytearray(WHOLE)
    for at, byte in changes:
        data[at] = byte
    with contextlib.suppress(MalformedBinary):
        read_core_dump(bytes(data))
