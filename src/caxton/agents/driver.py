"""Driving one instance through one turn, wherever it runs.

A turn begins on the event loop and, when it outlives its first slice of fuel or makes many host calls, goes on on a
worker thread; what waits for something is nowhere but in this object.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Final

from caxton.agents.delivery import Delivery
from caxton.agents.held import Held
from caxton.agents.lifecycle import Counters, State
from caxton.agents.ports import CALL, DONE, FAULT, INTERRUPTED, RESPONSE, YIELD, Budget, Guest, Scheduler
from caxton.agents.spec import Cost, Spec
from caxton.agents.tracing import HostCall, TraceSink
from caxton.agents.turn import Turn, World
from caxton.agents.turn_base import LARGE
from caxton.agents.waiting import Pending
from caxton.errors import AgentError, error_for
from caxton.messages import AgentName

LOOP_CALLS: Final = 64
"""Host calls that a turn may have answered on the event loop before it goes to a worker."""

SLOW_SLICE: Final = 0.005
"""Seconds after which a first slice counts as slow: the agent's next turns begin on a worker."""

SLOW_TURNS: Final = 64
"""How many turns begin there after one that was slow."""

QUANTUM_NS: Final = 10_000_000
_MANY_SLICES: Final = 0x7FFFFFFF
_RUNNING: Final = State.RUNNING  # until Python 3.12 the name after the dot is looked up by a function
_log = logging.getLogger("caxton.agents")


