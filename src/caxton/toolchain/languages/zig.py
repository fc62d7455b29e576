"""Zig: with the compiler of the package ``ziglang``, else with a zig of the machine's of the same version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.config.kinds import bytes_, show_size
from caxton.errors import HostError
from caxton.toolchain.clang import find_zig
from caxton.toolchain.debug_paths import with_relative_paths
from caxton.toolchain.errors import Install, missing
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.places import cache_folder

VERSION: Final = (0, 17)
INSTALL: Final = Install(anywhere='pip install "caxton[zig]"', note="other versions of Zig are other languages")
ROOT: Final = "caxton/caxton.zig"
SOURCE: Final = "src/agent.zig"
STACK: Final = 128 << 10
_MODES: Final = {"size": "ReleaseSmall", "speed": "ReleaseFast", None: "ReleaseSafe"}


class Zig(Language):
    """``src/agent.zig`` and what it imports; the SDK is the program's root, so that the agent need not say so."""

    name = "zig"
    title = "Zig"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"zig/caxton.zig": ROOT})
    options: ClassVar[Mapping[str, Option]] = MappingProxyType(
        {"stack": Option(bytes_(1 << 10, 64 << 20), STACK, f"the stack; {show_size(STACK)} without it")}
    )

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """The package's, or the machine's."""
        found = find_zig(machine, "build-exe")
        if found is not None:
            return found
        program = machine.program("zig")
        version = None if program is None else machine.version(program, "version")
        if program is None or version is None or version[:2] != VERSION:
            raise missing(f"Zig {VERSION[0]}.{VERSION[1]}", INSTALL)
        environment = {"ZIG_GLOBAL_CACHE_DIR": str(cache_folder("zig"))}
        return Tools((str(program), "build-exe"), f"zig {'.'.join(map(str, version))}", environment)

    def build(self, task: Task, tools: Tools) -> None:
        """One command; with debug information, the paths in it are then made relative to the project."""
        for place in (SOURCE, ROOT):
            if not (task.folder / place).is_file():
                raise HostError("config.invalid", f"there is nothing to build: no {place}")
        command = [
            *tools.command,
            *("-target", "wasm32-freestanding", "-fno-entry", "-rdynamic"),
            *("-O", "Debug" if task.debug and task.optimize is None else _MODES[task.optimize]),
            *(("-fllvm", "-fno-strip") if task.debug else ("-fstrip",)),
            *("--stack", str(task.options["stack"])),
            *("--dep", "agent", f"-Mroot={ROOT}", "--dep", "caxton=root", f"-Magent={SOURCE}"),
            *("--name", "agent", f"-femit-bin={task.output}"),
        ]
        task.run(command, "the Zig compiler", {**tools.environment, "ZIG_LOCAL_CACHE_DIR": str(task.cache)})
        if task.debug:
            library = str(Path(tools.command[0]).parent / "lib")
            paths = {str(task.folder): "", library: "zig", tools.environment["ZIG_GLOBAL_CACHE_DIR"]: "zig-cache"}
            task.output.write_bytes(with_relative_paths(task.output.read_bytes(), paths))


LANGUAGE: Final = Zig()
