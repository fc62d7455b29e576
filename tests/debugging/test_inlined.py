"""Functions that a compiler has put inside others are on the stack as if they had been called."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.sandbox import dwarf_inlines
from caxton.sandbox import lines as lines_module
from caxton.sandbox.binary_reader import Reader
from caxton.sandbox.dwarf_forms import Forms
from caxton.sandbox.dwarf_inlines import SECTIONS, InlinedCalls, read_inlined_calls
from caxton.sandbox.dwarf_lines import LineRows
from caxton.sandbox.lines import MAX_INLINED, Lines, function_bodies, pack_lines
from caxton.toolchain import build as build_project
from caxton.toolchain import create_project, language
from tests.debugging.sources import FREESTANDING, debug_only, named, without_debug, zig
from tests.sandbox.guests import Box, sized
from tests.sdk.projects import MACHINE

C: Final = r"""#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))
volatile int zero;
INLINE int divide(int length) {
  return length / zero;  // 5
}
INLINE int half(int length) {
  if (length > 100)
    return divide(length + 1);  // 9
  return divide(length) + 1;  // 10
}
static __attribute__((noinline)) int called(int length) {
  return half(length) * 3;  // 13
}
EXPORT(handle_message) int handle_message(const char *text, int length) {
  return called(length) + 1;  // 16
}
EXPORT(get_response) int get_response(char *out, int length) { return 0; }
"""
EXPECTED: Final = [("divide", 5), ("half", 10), ("called", 13), ("handle_message", 16)]
KINDS: Final = [("-gdwarf-4", "-O1"), ("-gdwarf-5", "-O1"), ("-gdwarf-4", "-O2"), ("-gdwarf-5", "-O2"), ("-g", "-O0")]


def compiled(folder: Path, *flags: str) -> bytes:
    """The program, by clang."""
    (folder / "agent.c").write_text(C)
    zig(
        folder,
        "cc",
        *FREESTANDING,
        *flags,
        "-fno-sanitize=all",
        "-nostdlib",
        "-Wl,--no-entry",
        "agent.c",
        "-o",
        "agent.wasm",
    )
    return (folder / "agent.wasm").read_bytes()


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The program, with DWARF 5."""
    return compiled(tmp_path_factory.mktemp("built"), "-gdwarf-5", "-O2")


@pytest.mark.parametrize("flags", KINDS, ids=map(" ".join, KINDS))
def test_each_has_its_name_and_its_line(box: Box, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The innermost one where it failed, the others where they called; whatever DWARF it is."""
    error = box.fails(box.spawn(compiled(tmp_path, *flags)), "x")
    assert [(frame.function, frame.line) for frame in error.frames] == EXPECTED
    assert {Path(frame.file or "").name for frame in error.frames} == {"agent.c"}
    assert len({frame.index for frame in error.frames}) == 2


def test_in_a_file_of_its_own(box: Box, tmp_path: Path, module: bytes) -> None:
    """The debug information may lie beside the module."""
    (tmp_path / "agent.wasm").write_bytes(without_debug(module))
    (tmp_path / "agent.debug.wasm").write_bytes(debug_only(module))
    error = box.fails(box.spawn(tmp_path / "agent.wasm"), "x")
    assert [(frame.function, frame.line) for frame in error.frames] == EXPECTED


def test_a_library_that_gives_up(box: Box, tmp_path: Path) -> None:
    """The agent's own line is there, and is shown, where all that failed was the library's."""
    folder = create_project(language("rust"), tmp_path / "agent")
    (folder / "src" / "lib.rs").write_text(
        """use caxton::{agent, Failure};

agent!(handle);

fn handle(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let first: Option<&u8> = message.get(7);
    Ok(vec![*first.unwrap()]) // 7
}
"""
    )
    built = build_project(folder, debug=True, machine=MACHINE)
    error = box.fails(box.spawn(built.module), "x")
    own = [frame for frame in error.frames if Path(frame.file or "").name == "lib.rs" and frame.line == 7]
    assert own
    assert own[0].function == "agent::handle"


def test_calls_that_do_not_fit_are_not_believed(module: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one reaches over the end of a function an optimiser has moved the code: then there are none."""

    def stale(sections: dict[str, bytes], lines: LineRows, code_size: int) -> InlinedCalls:
        found = read_inlined_calls(sections, lines, code_size)
        low, _, *rest = found.calls[0]
        found.calls.append((low, code_size, *rest))  # type: ignore[arg-type]
        return found

    assert "calls" in pack_lines(module).partition("\n")[0]
    monkeypatch.setattr(lines_module, "read_inlined_calls", stale)
    assert "calls" not in pack_lines(module).partition("\n")[0]


def looked_up(data: bytes) -> None:
    """Reads what is told of every place of a module."""
    lines = Lines(pack_lines(data))
    for offset in range(0, len(data), 7):
        for name, place in lines.inlined(offset):
            assert isinstance(name, str)
            assert place is None or place[1] > 0


def parts(data: bytes) -> list[tuple[int, int]]:
    """Where the sections lie that inlined calls are read from."""
    reader = Reader(data, 8)
    return [
        (reader.pos, stop)
        for number, stop in reader.sections()
        if number == 0 and reader.name("replace") in SECTIONS and reader.pos < stop
    ]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_in_the_sections(module: bytes, data: st.DataObject) -> None:
    """What makes no sense is left out."""
    changed = bytearray(module)
    for start, stop in data.draw(st.lists(st.sampled_from(parts(module)), min_size=1, max_size=6)):
        at = data.draw(st.integers(start, stop - 1))
        changed[at] = data.draw(st.integers(0, 255) | st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    looked_up(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS), st.binary(max_size=300)))
