"""A module that imports what the host does not have is refused when it is loaded, and the import is named."""

from __future__ import annotations

import pytest

from tests.sandbox.guests import CONTRACT, Box, agent, custom, imports, refusal, section, sized


def test_an_unknown_import_is_named() -> None:
    """Module and name stand in the message, and the type."""
    error = refusal(agent(uses='(import "env" "system" (func (param i32) (result i32)))'))
    assert error.code == "module.unknown-import"
    assert "env.system" in error.message
    assert "func (i32) -> (i32)" in error.message


UNKNOWN = {
    "another module": '(import "env" "log" (func (param i32 i32 i32)))',
    "another name": '(import "caxton" "logs" (func (param i32 i32 i32)))',
    "another case": '(import "Caxton" "log" (func (param i32 i32 i32)))',
    "empty names": '(import "" "" (func))',
    "WASI of another snapshot": '(import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))',
    "WASI that is none": '(import "wasi_snapshot_preview1" "sock_open" (func (param i32 i32) (result i32)))',
    "threads": '(import "wasi" "thread-spawn" (func (param i32) (result i32)))',
    "a memory": '(import "env" "memory2" (memory 1))',
    "a global": '(import "env" "answer" (global i32))',
    "a mutable global": '(import "caxton" "answer" (global (mut i32)))',
    "a table": '(import "env" "table" (table 1 funcref))',
    "a memory of the host's": '(import "caxton" "log" (memory 1))',
    "a table of the host's": '(import "caxton" "log" (table 1 funcref))',
    "a global of the host's": '(import "caxton" "log" (global i32))',
}


@pytest.mark.parametrize("uses", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_the_host_does_not_have(uses: str) -> None:
    """Nothing but functions of the table can be imported."""
    text = agent(uses=uses)
    if "(memory" in uses:  # one memory is all that a module has
        text = text.replace('(memory (export "memory") 1)', '(export "memory" (memory 0))')
    assert refusal(text).code == "module.unknown-import"


WRONG = {
    "a parameter less": '(import "caxton" "log" (func (param i32 i32)))',
    "a parameter more": '(import "caxton" "log" (func (param i32 i32 i32 i32)))',
    "a result": '(import "caxton" "log" (func (param i32 i32 i32) (result i32)))',
    "no result": '(import "caxton" "tell" (func (param i32 i32 i32 i32)))',
    "a wider result": '(import "caxton" "state_get" (func (param i32 i32) (result i64)))',
    "two results": '(import "caxton" "state_get" (func (param i32 i32) (result i32 i32)))',
    "a wider parameter": '(import "caxton" "log" (func (param i64 i32 i32)))',
    "a narrower time": '(import "caxton" "sleep_ms" (func (param i32) (result i32)))',
    "floats": '(import "caxton" "random" (func (param f32 f64)))',
    "references": '(import "caxton" "cancel" (func (param externref) (result i32)))',
    "WASI's": '(import "wasi_snapshot_preview1" "proc_exit" (func (param i32) (result i32)))',
}


@pytest.mark.parametrize("uses", WRONG.values(), ids=WRONG.keys())
def test_an_import_of_another_type(uses: str) -> None:
    """The name alone is not enough; the message says which import, and both types."""
    error = refusal(agent(uses=uses))
    assert error.code == "module.unknown-import"
    assert uses.split('"')[1] + "." + uses.split('"')[3] in error.message


def test_the_first_wrong_import_is_named() -> None:
    """Of several, the first one; those that are right do not help."""
    uses = imports(*CONTRACT) + '(import "a" "first" (func)) (import "b" "second" (func))'
    error = refusal(agent(uses=uses))
    assert "a.first" in error.message
    assert "second" not in error.message


def test_importing_the_same_twice_is_fine(box: Box) -> None:
    """A linker may leave an import there two times."""
    box.ask(box.spawn(agent(uses=imports("log") + imports("log").replace("$log", "$log2"))))


def test_names_are_escaped_and_cut() -> None:
    """What a module calls its imports cannot write on a terminal, and cannot flood it."""
    error = refusal(agent(uses=f'(import "\\1b[31m\\e2\\80\\ae" "{"n" * 100_000}" (func))'))
    assert error.code == "module.unknown-import"
    assert error.message.isprintable()
    assert len(error.message) < 1000


# ---- the order of the load checks: valid, imports, exports, buffer

NOTHING = '(import "env" "nothing" (func))'


def test_validity_comes_first() -> None:
    """An invalid module is `module.invalid`, whatever else is wrong with it."""
    error = refusal(f"(module {NOTHING} (func (result i32)))")
    assert error.code == "module.invalid"


def test_imports_come_before_exports() -> None:
    """A module with a wrong import and no exports."""
    assert refusal(f"(module {NOTHING})").code == "module.unknown-import"


def test_exports_come_before_the_buffer() -> None:
    """A module with a memory that cannot grow and no `get_response`."""
    text = """(module
      (memory (export "memory") 1 1)
      (func (export "handle_message") (param i32 i32) (result i32) (unreachable)))"""
    assert refusal(text).code == "module.missing-export"


def test_the_buffer_comes_before_the_limits(box: Box) -> None:
    """A memory beyond the limit that cannot grow either."""
    assert box.refused(agent(memory="60000 60000")).code == "module.no-message-buffer"
    assert box.refused(agent(memory="60000 60001")).code == "limit.memory"


INVALID = {
    "nothing": b"",
    "not WebAssembly": b"#!/bin/sh\n",
    "a magic number alone": b"\0asm",
    "another version": b"\0asm\x02\0\0\0",
    "a component of another version": b"\0asm\x0e\0\x01\0",
    "a component that breaks off": b"\0asm\x0d\0\x01\0\x01\x05\0",
    "cut off": b"\0asm\x01\0\0\0\x01\x05\x01\x60",
    "sections out of order": b"\0asm\x01\0\0\0" + section(3) + section(1),
    "an unknown section": b"\0asm\x01\0\0\0" + section(77),
    "a section beyond the end": b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f",
    "a custom section without a name": b"\0asm\x01\0\0\0\0\x02\x05a",
    "a type index that is not there": b"\0asm\x01\0\0\0" + section(3, b"\x07") + section(10, sized(b"\0\x0b")),
    "bytes that are no UTF-8": b"\0asm\x01\0\0\0" + section(2, b"\x01\xff\x01\xff\0\0"),
    "text that is none": b"(module (func",
    "text with a null": b"(module \0)",
    "binary text": b"(\xff\xfe)",
    "an ELF file": b"\x7fELF" + bytes(100),
}


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID.keys())
def test_what_is_no_module(data: bytes) -> None:
    """Whatever it is, it is `module.invalid`, with one line that says why."""
    error = refusal(data)
    assert error.code == "module.invalid"
    assert error.message.isprintable()
    assert 0 < len(error.message) < 5000


def test_custom_sections_do_not_matter(box: Box) -> None:
    """Unknown, repeated or broken custom sections spoil nothing."""
    import wasmtime

    binary = bytes(wasmtime.wat2wasm(agent()))
    for extra in (custom("x", b"\xff" * 100), custom("name", b"\xff\xff") * 3, custom("producers", b"\x09") * 2):
        box.ask(box.spawn(binary + extra))
        box.ask(box.spawn(binary[:8] + extra + binary[8:]))
