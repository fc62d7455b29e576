"""Promise: where a toolchain is missing, one line says what to install on this platform, and nothing is built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from caxton.toolchain import Machine, create_project, language
from caxton.toolchain.errors import Install, missing
from tests.cli.command import SECONDS, command, ended
from tests.toolchain.projects import LANDED

INSTALL = Install(anywhere="A", debian="D", macos="M", note="N")
WITHOUT_ZIG = "import sys; sys.modules['ziglang'] = None; from caxton.cli import main; sys.exit(main(sys.argv[1:]))"


def test_words_for_each_platform() -> None:
    """What works anywhere, then this platform's own way."""
    assert "A; or D (on Debian and Ubuntu) (N)" == INSTALL.words("linux")
    assert "A; or M (on macOS) (N)" == INSTALL.words("darwin")
    assert "A (N)" == INSTALL.words("win32")
    assert "D (on Debian); or M (on macOS)" == Install(debian="D", macos="M").words("win32")
    assert "D (on Debian and Ubuntu)" == Install(debian="D", macos="M").words("linux")
    assert "toolchain.missing" == missing("a compiler", INSTALL).code


@pytest.mark.parametrize("name", ["javascript", "assemblyscript"])
def test_npm_packages_are_not_installed_unasked(name: str, tmp_path: Path) -> None:
    """With an empty cache directory the line names ``caxton build --install``, as text and as JSON; the status is 6."""
    folder = create_project(language(name), tmp_path / "hello")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    line = [*command("build", str(folder), "--json")]
    done = subprocess.run(line, capture_output=True, timeout=SECONDS, env=environment, check=False)
    found = ended(done.returncode, done.stdout, done.stderr)
    assert (6, 1) == (found.status, len(found.lines))
    assert "toolchain.missing" == found.object["error"]["code"]
    assert "caxton build --install" in found.lines[0]
    assert not (folder / "hello.wasm").exists()


def test_no_compiler_at_all(tmp_path: Path) -> None:
    """On a machine without ziglang and clang the line says what to install."""
    folder = create_project(language("c"), tmp_path / "hello")
    environment = {**os.environ, "PATH": str(tmp_path)}
    line = [sys.executable, "-c", WITHOUT_ZIG, "build", str(folder)]
    done = subprocess.run(line, capture_output=True, timeout=SECONDS, env=environment, check=False)
    found = ended(done.returncode, done.stdout, done.stderr)
    assert (6, 1) == (found.status, len(found.lines))
    assert found.lines[0].startswith("caxton: toolchain.missing: ")
    assert "pip install" in found.lines[0]


def test_relative_folders_of_path_are_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project cannot bring a compiler by lying in the folder where caxton is called."""
    (tmp_path / "surely-no-program").write_text("#!/bin/sh\n")
    (tmp_path / "surely-no-program").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".:{os.pathsep}")
    assert Machine().program("surely-no-program") is None


@pytest.mark.parametrize("name", LANDED)
def test_every_language_finds_its_toolchain_here(name: str) -> None:
    """And says which one it is."""
    assert language(name).find(Machine(install=True)).version
