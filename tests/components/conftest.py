"""Fixtures of the components' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.guests import Box, watched_box


@pytest.fixture
def box() -> Iterator[Box]:
    """A host of this test's own."""
    with watched_box() as made:
        yield made


@pytest.fixture(scope="module")
def shared_box() -> Iterator[Box]:
    """One host for a file's property tests."""
    with watched_box() as made:
        yield made
