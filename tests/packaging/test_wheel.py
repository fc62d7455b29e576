"""Promise: a wheel serves every Python 3 on one platform, and is complete."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

from build_backend import shim

# In a process of its own, as the library stays loaded; RTLD_NOW, so that a symbol that wasmtime lacks is an error.
LOAD = """
import ctypes, os, pathlib, sys, wasmtime
(engine,) = pathlib.Path(wasmtime.__file__).parent.rglob("_libwasmtime.*")
ctypes.CDLL(str(engine), mode=os.RTLD_GLOBAL | os.RTLD_NOW)
ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)
"""

MAKE = """
from caxton.toolchain import create_project, language
from caxton.toolchain.places import sdk_folder
assert sdk_folder().is_relative_to(sys.argv[1]), sdk_folder()
create_project(language("c"), pathlib.Path("hello"))
"""


def test_tag_names_the_platform_and_no_python_version(wheel: Path) -> None:
    """The file name and the metadata say py3-none-<platform>, never `any`, never one version of CPython."""
    _, _, python, abi, platform = wheel.stem.split("-")
    assert (python, abi) == ("py3", "none")
    assert platform.startswith(("linux", "manylinux", "musllinux", "macosx"))
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read("caxton-0.1.0.dist-info/WHEEL").decode())
    assert metadata["Tag"] == f"py3-none-{platform}"
    assert metadata["Root-Is-Purelib"] == "false"


def test_wheel_holds_every_source_file_and_the_shim_and_nothing_else(wheel: Path, tree: Path) -> None:
    """Data files are not forgotten, and nothing of an earlier build gets in."""
    source = tree / "src"
    wanted = {str(path.relative_to(source)) for path in (source / "caxton").rglob("*") if path.is_file()}
    wanted |= {f"caxton/{path.relative_to(tree)}" for path in (tree / "sdk").rglob("*") if path.is_file()}
    library = f"caxton/sandbox/{shim.library_name()}"
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("caxton/")}
    assert wanted | {library} == held
    assert {"caxton/py.typed", "caxton/sandbox/shim.c", "caxton/sandbox/shim.h", "caxton/sdk/c/caxton.h"} <= held


def test_sdks_in_the_wheel_make_projects(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, away from any source tree, it makes a project with the SDK's files in it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); " + MAKE
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "site"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "hello" / "caxton" / "caxton.h").is_file()


def test_shim_in_the_wheel_finds_all_its_symbols_in_wasmtime(wheel: Path, tmp_path: Path) -> None:
    """The library that was built, not the stale one of the tree, is in the wheel; it loads after wasmtime's."""
    with zipfile.ZipFile(wheel) as archive:
        library = archive.extract(f"caxton/sandbox/{shim.library_name()}", tmp_path)
    done = subprocess.run([sys.executable, "-c", LOAD, library], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wheel_has_the_licence_and_the_command(wheel: Path) -> None:
    """The licence travels with the package, and installing it makes the command `caxton`."""
    with zipfile.ZipFile(wheel) as archive:
        licence = archive.read("caxton-0.1.0.dist-info/licenses/LICENSE").decode()
        scripts = archive.read("caxton-0.1.0.dist-info/entry_points.txt").decode()
    assert "Apache License" in licence
    assert "caxton = caxton.cli:main" in scripts
