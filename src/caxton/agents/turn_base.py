"""One turn: its delivery, its clock, its budgets, and what it wants to happen when it commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from caxton import jsontext
from caxton.agents.delivery import Delivery
from caxton.agents.handles import Handles
from caxton.agents.held import Draft, Held
from caxton.agents.outbox import Outbox
from caxton.agents.output import Lines
from caxton.agents.ports import Answer, Budget, Clock, Router, Tools
from caxton.agents.spec import Spec
from caxton.errors import NOT_FOUND, AgentError, LimitError, ToolError
from caxton.messages import AgentName, agent_name
from caxton.text import safe_name

LARGE: Final = 1 << 20
"""Bytes of linear memory from which on it is worth looking at what an agent that rests could do without."""


def _nobody(agent: Any, is_large: bool, on_loop: bool) -> None:
    """Nobody wants to know."""


LEVELS: Final = ("trace", "debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class World:
    """What all turns of a host share. ``log`` takes (agent, level, text); ``random`` makes (agent, count) bytes;
    ``sized`` is told, on any thread, of (an agent whose memory has come to ``LARGE`` or has gone below, whether it is
    large now, whether this is the event loop)."""

    router: Router
    budget: Budget
    tools: Tools
    clock: Clock
    log: Callable[[AgentName, str, bytes], None]
    random: Callable[[AgentName, int], bytes]
    sized: Callable[[Any, bool, bool], None] = _nobody


class Owner(Protocol):
    """The agent whose turn it is, as far as the turn is concerned.

    ``attempt`` counts its instances; ``born`` (monotonic seconds) is when the present one began.
    """

    world: World
    name: AgentName
    spec: Spec
    attempt: int
    born: float

    @property
    def held(self) -> Held:
        """What the agent keeps between turns."""


class TurnBase:
    """What one turn has: its delivery, its time, and what it has queued.

    ``began`` and ``deadline`` are monotonic seconds; ``delivery`` is None in turn 0. After the end, ``outbox`` and
    ``draft`` hold what is to be committed.
    """

    # What every turn needs has slots; the rest begins as below and takes room only in turns that call the host.
    __slots__ = ("__dict__", "began", "deadline", "delivery", "owner", "response", "world")

    replied = False
    deferred: str | None = None
    outbox: Outbox | None = None
    draft: Draft | None = None
    log_dropped = 0
    """Lines that the turn's log budget had no room for."""

    _handles: Handles | None = None
    _log_left: int | None = None
    _output: Lines | None = None
    _now = -1
    _waited: float | None = None
    _calls = 0  # of tools

    def __init__(self, owner: Owner, delivery: Delivery | None, began: float, deadline: float) -> None:
        self.owner = owner
        self.world = owner.world
        self.delivery = delivery
        self.began = began
        self.deadline = deadline
        self.response = b""

    @property
    def _monotonic(self) -> float:
        """When the guest's clocks stand still: at the turn's beginning, or its last wait."""
        return self.began if self._waited is None else self._waited

    def waited(self) -> None:
        """A wait has ended: the guest's clocks advance."""
        self._waited = self.world.clock.monotonic()
        self._now = -1

    def now_ms(self) -> int:
        """Unix time in milliseconds, as of the turn's beginning or its last wait."""
        if self._now < 0:
            lag = self.world.clock.monotonic() - self._monotonic
            # Seconds as a float are a little off: a microsecond more, so that 0.1 s are 100 ms and not 99.
            self._now = max(0, int((self.world.clock.time() - lag) * 1000 + 0.001))
        return self._now

    def monotonic_ns(self) -> int:
        """Nanoseconds since the instance began, as of the same instant."""
        return max(0, round((self._monotonic - self.owner.born) * 1e9))

    def random(self, length: int) -> bytes:
        """Random bytes."""
        return self.world.random(self.owner.name, length)

    def context(self, fuel: int) -> Answer:
        """The agent's name, parameters, grants, and what the turn has left."""
        left = max(0, int((self.deadline - self._monotonic) * 1000))
        return jsontext.dumps(
            {
                "agent": self.owner.name,
                "params": self.owner.spec.params,
                "attempt": self.owner.attempt,
                "deadline_ms": left,
                "fuel": fuel,
                "grants": self.owner.spec.grants.as_json(),
            }
        )

    def envelope(self) -> Answer:
        """The current envelope without its payload; in turn 0 there is none."""
        if self.delivery is None:
            return NOT_FOUND
        return jsontext.dumps(self.delivery.envelope.meta())

    def log(self, level: int, text: bytes, size: int) -> None:
        """Writes a line, while the turn's budget lasts. ``size``: its bytes, of which ``text`` may be the first."""
        if self._log_left is None:
            self._log_left = int(self.owner.spec.limits.log)
        if self.log_dropped or size > self._log_left:
            self.log_dropped += 1
            if self.log_dropped == 1:
                self.world.log(self.owner.name, "warning", b"the turn's log budget is used up: the rest is dropped")
            return
        self._log_left -= size
        self.world.log(self.owner.name, LEVELS[min(level, len(LEVELS) - 1)], text)

    def output(self, level: int, piece: bytes) -> None:
        """Writes a piece of what the guest prints; a line is logged when it is whole, or when the turn ends."""
        if self._output is None:
            self._output = Lines()
        for line in self._output.add(level, piece):
            self.log(level, line, len(line))

    def flush(self) -> None:
        """Logs what has been printed without the end of its line."""
        if self._output is not None:
            for level, line in self._output.rest():
                self.log(level, line, len(line))

    # ---- for the host calls

    def _outbox(self) -> Outbox:
        if self.outbox is None:
            limits = self.owner.spec.limits
            self.outbox = Outbox(limits.outbox, int(limits.outbox_bytes))
        return self.outbox

    def _check_payload(self, payload: bytes) -> None:
        if len(payload) > int(self.owner.spec.limits.message):
            raise LimitError("limit.message-size", "the message is too large")

    def _draft(self) -> Draft:
        if self.draft is None:
            self.draft = Draft(self.owner.held)
        return self.draft

    def _check_room(self) -> None:
        """Refuses one more handle than may be open.

        Raises:
            LimitError: ``limit.pending``.
        """
        if self._handles is not None or not self.owner.spec.limits.pending:
            self.handles().check_room()

    def handles(self) -> Handles:
        """What the turn waits for."""
        if self._handles is None:
            total = self.deadline - self.began
            margin = min(0.1, max(0.002, total * 0.05))
            self._handles = Handles(
                self.owner.name,
                self.world.router,
                self.world.clock,
                self.world.budget,
                self.deadline - margin,
                self.owner.spec.limits.pending,
            )
        return self._handles

    def _addressee(self, to: str) -> AgentName:
        """An agent that may be addressed and is there; grants come before existence."""
        if not self.owner.spec.grants.may_address(to):
            raise ToolError("grant.denied", f"{safe_name(to)} is not among the agent's peers")
        name = agent_name(to)
        if not self.world.router.knows(name):
            raise AgentError("agent.unknown", f"there is no agent {safe_name(to)}")
        return name

    def close(self) -> None:
        """The turn has ended, one way or another: nothing of it goes on."""
        self.flush()
        if self.draft is not None:
            self.owner.held.draft = None
        if self._handles is not None:
            self._handles.close()
            self._handles = None
