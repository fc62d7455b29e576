"""Promise: in CI a skipped test fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT

IN_TEST = "import pytest\n\ndef test_skipped():\n    pytest.skip('no such machine')\n"
WHOLE_FILE = "import pytest\n\npytest.skip('no such machine', allow_module_level=True)\n"
PASSING = "def test_passing():\n    assert True\n"


def run_pytest(place: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the plugin on one file of its own."""
    (place / "test_sample.py").write_text(source, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "--rootdir", place, "-c", os.devnull, place],
        cwd=ROOT,
        env=os.environ | {"CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", [IN_TEST, WHOLE_FILE])
def test_skip_fails_in_ci_and_names_its_reason(tmp_path: Path, source: str) -> None:
    """One test or a whole file: the session fails, even beside tests that pass."""
    (tmp_path / "test_other.py").write_text(PASSING, encoding="utf-8")
    done = run_pytest(tmp_path, source, ci="true")
    assert done.returncode == 1
    assert "no such machine" in done.stdout


def test_skip_passes_elsewhere(tmp_path: Path) -> None:
    """A developer may lack what a test needs."""
    assert run_pytest(tmp_path, IN_TEST + PASSING, ci="").returncode == 0


def test_run_without_skips_passes_in_ci(tmp_path: Path) -> None:
    """The plugin changes nothing else."""
    assert run_pytest(tmp_path, PASSING, ci="true").returncode == 0
