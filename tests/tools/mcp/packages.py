"""Tool servers that nobody here wrote, each in a directory of its own in the user's cache, installed once."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PATIENCE = 300


def cache() -> Path:
    """Where they lie."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "caxton-tests"


def _installed(name: str, program: str, install: Callable[[Path], None]) -> str:
    """A program of a package; processes that want it at the same time install it once."""
    folder = cache() / name
    done = folder / ".done"
    if not done.exists():
        cache().mkdir(parents=True, exist_ok=True)
        with open(cache() / f"{name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                install(folder)
                done.touch()
    return str(folder / program)


def _quietly(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if finished.returncode:
        pytest.skip(f"{' '.join(command[:3])}: {finished.stderr[-400:]}")


def from_python(package: str, version: str, *beside: str) -> str:
    """The program of a Python package that bears its name."""

    def install(folder: Path) -> None:
        _quietly(sys.executable, "-m", "venv", str(folder))
        _quietly(str(folder / "bin" / "python"), "-m", "pip", "install", "-q", f"{package}=={version}", *beside)

    return _installed(f"{package}-{version}", f"bin/{package}", install)


def from_npm(package: str, version: str) -> str:
    """The program of a package of the MCP project: ``server-everything`` is ``mcp-server-everything``."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")

    def install(folder: Path) -> None:
        wanted = f"@modelcontextprotocol/{package}@{version}"
        _quietly("npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", wanted)

    return _installed(f"{package}-{version}", f"node_modules/.bin/mcp-{package}", install)


def time_server() -> str:
    """Speaks MCP 2026-07-28."""
    return from_python("mcp-server-time", "2026.10.19")


def sqlite_server() -> str:
    """Written for the SDK's first version, and does not start with its second."""
    return from_python("mcp-server-sqlite", "2025.4.25", "mcp<2")


def everything_server() -> str:
    """The MCP project's own, for trying every feature."""
    return from_npm("server-everything", "2026.8.31")


def filesystem_server() -> str:
    """The MCP project's, for files."""
    return from_npm("server-filesystem", "2026.8.31")
