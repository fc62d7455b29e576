"""What agents that are components are written against."""

from __future__ import annotations

from caxton.sandbox.component_calls import wit

__all__ = ["wit"]
