"""Python projects are built of their own files and Python's library alone, and mistakes in them are told."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from caxton.errors import HostError
from caxton.toolchain import Machine, ToolchainError, build
from tests.sdk.components import project

_NO_HOST: Final = "RuntimeError: there is no host while the agent is built: call it from handle, not at the top level"


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


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such'"),
        ('raise KeyError("a\\nb")', r"KeyError: 'a\nb'"),
        ('raise OSError("a\\nb")', "OSError: a"),
        ("def handle(:", "SyntaxError: invalid syntax"),
        ('from caxton_agent import state\nstate["a"] = "b"', _NO_HOST),
        ('from caxton_agent import log\nlog("info", "early")', _NO_HOST),
        ("from caxton_agent import random_bytes\nrandom_bytes(1)", _NO_HOST),
        ("async def handle(message): ...", "TypeError: handle is async: write it without async, host calls wait"),
        (
            "async def handle(message):\n    yield",
            "TypeError: handle is async: write it without async, host calls wait",
        ),
        ("pass", "TypeError: src/agent.py must have a function named handle"),
    ],
)
def test_why_it_cannot_be_imported(tmp_path: Path, source: str, says: str) -> None:
    """Is said once, in Python's words or the SDK's; what was printed before is in the output at most."""
    folder = project("python", tmp_path / "agent")
    (folder / "src" / "agent.py").write_text(f"{source}\n")
    with pytest.raises(ToolchainError) as found:
        build(folder)
    assert ("toolchain.failed", f"the agent cannot be imported: {says}") == (found.value.code, found.value.message)


def test_what_is_logged_while_it_is_built_is_dropped(tmp_path: Path) -> None:
    """There is no log yet; libraries may warn."""
    folder = project("python", tmp_path / "agent")
    source = (folder / "src" / "agent.py").read_text()
    (folder / "src" / "agent.py").write_text(f'import logging\nlogging.error("early")\nprint("early")\n{source}')
    assert build(folder).module.is_file()
