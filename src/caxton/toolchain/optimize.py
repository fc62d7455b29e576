"""``wasm-opt``, from the machine or from npm, with the features that the module may use named one by one.

With ``--all-features`` it writes modules that no host takes (Go's, for one), so it is told what the module's compiler
says it has used. A compiler that does not say gets the features of WebAssembly 2.0, which the host has all on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from caxton.toolchain import running
from caxton.toolchain.errors import Install, missing
from caxton.toolchain.files import read_output
from caxton.toolchain.machine import Machine
from caxton.toolchain.sections import is_stale, target_features, without

PACKAGE: Final = "binaryen"
VERSION: Final = "132.0.0"
LEAST: Final = 120
"""Older ones do not know all of the features by name."""

INSTALL: Final = Install(
    anywhere="caxton build --install (npm's binaryen, into your cache directory)",
    macos="brew install binaryen",
    note=f"Binaryen {LEAST} or newer in your PATH; Debian's is older",
)

_LEVELS: Final[Mapping[str, tuple[str, ...]]] = {"size": ("-Oz",), "speed": ("-O3",)}
_STANDARD: Final = frozenset(
    """bulk-memory extended-const multivalue mutable-globals nontrapping-fptoint reference-types sign-ext
    simd128""".split()
)

# By the names of the section target_features: those of the standard that Caxton's host has on.
_FLAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "bulk-memory": ("bulk-memory", "bulk-memory-opt"),
    "bulk-memory-opt": ("bulk-memory-opt",),
    "call-indirect-overlong": ("call-indirect-overlong",),
    "exception-handling": ("exception-handling",),
    "extended-const": ("extended-const",),
    "gc": ("gc",),
    "multivalue": ("multivalue",),
    "mutable-globals": ("mutable-globals",),
    "nontrapping-fptoint": ("nontrapping-float-to-int",),
    "reference-types": ("reference-types",),
    "sign-ext": ("sign-ext",),
    "simd128": ("simd",),
    "tail-call": ("tail-call",),
}


def find_wasm_opt(machine: Machine) -> tuple[str, ...]:
    """The command.

    Raises:
        ToolchainError: ``toolchain.missing``, there is none, or only an old one; ``toolchain.failed``, npm could not
            install it.
    """
    own = machine.program("wasm-opt")
    if own is not None and (machine.number(own, "--version") or 0) >= LEAST:
        return (str(own),)
    if not machine.install and machine.npm_cached(PACKAGE, VERSION) is None:
        raise missing("wasm-opt", INSTALL)
    node = machine.node()
    return (str(node), str(machine.npm_package(PACKAGE, VERSION) / "bin" / "wasm-opt"))


def features(data: bytes) -> list[str]:
    """The options that name the features of a core module."""
    used = target_features(data)
    flags = {flag for name in (_STANDARD if used is None else used) for flag in _FLAGS.get(name, ())}
    return ["--mvp-features", *(f"--enable-{flag}" for flag in sorted(flags))]


def optimize(
    command: tuple[str, ...],
    data: bytes,
    goal: str,
    aside: Path,
    *,
    debug: bool = False,
    source_map: Path | None = None,
) -> bytes:
    """A core module made smaller (``size``) or faster (``speed``).

    Args:
        command: what ``find_wasm_opt`` has found.
        aside: an empty folder.
        debug: keep names, and of DWARF what it keeps true: the lines.
        source_map: the module's, which is rewritten to fit.

    Raises:
        ToolchainError: ``toolchain.failed``.
    """
    before, after = aside / "before.wasm", aside / "after.wasm"
    before.write_bytes(data)
    words = [*command, str(before), "-o", str(after), *_LEVELS[goal], *features(data)]
    if debug:
        words.append("-g")
    mapped = aside / "after.map"
    if source_map is not None:
        words += [f"--input-source-map={source_map}", f"--output-source-map={mapped}"]
        words += [f"--output-source-map-url={source_map.name}"]
    running.run(words, what="wasm-opt", folder=aside)
    if source_map is not None and mapped.is_file():
        mapped.replace(source_map)
    made = read_output(after, "wasm-opt")
    return without(made, is_stale) if debug else made
