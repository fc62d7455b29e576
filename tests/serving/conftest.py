"""What the tests of the command share: a configuration file, and the command run with it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tests.cli.command import command
from tests.serving.agents import configured
from tests.serving.test_stdio import Start, started


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration file with the agents that the tests expose."""
    return configured(tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="session")
def start(config: Path) -> Start:
    """Starts ``caxton mcp``."""
    return functools.partial(started, command("mcp", str(config)))
