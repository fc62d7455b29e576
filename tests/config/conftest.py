"""Fixtures of the configuration's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import Here


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """A folder for configurations."""
    return Here(tmp_path)
