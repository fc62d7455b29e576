"""Builds `upper.c`: a static program for processes and containers, a shared library for ctypes."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from .fresh import PeerFailed, scratch

SOURCE = Path(__file__).with_name("upper.c")
COMPILE_SECONDS = 90.0  # the first time, the compiler in ziglang builds a C library


def missing_compiler() -> str | None:
    """None, or what to install to get a C compiler."""
    return None if _compiler(static=False) else "apt-get install gcc libc6-dev (or pip install ziglang)"


def compiler_name() -> str:
    """The name of the compiler of the static program, for the table: its C library matters for the cold start."""
    command = _compiler(static=True)
    return "zig cc" if "ziglang" in command else Path(command[0]).name


def program() -> Path:
    """The static program: alone in a container it needs no other file. Built once a run."""
    return _built("upper", ["-DPROGRAM"], static=True)


def library() -> Path:
    """The shared library. Built once a run."""
    return _built("libupper.so", ["-shared", "-fPIC"], static=False)


def _compiler(static: bool) -> list[str]:
    """The compiler's command: $CC, the machine's, or the one in the package ziglang; empty when there is none."""
    if given := os.environ.get("CC"):
        return [*shlex.split(given), *["-static"] * static]
    # musl's start-up code is short; glibc's asks the processor for its features some seventy times, and on a virtual
    # machine each question costs microseconds. A peer is to be shown at its best.
    if static and (musl := shutil.which("musl-gcc")):
        return [musl, "-static"]
    if cc := shutil.which("cc"):
        return [cc, *["-static"] * static]
    if find_spec("ziglang"):
        target = ["-target", f"{platform.machine()}-linux-musl", "-static"] if static else []
        return [sys.executable, "-m", "ziglang", "cc", *target]
    return []


def _built(name: str, flags: list[str], static: bool) -> Path:
    """The built file. Raises `PeerFailed` with the compiler's complaint."""
    target = scratch() / name
    if not target.exists():
        command = [*_compiler(static), "-O2", *flags, "-o", str(target), str(SOURCE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMPILE_SECONDS)
        except subprocess.CalledProcessError as error:
            raise PeerFailed(f"{SOURCE.name} does not compile: {error.stderr.strip()[:300]}") from None
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{SOURCE.name} did not compile within {COMPILE_SECONDS:g} s") from None
    return target
