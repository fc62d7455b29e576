"""One agent: its mailbox, its instances, and the loop of turns.

::

    mailbox -> turn: deliver -> host calls ... -> response -> commit -> effects -> router

One message at a time. Control (``stop``) does not go through the mailbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from caxton.agents.commit import commit
from caxton.agents.delivery import Delivery
from caxton.agents.driver import Driver
from caxton.agents.lifecycle import State, Verdict
from caxton.agents.mailbox import Mailbox
from caxton.agents.ports import Budget, Guest, Scheduler
from caxton.agents.replies import fail, reply
from caxton.agents.spec import Spec, Usage
from caxton.agents.turn import Turn, World
from caxton.errors import AgentError, AgentFailed, CaxtonError, LimitError, MessagingError
from caxton.messages import TIMER, AgentName, Performative

_INFORM: Final = Performative.INFORM  # until Python 3.12 the name after the dot is looked up by a function
_IDLE: Final = State.IDLE
_UNSEEN: Final = frozenset({"limit.message-size", "envelope.invalid"})
"""How a job fails whose message the guest was not given."""


class Supervisor(Protocol):
    """Decides what follows an instance that has ended."""

    def __call__(self, agent: Agent, *, normally: bool) -> Verdict:
        """Decides for ``agent``."""


class Agent(Driver):
    """A named actor."""

    __slots__ = (
        "_instantiate",
        "_message_limit",
        "_renewing",
        "_round",
        "_scheduled",
        "_supervise",
        "autopsy",
        "failure",
        "mailbox",
        "on_ended",
        "on_started",
        "origin",
        "recorded",
    )

    def __init__(
        self,
        name: AgentName,
        spec: Spec,
        world: World,
        *,
        instantiate: Callable[[], Guest],
        scheduler: Scheduler,
        budget: Budget,
        supervise: Supervisor,
    ) -> None:
        super().__init__(name, spec, world, scheduler=scheduler, budget=budget)
        self.mailbox: Mailbox | None = None  # made when a first message has to wait
        self.failure: CaxtonError | None = None
        self.on_started: Callable[[CaxtonError | None], None] | None = None
        self.on_ended: list[Callable[[], None]] | None = None
        self._instantiate = instantiate
        self._supervise = supervise
        self._message_limit = int(spec.limits.message)
        self._round = 0
        self._scheduled = False
        self._renewing = False
        self.autopsy: Callable[[Guest, CaxtonError], None] | None = None  # looks at an instance that has failed
        self.recorded = False  # by a profiler
        self.origin: tuple[Any, frozenset[str], str] = (b"", frozenset(), "")  # its module: source, features, SHA-256

    # ---- from outside ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins turn 0; ``on_started`` is told how it went."""
        self._begin_start()

    def post(self, delivery: Delivery) -> None:
        """Takes a delivery.

        Raises:
            CaxtonError: ``mailbox.full``, ``agent.stopped``, ``agent.failed``.
        """
        if self.state is State.STOPPED or self._stopping is not None:
            raise AgentError("agent.stopped", f"{self.name} has stopped")
        if self.state is State.FAILED:
            raise AgentFailed(f"{self.name} has failed: {self.failure}")
        if len(delivery.payload) > self._message_limit:
            raise self._too_large()
        if self.mailbox is None:
            self.mailbox = Mailbox(self.spec.limits.mailbox, int(self.spec.limits.mailbox_bytes))
        self.mailbox.put(delivery)
        if self.state is _IDLE and not self._scheduled:
            self._scheduled = True
            self._scheduler.ready(self._next)

    def post_now(self, delivery: Delivery) -> None:
        """Like ``post``, but begins the turn before it returns where nothing speaks against that."""
        if self.state is _IDLE and not self._slow and not self._scheduled:
            round_ = self._scheduler.at_once(self._round)
            if round_:
                self._round = round_
                if len(delivery.payload) > self._message_limit:
                    raise self._too_large()
                self._deliver(delivery)
                return
        self.post(delivery)

    def _too_large(self) -> LimitError:
        return LimitError("limit.message-size", f"{self.name} takes messages of {self._message_limit} bytes")

    def stop(self, reason: AgentError) -> None:
        """Ends the agent, whatever its guest is doing; ``on_ended`` is told when that is done."""
        if self.state in (State.STOPPED, State.FAILED) or self._stopping is not None:
            return
        self._stopping = reason
        if not self._busy:
            self._end(State.STOPPED, reason)
        elif self._guest is not None:
            self._guest.interrupt()  # whoever is inside ends it

    def cancel(self, delivery: Delivery) -> None:
        """Gives up a delivery, since nobody wants its answer any more: it is taken out of the mailbox, or its turn ends
        without effects and the instance is replaced, which counts for no restart limit. Nothing where it is over."""
        turn = self._turn
        if turn is not None and turn.delivery is delivery:
            self._cancelled = True
            if not self._busy:
                self._stopped()
            elif self._guest is not None:
                self._guest.interrupt()  # whoever is inside ends it
        elif self.mailbox is not None and self.mailbox.remove(delivery):
            self.world.router.dead_letter(delivery.envelope, self.name, "ask.timeout")

    def renew(self, instantiate: Callable[[], Guest]) -> Callable[[], Guest]:
        """From now on instances are made so, and the present one is replaced as soon as no turn is under way: what is
        in its memory is lost; state, timers and mailbox stay. Answers how they were made before.

        Raises:
            AgentError: ``agent.stopped``.
        """
        if self.ended or self._stopping is not None:
            raise AgentError("agent.stopped", f"{self.name} has stopped")
        before, self._instantiate = self._instantiate, instantiate
        self._renewing = True
        if self.state is _IDLE:
            self._idle()
        return before

    def instantiate_by(self, instantiate: Callable[[], Guest]) -> None:
        """The next instances are made so; the present one stays."""
        self._instantiate = instantiate

    @property
    def memory(self) -> int:
        """Bytes of the instance's linear memory."""
        return self._guest.memory_bytes if self._guest is not None else 0

    @property
    def progress(self) -> tuple[int, int]:
        """Another one after every turn, and with every instance."""
        return self.attempt, self.counters.turns

    @property
    def is_resting(self) -> bool:
        """Whether there is nothing for it to do."""
        return self.state is _IDLE and not self._scheduled and not self.mailbox

    def compact(self, pagemap: int, least: int) -> int | None:
        """Makes the memory of an agent that rests small, until its next turn (``Guest.compact``)."""
        return self._guest.compact(pagemap, least) if self._guest is not None and self.is_resting else None

    @property
    def is_compact(self) -> bool:
        """Whether its memory is small just now."""
        return self._guest is not None and self._guest.is_compact

    @property
    def ended(self) -> bool:
        """Whether the agent is gone for good."""
        return self.state in (State.STOPPED, State.FAILED)

    # ---- turns ----------------------------------------------------------------------------------------------------

    def _begin_start(self) -> None:
        self.state = State.STARTING
        self._renewing = False
        self.born = self.world.clock.monotonic()
        turn = self._new_turn(None)
        try:
            guest = self._instantiate()
            if self._sinks:
                guest.trace(self.name, self._tell)
            status = guest.start(self._deadline_ns(turn.deadline), self._room_to_start(guest))
        except CaxtonError as error:
            self._failed(error)
            return
        self._guest = guest
        self._drive(status)

    def _next(self) -> None:
        """Takes the next message, if there is one and the agent is idle."""
        self._scheduled = False
        if self.state is not _IDLE or not self.mailbox:
            return
        delivery = self.mailbox.get()
        if delivery.waiter is None and delivery.envelope.sender == TIMER:
            self.held.timer_delivered((delivery.envelope.headers or {}).get("caxton-timer", "0"))
        if delivery.expires is not None and delivery.expires <= self.world.clock.monotonic():
            self.world.router.dead_letter(delivery.envelope, self.name, "ask.timeout")
            if delivery.waiter is None:  # one that waits has its own clock
                fail(self.world.router, delivery, MessagingError("ask.timeout", "nobody took it before its reply-by"))
            self._idle()
            return
        self._deliver(delivery)

    # ---- the end of a turn ----------------------------------------------------------------------------------------

    def _succeeded(self, guest: Guest, turn: Turn) -> None:
        figures = guest.figures()
        cost = self._account(turn, figures)
        self._turn = None
        if figures[2]:  # without host calls there is nothing to end, and nothing to carry out
            turn.close()
        delivery = turn.delivery
        if delivery is None:
            commit(turn)
            self._started(None)
        elif figures[0] == 0:
            if figures[2]:
                commit(turn)
            if not turn.replied and turn.deferred is None:
                waiter = delivery.waiter
                # reply() does this too; most turns end here, and a call less is worth it.
                if waiter is None or not waiter.final(_INFORM, turn.response, self.name, None, None, cost):
                    reply(self.world.router, delivery, _INFORM, turn.response, self.name, cost)
        else:
            self.counters.failures += 1
            reply(self.world.router, delivery, Performative.FAILURE, turn.response, self.name, cost)
        self._idle()

    def _stopped(self) -> None:
        if self._stopping is not None or not self._cancelled:
            self._end(State.STOPPED, self._stopping or AgentError("agent.stopped", "the turn was interrupted"))
            return
        turn = self._turn
        assert turn is not None
        error = AgentError("agent.stopped", "the turn was cancelled")
        cost = self._cost(turn)
        error.usage = Usage(*cost)
        turn.close()
        self._drop_instance()
        if turn.delivery is not None:
            fail(self.world.router, turn.delivery, error, cost)
        self._start_again()

    def _idle(self) -> None:
        if self._stopping is not None:
            self._end(State.STOPPED, self._stopping)
            return
        if self._renewing:
            self._drop_instance()
            self._start_again()
            return
        self.state = _IDLE
        if self.mailbox and not self._scheduled:
            self._scheduled = True
            self._scheduler.ready(self._next)

    def _started(self, error: CaxtonError | None) -> None:
        callback, self.on_started = self.on_started, None
        if callback is not None:
            callback(error)

    def _faulted(self) -> None:
        assert self._guest is not None
        found = self._guest.fault()
        if self.autopsy is not None and isinstance(found, CaxtonError) and found.code != "limit.message-size":
            self.autopsy(self._guest, found)
        if isinstance(found, int):
            self._exited(found)
        elif found.code in _UNSEEN and self._turn is not None and self._turn.delivery is not None:
            self._refused(found, self._turn, self._turn.delivery)
        else:
            self._failed(found)

    def _refused(self, error: CaxtonError, turn: Turn, delivery: Delivery) -> None:
        """The guest never saw the message: its instance is as good as before."""
        cost = self._cost(turn)
        error.usage = Usage(*cost)
        turn.close()
        self._turn = None
        self.counters.failures += 1
        fail(self.world.router, delivery, error, cost)
        self._idle()

    def _exited(self, status: int) -> None:
        """The guest called ``proc_exit``: the turn has ended, well or not, and so has the instance."""
        turn = self._turn
        assert turn is not None
        if turn.delivery is None:
            self._failed(AgentError("agent.refused-start", f"the agent exited with status {status} while it started"))
            return
        if status:
            self._failed(AgentFailed(f"the agent exited with status {status}"))
            return
        cost = self._cost(turn)
        turn.close()
        commit(turn)
        if not turn.replied and turn.deferred is None:
            reply(self.world.router, turn.delivery, Performative.INFORM, b"", self.name, cost)
        self._instance_ended(None, normally=True)

    def _failed(self, error: CaxtonError) -> None:
        turn = self._turn
        assert turn is not None
        cost = self._cost(turn)
        error.usage = Usage(*cost)
        turn.close()
        self.counters.traps += 1
        if turn.delivery is not None:
            fail(self.world.router, turn.delivery, error, cost)
        self._instance_ended(error, normally=False)

    def _instance_ended(self, error: CaxtonError | None, *, normally: bool) -> None:
        """Drops the instance; what follows is the supervisor's decision. An agent's first start is not repeated."""
        self._drop_instance()
        if self.on_started is not None or self._stopping is not None:
            reason = error or AgentError("agent.refused-start", "the agent ended while it started")
            self._end(State.STOPPED if self._stopping else State.FAILED, self._stopping or reason)
            return
        verdict = self._supervise(self, normally=normally)
        if verdict is Verdict.RESTART:
            self._start_again()
        elif verdict is Verdict.STOP:
            self._end(State.STOPPED, AgentError("agent.stopped", f"{self.name} has ended"))
        else:
            self._end(State.FAILED, error or AgentFailed(f"{self.name} has failed"))

    def _start_again(self) -> None:
        self.counters.restarts += 1
        self.attempt += 1
        self.state = State.STARTING
        self._scheduler.ready(self._restart)

    def _restart(self) -> None:
        if self.state is State.STARTING and self._guest is None:
            self._begin_start()

    def _drop_instance(self) -> None:
        guest, self._guest = self._guest, None
        self._turn = None
        if guest is not None:
            guest.close()
        self._charge(0, on_loop=True)

    def _end(self, state: State, reason: CaxtonError) -> None:
        """The agent is gone for good: everything is freed, and everybody who waits is told why."""
        turn = self._turn
        self.state = state
        self.failure = reason
        self._drop_instance()
        if turn is not None:
            turn.close()
        router = self.world.router
        gone = reason if state is State.STOPPED else AgentFailed(f"{self.name} has failed: {reason}")
        held = self._held
        for pattern in held.subscriptions if held is not None else ():
            router.unsubscribe(self.name, pattern)
        if turn is not None and turn.delivery is not None:
            fail(router, turn.delivery, gone)
        for delivery in held.clear() if held is not None else ():
            fail(router, delivery, gone)
        for delivery in self.mailbox.drain() if self.mailbox is not None else ():
            router.dead_letter(delivery.envelope, self.name, gone.code)
            fail(router, delivery, gone)
        self.world.tools.forget(self.name)
        self._started(reason)
        callbacks, self.on_ended = self.on_ended, None
        for callback in callbacks or ():
            callback()
