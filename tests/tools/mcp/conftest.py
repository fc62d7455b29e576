"""Servers that do not end by themselves are waited for less long than usual."""

from __future__ import annotations

import pytest

from caxton.tools.mcp import process


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.3)
