"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from tests.cli.command import Guests, write_guests


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guests:
    """The path of a guest's file, by name."""
    return write_guests(tmp_path_factory.mktemp("guests"))
