"""Promise: the source distribution is enough to build from, and holds nothing compiled."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging.conftest import Pip

BUILD = "import sys; from build_backend import backend; backend.build_sdist(sys.argv[1])"


@pytest.fixture(scope="module")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, made by the backend's own hook."""
    place = tmp_path_factory.mktemp("sdist")
    subprocess.run([sys.executable, "-c", BUILD, place], cwd=tree, capture_output=True, check=True)
    return place / "caxton-0.1.0.tar.gz"


def test_sdist_holds_the_backend_and_the_shims_source_and_no_library(sdist: Path) -> None:
    """Everything that the build reads is there; the library of an editable installation is not."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "LICENSE", "build_backend/backend.py", "build_backend/shim.py"} <= names
    assert {
        "src/caxton/sandbox/shim.c",
        "src/caxton/sandbox/shim.h",
        "src/caxton/sandbox/wasmtime_api.h",
        "src/caxton/py.typed",
        "sdk/c/caxton.h",
    } <= names
    assert [name for name in names if name.endswith((".so", ".dylib", ".pyc"))] == []


def test_wheel_can_be_built_from_the_sdist(sdist: Path, pip: Pip, tmp_path: Path) -> None:
    """pip turns it into a wheel for this platform."""
    done = pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path, sdist)
    assert done.returncode == 0, done.stdout
    assert len(list(tmp_path.glob("caxton-0.1.0-py3-none-*.whl"))) == 1
