"""What C and C++ have in common: clang, most often the one that the package ``ziglang`` carries, and its flags."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from caxton.config.kinds import FLAG, bytes_, show_size, text
from caxton.config.shapes import texts
from caxton.toolchain.errors import Install, missing
from caxton.toolchain.language import Option, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.places import cache_folder

PAGE: Final = 1 << 16
ZIG_VERSION: Final = "0.17.1"

# Definitions, warnings, language switches. Nothing that makes the compiler load, start or write another file: whoever
# builds a project trusts its source with the module, not with the machine.
_FLAG: Final = r"^(-[DU][A-Za-z_][^\n]*|-W[a-z0-9+-]+(=[0-9]+)?|-f[a-z0-9-]+|-m[a-z0-9.-]+|-O[0-3sz]|-std=[a-z0-9+]+)$"
_FLAGS: Final = texts(
    text(1024, pattern=_FLAG, a="one of -D -U -W -f -m -O -std=, without files"), what="compiler flags"
)

FLAGS: Final[Mapping[str, Option]] = MappingProxyType(
    {
        "stack": Option(bytes_(1 << 10, 64 << 20), PAGE, f"the stack; {show_size(PAGE)} without it"),
        "flags": Option(_FLAGS, (), "more flags for the compiler: -D -U -W -f -m -O -std="),
    }
)
LIBC: Final[Mapping[str, Option]] = MappingProxyType(
    {"libc": Option(FLAG, False, "link the C library (wasi-libc); needs ziglang")}
)

_LEVELS: Final = {"size": "-Os", "speed": "-O3", None: "-O2"}


def find_zig(machine: Machine, verb: str) -> Tools | None:
    """Zig's compiler for ``cc`` or ``c++``, from the Python package; None where it is not installed."""
    zig = machine.python_package("ziglang")
    if zig is None:
        return None
    version = importlib.metadata.version("ziglang")
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(cache_folder("zig"))}
    return Tools((str(zig / "zig"), verb), f"ziglang {version}", environment, {"zig": True})


def find_clang(machine: Machine, install: Install) -> Tools:
    """A clang of the machine's, with the linker that it needs.

    Raises:
        ToolchainError: ``toolchain.missing``.
    """
    clang = machine.program("clang", *(f"clang-{number}" for number in range(30, 14, -1)))
    linker = machine.program("wasm-ld", *(f"wasm-ld-{number}" for number in range(30, 14, -1)))
    if clang is None or linker is None:
        raise missing("a C compiler for WebAssembly", install)
    return Tools((str(clang), f"-fuse-ld={linker}"), "clang", {}, {"zig": False})


def compile_all(
    task: Task, tools: Tools, standard: str, sources: list[str], *flags: str, always_debug: bool = False
) -> None:
    """Compiles and links all sources with one command; a project's own flags come last.

    Args:
        always_debug: have debug information made even if none is wanted (it is taken out later).
    """
    # Not -Og: for zig that is another kind of build, with a C library of its own, made in a minute.
    level = "-O1" if task.debug and task.optimize is None else _LEVELS[task.optimize]
    command = [
        *tools.command,
        f"-std={standard}",
        level,
        "-g" if task.debug or always_debug else "-s",
        *flags,
        "-Icaxton",
        "-Wall",
        "-UNDEBUG",  # zig defines it; assertions hold in an agent until it says otherwise itself
        "-fno-sanitize=undefined",  # zig has it on at some levels: traps would be others than those that are documented
        f"-ffile-prefix-map={task.folder}=.",
        f"-ffile-prefix-map={Path(tools.command[0]).parent / 'lib'}=zig",
        f"-Wl,-z,stack-size={task.options['stack']}",
        *task.options["flags"],
        *sources,
        "-o",
        str(task.output),
    ]
    task.run(command, "the compiler", {**tools.environment, "ZIG_LOCAL_CACHE_DIR": str(task.cache)})
