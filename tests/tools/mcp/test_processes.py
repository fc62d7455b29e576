"""What a server that is a child process gets: its streams, a bare environment, and its signals as they should be."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.tools.mcp.lab import hostile, serving, text


def surroundings(run: Run, **settings: Any) -> dict[str, Any]:
    """What a server sees around it."""

    async def main() -> str:
        async with serving(hostile(**settings)) as servers:
            return await text(servers, "h.environment")

    found: dict[str, Any] = json.loads(run(main()))
    return found


def test_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few variables of the host's, and its own; nothing else of the host's."""
    for name in ("TMPDIR", "LANG", "LC_TIME", "USER"):
        monkeypatch.setenv(name, f"{name} of the host")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none of its business")
    monkeypatch.setenv("PYTHONPATH", "none of its business")
    found = surroundings(run, env={"OWN": "its own", "USER": "somebody"})["env"]
    assert "its own" == found.pop("OWN")
    assert "somebody" == found.pop("USER")
    assert "LC_TIME of the host" == found.pop("LC_TIME")
    assert "TMPDIR of the host" == found.pop("TMPDIR")
    assert os.environ["PATH"] == found.pop("PATH")
    assert {*found} <= {"HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE"}


def test_the_working_directory(run: Run, tmp_path: Path) -> None:
    """The one that it is given; else the host's."""
    assert os.path.realpath(tmp_path) == surroundings(run, cwd=tmp_path)["cwd"]
    assert os.getcwd() == surroundings(run)["cwd"]


def test_its_own_group(run: Run) -> None:
    """A signal to the host's group, as from a terminal, is not one to the server."""
    assert os.getpgrp() != surroundings(run)["group"]


def test_what_it_writes_to_its_standard_error(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Goes to the log, line by line, escaped."""
    caplog.set_level(logging.INFO, "caxton.tools.mcp")

    async def main() -> None:
        async with serving(hostile("die")) as servers:
            await servers.tools()

    run(main())
    assert "h: cannot find my \\x1b[31mcat" in caplog.messages
