"""``caxton inspect`` shows what a module is made of, whether it could be an agent or not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.cli.command import Guests, caxton
from tests.components.guests import text_agent


def section(number: int, *content: bytes) -> bytes:
    """A section: its id, its size, what is in it."""
    joined = b"".join(content)
    return bytes([number, len(joined)]) + joined


def name(text: bytes) -> bytes:
    """A text with its length before it."""
    return bytes([len(text)]) + text


# Two functions that answer 0, a memory of one page, and a producers section.
AGENT = b"\0asm\x01\0\0\0" + b"".join(
    (
        section(1, b"\x01\x60\x02\x7f\x7f\x01\x7f"),
        section(3, b"\x02\0\0"),
        section(5, b"\x01\0\x01"),
        section(
            7, b"\x03", name(b"memory"), b"\x02\0", name(b"handle_message"), b"\0\0", name(b"get_response"), b"\0\1"
        ),
        section(10, b"\x02", name(b"\0\x41\0\x0b") * 2),
        section(0, name(b"producers"), b"\x01", name(b"language"), b"\x01", name(b"C"), name(b"11")),
    )
)


def test_an_agent(tmp_path: Path) -> None:
    """Of an agent it tells all there is: ABI, hash, size, exports, producers."""
    file = tmp_path / "agent.wasm"
    file.write_bytes(AGENT)
    found = caxton("inspect", str(file), "--json").object
    assert (found["ok"], found["abi"], found["valid"], found["problem"]) == (True, "core", True, None)
    assert (found["sha256"], found["size"]) == (hashlib.sha256(AGENT).hexdigest(), len(AGENT))
    assert (found["format"], found["kind"], found["allocator"]) == ("binary", "core module", "window")
    assert found["exports"] == [
        {"name": "memory", "type": "memory, 1 or more pages"},
        {"name": "handle_message", "type": "func (i32 i32) -> (i32)"},
        {"name": "get_response", "type": "func (i32 i32) -> (i32)"},
    ]
    assert found["memories"] == ["memory, 1 or more pages"]
    assert found["producers"] == {"language": ["C 11"]}
    assert found["debug"] == {"dwarf": False, "names": False, "source_map": None, "external": None}
    page = caxton("inspect", str(file)).out.decode()
    assert found["sha256"] in page
    assert "C 11" in page


def test_imports(guest: Guests) -> None:
    """Each import comes with its type, and whether the host has it."""
    found = caxton("inspect", guest("logging"), "--json").object
    wanted = {"module": "caxton", "name": "log", "type": "func (i32 i32 i32) -> ()", "known": True}
    assert found["imports"] == [wanted]
    found = caxton("inspect", guest("unknown-import"), "--json").object
    assert [item["known"] for item in found["imports"]] == [False]
    assert (found["abi"], found["problem"]["code"]) == (None, "module.unknown-import")


@pytest.mark.parametrize(
    ("name", "valid", "code"),
    [
        ("no-response", True, "module.missing-export"),
        ("no-buffer", True, "module.no-message-buffer"),
        ("ill-typed", False, "module.invalid"),
    ],
)
def test_no_agent(guest: Guests, name: str, valid: bool, code: str) -> None:
    """A module that is no agent, or not even valid, is shown all the same, and exit status 0 says that it could be."""
    done = caxton("inspect", guest(name), "--json")
    assert (done.status, done.object["valid"], done.object["problem"]["code"]) == (0, valid, code)
    assert code in caxton("inspect", guest(name)).out.decode()


def test_start_function(guest: Guests) -> None:
    """It says whether there is a start function, without calling it."""
    assert caxton("inspect", guest("start-trapping"), "--json").object["start"] is True
    assert caxton("inspect", guest("echo"), "--json").object["start"] is False
    assert caxton("inspect", guest("start-trapping")).status == 0


def test_a_component(tmp_path: Path) -> None:
    """A component is shown with its types, and whether it is an agent."""
    file = tmp_path / "component.wat"
    file.write_text(text_agent())
    found = caxton("inspect", str(file), "--json").object
    assert (found["kind"], found["abi"], found["problem"], found["valid"]) == ("component", "component", None, True)
    assert found["exports"] == [{"name": "handle-text", "type": "func(text: string) -> result<string, string>"}]
    assert found["memories"] == ["memory, 1 or more pages"]
    shown = caxton("inspect", str(file))
    assert shown.status == 0
    assert b"handle-text" in shown.out


def test_a_component_that_is_no_agent(tmp_path: Path) -> None:
    """It says what is missing, or what the host has not."""
    file = tmp_path / "component.wat"
    for text, code in (
        ("(component)", "module.missing-export"),
        ('(component (import "a:b/c" (instance (export "f" (func)))))', "module.unknown-import"),
        ('(component (core module (import "a" "b" (memory 1 2 shared))))', "module.invalid"),
    ):
        file.write_text(text)
        found = caxton("inspect", str(file), "--json").object
        assert (found["abi"], found["problem"]["code"]) == (None, code)


def test_how_its_agents_begin(tmp_path: Path) -> None:
    """What became of the initialisation: run ahead, left to each agent and why, or not there."""
    head = '(module (import "caxton" "log" (func $log (param i32 i32 i32)))'
    body = """(memory (export "memory") 1) (global $g (mut i32) (i32.const 0))
      (func (export "handle_message") (param i32 i32) (result i32) (global.get $g))
      (func (export "get_response") (param i32 i32) (result i32) (i32.const 0))"""
    begins = {
        "not needed: there is nothing to initialise": "",
        "yes: it takes": '(func (export "_initialize") (global.set $g (i32.const 7)))',
        "no: it calls caxton.log": '(func (export "_initialize")'
        " (call $log (i32.const 2) (i32.const 0) (i32.const 0)))",
    }
    file = tmp_path / "agent.wat"
    for said, initialise in begins.items():
        file.write_text(head + body + initialise + ")")
        (line,) = (
            row for row in caxton("inspect", str(file)).out.decode().splitlines() if row.startswith("warm start")
        )
        assert said in line
