"""Rust: a ``rustc`` that has the library for WebAssembly (``rustup target add``), else Debian's with one that is built.

``rustc`` is called directly, and cargo is not: cargo would run the project's build script, and whatever its
configuration names. The project's ``Cargo.toml`` is for editors, and for those who call cargo themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.config.kinds import bytes_, choice, show_size
from caxton.errors import HostError
from caxton.toolchain import running
from caxton.toolchain.errors import missing
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.rust_std import INSTALL, LIBRARY, RUSTC, TARGET, wasm_std

SOURCE: Final = "src/lib.rs"
SDK: Final = "caxton/src/lib.rs"
STACK: Final = 128 << 10
_LEVELS: Final = {"size": "s", "speed": "3", None: "2"}
_WHAT: Final = "the Rust compiler"


class Rust(Language):
    """``src/lib.rs`` and the crate ``caxton``, which is the SDK."""

    name = "rust"
    title = "Rust"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"rust/caxton": "caxton"})
    options: ClassVar[Mapping[str, Option]] = MappingProxyType(
        {
            "edition": Option(choice("2021", "2024"), "2021", "the edition of Rust"),
            "stack": Option(bytes_(1 << 10, 64 << 20), STACK, f"the stack; {show_size(STACK)} without it"),
        }
    )

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """The user's, where it has the target; else Debian's."""
        rustc = machine.program("rustc")
        if rustc is not None:
            sysroot = Path(_printed(rustc, "--print", "sysroot"))
            # Not rustup's stand-in, which would look for rust-toolchain.toml in the project, and run what that names.
            own = sysroot / "bin" / "rustc"
            if own.is_file() and (sysroot / "lib" / "rustlib" / TARGET / "lib").is_dir():
                return Tools((str(own), *_linker(machine, sysroot)), _printed(own, "--version"))
        library = wasm_std(machine)
        linker = _linker(machine, library)
        return Tools((str(RUSTC), "--sysroot", str(library), *linker), _printed(RUSTC, "--version"))

    def build(self, task: Task, tools: Tools) -> None:
        """Two commands: the SDK's crate, and the agent's, which it is linked into."""
        for place in (SOURCE, SDK):
            if not (task.folder / place).is_file():
                raise HostError("config.invalid", f"there is nothing to build: no {place}")
        level = "0" if task.debug and task.optimize is None else _LEVELS[task.optimize]
        common = [
            *tools.command,
            *("--target", TARGET, "-C", f"opt-level={level}", "-C", "panic=abort", "-C", "codegen-units=1"),
            *("-C", f"debuginfo={'2' if task.debug else '0'}", "-C", "embed-bitcode=yes"),
            *(f"--remap-path-prefix={task.folder}=.", f"--remap-path-prefix={LIBRARY}=rust"),
        ]
        library = task.aside / "libcaxton.rlib"
        crate = ["--edition", "2021", "--crate-type", "rlib", "--crate-name", "caxton", SDK, "-o", str(library)]
        task.run([*common, *crate], _WHAT)
        agent = [
            *("--edition", task.options["edition"], "--crate-type", "cdylib", "--crate-name", "agent", SOURCE),
            *("--extern", f"caxton={library}", "-C", f"link-arg=-zstack-size={task.options['stack']}"),
            *(() if task.debug else ("-C", "lto=fat", "-C", "strip=symbols")),
            *("-o", str(task.output)),
        ]
        task.run([*common, *agent], _WHAT)


def _printed(rustc: Path, *arguments: str) -> str:
    return running.run([rustc, *arguments], what="rustc", folder=Path("/"), seconds=60).strip()


def _linker(machine: Machine, sysroot: Path) -> tuple[str, ...]:
    """The linker where the compiler has not brought one.

    Raises:
        ToolchainError: ``toolchain.missing``.
    """
    if any(sysroot.glob("lib/rustlib/*/bin/rust-lld*")):
        return ()
    found = machine.program("wasm-ld", *(f"wasm-ld-{number}" for number in range(30, 14, -1)))
    if found is None:
        raise missing("a linker for WebAssembly (wasm-ld)", INSTALL)
    return ("-C", f"linker={found}", "-C", "linker-flavor=wasm-ld")


LANGUAGE: Final = Rust()
