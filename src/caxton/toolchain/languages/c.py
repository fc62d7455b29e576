"""C: with the compiler that the package ``ziglang`` carries, else with the machine's clang and wasm-ld."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.config.kinds import FLAG, bytes_, show_size, text
from caxton.config.shapes import texts
from caxton.toolchain.errors import Install, missing
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.places import cache_folder

INSTALL: Final = Install(
    anywhere='pip install "caxton[c]"', debian="apt install clang lld", macos="brew install llvm lld"
)
_FLAGS: Final = texts(text(4096), what="compiler flags")
_LEVELS: Final = {"size": "-Os", "speed": "-O3", None: "-O2"}
PAGE: Final = 1 << 16


class C(Language):
    """Every ``.c`` file below ``src/``, compiled and linked at once."""

    name = "c"
    title = "C"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"c/caxton.h": "caxton/caxton.h"})
    options: ClassVar[Mapping[str, Option]] = MappingProxyType(
        {
            "libc": Option(FLAG, False, "link the C library (wasi-libc); needs ziglang"),
            "stack": Option(bytes_(1 << 10, 64 << 20), PAGE, f"the C stack; {show_size(PAGE)} without it"),
            "flags": Option(_FLAGS, (), "more flags for the compiler"),
        }
    )

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """Zig's, or clang."""
        zig = machine.python_package("ziglang")
        if zig is not None:
            cache = str(cache_folder("zig"))
            return Tools((str(zig / "zig"), "cc"), "ziglang", {"ZIG_GLOBAL_CACHE_DIR": cache}, {"zig": True})
        clang = machine.program("clang", *(f"clang-{number}" for number in range(30, 14, -1)))
        if clang is None or machine.program("wasm-ld", *(f"wasm-ld-{number}" for number in range(30, 14, -1))) is None:
            raise missing("a C compiler for WebAssembly", INSTALL)
        return Tools((str(clang),), "clang", {}, {"zig": False})

    def build(self, task: Task, tools: Tools) -> None:
        """One command."""
        sources = task.sources("src", ".c")
        has_libc = task.options["libc"]
        if has_libc and not tools.more["zig"]:
            raise missing("ziglang, which carries the C library,", INSTALL)
        system = "wasm32-wasi" if has_libc else "wasm32-freestanding" if tools.more["zig"] else "wasm32"
        command = [*tools.command, f"--target={system}", "-std=c11", _LEVELS[task.optimize]]
        command += ["-mexec-model=reactor"] if has_libc else ["-nostdlib", "-Wl,--no-entry"]
        command += ["-g"] if task.debug else ["-s"]
        command += [
            "-Icaxton",
            "-Wall",
            f"-Wl,-z,stack-size={task.options['stack']}",
            f"-ffile-prefix-map={task.folder}=.",
        ]
        command += [*task.options["flags"], *sources, "-o", str(task.output)]
        task.run(command, "the C compiler", {**tools.environment, "ZIG_LOCAL_CACHE_DIR": str(task.cache)})


LANGUAGE: Final = C()
