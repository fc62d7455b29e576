"""``caxton bench``: the arguments are the benchmark's own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module


def bench(arguments: Sequence[str]) -> int:
    """Runs the benchmark; answers its exit status.

    Raises:
        CaxtonError: ``config.invalid``, wrong usage.
    """
    return int(import_module("caxton.bench").main(list(arguments)))
