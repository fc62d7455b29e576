"""Builds the demo's guests from their sources, once: C and Zig with the compiler that the package ``ziglang`` carries.

What was built lies in the user's cache directory under the hash of all sources and commands, so that changed sources
never meet an old binary. A build is made aside and moved into place whole: two demos at once do not disturb each other.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.demo.errors import DemoError
from caxton.text import safe

SOURCES: Final = Path(__file__).resolve().parent / "guests"

BUILD_SECONDS: Final = 300.0
"""The longest that one compiler may run."""

_C: Final = (
    "cc --target=wasm32-freestanding -std=c11 -O2 -g -nostdlib -Wl,--no-entry -Wl,-z,stack-size=8192"
    " -ffile-prefix-map={sources}=demo/guests -ffile-prefix-map={aside}=caxton {source} -o {output}"
)
_ZIG: Final = (
    "build-exe {source} -target wasm32-freestanding -O ReleaseSmall -fno-entry -rdynamic --stack 8192"
    " -femit-bin={output}"
)
_COMMANDS: Final[Mapping[str, str]] = {".c": _C, ".zig": _ZIG}


@dataclass(frozen=True, slots=True)
class Guests:
    """The modules of the demo's agents by kind (``counter``, ``splitter``, ...); ``built`` says if it was done now."""

    modules: Mapping[str, Path]
    built: bool


def build_guests(on_build: Callable[[str, int], None] = lambda kind, total: None) -> Guests:
    """The modules of all guests, from the cache or built now; blocks for some seconds the first time.

    ``on_build`` is told the kind of each guest that has been built, and how many there are to build.

    Raises:
        DemoError: ``ziglang`` is not installed, a compiler failed, or the cache directory cannot be used.
    """
    compiled = [path for path in sorted(SOURCES.iterdir()) if path.suffix in _COMMANDS]
    modules = {path.stem: path for path in SOURCES.glob("*.wat")}
    try:
        home = _cache_directory() / _key()
        fresh = not home.is_dir()
        if fresh:
            _build(compiled, home, on_build)
    except OSError as error:
        raise DemoError(f"cannot build in the cache directory: {error}; XDG_CACHE_HOME may name another one") from None
    return Guests(modules | {path.stem: home / f"{path.stem}.wasm" for path in compiled}, fresh)


def _key() -> str:
    found = hashlib.sha256("\0".join(_COMMANDS.values()).encode())
    for path in sorted(path for path in SOURCES.iterdir() if path.is_file()):
        content = path.read_bytes()
        found.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:32]


def _cache_directory() -> Path:
    """``$XDG_CACHE_HOME/caxton/demo``, mode 0700 (XDG Base Directory Specification), the user's own."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(named) if os.path.isabs(named) else _home() / ".cache"
    base.mkdir(parents=True, exist_ok=True)
    for directory in (base / "caxton", base / "caxton" / "demo"):
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
            raise DemoError(f"{safe(str(directory))} is not a directory of yours: remove it, or set XDG_CACHE_HOME")
        if found.st_mode & 0o022:
            raise DemoError(f"others may write to {safe(str(directory))}: make it mode 0700, or set XDG_CACHE_HOME")
    return base / "caxton" / "demo"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home, as containers have them
        raise DemoError("there is no home directory to build in: set XDG_CACHE_HOME to another one") from None


def _build(sources: list[Path], home: Path, on_build: Callable[[str, int], None]) -> None:
    if importlib.util.find_spec("ziglang") is None:
        raise DemoError('the demo compiles its agents with ziglang, which is missing: pip install "caxton[demo]"')
    aside = Path(tempfile.mkdtemp(prefix="building-", dir=home.parent))
    try:
        output = aside / "guests"
        output.mkdir()
        with ThreadPoolExecutor(2) as pool:
            for kind in pool.map(lambda source: _compile(source, output, aside), sources):
                on_build(kind, len(sources))
        _move(output, home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _compile(source: Path, output: Path, aside: Path) -> str:
    command = [
        word.format(source=source, sources=SOURCES, aside=aside, output=output / f"{source.stem}.wasm")
        for word in _COMMANDS[source.suffix].split()
    ]
    # The compiler's own caches go with the build: nothing of it stays behind, here or in the user's home.
    environment = os.environ | {
        "ZIG_GLOBAL_CACHE_DIR": str(aside / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(aside / "zig"),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ziglang", *command],
            check=False,
            cwd=aside,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"compiling {source.name} took more than {BUILD_SECONDS:.0f} s") from None
    if done.returncode:
        what = safe(done.stderr.strip() or f"exit status {done.returncode}", 1000, keep="\n")
        raise DemoError(f"compiling {source.name} failed: {what}")
    return source.stem


def _move(output: Path, home: Path) -> None:
    try:
        output.rename(home)
    except OSError:
        if not home.is_dir():  # else another demo was faster, with the same sources
            raise
