"""Promise: in every language a new project builds as it is, and what is built keeps the ABI."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.cli.check import examine
from caxton.cli.check_points import FAILED
from caxton.toolchain import build, create_project, language
from tests.toolchain.projects import LANDED, MACHINE, everything


@pytest.mark.parametrize("name", LANDED)
def test_a_new_project_builds_and_keeps_the_abi(name: str, tmp_path: Path) -> None:
    """Without touching it; the build adds the module and changes nothing else."""
    folder = create_project(language(name), tmp_path / "first-agent.2")
    before = everything(folder)
    built = build(folder, machine=MACHINE)
    assert {"first-agent.2.wasm"} == everything(folder).keys() - before.keys()
    assert before.items() <= everything(folder).items()
    assert [] == [point for point in examine(built.module) if point.status == FAILED]
