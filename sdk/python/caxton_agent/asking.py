"""Asking other agents, and waiting for several answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from componentize_py_types import Err, Result
from wit_world.imports import host

from caxton_agent.crossing import PERFORMATIVES, call, clean, failed, milliseconds, to_wit
from caxton_agent.errors import HostError
from caxton_agent.messages import Payload, as_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an asked agent has answered."""

    payload: Payload
    performative: str = "inform"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The payload as text.

        Raises:
            Failure: it is not UTF-8.
        """
        return as_text(self.payload)


def answered(found: host.Answer) -> Answer:
    """An answer as it comes from the host."""
    return Answer(found.payload.value, PERFORMATIVES[found.performative], dict(found.headers))


class Pending(Generic[T]):
    """An ask, or a call of a tool, that was started. It ends with the turn."""

    def __init__(self, handle: int, finish: Callable[[host.Answer], T]) -> None:
        self.handle = handle
        self._finish = finish
        self._outcome: Result[host.Answer, host.CallError] | None = None

    @property
    def done(self) -> bool:
        """Whether it has been waited for."""
        return self._outcome is not None

    def result(self) -> T:
        """What it has come to; waits for it, if nobody has yet.

        Raises:
            HostError: as the ask, or the call, would have raised.
        """
        if self._outcome is None:
            wait([self])
        assert self._outcome is not None
        if isinstance(self._outcome, Err):
            raise failed(self._outcome.value)
        return self._finish(self._outcome.value)

    def cancel(self) -> None:
        """Gives it up.

        Raises:
            HostError: ``not-found``, it has been waited for or cancelled before.
        """
        call(host.cancel, self.handle)

    def _settle(self, outcome: Result[host.Answer, host.CallError]) -> None:
        self._outcome = outcome


def ask(to: str, payload: Payload = "", timeout: float | None = None) -> Answer:
    """Sends a ``request`` and waits for the reply.

    Args:
        timeout: seconds; without it as long as the turn may last.

    Raises:
        HostError: the agent may not be asked, or failed, refused, or did not answer in time.
    """
    return answered(call(host.ask, clean(to), to_wit(payload), milliseconds(timeout)))


def ask_start(to: str, payload: Payload = "", timeout: float | None = None) -> Pending[Answer]:
    """The same without waiting.

    Raises:
        HostError: the agent may not be asked.
    """
    return Pending(call(host.ask_start, clean(to), to_wit(payload), milliseconds(timeout)), answered)


def wait(pending: Sequence[Pending[T]], timeout: float | None = None) -> Pending[T]:
    """Waits for the first of some, and answers it; those that have been waited for (``done``) are left out.

    Raises:
        HostError: ``timeout``, none has ended in time; ``cycle``, none could ever; ``bad-argument``, none is left.
    """
    left = [one for one in pending if not one.done]
    if not left:
        raise HostError("bad-argument", "there is nothing left to wait for")
    found = call(host.wait, [one.handle for one in left], milliseconds(timeout))
    left[found.index]._settle(found.outcome)
    return left[found.index]


def as_completed(pending: Sequence[Pending[T]], timeout: float | None = None) -> Iterator[Pending[T]]:
    """Each of some, as it ends, but for those that have been waited for; ``timeout`` is for every wait by itself.

    Raises:
        HostError: as ``wait`` does.
    """
    left = [one for one in pending if not one.done]
    while left:
        done = wait(left, timeout)
        left.remove(done)
        yield done


def gather(pending: Sequence[Pending[T]], timeout: float | None = None) -> list[T]:
    """Waits for all; answers their results, in their order. The first failure ends it.

    Raises:
        HostError: as ``wait`` does, or of the first that failed.
    """
    for done in as_completed(pending, timeout):
        done.result()
    return [one.result() for one in pending]
