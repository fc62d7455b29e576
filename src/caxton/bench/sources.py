"""The guests: texts that every installation has, and C that is compiled when it is wanted."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from caxton.bench.job import BenchError
from caxton.text import safe

SOURCES: Final = Path(__file__).with_name("guests")
BUILD_SECONDS: Final = 60.0

# No contraction of a * b + c, and a root is one instruction: so native code computes what a guest does, to the bit.
_SAME_FLOATS: Final = ("-ffp-contract=off", "-fno-math-errno")
_GUEST: Final = ("--target=wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=16384")
_NATIVE: Final = ("-shared", "-fPIC")


def text(name: str) -> str:
    """A guest's text, ``NAME.wat``."""
    return (SOURCES / f"{name}.wat").read_text(encoding="utf-8")


def has_ziglang() -> bool:
    """Whether there is a compiler for guests."""
    return importlib.util.find_spec("ziglang") is not None


NO_ZIGLANG: Final = "not installed: ziglang (pip install 'caxton[bench]'), which compiles the guests in C"


@contextmanager
def workplace() -> Iterator[Path]:
    """A directory to build in, which goes with everything in it."""
    with tempfile.TemporaryDirectory(prefix="caxton-bench-") as name:
        yield Path(name)


def guest(name: str, where: Path) -> bytes:
    """Compiles ``NAME.c`` to a module.

    Raises:
        BenchError: there is no compiler, or it failed.
    """
    if not has_ziglang():
        raise BenchError(NO_ZIGLANG)
    output = where / f"{name}.wasm"
    _compile([sys.executable, "-m", "ziglang", "cc", *_GUEST], name, output, where)
    return output.read_bytes()


def library(name: str, where: Path) -> tuple[Path, str]:
    """Compiles ``NAME.c`` to a shared library, with the machine's compiler or else ziglang's; answers which it was.

    Raises:
        BenchError: there is no compiler, or it failed.
    """
    output = where / f"{name}.so"
    found = shutil.which("cc")
    if found is not None:
        _compile([found, *_NATIVE], name, output, where)
        return output, "cc"
    if not has_ziglang():
        raise BenchError("no C compiler: neither cc nor ziglang")
    # Not this very processor's instructions, which Zig would use by itself: those of its architecture.
    target = ("-target", "native-native", "-mcpu=baseline", "-nostdlib")
    _compile([sys.executable, "-m", "ziglang", "cc", *target, *_NATIVE], name, output, where)
    return output, "ziglang"


def _compile(compiler: list[str], name: str, output: Path, where: Path) -> None:
    command = [*compiler, "-std=c11", "-O2", *_SAME_FLOATS, str(SOURCES / f"{name}.c"), "-o", str(output)]
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(where / "zig"), "ZIG_LOCAL_CACHE_DIR": str(where / "zig")}
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=where,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"compiling {name}.c: {error}") from None
    if done.returncode:
        raise BenchError(f"compiling {name}.c: {safe(done.stderr.strip() or f'exit status {done.returncode}', 500)}")
