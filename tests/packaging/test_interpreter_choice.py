"""Promise: make uses a Python that is new enough and really works, and says clearly when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT

# As pyenv's stand-in for a version that is not installed, a Python that is too old, and Debian's without python3-venv.
ABSENT = "exit 127"
TOO_OLD = "exit 1"
WITHOUT_VENV = 'case "$*" in *"import venv"*|*"import virtualenv"*) exit 1;; esac; exec {python} "$@"'
WORKING = 'exec {python} "$@"'


def make_python(path: Path, pythons: dict[str, str], named: str = "") -> subprocess.CompletedProcess[str]:
    """Run `make python` where only the given interpreters exist."""
    for name, text in pythons.items():
        script = path / name
        script.write_text(f"#!/bin/sh\n{text.format(python=sys.executable)}\n", encoding="utf-8")
        script.chmod(0o755)
    make = shutil.which("make")
    assert make is not None
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE", "MFLAGS"))}
    return subprocess.run(
        [make, "--silent", "python", *([f"PYTHON={named}"] if named else [])],
        cwd=ROOT,
        env=env | {"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_interpreter_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    """The newest name that works wins."""
    done = make_python(tmp_path, {"python3.14": ABSENT, "python3.13": TOO_OLD, "python3": WORKING})
    assert done.stdout == "python3 venv\n", done.stderr


def test_interpreter_without_venv_is_passed_over(tmp_path: Path) -> None:
    """An older one that can make a virtual environment is better than a newer one that cannot."""
    done = make_python(tmp_path, {"python3.13": WITHOUT_VENV, "python3.11": WORKING})
    assert done.stdout == "python3.11 venv\n", done.stderr


@pytest.mark.parametrize(
    ("pythons", "named", "says"),
    [
        ({}, "", "needs Python 3.11 or newer"),
        ({"python3": TOO_OLD}, "", "needs Python 3.11 or newer"),
        ({"python3": WITHOUT_VENV}, "", "apt install python3-venv"),
        ({"python3": WORKING}, "python9", "PYTHON=python9 is not a working Python"),
    ],
)
def test_error_says_what_is_missing(tmp_path: Path, pythons: dict[str, str], named: str, says: str) -> None:
    """make fails, and the message names the remedy."""
    done = make_python(tmp_path, pythons, named)
    assert done.returncode != 0
    assert says in done.stderr