class Driver(ABC):
    """An agent's instance and the turn that it is in. Everything happens on the event loop, but for ``quantum``."""

    __slots__ = (
        "_begins_here",
        "_budget",
        "_busy",
        "_calls_here",
        "_cancelled",
        "_deadline_ns",
        "_guest",
        "_held",
        "_limited",
        "_memory",
        "_monotonic",
        "_scheduler",
        "_share",
        "_sinks",
        "_slow",
        "_stopping",
        "_time_limit",
        "_turn",
        "attempt",
        "born",
        "counters",
        "name",
        "spec",
        "state",
        "world",
    )

    def __init__(self, name: AgentName, spec: Spec, world: World, *, scheduler: Scheduler, budget: Budget) -> None:
        self.name = name
        self.spec = spec
        self.world = world
        self.counters = Counters()
        self.state = State.STARTING
        self.attempt = 1
        self.born = 0.0
        self._scheduler = scheduler
        self._budget = budget
        self._time_limit = float(spec.limits.deadline)
        self._deadline_ns = world.clock.deadline_ns
        self._monotonic = world.clock.monotonic
        self._held: Held | None = None
        self._guest: Guest | None = None
        self._turn: Turn | None = None
        self._busy = False  # somebody is inside the guest: the event loop, or a worker
        self._calls_here = 0
        self._memory = 0
        self._limited = False
        self._share = 0
        self._slow = 0
        self._begins_here = False
        self._stopping: AgentError | None = None
        self._sinks: tuple[TraceSink, ...] = ()
        self._cancelled = False  # the turn is to end, and the agent to go on

    @property
    def held(self) -> Held:
        """What the agent keeps between turns."""
        if self._held is None:  # which for many is nothing
            self._held = Held(int(self.spec.limits.held))
        return self._held

    @abstractmethod
    def _succeeded(self, guest: Guest, turn: Turn) -> None:
        """The turn's job is done."""

    @abstractmethod
    def _faulted(self) -> None:
        """The guest has failed; it is of no further use, or nearly."""

    @abstractmethod
    def _stopped(self) -> None:
        """The turn was given up, since the agent is to stop, or since nobody wants it any more."""

    def _new_turn(self, delivery: Delivery | None) -> Turn:
        now = self._monotonic()
        deadline = now + self._time_limit
        if delivery is not None and delivery.deadline is not None and delivery.deadline < deadline:
            deadline = delivery.deadline
        turn = self._turn = Turn(self, delivery, now, deadline)
        self._cancelled = False
        self._calls_here = 0
        return turn

    def _deliver(self, delivery: Delivery) -> None:
        """Begins a turn: here, or, where a recent one's first slice was slow, on a worker."""
        self.state = _RUNNING
        turn = self._new_turn(delivery)
        guest = self._guest
        assert guest is not None
        if self._slow:
            self._slow -= 1
            self._begins_here = self._busy = True
            self._scheduler.work(self)
            return
        if self._limited or self._budget.scarce:
            self._share_memory(guest, on_loop=True)
        self._drive(self._first_slice(guest, turn, delivery, turn.began))

    def _first_slice(self, guest: Guest, turn: Turn, delivery: Delivery, began: float) -> int:
        """Fuel is no promise of time: one bulk instruction runs whole. Who was slow goes to the workers for a while."""
        status = guest.deliver(delivery.payload, self._deadline_ns(turn.deadline), delivery)
        if self._monotonic() - began > SLOW_SLICE:
            self._slow = SLOW_TURNS
        return status

    def _share_memory(self, guest: Guest, *, on_loop: bool) -> None:
        """Holds the guest to a share of the host's memory; on the event loop only where that is scarce."""
        if on_loop and not self._budget.scarce:
            if self._limited:
                self._limited = False
                guest.limit_memory(None)
            return
        self._limited = True
        self._share = self._budget.take_share(on_loop=on_loop)
        guest.limit_memory(self._share)

    def _room_to_start(self, guest: Guest) -> int | None:
        """What a new instance may grow by; None while there is plenty."""
        if not self._budget.scarce:
            return None
        self._charge(guest.charged_bytes, on_loop=True)
        self._limited = True
        self._share = self._budget.take_share(on_loop=True)
        return self._share

    def _charge(self, charged: int, *, on_loop: bool) -> None:
        """Tells the budget what the guest has now, also in the middle of a turn: it may wait for long, or run on."""
        if charged != self._memory or self._share:
            self._budget.changed(self._memory, charged, self._share, on_loop=on_loop)
            if (charged >= LARGE) != (self._memory >= LARGE):
                self.world.sized(self, charged >= LARGE, on_loop)
            self._memory = charged
            self._share = 0

    def _drive(self, status: int) -> None:
        """Goes on from ``status``, on the event loop, until the turn ends, waits, or goes to a worker."""
        guest, turn = self._guest, self._turn
        assert guest is not None
        assert turn is not None
        self._busy = True
        scheduler = self._scheduler
        outermost, scheduler.inside = not scheduler.inside, True
        try:
            self._advance(guest, turn, status)
        finally:
            if outermost:
                scheduler.inside = False

    def _advance(self, guest: Guest, turn: Turn, status: int) -> None:
        until = 0.0
        while True:
            if status == RESPONSE:
                turn.response = guest.response()
                status = guest.run(1, 0) if guest.has_allocator else DONE
            elif status == CALL:
                now = self._monotonic()
                until = until or now + SLOW_SLICE
                self._calls_here += 1
                if self._calls_here > LOOP_CALLS or now > until:
                    self._charge(guest.charged_bytes, on_loop=True)
                    self._scheduler.work(self)
                    return
                pending = self._answer(guest, turn)
                if pending is not None and not self._settled(pending):
                    return
                status = guest.run(1, 0)
            elif status == YIELD:
                self._charge(guest.charged_bytes, on_loop=True)
                self._scheduler.work(self)
                return
            else:
                break
        self._busy = False
        if status == DONE:
            self._succeeded(guest, turn)
        elif status == FAULT:
            self._faulted()
        else:
            self._stopped()

    def _answer(self, guest: Guest, turn: Turn) -> Pending | None:
        try:
            return guest.answer_call(turn)
        except Exception:  # a mistake of ours costs this turn, not the host
            _log.exception("a host call of %s could not be answered", self.name)
            guest.fail_call(error_for("trap.other", "the host could not answer a host call"))
            return None

    def _settled(self, pending: Pending) -> bool:
        """Answers a call that waits, if its outcome is there; else remembers to."""
        assert self._guest is not None
        assert self._turn is not None
        if pending.resolved:
            self._turn.waited()
            self._guest.settle(pending.outcome)
            return True
        self._charge(self._guest.charged_bytes, on_loop=True)
        self._busy = False
        if self.state is State.RUNNING:
            self.state = State.WAITING
        turn = self._turn
        pending.on_resolved(lambda: self._resume(turn, pending))
        if self._must_stop():
            self._stopped()
        return False

    def _resume(self, turn: Turn, pending: Pending) -> None:
        """What the guest waited for is there: it goes on, soon."""

        def go_on() -> None:
            if self._turn is not turn or self._guest is None:
                return
            if self.state is State.WAITING:
                self.state = State.RUNNING
            turn.waited()
            self._guest.settle(pending.outcome)
            self._calls_here = 0
            self._share_memory(self._guest, on_loop=True)
            self._drive(self._guest.run(1, 0))

        self._scheduler.resume(go_on)

    # ---- on a worker ----------------------------------------------------------------------------------------------

    def quantum(self) -> int | None:
        """Runs the guest for a while, on a worker thread; answers what concerns the event loop."""
        guest, turn = self._guest, self._turn
        assert guest is not None
        assert turn is not None
        if self._must_stop():
            return INTERRUPTED
        self._share_memory(guest, on_loop=False)
        status = guest.run(_MANY_SLICES, QUANTUM_NS) if not self._begins_here else self._deliver_here(guest, turn)
        for _ in range(LOOP_CALLS):
            if status != CALL or not guest.call_is_local or self._must_stop():
                break
            self._answer(guest, turn)
            status = guest.run(_MANY_SLICES, QUANTUM_NS)
        self._charge(guest.charged_bytes, on_loop=False)
        if self._must_stop() and status in (YIELD, CALL):
            return INTERRUPTED
        return None if status == YIELD else status

    def _must_stop(self) -> bool:
        return self._cancelled or self._stopping is not None

    def _deliver_here(self, guest: Guest, turn: Turn) -> int:
        self._begins_here = False
        assert turn.delivery is not None
        return self._first_slice(guest, turn, turn.delivery, self._monotonic())

    def done(self, status: int) -> None:
        """Takes the turn back from the worker."""
        self._calls_here = 0
        if self._stopping is not None or status == INTERRUPTED:
            self._busy = False
            self._stopped()
        else:
            self._drive(status)

    def trace(self, sink: TraceSink) -> None:
        """Tells ``sink`` of every host call, from the next one on, until ``untrace``."""
        self._sinks = (*self._sinks, sink)
        self._trace_guest()

    def untrace(self, sink: TraceSink) -> None:
        """Takes that back."""
        self._sinks = tuple(one for one in self._sinks if one is not sink)
        self._trace_guest()

    def _trace_guest(self) -> None:
        if self._guest is not None:
            self._guest.trace(self.name, self._tell if self._sinks else None)

    def _tell(self, call: HostCall) -> None:
        for sink in self._sinks:
            try:
                sink(call)
            except Exception:
                _log.exception("a watcher of %s's host calls failed", self.name)

    def _cost(self, turn: Turn) -> Cost:
        """What the turn has cost, which is counted now."""
        guest = self._guest
        if guest is None:
            return (0, self._monotonic() - turn.began, 0, 0)
        return self._account(turn, guest.figures())

    def _account(self, turn: Turn, figures: tuple[int, int, int, int, int]) -> Cost:
        _, fuel, host_calls, memory, charged = figures
        if charged != self._memory or self._share:
            self._charge(charged, on_loop=True)
        wall = self._monotonic() - turn.began
        counters = self.counters
        if turn.delivery is not None:
            counters.turns += 1
        counters.fuel += fuel
        counters.wall += wall
        if host_calls:
            turn.flush()
            counters.host_calls += host_calls
            counters.log_dropped += turn.log_dropped
        if memory > counters.memory_peak:
            counters.memory_peak = memory
        return (fuel, wall, memory, host_calls)
