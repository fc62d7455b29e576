"""What stops the demo before it has begun."""

from __future__ import annotations

from caxton import HostError


class DemoError(HostError):
    """The demo cannot run like this: a file, a number or a compiler is missing or wrong (``config.invalid``)."""

    def __init__(self, message: str) -> None:
        super().__init__("config.invalid", message)
