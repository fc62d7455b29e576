"""Agents made with the SDKs have a warm start, or need none."""

from __future__ import annotations

import pytest

from tests.conformance.agents import ALL, module
from tests.sandbox.guests import Box, warmed, watched_box

COMPONENTS = {"python", "javascript", "typescript"}
"""Their toolchains leave them initialised."""


@pytest.mark.parametrize("language", [name for name in ALL if name not in COMPONENTS])
def test_no_language_starts_cold(language: str) -> None:
    """What its runtime does to begin with, it does once."""
    found = warmed(module(language)).facts.warmth
    assert found.state in ("plain", "warm"), found.reason


def started(box: Box, data: bytes, *, warm: bool) -> int:
    """The fuel of an agent's start."""
    return box.spawn(data, warm=warm).statistics().fuel


def test_go_starts_as_if_it_had_no_runtime() -> None:
    """Its garbage collector, scheduler and maps are there already."""
    with watched_box() as box:
        assert started(box, module("go"), warm=False) > 100_000
        assert started(box, module("go"), warm=True) < 1_000
