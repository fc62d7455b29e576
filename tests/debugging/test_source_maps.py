"""A source map beside a module gives file, line and column; a damaged or lying one gives a plain stack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.sandbox.compiler import to_binary
from caxton.sandbox.dwarf_lines import MAX_FILES, MAX_ROWS, NOWHERE
from caxton.sandbox.lines import Lines, pack_companion
from caxton.sandbox.source_map import BadMap, read_source_map
from tests.debugging.sources import code_start, mappings, url
from tests.sandbox.guests import Box, agent

MODULE = to_binary(
    agent("(call $check (local.get $len)) (i32.const 0)", items="(func $check (param i32) (unreachable))").encode()
)
START = code_start(MODULE)
TRAP = MODULE.index(b"\x00\x0b", START)  # `unreachable` and the body's end


def source_map(
    rows: Sequence[tuple[int, ...]], sources: Sequence[object] = ("src/a.ts", "src/b.ts"), **more: object
) -> bytes:
    """A source map with these rows."""
    return json.dumps({"version": 3, "sources": list(sources), "names": [], "mappings": mappings(rows)} | more).encode()


WHOLE = source_map([(START, 1, 99, 0), (TRAP - 1,), (TRAP, 0, 6, 2), (TRAP + 1,), (TRAP + 4, 1, 20, 4)])


def stack(box: Box, folder: Path, binary: bytes = MODULE, **files: bytes) -> tuple[caxton.Frame, ...]:
    """The stack of a trap in ``agent.wasm``, with files beside it (``__`` in a name is a dot)."""
    (folder / "agent.wasm").write_bytes(binary)
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    error = box.fails(box.spawn(folder / "agent.wasm"), "x")
    assert error.code == "trap.unreachable"
    assert [frame.function for frame in error.frames] == ["check", "handle"]
    return error.frames


def test_beside_the_module(box: Box, tmp_path: Path) -> None:
    """``NAME.wasm.map``; lines and columns count from 1 for people."""
    top, caller = stack(box, tmp_path, agent__wasm__map=WHOLE)
    assert (top.file, top.line, top.column) == ("src/a.ts", 7, 3)
    assert (caller.file, caller.line, caller.column) == ("src/b.ts", 21, 5)


def test_where_the_module_says(box: Box, tmp_path: Path) -> None:
    """``sourceMappingURL`` goes before what lies beside it."""
    other = source_map([(TRAP, 0, 0, 0)])
    top, _ = stack(box, tmp_path, MODULE + url("sourceMappingURL", "./a.map"), agent__wasm__map=other, a__map=WHOLE)
    assert top.line == 7
    (tmp_path / "a.map").unlink()
    (tmp_path / "agent.wasm").write_bytes(MODULE + url("sourceMappingURL", "./gone.map"))
    assert box.fails(box.spawn(tmp_path / "agent.wasm"), "x").frames[0].line == 1


def test_a_root_of_sources(box: Box, tmp_path: Path) -> None:
    """It stands before each; but for the one that AssemblyScript writes, under which nothing lies."""
    rooted = source_map([(TRAP, 0, 6, 2)], sourceRoot="./agent")
    assert stack(box, tmp_path, agent__wasm__map=rooted)[0].file == "./agent/src/a.ts"
    named = MODULE + url("sourceMappingURL", "./agent.wasm.map")
    assert stack(box, tmp_path, named, agent__wasm__map=rooted)[0].file == "src/a.ts"


def test_what_has_no_position_has_none(box: Box, tmp_path: Path) -> None:
    """Neither between positions, nor before the first of a function."""
    gap = source_map([(START, 1, 99, 0), (TRAP - 1,), (TRAP + 4, 1, 20, 4)])
    assert [frame.line for frame in stack(box, tmp_path, agent__wasm__map=gap)] == [None, 21]
    before = source_map([(START, 1, 99, 0), (TRAP, 0, 6, 2)])
    assert [frame.line for frame in stack(box, tmp_path, agent__wasm__map=before)] == [7, None]


DAMAGED = {
    "nothing": b"",
    "no JSON": b"{",
    "deep JSON": b"[" * 100_000,
    "a list": b"[]",
    "another version": WHOLE.replace(b'"version": 3', b'"version": 2'),
    "no mappings": b'{"version": 3, "sources": ["a"], "mappings": 7}',
    "no sources": b'{"version": 3, "sources": {}, "mappings": "AAAA"}',
    "no digits": b'{"version": 3, "sources": ["a"], "mappings": "A\xc3\xa4AA"}',
    "too many numbers": b'{"version": 3, "sources": ["a"], "mappings": "AAAAAA"}',
    "two numbers": b'{"version": 3, "sources": ["a"], "mappings": "AA"}',
    "a number without end": b'{"version": 3, "sources": ["a"], "mappings": "' + b"g" * 100_000 + b'"}',
    "half a number": b'{"version": 3, "sources": ["a"], "mappings": "AAAg"}',
    "offsets below 0": source_map([(5, 0, 0, 0), (-7, 0, 0, 0)]),
    "offsets beyond the module": source_map([(10_000_000, 0, 0, 0)]),
    "WebAssembly": MODULE[:20],
    "no UTF-8": b"\xff\xfe",
}
STRANGE = {
    "lines below 0": source_map([(TRAP, 0, -5, 0)]),
    "no such source": source_map([(TRAP, 7, 0, 0)]),
    "a source below 0": source_map([(TRAP, -1, 0, 0)]),
    "sources that are no texts": source_map([(TRAP, 0, 0, 0)], [None, 5]),
    "a source with a NUL": source_map([(TRAP, 0, 0, 0)], ["a\0b"]),
    "huge lines": source_map([(TRAP, 0, 1 << 34, 0)]),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_maps(box: Box, tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The stack is a plain one, and the log has a line about it that is safe to print."""
    assert {frame.line for frame in stack(box, tmp_path, agent__wasm__map=data)} == {None}
    (record,) = [record for record in caplog.records if record.name == "caxton.sandbox"]
    assert record.getMessage().isprintable()


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE.keys())
def test_strange_maps(box: Box, tmp_path: Path, data: bytes) -> None:
    """What a map says of a place that cannot be is left out."""
    assert stack(box, tmp_path, agent__wasm__map=data)[0].line is None


