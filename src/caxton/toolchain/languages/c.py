"""C: with the compiler that the package ``ziglang`` carries, else with the machine's clang and wasm-ld."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.toolchain.clang import FLAGS, LIBC, compile_all, find_clang, find_zig
from caxton.toolchain.errors import Install, missing
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine

INSTALL: Final = Install(
    anywhere='pip install "caxton[c]"', debian="apt install clang lld", macos="brew install llvm lld"
)


class C(Language):
    """Every ``.c`` file below ``src/``, compiled and linked at once."""

    name = "c"
    title = "C"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"c/caxton.h": "caxton/caxton.h"})
    options: ClassVar[Mapping[str, Option]] = MappingProxyType({**LIBC, **FLAGS})

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """Zig's, or clang."""
        return find_zig(machine, "cc") or find_clang(machine, INSTALL)

    def build(self, task: Task, tools: Tools) -> None:
        """One command."""
        sources = task.sources("src", ".c")
        is_zig = tools.more["zig"]
        if task.options["libc"]:
            if not is_zig:
                raise missing("ziglang, which carries the C library,", INSTALL)
            flags = ["--target=wasm32-wasi", "-mexec-model=reactor"]
        else:
            flags = [f"--target=wasm32{'-freestanding' if is_zig else ''}", "-nostdlib", "-Wl,--no-entry"]
        compile_all(task, tools, "c11", sources, *flags)


LANGUAGE: Final = C()
