"""``caxton wit``: the WIT package that components are written against."""

from __future__ import annotations

from caxton.cli import output
from caxton.host.interface import wit as package


def wit() -> int:
    """Prints the package; answers the exit status, 0."""
    output.put(package().encode())
    return 0
