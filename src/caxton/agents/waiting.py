"""Something that has not happened yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from caxton.errors import CaxtonError
from caxton.messages import Performative


class Answered(NamedTuple):
    """Another agent's reply, as the guest that asked sees it."""

    performative: Performative
    payload: bytes
    headers: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Of several things waited for, the one at ``index`` has happened, with its ``outcome``."""

    index: int
    outcome: int | bytes | Answered | CaxtonError


Outcome: TypeAlias = int | bytes | Answered | CaxtonError | Chosen


class Pending:
    """An outcome to come. Resolved once, on the event loop; later attempts are ignored.

    ``targets`` names the agents whose doing it waits for: what deadlocks are found by. ``cancel`` is called when the
    outcome is of no interest any more, so that what works on it can end.
    """

    __slots__ = ("_callback", "_cancel", "_then", "outcome", "resolved", "targets")

    def __init__(self, targets: tuple[str, ...] = (), cancel: Callable[[], None] | None = None) -> None:
        self.targets = targets
        self.resolved = False
        self.outcome: Outcome = 0
        self._callback: Callable[[], None] | None = None
        self._cancel = cancel
        self._then: Callable[[], None] | None = None

    def resolve(self, outcome: Outcome) -> None:
        """Sets the outcome and tells whoever waits."""
        if self.resolved:
            return
        self.resolved = True
        self.outcome = outcome
        self._cancel = None
        then, self._then = self._then, None
        if then is not None:
            then()
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def on_resolved(self, callback: Callable[[], None] | None) -> None:
        """Calls back once, when the outcome is there; None: nobody waits any more."""
        self._callback = callback

    def then(self, callback: Callable[[], None]) -> None:
        """Calls back when the outcome is there, before whoever waits is told; at once where it is there already."""
        if self.resolved:
            callback()
        else:
            self._then = callback

    def on_cancel(self, cancel: Callable[[], None]) -> None:
        """Says how to end what works on the outcome."""
        self._cancel = cancel

    def abandon(self, outcome: Outcome = 0) -> None:
        """Gives up with ``outcome``: what works on it is ended, and whoever waits is told."""
        if self.resolved:
            return
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        self.resolve(outcome)

    def cancel(self) -> None:
        """Gives up, and tells nobody but what works on it."""
        self._callback = None
        self.abandon()
