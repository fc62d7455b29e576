"""Python projects are built of their own files and Python's library alone, and mistakes in them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.errors import HostError
from caxton.toolchain import Machine, ToolchainError, build
from tests.sdk.components import project


class Bare(Machine):
    """A machine on which nothing is installed."""

    def program(self, *names: str) -> Path | None:
        """Nothing."""
        return None


def test_packages_of_the_machine_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the caller's virtual environment is not of the project."""
    packages = tmp_path / "environment" / "lib" / "python3.14" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "outsider.py").write_text("")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "environment"))
    folder = project("python", tmp_path / "agent")
    (folder / "src" / "agent.py").write_text("import outsider\n")
    with pytest.raises(ToolchainError) as found:
        build(folder)
    assert found.value.code == "toolchain.failed"
    assert "No module named 'outsider'" in found.value.output
    assert not list(folder.glob("*.wasm"))


def test_a_machine_without_the_toolchain_says_what_to_install(tmp_path: Path) -> None:
    """It comes with an extra of Caxton's."""
    folder = project("python", tmp_path / "agent")
    with pytest.raises(ToolchainError, match=r'pip install "caxton\[python\]"') as found:
        build(folder, machine=Bare())
    assert found.value.code == "toolchain.missing"


def test_a_project_without_its_source_says_what_is_missing(tmp_path: Path) -> None:
    """Nothing to build is the project's mistake."""
    folder = project("python", tmp_path / "agent")
    (folder / "src" / "agent.py").unlink()
    with pytest.raises(HostError, match=r"no src/agent\.py") as found:
        build(folder)
    assert found.value.code == "config.invalid"
