"""What the packaging tests share: a clean copy of the source tree, and builds made from it with the real pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from build_backend import shim

ROOT = Path(__file__).resolve().parents[2]
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "build_backend", "sdk", "src")
CACHES = shutil.ignore_patterns("__pycache__", "_shim.*", ".shim-*", "*.egg-info", "node_modules", "*.wasm")


class Pip(Protocol):
    """Runs pip to its end, whatever comes of it, and returns what it printed, on both channels in one."""

    def __call__(
        self, *args: str | Path, python: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def pip() -> Pip:
    """pip, for this interpreter or another one."""

    def run(
        *args: str | Path, python: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        interpreter = ["--python", str(python)] if python else []
        return subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", *interpreter, *map(str, args)],
            env=env or plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build needs, with a worthless library where an editable installation puts a good one."""
    copy = tmp_path_factory.mktemp("tree")
    for name in FILES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=CACHES)
        else:
            shutil.copy(ROOT / name, copy / name)
    (copy / "src" / "caxton" / "sandbox" / shim.library_name()).write_bytes(b"stale")
    return copy


@pytest.fixture(scope="session")
def wheel(tree: Path, pip: Pip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds from the tree with whatever compiler this machine has."""
    place = tmp_path_factory.mktemp("wheel")
    done = pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", place, tree)
    assert done.returncode == 0, done.stdout
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture
def no_compiler(tmp_path: Path) -> dict[str, str]:
    """An environment in which no compiler can be found: CC is wrong, and PATH leads to an empty directory."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return plain_environment() | {"PATH": str(empty), "CC": "/nonexistent"}


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """The interpreter of a fresh virtual environment in which nothing is installed, not even pip."""
    place = tmp_path / "bare"
    venv.create(place, symlinks=True, with_pip=False)
    return place / "bin" / "python"


def plain_environment() -> dict[str, str]:
    """This process's environment without what would choose a compiler or its flags."""
    return {name: value for name, value in os.environ.items() if name not in ("CC", "CFLAGS", "LDFLAGS")}
