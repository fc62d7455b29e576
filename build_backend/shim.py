"""Compiles the sandbox's C shim with the machine's C compiler, or else with the one that PyPI's `ziglang` carries.

Only the standard library is used, so that `python build_backend/shim.py` works by hand: it builds the library in place,
beside its source. Installing the package comes here too, by way of setup.py.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ZIGLANG = "ziglang==0.17.1"
SANDBOX = Path(__file__).resolve().parent.parent / "src" / "caxton" / "sandbox"
SOURCE = SANDBOX / "shim.c"

PROBE_SECONDS = 120
BUILD_SECONDS = 600

# Without these the shim is not what it should be; a compiler that refuses one of them is not used.
ESSENTIAL = ("-shared", "-fPIC", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror=implicit-function-declaration")
# Compilers may define _FORTIFY_SOURCE by themselves, and complain when it is defined twice.
HARDENING = (
    "-fstack-protector-strong",
    "-fstack-clash-protection",
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=2",
)
# Every symbol is bound while the library is loaded: one that wasmtime lacks is an error then, not a crash in mid-call.
ELF_HARDENING = ("-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack")

# Has what the shim needs: the C library's headers, and a symbol that only turns up when the library is loaded.
PROBE = """\
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int64_t caxton_probe_elsewhere(void *place);
int64_t caxton_probe(size_t size) {
  char *place = calloc(1, size);
  int64_t answer = place ? (int64_t)strlen(place) + caxton_probe_elsewhere(place) : -1;
  free(place);
  return answer;
}
"""


class ShimError(Exception):
    """The shim cannot be built; the message says why, and what to do about it."""


@dataclass(frozen=True)
class Compiler:
    """A compiler that has proved that it works, with all the flags it accepts."""

    command: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Search:
    """What looking for a compiler came to: the compiler, if any, and why each of the others was passed over."""

    compiler: Compiler | None
    refusals: tuple[str, ...]


def library_name() -> str:
    """Return the file name of the compiled shim on this platform; raises ShimError where there is none."""
    if sys.platform == "win32":
        raise ShimError(
            "Caxton does not run on Windows itself: its C shim is built for Linux and macOS. "
            "Install it inside WSL (the Windows Subsystem for Linux)."
        )
    return "_shim.dylib" if sys.platform == "darwin" else "_shim.so"


def sources() -> list[Path]:
    """Return the files that the library is made from."""
    return sorted([*SANDBOX.glob("*.c"), *SANDBOX.glob("*.h")])


@functools.cache
def machine_compiler() -> Search:
    """Find the first of $CC, cc, gcc and clang that really makes a shared library."""
    candidates: list[tuple[str, tuple[str, ...]]] = [(name, (name,)) for name in ("cc", "gcc", "clang")]
    named = _words("CC")
    if named:
        candidates.insert(0, (f"CC={shlex.join(named)}", named))
    return _first_working(candidates)


@functools.cache
def zig_compiler() -> Search:
    """Find out whether the package `ziglang` is installed for this interpreter and works."""
    if importlib.util.find_spec("ziglang") is None:
        return Search(None, (f"ziglang: not installed for {sys.executable}",))
    return _first_working([("ziglang", (sys.executable, "-m", "ziglang", "cc"))])


def extra_requirements() -> list[str]:
    """Return what a build needs besides setuptools: `ziglang`, and only where the machine has no C compiler."""
    library_name()
    if machine_compiler().compiler:
        return []
    _note(f"no C compiler works here, so {ZIGLANG} is used:", *machine_compiler().refusals)
    return [ZIGLANG]


def find_compiler() -> Compiler:
    """Return the compiler to use; raises ShimError when there is none, naming each that was tried."""
    machine = machine_compiler()
    if machine.compiler:
        return machine.compiler
    zig = zig_compiler()
    if zig.compiler:
        return zig.compiler
    tried = "\n".join(f"    {line}" for line in (*machine.refusals, *zig.refusals))
    raise ShimError(
        f"Caxton's C shim cannot be built: no C compiler works on this machine.\n  Tried:\n{tried}\n"
        "  Do one of these, then install again:\n"
        "    install a C compiler (Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; "
        "macOS: xcode-select --install), or name one in the variable CC;\n"
        f"    pip install '{ZIGLANG}' setuptools, then pip install with --no-build-isolation."
    )


def build(target: Path) -> Path:
    """Compile the shim to `target` and return it; raises ShimError.

    The file is put in place by renaming, so that a process which has the old library loaded keeps it unharmed.
    """
    library_name()
    if not SOURCE.is_file():
        raise ShimError(f"Caxton's C shim cannot be built: {SOURCE} is missing.")
    compiler = find_compiler()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".shim-") as room:
        fresh = Path(room) / target.name
        said = _compile(compiler.command, compiler.flags, sorted(SANDBOX.glob("*.c")), fresh, BUILD_SECONDS)
        if said:
            _note(f"{shlex.join(compiler.command)} warns:", said)
        fresh.chmod(0o755)
        fresh.replace(target)
    return target


def is_stale(target: Path) -> bool:
    """Tell whether `target` is missing or older than one of its sources."""
    return not target.exists() or any(source.stat().st_mtime > target.stat().st_mtime for source in sources())


def _first_working(candidates: list[tuple[str, tuple[str, ...]]]) -> Search:
    refusals: list[str] = []
    for name, command in candidates:
        try:
            return Search(_probe(command), tuple(refusals))
        except ShimError as error:
            refusals.append(f"{name}: {_first_line(str(error))}")
    return Search(None, tuple(refusals))


def _probe(command: tuple[str, ...]) -> Compiler:
    """Prove that `command` works, with hardening if it can; raises ShimError with what it said."""
    essential = (*ESSENTIAL, *_user_flags(), *_platform_flags())
    hardened = (*ESSENTIAL, *HARDENING, *_user_flags(), *_platform_flags(), *_linker_hardening())
    with tempfile.TemporaryDirectory(prefix="caxton-probe-") as room:
        source = Path(room) / "probe.c"
        source.write_text(PROBE, encoding="ascii")
        library = Path(room) / "probe.so"
        try:
            _compile(command, hardened, [source], library, PROBE_SECONDS)
        except ShimError:
            _compile(command, essential, [source], library, PROBE_SECONDS)
            return Compiler(command, essential)
    return Compiler(command, hardened)


def _user_flags() -> tuple[str, ...]:
    """What packagers set for every C program that they build."""
    return (*_words("CFLAGS"), *_words("LDFLAGS"))


def _words(variable: str) -> tuple[str, ...]:
    """Split an environment variable as a shell would; raises ShimError when its quotes do not match."""
    try:
        return tuple(shlex.split(os.environ.get(variable, "")))
    except ValueError as error:
        raise ShimError(f"The environment variable {variable} cannot be understood: {error}.") from error


def _platform_flags() -> tuple[str, ...]:
    """What lets wasmtime's symbols stay open until the library is loaded; on ELF that needs no flag."""
    return ("-undefined", "dynamic_lookup") if sys.platform == "darwin" else ()


