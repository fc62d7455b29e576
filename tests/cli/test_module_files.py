"""Whatever MODULE names, a verb ends soon, in bounded memory, with exit status 3 and a code."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Guests, caxton, caxton_each, command, environment, is_harmless

VERBS = ("run", "inspect", "check")
_PR_CAPBSET_DROP = 24
_READS_EVERYTHING = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


# A child's peak counts what its parent had when it was made: so the parent is a small one, not the tests' own process.
_WEIGHED = """
import json, os, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_maxrss << 10]))
"""


def _without_privileges() -> None:
    """Even root may not read everything then."""
    if os.geteuid() == 0:
        for capability in _READS_EVERYTHING:
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


CASES = [
    ("nowhere", "module.not-found"),
    ("folder", "module.not-found"),
    ("loop", "module.not-found"),
    ("loop/below", "module.not-found"),
    ("n" * 300, "module.not-found"),
    ("\x1b[31m\u202e\udcff", "module.not-found"),
    ("pipe", "module.invalid"),
    ("empty", "module.invalid"),
    ("picture", "module.invalid"),
    ("cut-off", "module.invalid"),
    ("huge", "module.too-large"),
    ("/dev/null", "module.invalid"),
    ("/dev/zero", "module.too-large"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all kinds of things that are no module."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "picture").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "cut-off").write_bytes(b"\0asm\x01\0\0\0\x01\x7f")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_no_module(folder: Path, verb: str) -> None:
    """Missing, of another kind, endless or too large: each has its code."""
    outcomes = caxton_each([(verb, name) for name, _ in CASES], cwd=folder)
    for (name, code), done in zip(CASES, outcomes, strict=True):
        assert (name, 3, 1) == (name, done.status, len(done.lines))
        assert done.err.startswith(f"caxton: {code}: "), name
        assert is_harmless(done.err), name


def test_an_endless_file_costs_little() -> None:
    """What has no end is read up to the limit: 64 MiB of it, and as much again to put it together."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WEIGHED, *command("run", "/dev/zero")],
        stdout=subprocess.PIPE,
        env=environment(),
        check=True,
    )
    status, peak = json.loads(done.stdout)
    assert status == 3
    assert peak < 256 << 20


@pytest.mark.parametrize("verb", VERBS)
def test_unreadable(guest: Guests, tmp_path: Path, verb: str) -> None:
    """A file that the user may not read is module.not-found, and the message says why."""
    file = tmp_path / "secret.wat"
    file.write_bytes(Path(guest("echo")).read_bytes())
    file.chmod(0)
    done = caxton(verb, str(file), preexec_fn=_without_privileges)
    assert (done.status, done.lines) == (3, [f"caxton: module.not-found: {file}: Permission denied"])


def test_through_a_pipe(guest: Guests) -> None:
    """A module may come through a pipe."""
    done = caxton("run", "/dev/stdin", "--message", "x", stdin=Path(guest("echo")).read_bytes())
    assert (done.status, done.out) == (0, b"x")
