"""C++: with the compiler and the standard library that the package ``ziglang`` carries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.toolchain.clang import FLAGS, compile_all, find_zig
from caxton.toolchain.errors import Install, missing
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine

INSTALL: Final = Install(anywhere='pip install "caxton[cpp]"')
_FLAGS: Final = (
    *("--target=wasm32-wasi", "-mexec-model=reactor", "-fno-exceptions", "-fno-rtti"),
    # The standard library checks bounds: v[9] of a shorter vector is logged, and traps.
    *("-U_LIBCPP_HARDENING_MODE", "-D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST"),
    "-U_LIBCPP_ASSERTION_SEMANTIC_DEFAULT",
    "-D_LIBCPP_ASSERTION_SEMANTIC_DEFAULT=_LIBCPP_ASSERTION_SEMANTIC_ENFORCE",
)


class Cpp(Language):
    """Every ``.cpp`` and ``.cc`` file below ``src/``, compiled and linked at once."""

    name = "cpp"
    title = "C++"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"cpp/caxton.hpp": "caxton/caxton.hpp"})
    options: ClassVar[Mapping[str, Option]] = FLAGS

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """Zig's: no other compiler brings libc++ for WebAssembly."""
        found = find_zig(machine, "c++")
        if found is None:
            raise missing("a C++ compiler and libc++ for WebAssembly", INSTALL)
        return found

    def build(self, task: Task, tools: Tools) -> None:
        """One command."""
        # With -s zig makes a second libc++, which takes as long as the first.
        compile_all(task, tools, "c++23", task.sources("src", ".cpp", ".cc"), *_FLAGS, always_debug=True)


LANGUAGE: Final = Cpp()
