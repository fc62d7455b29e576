"""Host calls that keep things: the agent's state, and its timers. Queued until the turn commits."""

from __future__ import annotations

from typing import Final

from caxton import jsontext
from caxton.agents.outbox import CancelTimer, PutState, SetTimer
from caxton.agents.ports import Answer
from caxton.agents.turn_base import TurnBase
from caxton.errors import NOT_FOUND, HostError

MIN_TIMER: Final = 10
MAX_TIMER: Final = 366 * 86_400_000


class KeepingCalls(TurnBase):
    """The part of a turn's services that keeps things."""

    __slots__ = ()

    def state_get(self, key: str) -> Answer:
        """A value of the state, with this turn's own changes."""
        value = self._draft().value(key)
        return NOT_FOUND if value is None else value

    def state_put(self, key: str, value: bytes) -> Answer:
        """Queues a change of the state."""
        self._draft().put(key, value)
        self._outbox().add(PutState(key))
        return 0

    def state_delete(self, key: str) -> Answer:
        """Queues a deletion."""
        if not self._draft().delete(key):
            return NOT_FOUND
        self._outbox().add(PutState(key))
        return 0

    def state_keys(self, prefix: str) -> Answer:
        """The keys with a prefix, in order."""
        return jsontext.dumps(self._draft().keys(prefix))

    def set_timer(self, delay: int, period: int, payload: bytes) -> Answer:
        """Queues a timer."""
        if not MIN_TIMER <= delay <= MAX_TIMER or not (period == 0 or MIN_TIMER <= period <= MAX_TIMER):
            raise HostError("config.invalid", "a timer takes 10 ms to 366 days")
        self._check_payload(payload)
        number = self._draft().set_timer(delay, period, payload)
        self._outbox().add(SetTimer(number))
        return number

    def cancel_timer(self, timer: int) -> Answer:
        """Queues the end of a timer."""
        if not self._draft().has_timer(timer):
            return NOT_FOUND
        self._draft().cancel_timer(timer)
        self._outbox().add(CancelTimer(timer))
        return 0