def test_what_is_kept_is_bounded() -> None:
    """Rows and sources have limits, and a long name is cut."""
    rows = read_source_map(source_map([(at, 0, 0, 0) for at in range(1, MAX_ROWS + 1000)]))
    assert len(rows.rows) <= MAX_ROWS
    found = read_source_map(source_map([(1, 0, 0, 0)], [f"{at}.ts" for at in range(MAX_FILES + 100)]))
    assert len(found.files) == MAX_FILES
    assert len(read_source_map(source_map([(1, 0, 0, 0)], ["x" * 100_000])).files[0]) <= 1024


offsets = st.lists(st.integers(0, 1 << 20), min_size=1, max_size=60, unique=True).map(sorted)


@settings(max_examples=100, deadline=None)
@given(offsets, st.randoms(use_true_random=False))
def test_what_is_written_is_read(at: list[int], random: object) -> None:
    """Every row comes back, those without a position too."""
    rows: list[tuple[int, ...]] = []
    for offset in at:
        source = random.randrange(3)  # type: ignore[attr-defined]
        rows.append((offset,) if source == 2 else (offset, source, offset % 977, offset % 71))
    found = read_source_map(source_map(rows)).rows
    assert found == [
        (row[0], NOWHERE, 0, 0) if len(row) == 1 else (row[0], row[1], row[2] + 1, row[3] + 1) for row in rows
    ]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=200), st.text("ACDgz+/,;", max_size=200)), st.lists(st.text(max_size=10), max_size=4))
def test_any_text_as_mappings(text: str, sources: list[str]) -> None:
    """Reading ends, with rows or with a refusal; a table of them answers at any offset."""
    data = json.dumps({"version": 3, "sources": sources, "mappings": text}).encode()
    try:
        rows = read_source_map(data).rows
    except BadMap:
        rows = []
    assert all(file == NOWHERE or (0 <= file < len(sources) and line > 0) for _, file, line, _ in rows)
    lines = Lines(pack_companion(MODULE, data)[0])
    for offset in (0, START, TRAP, len(MODULE), 1 << 40):
        lines.find(offset)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_as_a_companion(data: bytes) -> None:
    """Whatever lies beside a module, it is a table or a reason."""
    for found in (data, b"\0asm\1\0\0\0" + data, WHOLE[: len(data)] + data):
        packed, why = pack_companion(MODULE, found)
        assert bool(packed) != bool(why)
