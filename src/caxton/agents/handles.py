"""What one turn waits for: asks, tools, time.

Every wait ends at the latest a little before the turn's deadline, so that the guest can still answer.
"""

from __future__ import annotations

from caxton.agents.ports import Budget, Clock, Router, Timer
from caxton.agents.waiting import Answered, Chosen, Outcome, Pending
from caxton.errors import CaxtonError, LimitError, MessagingError
from caxton.messages import AgentName


class Wait(Pending):
    """A guest's wait for the first of some outcomes, or for a time to pass.

    It resolves to the outcome itself (``single``), or to the ``Chosen`` one; to ``late`` when ``until`` (monotonic
    seconds) comes first.
    """

    __slots__ = ("_handles", "_is_noted", "_pendings", "_single", "_timer")

    def __init__(self, handles: Handles, pendings: list[Pending], until: float, late: Outcome, *, single: bool) -> None:
        super().__init__()
        self._handles = handles
        self._pendings = pendings
        self._single = single
        self._timer: Timer | None = None
        self._is_noted = False
        clock = handles.clock
        if self._look():
            return
        if until <= clock.monotonic():
            self.resolve(late)
            return
        for pending in pendings:
            pending.on_resolved(self._on_one)
        self._timer = clock.call_at(until, lambda: self.resolve(late))
        self._is_noted = handles.note(pendings)

    def _on_one(self) -> None:
        self._look()

    def _look(self) -> bool:
        for index, pending in enumerate(self._pendings):
            if pending.resolved:
                outcome = pending.outcome
                self.resolve(outcome if self._single or isinstance(outcome, Chosen) else Chosen(index, outcome))
                return True
        return False

    def resolve(self, outcome: Outcome) -> None:
        """Ends the wait."""
        if self.resolved:
            return
        self.release()
        super().resolve(outcome)

    def release(self) -> None:
        """Waits for nothing any more."""
        pendings, self._pendings = self._pendings, []
        for pending in pendings:
            pending.on_resolved(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_noted:
            self._handles.unnote()


class Handles:
    """The open handles of one turn. ``deadline`` (monotonic seconds) is when every wait ends at the latest.

    What has come and was not taken yet lies in the host's memory: it counts against ``budget``.
    """

    __slots__ = (
        "_budget",
        "_deadline",
        "_kept",
        "_limit",
        "_name",
        "_next",
        "_open",
        "_router",
        "_timers",
        "_wait",
        "clock",
    )

    def __init__(
        self, name: AgentName, router: Router, clock: Clock, budget: Budget, deadline: float, limit: int
    ) -> None:
        self.clock = clock
        self._budget = budget
        self._kept: dict[int, int] = {}
        self._name = name
        self._router = router
        self._deadline = deadline
        self._limit = limit
        self._next = 1
        self._open: dict[int, Pending] = {}
        self._timers: dict[int, Timer] = {}
        self._wait: Wait | None = None

    def check_room(self) -> None:
        """Refuses one more handle than may be open.

        Raises:
            LimitError: ``limit.pending``.
        """
        if len(self._open) >= self._limit:
            raise LimitError("limit.pending", f"a turn may have {self._limit} handles open")

    def open(self, pending: Pending, timeout: int, late: CaxtonError) -> int:
        """Keeps something to wait for; answers its handle. After ``timeout`` milliseconds it comes to ``late``."""
        number = self._next
        self._next += 1
        self._open[number] = pending
        self._timers[number] = self.clock.call_at(
            self.clock.monotonic() + timeout / 1000, lambda: pending.abandon(late)
        )
        pending.then(lambda: self._keep(number, pending))
        return number

    def _keep(self, number: int, pending: Pending) -> None:
        """Counts what has come; where the host has no room for it, it comes to nothing."""
        size = _size(pending.outcome)
        if size == 0 or number not in self._open:
            return
        if self._budget.keep(size):
            self._kept[number] = size
        else:
            pending.outcome = LimitError("limit.host", "the agents of this host have no memory left for the result")

    def _drop(self, number: int) -> None:
        size = self._kept.pop(number, 0)
        if size:
            self._budget.drop(size)

    def wait_for(self, pending: Pending, timeout: int | None, late: CaxtonError) -> Wait:
        """Waits for one outcome that no handle stands for. Milliseconds; None: as long as the turn may."""
        wait = Wait(self, [pending], self._until(timeout), late, single=True)
        self._wait = wait
        if wait.resolved:
            pending.cancel()
        else:
            wait.then(pending.cancel)
        return wait

    def take(self, number: int) -> Pending | None:
        """The handle's pending outcome, which is the caller's now."""
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        self._drop(number)
        return self._open.pop(number, None)

    def wait(self, numbers: tuple[int, ...], timeout: int) -> Wait:
        """Waits for the first of some handles, which is then not open any more.

        Raises:
            MessagingError: ``envelope.invalid``, one is not open; ``ask.cycle``, the wait could never end.
        """
        pendings = []
        for number in numbers:
            if number not in self._open:
                raise MessagingError("envelope.invalid", f"there is no handle {number}")
            pendings.append(self._open[number])
        self._refuse_cycle(pendings)
        late = MessagingError("ask.timeout", "nothing happened in time")
        wait = Wait(self, pendings, self._until(timeout), late, single=False)
        self._wait = wait
        wait.then(lambda: self._close_chosen(wait, numbers))
        return wait

    def sleep(self, milliseconds: int) -> Wait:
        """Waits for time to pass."""
        until = self.clock.monotonic() + milliseconds / 1000
        late: Outcome = 0 if until <= self._deadline else MessagingError("ask.timeout", "the turn's time is nearly up")
        self._wait = Wait(self, [], min(until, self._deadline), late, single=True)
        return self._wait

    def _close_chosen(self, wait: Wait, numbers: tuple[int, ...]) -> None:
        if isinstance(wait.outcome, Chosen):
            self.take(numbers[wait.outcome.index])

    def _refuse_cycle(self, pendings: list[Pending]) -> None:
        if pendings and all(pending.targets and not pending.resolved for pending in pendings):
            targets = [AgentName(target) for pending in pendings for target in pending.targets]
            if self._router.would_block(self._name, targets):
                raise MessagingError("ask.cycle", "agents would wait for each other")

    def _until(self, timeout: int | None) -> float:
        if timeout is None:
            return self._deadline
        return min(self.clock.monotonic() + timeout / 1000, self._deadline)

    def note(self, pendings: list[Pending]) -> bool:
        """Tells the router whom the agent waits for, where it is agents alone: only they can wait in a circle."""
        if not pendings or not all(pending.targets for pending in pendings):
            return False
        targets = tuple(AgentName(target) for pending in pendings for target in pending.targets)
        self._router.waiting(self._name, targets)
        return True

    def unnote(self) -> None:
        """Tells it that the agent waits for nobody any more."""
        self._router.waiting(self._name, None)

    def close(self) -> None:
        """The turn has ended: nothing is waited for any more."""
        if self._wait is not None:
            if not self._wait.resolved:
                self._wait.cancel()
            self._wait = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        still_open = list(self._open.values())
        self._open.clear()  # what comes now is counted no more
        for pending in still_open:
            pending.cancel()
        for number in list(self._kept):
            self._drop(number)


def _size(outcome: Outcome) -> int:
    """Bytes that an outcome takes, where they can be many."""
    if isinstance(outcome, bytes):
        return len(outcome)
    if isinstance(outcome, Answered):
        return len(outcome.payload)
    reply = getattr(outcome, "reply", None)  # of an agent that has failed
    said = getattr(outcome, "payload", None) if reply is None else reply.payload
    return len(said) if isinstance(said, bytes) else 0
