"""When a new instance follows one that ended. Pure: what happened goes in, what to do comes out.

The words are those of OTP's ``supervisor``: a *permanent* agent is always restarted, a *transient* one unless it ended
by its own will, a *temporary* one never; more than so many restarts within so long is too many (restart intensity).
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from caxton.agents.spec import Restart


class Decision(Enum):
    """What to do with an agent whose instance has ended."""

    RESTART = "restart"
    STOP = "stop"
    FAIL = "fail"


class Policy:
    """The restart history of one agent."""

    __slots__ = ("_restart", "_times")

    def __init__(self, restart: Restart) -> None:
        self._restart = restart
        self._times: deque[float] | None = None

    def ended(self, now: float, *, normally: bool) -> Decision:
        """An instance has ended at ``now`` (monotonic seconds), by its own will or not."""
        strategy = self._restart.strategy
        if strategy == "temporary" or (strategy == "transient" and normally):
            return Decision.STOP if normally else Decision.FAIL
        if normally:
            return Decision.RESTART
        times = self._times
        if times is None:
            times = self._times = deque()
        while times and now - times[0] > float(self._restart.within):
            times.popleft()
        if len(times) >= self._restart.max_restarts:
            return Decision.FAIL
        times.append(now)
        return Decision.RESTART
