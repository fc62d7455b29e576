"""What the tests of debug information share: small programs that trap at a known place, and what builds them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from caxton.sandbox.binary_reader import Reader
from tests.sandbox.guests import sized

SECONDS: Final = 300

C: Final = r"""#define EXPORT(name) __attribute__((export_name(#name)))
volatile int zero;
static __attribute__((noinline)) int divide(int length) {
  return length / zero;  /* fails */
}
EXPORT(handle_message) int handle_message(const char *text, int length) {
  return divide(length) + 1;
}
EXPORT(get_response) int get_response(char *out, int length) { return 0; }
"""

CPP: Final = r"""struct Counter {
  volatile int zero = 0;
  __attribute__((noinline)) int divide(int length) {
    return length / zero;  // fails
  }
};
extern "C" __attribute__((export_name("handle_message"))) int handle_message(int, int length) {
  Counter counter;
  return counter.divide(length) + 1;
}
extern "C" __attribute__((export_name("get_response"))) int get_response(int, int) { return 0; }
"""

ZIG: Final = r"""var seen: i32 = 0;
noinline fn check(length: i32) i32 {
    if (length >= 0) {
        @trap(); // fails
    }
    seen += 1;
    return seen;
}
export fn handle_message(_: i32, length: i32) i32 {
    return check(length) + 1;
}
export fn get_response(_: i32, _: i32) i32 {
    return 0;
}
"""

FREESTANDING: Final = ("-target", "wasm32-freestanding")
COMMANDS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "c": ("agent.c", C, ("cc", *FREESTANDING, "-O1", "-g", "-nostdlib", "-Wl,--no-entry")),
    "c++": ("agent.cpp", CPP, ("c++", *FREESTANDING, "-O1", "-g", "-nostdlib", "-Wl,--no-entry", "-fno-exceptions")),
    "zig": (
        "agent.zig",
        ZIG,
        ("build-exe", *FREESTANDING, "-O", "ReleaseSmall", "-fno-strip", "-fno-entry", "-rdynamic"),
    ),
}
"""Of each language: its file, the program, the command."""


def failing_line(source: str) -> int:
    """The number of the line that says that it fails."""
    return next(number for number, line in enumerate(source.split("\n"), 1) if "fails" in line)


def build(language: str, folder: Path) -> Path:
    """Builds a language's program in a folder, with debug information; answers the module's path."""
    file, source, command = COMMANDS[language]
    module = folder / "agent.wasm"
    (folder / file).write_text(source)
    zig(folder, *command, file, *(["-femit-bin=agent.wasm"] if command[0] == "build-exe" else ["-o", "agent.wasm"]))
    return module


def zig(folder: Path, *command: str) -> None:
    """Runs a command of the package ``ziglang``."""
    cache = Path(tempfile.gettempdir()) / f"caxton-test-zig-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory() as local:
        done = subprocess.run(
            [sys.executable, "-m", "ziglang", *command],
            cwd=folder,
            env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": local},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr


def named(name: str, content: bytes) -> bytes:
    """A custom section."""
    return b"\0" + sized(sized(name.encode()) + content)


def url(name: str, where: str) -> bytes:
    """A custom section that says where something lies."""
    return named(name, sized(where.encode()))


def without_debug(binary: bytes) -> bytes:
    """A module without its names and its debug information."""
    reader, kept, start = Reader(binary, 8), binary[:8], 8
    for kind, stop in reader.sections():
        if kind != 0:
            kept += binary[start:stop]
        start = stop
    return kept


def debug_only(binary: bytes) -> bytes:
    """The names and the debug information of a module, without its code."""
    reader, kept, start = Reader(binary, 8), binary[:8], 8
    for kind, stop in reader.sections():
        if kind == 0:
            kept += binary[start:stop]
        start = stop
    return kept


_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def vlq(number: int) -> str:
    """A number of a source map's mappings."""
    rest, text = (-number << 1) | 1 if number < 0 else number << 1, ""
    while True:
        rest, digit = rest >> 5, rest & 31
        text += _DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return text


def mappings(rows: Sequence[tuple[int, ...]]) -> str:
    """Mappings, from rows of offset, source, line and column (from 0), or of an offset that has none."""
    before, texts = [0, 0, 0, 0], []
    for row in rows:
        texts.append("".join(vlq(value - before[at]) for at, value in enumerate(row)))
        before[: len(row)] = row
    return ",".join(texts)


def code_start(binary: bytes) -> int:
    """Where the code section's content begins."""
    reader = Reader(binary, 8)
    return next(reader.pos for kind, _ in reader.sections() if kind == 10)
