"""A module whose custom sections lie, or are huge, runs, and has a plain stack: no crash, no long wait at a trap."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import caxton
from caxton.sandbox.compiler import to_binary
from tests.debugging.sources import debug_only, named, url
from tests.debugging.test_source_maps import MODULE
from tests.sandbox.guests import MIB, Box, agent, leb, sized

ZEROS = bytes(20 * MIB)
HUGE_NAMES = b"\1" + sized(leb(100_000) + b"".join(leb(at) + sized(b"f" * 100) for at in range(100_000)))

SECTIONS = {
    "40 MiB of something": named("something", ZEROS + ZEROS),
    "ten thousand sections": b"".join(named(f"s{at}", b"") for at in range(9_900)),
    "a huge line table": named(".debug_line", ZEROS),
    "huge strings": named(".debug_line", b"\1\0\0\0") + named(".debug_str", ZEROS) + named(".debug_line_str", ZEROS),
    "a section twice": named("name", b"\xff" * 50) + named("name", b"\1\5\1\0\3abc"),
    "many long names": named("name", HUGE_NAMES),
    "a name without UTF-8": named("name", b"\1" + sized(b"\1\0" + sized(b"\xff\xfe\x1b[31m"))),
    "an endless URL": url("sourceMappingURL", "a/" * 40_000),
    "URLs that are no names": named("sourceMappingURL", b"\xff\xff\xff\xff\x0f")
    + named("external_debug_info", b"\x7f"),
    "a URL without UTF-8": named("external_debug_info", sized(b"\xff\xfe/../../etc/passwd")),
    "a core dump's sections": named("core", b"\0\1a") + named("corestack", b"\0\1a\xff\xff\xff\xff\x0f"),
}


@pytest.mark.parametrize("sections", SECTIONS.values(), ids=SECTIONS.keys())
def test_in_the_module(box: Box, tmp_path: Path, sections: bytes) -> None:
    """The trap is the guest's, its frames are safe to print, and what is told of it is small."""
    (tmp_path / "agent.wasm").write_bytes(MODULE + sections)
    ref = box.spawn(tmp_path / "agent.wasm", caxton.Limits(module_size=64 * MIB))
    error = box.fails(ref, "x")
    assert error.code == "trap.unreachable"
    assert {frame.line for frame in error.frames} == {None}
    assert all(str(frame).isprintable() and len(str(frame)) < 600 for frame in error.frames)
    assert len(json.dumps(error.as_json())) < 20_000


@pytest.mark.parametrize("damaged", [named(".debug_line", b"\xff" * 50), named(".debug_info", b"abc")])
def test_damage_is_warned_of(box: Box, damaged: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Debug information that tells of no lines is there for nothing; a module without any is no case for a warning."""
    box.spawn(MODULE + damaged)
    box.spawn(MODULE + damaged)
    box.spawn(MODULE)
    found = [record.message for record in caplog.records if record.name == "caxton.sandbox"]
    assert ["debug information is of no use: what the module has itself tells of no lines"] == found


@pytest.mark.parametrize("sections", SECTIONS.values(), ids=SECTIONS.keys())
def test_beside_the_module(box: Box, tmp_path: Path, sections: bytes) -> None:
    """The same of a file with debug information."""
    plain = to_binary(agent("(unreachable)").encode())
    (tmp_path / "agent.wasm").write_bytes(plain)
    (tmp_path / "agent.debug.wasm").write_bytes(debug_only(MODULE) + sections)
    error = box.fails(box.spawn(tmp_path / "agent.wasm"), "x")
    assert error.code == "trap.unreachable"
    assert {frame.line for frame in error.frames} == {None}


def test_a_companion_that_is_too_large(box: Box, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is not even opened to its end."""
    (tmp_path / "agent.wasm").write_bytes(MODULE)
    with (tmp_path / "agent.wasm.map").open("wb") as file:
        file.truncate(200 * MIB)
    assert {frame.line for frame in box.fails(box.spawn(tmp_path / "agent.wasm"), "x").frames} == {None}
    assert "more than" in caplog.text


def test_a_deep_and_wide_map(box: Box, tmp_path: Path) -> None:
    """Reading ends in the child, in time and memory that are bounded."""
    text = b'{"version": 3, "sources": [' + b'"a",' * 500_000 + b'"b"], "mappings": "' + b"AAAA," * 2_000_000 + b'"}'
    (tmp_path / "agent.wasm").write_bytes(MODULE)
    (tmp_path / "agent.wasm.map").write_bytes(text)
    assert box.fails(box.spawn(tmp_path / "agent.wasm"), "x").code == "trap.unreachable"
