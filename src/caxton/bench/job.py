"""The job that all contestants do: a message of 256 bytes in, the same in upper case out."""

from __future__ import annotations

from typing import Final

from caxton import HostError

# Every printable character of ASCII, and so those that lie beside the letters.
MESSAGE: Final = (bytes(range(0x20, 0x7F)) * 3)[:256]
ANSWER: Final = MESSAGE.upper()


class BenchError(HostError):
    """The benchmark cannot go on; the message says why (``config.invalid``)."""

    def __init__(self, message: str) -> None:
        super().__init__("config.invalid", message)


def check(answer: bytes) -> None:
    """Refuses figures about work that was not done.

    Raises:
        BenchError: ``answer`` is not the message in upper case.
    """
    if answer != ANSWER:
        raise BenchError(f"a contestant answered {answer[:32]!r} ({len(answer)} bytes) instead of the upper case")
