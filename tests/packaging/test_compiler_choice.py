"""Promise: any working C compiler will do; without one, `ziglang` is fetched; without either, the error is clear."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from build_backend import shim
from tests.packaging.conftest import Pip, plain_environment

ZIG = f"{sys.executable} -m ziglang cc"
HOOK = "import json; from build_backend import backend; print(json.dumps(backend.get_requires_for_build_{}()))"
CHOICE = "import json; from build_backend import shim; print(json.dumps(shim.find_compiler().command))"


@pytest.fixture(scope="module", autouse=True)
def warm_zig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all of this file: zig spends seconds on an empty one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path_factory.mktemp("zig")))
        yield


def ask(tree: Path, code: str, env: Mapping[str, str]) -> list[str]:
    """Run `code` in the tree and return the list that its last line is."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=env, capture_output=True, text=True, timeout=300, check=True
    )
    answer: list[str] = json.loads(done.stdout.splitlines()[-1])
    return answer


def script(place: Path, text: str) -> None:
    """Write an executable shell script."""
    place.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    place.chmod(0o755)


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_ziglang_is_asked_for_where_no_compiler_works(tree: Path, no_compiler: dict[str, str], kind: str) -> None:
    """Only then does the build need it, so that only such machines download it."""
    assert shim.ZIGLANG in ask(tree, HOOK.format(kind), no_compiler)


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_ziglang_is_not_asked_for_where_a_compiler_works(tree: Path, no_compiler: dict[str, str], kind: str) -> None:
    """A compiler named in CC is enough, whatever else the machine lacks."""
    assert ask(tree, HOOK.format(kind), no_compiler | {"CC": ZIG}) == []


def test_compiler_that_cannot_link_is_passed_over(tree: Path, no_compiler: dict[str, str]) -> None:
    """What counts is a shared library, not a program called cc: the next candidate is tried."""
    place = Path(no_compiler["PATH"])
    script(place / "cc", "echo no headers here >&2; exit 1")
    script(place / "gcc", f'exec {ZIG} "$@"')
    assert ask(tree, CHOICE, no_compiler) == ["gcc"]


def test_compiler_named_in_cc_comes_first(tree: Path) -> None:
    """CC may hold a command with arguments."""
    assert ask(tree, CHOICE, plain_environment() | {"CC": ZIG}) == ZIG.split()


@pytest.mark.slow
def test_pip_builds_with_ziglang_on_a_machine_without_compiler(
    tree: Path, pip: Pip, no_compiler: dict[str, str], tmp_path: Path
) -> None:
    """`pip wheel .`, isolated as it is by default, gets ziglang by itself; nothing needs to be done by hand."""
    for name in ("ZIG_GLOBAL_CACHE_DIR", "HOME"):
        no_compiler.pop(name, None)
    done = pip("wheel", "--no-deps", "--wheel-dir", tmp_path / "wheel", tree, env=no_compiler)
    assert done.returncode == 0, done.stdout
    assert len(list((tmp_path / "wheel").glob("caxton-*-py3-none-*.whl"))) == 1


@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_without_any_compiler_the_error_says_what_to_do(
    tree: Path, pip: Pip, no_compiler: dict[str, str], bare_python: Path, tmp_path: Path, how: str
) -> None:
    """The message names both remedies and everything that was tried, without a traceback."""
    assert pip("install", "setuptools>=77", python=bare_python).returncode == 0
    verb: tuple[str | Path, ...] = ("wheel", "--wheel-dir", tmp_path) if how == "wheel" else ("install", "--editable")
    done = pip(*verb, tree, "--no-build-isolation", "--no-deps", python=bare_python, env=no_compiler)
    assert done.returncode != 0
    assert "no C compiler works on this machine" in done.stdout
    assert "install a C compiler" in done.stdout
    assert f"pip install '{shim.ZIGLANG}'" in done.stdout
    assert "CC=/nonexistent" in done.stdout
    assert "Traceback" not in done.stdout