def _linker_hardening() -> tuple[str, ...]:
    return () if sys.platform == "darwin" else ELF_HARDENING


def _compile(command: tuple[str, ...], flags: tuple[str, ...], made_of: list[Path], target: Path, seconds: int) -> str:
    """Run one compilation and return what it printed; raises ShimError when no library comes of it."""
    try:
        done = subprocess.run(
            [*command, *flags, "-o", str(target), *map(str, made_of)],
            env={"ZIG_GLOBAL_CACHE_DIR": _zig_cache().name, **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise ShimError(error.strerror or str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise ShimError(f"gave no answer within {seconds} s") from error
    said = done.stdout.strip()
    if done.returncode != 0 or not target.is_file():
        raise ShimError(f"{shlex.join(command)} failed on {made_of[0]} (exit {done.returncode})\n{said}")
    return said


@functools.cache
def _zig_cache() -> tempfile.TemporaryDirectory[str]:
    """A cache for zig that goes with this process.

    Zig waits for ever when it cannot make its cache directory, as in a build without a home directory.
    """
    return tempfile.TemporaryDirectory(prefix="caxton-zig-", ignore_cleanup_errors=True)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ": ".join(lines[:2])


def _note(*lines: str) -> None:
    print("caxton:", "\n  ".join(lines), file=sys.stderr, flush=True)


def main() -> int:
    """Build the library in place; the exit code is 1 when that cannot be done."""
    parser = argparse.ArgumentParser(description="Compile Caxton's C shim in place.")
    parser.add_argument("--if-stale", action="store_true", help="only when it is older than its sources")
    only_if_stale = parser.parse_args().if_stale
    try:
        target = SANDBOX / library_name()
        if only_if_stale and not is_stale(target):
            return 0
        print(f"built {os.path.relpath(build(target))}")
    except ShimError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
