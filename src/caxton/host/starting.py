"""What an agent is started with: its spec, its supervision, and somebody who waits until its turn 0 is over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from caxton.agents.agent import Agent
from caxton.agents.grants import Grants
from caxton.agents.lifecycle import Verdict
from caxton.agents.ports import Clock
from caxton.agents.spec import Limits, Restart, Spec
from caxton.errors import CaxtonError, HostError
from caxton.supervision.policy import Decision, Policy

_VERDICTS: Final = {Decision.RESTART: Verdict.RESTART, Decision.STOP: Verdict.STOP, Decision.FAIL: Verdict.FAIL}
DEFAULT: Final = Spec()
"""The spec of an agent of which nothing is said."""


class Supervision:
    """What follows when an instance of one agent ends, by its restart policy."""

    __slots__ = ("_clock", "_policy", "_restart")

    def __init__(self, restart: Restart, clock: Clock) -> None:
        self._restart = restart
        self._clock = clock
        self._policy: Policy | None = None

    def __call__(self, agent: Agent, *, normally: bool) -> Verdict:
        """Decides."""
        if self._policy is None:
            self._policy = Policy(self._restart)
        return _VERDICTS[self._policy.ended(self._clock.monotonic(), normally=normally)]


class Starting:
    """Waits for an agent's turn 0, which most often is over before anybody waits."""

    __slots__ = ("_done", "_future", "_loop", "error")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self._done = False
        self.error: CaxtonError | None = None

    def __call__(self, error: CaxtonError | None) -> None:
        """Turn 0 is over."""
        self.error = error
        self._done = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        """Waits until then."""
        if not self._done:
            self._future = self._loop.create_future()
            await self._future


def make_spec(
    limits: Limits | None, grants: Grants | None, restart: Restart | None, params: Mapping[str, Any] | None
) -> Spec:
    if limits is None and grants is None and restart is None and params is None:
        return DEFAULT
    for value, kind in ((limits, Limits), (grants, Grants), (restart, Restart)):
        if value is not None and not isinstance(value, kind):
            raise HostError("config.invalid", f"{kind.__name__.lower()} is a caxton.{kind.__name__}")
    return Spec(
        limits or DEFAULT.limits,
        grants or DEFAULT.grants,
        restart or DEFAULT.restart,
        {} if params is None else params,
    )
