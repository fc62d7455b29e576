"""What a host call raises, and what an agent raises to report failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ErrorKind = Literal[
    "not-found",
    "denied",
    "bad-argument",
    "limit",
    "timeout",
    "failed",
    "cycle",
    "mailbox-full",
    "unknown",
    "stopped",
]
"""What went wrong in a host call; the error's code says it exactly."""


class HostError(Exception):
    """A host call was refused or has failed.

    Attributes:
        kind: what went wrong.
        code: one of Caxton's codes, such as ``grant.denied``, or None.
        payload: a sentence about it; or what the other side said, where ``kind`` is ``failed``.
        performative: of the other side's reply, where there was one.
        retryable: whether the same call may go well later.
        headers: of the other side's reply.
    """

    def __init__(
        self,
        kind: ErrorKind,
        payload: str | bytes = "",
        *,
        code: str | None = None,
        performative: str | None = None,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind, payload)
        self.kind: ErrorKind = kind
        self.code = code
        self.payload = payload
        self.performative = performative
        self.retryable = retryable
        self.headers = dict(headers or {})

    @property
    def message(self) -> str:
        """The payload as text."""
        return self.payload if isinstance(self.payload, str) else self.payload.decode("utf-8", "replace")

    def __str__(self) -> str:
        return f"{self.code or self.kind}: {self.message}"


class Failure(Exception):
    """Raised out of ``handle``: the agent reports failure, with this payload. What the turn had queued is dropped."""

    def __init__(self, payload: str | bytes = "") -> None:
        super().__init__(payload)
        self.payload = payload
