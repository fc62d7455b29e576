"""Promise: an editable installation runs from the source tree, with the shim built beside its source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from build_backend import shim
from tests.packaging.conftest import Pip

ORIGIN = "import importlib.util; print(importlib.util.find_spec('caxton').origin)"


@pytest.mark.slow
def test_editable_installation_builds_in_place(tree: Path, pip: Pip, bare_python: Path) -> None:
    """`pip install -e .` puts a real library in the place of the stale one, and Python finds the package there."""
    library = tree / "src" / "caxton" / "sandbox" / shim.library_name()
    before = library.read_bytes()
    try:
        done = pip("install", "--no-deps", "--editable", tree, python=bare_python)
        assert done.returncode == 0, done.stdout
        assert library.read_bytes().startswith((b"\x7fELF", b"\xcf\xfa\xed\xfe"))
        origin = subprocess.run([bare_python, "-c", ORIGIN], capture_output=True, text=True, check=True).stdout
        assert Path(origin.strip()) == tree / "src" / "caxton" / "__init__.py"
    finally:
        library.write_bytes(before)
