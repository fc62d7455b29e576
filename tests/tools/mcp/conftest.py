"""Servers that do not end by themselves are waited for less long than usual."""

from __future__ import annotations

import pytest

from caxton.tools.mcp import process
from caxton.tools.mcp.bounds import Meter


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.3)


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> dict[Meter, list[float]]:
    """What was taken from each meter."""
    found: dict[Meter, list[float]] = {}
    spend = Meter.spend

    def noted(meter: Meter, amount: float = 1.0) -> float:
        found.setdefault(meter, []).append(amount)
        return spend(meter, amount)

    monkeypatch.setattr(Meter, "spend", noted)
    return found