def test_sections_of_noise(module: bytes, sections: dict[str, bytes]) -> None:
    """So do sections of anything."""
    plain = without_debug(module)
    looked_up(plain + b"".join(named(name, content) for name, content in sections.items()))


HEADER: Final = b"\5\0\1\4\0\0\0\0"  # DWARF 5, a compile unit, addresses of 4 bytes, the first table
HOSTILE: Final = {
    "units without end": (b"\xff" * 2_000_000, b"\1\x11\0\0\0\0"),
    "very many units": ((len(HEADER)).to_bytes(4, "little") + HEADER) * 100_000,
    "very many entries": (1_000_008).to_bytes(4, "little") + HEADER + b"\1" * 1_000_000,
    "entries that refer to themselves": (24).to_bytes(4, "little") + HEADER + b"\2" + b"\1\x0d\0\0\0" * 3,
}


def sections(entry: bytes, count: int, attributes: bytes, **others: bytes) -> dict[str, bytes]:
    """So many entries of inlined calls, alike but for their last four bytes, which count."""
    body = b"\2" + b"".join(b"\1" + entry + number.to_bytes(4, "little") for number in range(count))
    table = b"\1\x1d\0" + attributes + b"\0\0" + b"\2\x11\0\0\0" + b"\0"
    info = (len(HEADER) + len(body)).to_bytes(4, "little") + HEADER + body
    return {".debug_info": info, ".debug_abbrev": table} | {f".debug_{name}": those for name, those in others.items()}


def test_calls_in_calls_have_a_bound(module: bytes) -> None:
    """To look one up is to walk outwards, in the host."""
    plain = without_debug(module)
    place = function_bodies(plain)[0] - lines_module._sections(plain)[0] + 1
    told = sections(place.to_bytes(4, "little") + b"\4\0\0\0", 5_000, b"\x11\1\x12\6\x59\6")  # from, size, line
    names = named("name", b"\1" + sized(b"\1\0" + sized(b"f")))
    code = plain + names + b"".join(named(name, content) for name, content in told.items())
    lines = Lines(pack_lines(code))
    most = max(len(lines.inlined(offset)) for offset in range(len(code)))
    assert most == MAX_INLINED


def test_ranges_count_as_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that lead nowhere."""
    monkeypatch.setattr(dwarf_inlines, "MAX_ENTRIES", 20_000)
    read: list[tuple[int, int]] = []
    ranges = Forms.ranges

    def counted(forms: Forms, value: int) -> Iterator[tuple[int, int]]:
        for one in ranges(forms, value):
            read.append(one)
            yield one

    monkeypatch.setattr(Forms, "ranges", counted)
    useless = b"\4\x05\x04" * 900  # offsets, of which the second is the smaller one
    told = sections(b"", 1_000, b"\x55\x17", rnglists=useless)
    assert read_inlined_calls(told, LineRows(), 1_000).calls == []
    assert 0 < len(read) <= 20_000


def test_names_have_a_bound() -> None:
    """All of them together."""
    entries = b"".join(b"\3" + (number * 7).to_bytes(4, "little") for number in range(30_000))
    first = 4 + len(HEADER) + 1
    calls = b"".join(
        b"\1" + (first + 13 * 30_000 + 5 * number).to_bytes(4, "little") + b"\5\0\0\0\x40\0\0\0"
        for number in range(30_000)
    )
    body = b"\2" + calls + entries
    table = b"\1\x1d\0\x31\x13\x11\1\x12\6\0\0" + b"\2\x11\0\0\0" + b"\3\x2e\0\3\x0e\0\0" + b"\0"
    told = {
        ".debug_info": (len(HEADER) + len(body)).to_bytes(4, "little") + HEADER + body,
        ".debug_abbrev": table,
        ".debug_str": random.Random(1).randbytes(300_000).replace(b"\0", b"x"),
    }
    found = read_inlined_calls(told, LineRows(), 1_000)
    assert len(found.calls) == 30_000
    assert sum(map(len, found.names)) <= dwarf_inlines.MAX_NAMES
    assert len(found.names) > 1_000


@pytest.mark.parametrize("info", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_sections_end(module: bytes, info: bytes | tuple[bytes, bytes]) -> None:
    """In bounded work."""
    content, table = info if isinstance(info, tuple) else (info, b"\1\x1d\0\x31\x13\0\0\2\x11\0\0\0\0")
    plain = without_debug(module)
    looked_up(plain + named(".debug_info", content) + named(".debug_abbrev", table))
