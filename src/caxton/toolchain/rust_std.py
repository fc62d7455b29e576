"""Rust's standard library for WebAssembly where the compiler is Debian's: built once, from the source that Debian has.

``rustup`` brings it ready made (``rustup target add wasm32-unknown-unknown``). Debian has ``rustc-web`` and
the library's source, ``rust-web-src``, but not the library for this target. Building it takes about a minute and no
network; the result lies in the user's cache, under the compiler's version.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from caxton.toolchain import running
from caxton.toolchain.errors import Install, failed, missing
from caxton.toolchain.machine import Machine
from caxton.toolchain.places import cache_folder

TARGET: Final = "wasm32-unknown-unknown"
RUSTC: Final = Path("/usr/bin/rustc")
CARGO: Final = Path("/usr/bin/cargo")
LIBRARY: Final = Path("/usr/lib/rustlib/src/rust/library")

INSTALL: Final = Install(
    anywhere=f"rustup target add {TARGET}",
    debian="apt install rustc-web cargo-web rust-web-src lld-22, then caxton build --install",
    note="which builds the library once, in about a minute",
)

_MANIFEST: Final = '[package]\nname = "stub"\nversion = "0.1.0"\nedition = "2021"\n'
_CONFIG: Final = """[unstable]
build-std = ["std", "panic_abort"]

[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "{vendored}"
"""


def wasm_std(machine: Machine) -> Path:
    """The folder to hand to Debian's ``rustc`` as ``--sysroot``; built now if that is allowed and has not been done.

    Raises:
        ToolchainError: ``toolchain.missing``, it is not there, and may not or cannot be built; ``toolchain.failed``,
            building it failed.
    """
    if not RUSTC.is_file():
        raise missing("a Rust compiler for WebAssembly", INSTALL)
    version = running.run([RUSTC, "-vV"], what="rustc", folder=Path("/"), seconds=60)
    home = cache_folder("rust") / f"std-{hashlib.sha256(version.encode()).hexdigest()[:16]}"
    if not home.is_dir():
        if not machine.install or not CARGO.is_file() or not (LIBRARY / "vendor").is_dir():
            raise missing("Rust's standard library for WebAssembly", INSTALL)
        _build(home)
    return home


def _build(home: Path) -> None:
    """Builds the library aside, and moves it into place whole."""
    aside = Path(tempfile.mkdtemp(prefix="building-", dir=home.parent))
    try:
        project = aside / "stub"
        for name, text in (
            ("Cargo.toml", _MANIFEST),
            ("src/lib.rs", "#![no_std]\n"),
            (".cargo/config.toml", _CONFIG.format(vendored=LIBRARY / "vendor")),
        ):
            place = project / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        environment = {
            "RUSTC": str(RUSTC),
            "RUSTC_BOOTSTRAP": "1",  # build-std is asked for in the configuration, which a released cargo refuses
            "RUSTFLAGS": f"-C embed-bitcode=yes --remap-path-prefix={aside}=. --remap-path-prefix={LIBRARY}=rust",
            "CARGO_HOME": str(aside / "cargo"),
        }
        command = [str(CARGO), "build", "--release", "--offline", "--target", TARGET]
        running.run(command, what="building Rust's standard library", folder=project, more=environment)
        library = aside / "sysroot" / "lib" / "rustlib" / TARGET / "lib"
        library.mkdir(parents=True)
        for path in sorted((project / "target" / TARGET / "release" / "deps").glob("*.rlib")):
            if not path.name.startswith("libstub-"):
                shutil.move(path, library)
        if not any(library.glob("libstd-*.rlib")):
            raise failed("building Rust's standard library", "has made no library")
        try:
            (aside / "sysroot").rename(home)
        except OSError:
            if not home.is_dir():  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
