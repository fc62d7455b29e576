"""A project that ``caxton build --debug`` has built shows the file and the line of the statement that failed.

(C++ projects, which take longest to build, have that in the tests of their SDK.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import caxton
from caxton.toolchain import build, create_project, language
from tests.cli.command import caxton as command
from tests.debugging.sources import failing_line
from tests.sandbox.guests import Box
from tests.sdk.projects import MACHINE

SOURCES: Final[dict[str, tuple[str, str]]] = {
    "c": (
        "src/agent.c",
        """#include "caxton.h"

static __attribute__((noinline)) int divide(int size, volatile int zero) {
  return size / zero;  /* fails */
}

caxton_reply caxton_handle(caxton_bytes message) {
  return caxton_ok(caxton_format("%d", divide((int)message.size, 0)));
}
""",
    ),
    "zig": (
        "src/agent.zig",
        """const std = @import("std");
const caxton = @import("caxton");

noinline fn check(message: []const u8) usize {
    if (message.len != 3) {
        @trap(); // fails
    }
    return message.len;
}

pub fn handle(turn: std.mem.Allocator, message: []const u8) ![]const u8 {
    return std.fmt.allocPrint(turn, "{d}", .{check(message)});
}
""",
    ),
    "rust": (
        "src/lib.rs",
        """use caxton::{agent, Failure};

agent!(handle);

#[inline(never)]
fn pick(values: &[u8], at: usize) -> u8 {
    values[at] // fails
}

fn handle(message: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(vec![pick(message, message.len())])
}
""",
    ),
    "assemblyscript": (
        "assembly/index.ts",
        """import { Reply } from "../caxton";

function divide(size: i32, zero: i32): i32 {
  return size / zero; // fails
}

export function handle(message: Uint8Array): Reply {
  return Reply.text(divide(message.length, message.length - 2).toString());
}
""",
    ),
}


THROWING: Final = """import { Reply } from "../caxton";

export function handle(message: Uint8Array): Reply {
  if (message.length == 2)
    throw new Error("two"); // fails
  return Reply.text("");
}
"""


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project for each language, built."""
    place = tmp_path_factory.mktemp("projects")
    for name, (file, source) in SOURCES.items():
        create_project(language(name), place / name)
        (place / name / file).write_text(source)
        build(place / name, debug=True, machine=MACHINE)
    return place


@pytest.mark.parametrize("name", SOURCES)
def test_the_failing_statement(box: Box, projects: Path, name: str) -> None:
    """Among the frames of the project's own files the innermost is that of the statement, relative to the project."""
    file, source = SOURCES[name]
    error = box.fails(box.spawn(projects / name / f"{name}.wasm"), "xx")
    assert isinstance(error, caxton.TrapError)
    own = [
        (frame.file, frame.line) for frame in error.frames if frame.file is not None and Path(file).name in frame.file
    ]
    assert own[0] == (file, failing_line(source))


@pytest.mark.parametrize("name", SOURCES)
def test_the_source_is_shown(projects: Path, name: str) -> None:
    """The command line marks the statement, from wherever it is called."""
    file, source = SOURCES[name]
    done = command("run", str(projects / name / f"{name}.wasm"), "--message", "xx")
    assert done.status == 4
    line = failing_line(source)
    (marked,) = [one.strip() for one in done.lines if one.startswith("    > ")]
    assert marked == f"> {line} | {source.split(chr(10))[line - 1].rstrip()}"
    assert f"    {file}:{line}" in done.lines


def test_an_error_that_is_thrown(box: Box, tmp_path: Path) -> None:
    """AssemblyScript's compiler gives no place to the call that a ``throw`` becomes."""
    folder = create_project(language("assemblyscript"), tmp_path / "agent")
    (folder / "assembly" / "index.ts").write_text(THROWING)
    error = box.fails(box.spawn(build(folder, debug=True, machine=MACHINE).module), "xx")
    assert ("assembly/index.ts", failing_line(THROWING)) in [(frame.file, frame.line) for frame in error.frames]
