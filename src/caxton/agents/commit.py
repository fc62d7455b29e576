"""The end of a turn that went well: its effects leave, in order."""

from __future__ import annotations

from caxton.agents.held import Held, TimerEntry
from caxton.agents.outbox import Answer, CancelTimer, Effect, Publish, PutState, Send, SetTimer, Subscribe
from caxton.agents.replies import reply_with
from caxton.agents.turn import Turn, World
from caxton.messages import TIMER, AgentName, Envelope, Performative


def commit(turn: Turn) -> None:
    """Carries out what the turn has queued. The reply of the turn itself is the caller's."""
    if turn.outbox is not None:
        for effect in turn.outbox.effects:
            _carry_out(turn, effect)
    if turn.deferred is not None and turn.delivery is not None and not turn.replied:
        turn.owner.held.defer(turn.deferred, turn.delivery)


def _carry_out(turn: Turn, effect: Effect) -> None:
    router, held = turn.world.router, turn.owner.held
    match effect:
        case Send(envelope):
            router.post(envelope)
        case Publish(envelope, topic):
            router.publish(envelope, topic)
        case Answer(envelope, delivery, token):
            if token is None or held.take_deferred(token) is not None:
                reply_with(router, delivery, envelope)
        case PutState(key):
            value = turn.draft.values.get(key) if turn.draft else None
            if value is None:
                held.delete_state(key)
            else:
                held.put_state(key, value)
        case Subscribe(pattern, wanted):
            (held.add_subscription if wanted else held.drop_subscription)(pattern)
            (router.subscribe if wanted else router.unsubscribe)(turn.owner.name, pattern)
        case SetTimer(number):
            entry = turn.draft.timers.get(number) if turn.draft else None
            if entry is not None:
                held.add_timer(number, entry)
                _arm(
                    turn.world, turn.owner.name, held, number, entry, turn.world.clock.monotonic() + entry.delay / 1000
                )
        case CancelTimer(number):
            held.drop_timer(number)


def _arm(world: World, name: AgentName, held: Held, number: int, entry: TimerEntry, when: float) -> None:
    def fire() -> None:
        if held.timers.get(number) is not entry:
            return
        if entry.period:
            # What was missed while the event loop was busy is not made up for.
            _arm(
                world,
                name,
                held,
                number,
                entry,
                max(when, world.clock.monotonic() - entry.period / 1000) + entry.period / 1000,
            )
            if entry.queued:
                return  # as with every ticker: a tick that nobody has taken yet stands for those that follow
        else:
            held.drop_timer(number)
        envelope = Envelope(
            Performative.INFORM,
            TIMER,
            (name,),
            entry.payload,
            headers={"caxton-timer": str(number)},
            id=world.router.next_id(),
        )
        entry.queued = world.router.post(envelope)

    entry.handle = world.clock.call_at(when, fire)
