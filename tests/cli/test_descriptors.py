"""A process that may open few files says so in one line, whichever file it is that cannot be opened any more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.cli.command import SECONDS, Guests, environment

# Python has been started by then: it needs some itself, more or fewer with its version.
_LIMITED: Final = """
import resource, sys
from caxton.cli import main
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv.pop(1)),) * 2)
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("verb", "limits", "last"), [("run", range(4, 30), 0), ("check", (4, 7), 5), ("inspect", (4, 7), 5)]
)
def test_few_descriptors(guest: Guests, tmp_path: Path, verb: str, limits: Sequence[int], last: int) -> None:
    """Too few are limit.host, however far they reach, until there are enough. No warning of Python's is seen."""
    statuses = []
    for most in limits:
        places = {f"XDG_{kind}_HOME": str(tmp_path / f"{kind}{most}") for kind in ("CACHE", "STATE")}
        done = subprocess.run(
            [sys.executable, "-c", _LIMITED, str(most), verb, guest("echo")],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=environment(**places),
        )
        statuses.append(done.returncode)
        if done.returncode == 0:
            break
        assert done.stdout == ""
        assert done.stderr.startswith("caxton: limit.host: ")
        assert done.stderr.endswith("\n")
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "Too many open files" in done.stderr
    assert statuses == [5] * (len(statuses) - 1) + [last]
