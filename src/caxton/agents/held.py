"""What an agent keeps between turns, besides its instance: state, timers, subscriptions, replies that it owes.

It belongs to the agent, not to the instance: it survives a restart. Each item counts its bytes and ``ITEM_COST``, and
all of them together are bounded.
"""

from __future__ import annotations

from typing import Final

from caxton.agents.delivery import Delivery
from caxton.agents.ports import Timer
from caxton.errors import LimitError

ITEM_COST: Final = 256
MAX_TIMERS: Final = 1_000
"""Timers of one agent: each may be due every 10 ms."""

MAX_SUBSCRIPTIONS: Final = 1_000
"""Subscriptions of one agent: a topic is held against all that may match."""


class TimerEntry:
    """A message to come. ``period`` is 0, or the milliseconds between repetitions."""

    __slots__ = ("delay", "handle", "payload", "period", "queued")

    def __init__(self, delay: int, period: int, payload: bytes) -> None:
        self.delay = delay
        self.period = period
        self.payload = payload
        self.handle: Timer | None = None
        self.queued = False  # its last message still waits in the mailbox


class Held:
    """The committed items of one agent. ``used`` is their cost in bytes."""

    __slots__ = ("deferred", "draft", "limit", "next_timer", "state", "subscriptions", "timers", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.state: dict[str, bytes] = {}
        self.timers: dict[int, TimerEntry] = {}
        self.subscriptions: set[str] = set()
        self.deferred: dict[str, Delivery] = {}
        self.next_timer = 1
        self.draft: Draft | None = None  # the turn's that goes on

    def put_state(self, key: str, value: bytes) -> None:
        """Sets a value."""
        self.delete_state(key)
        self.state[key] = value
        self.used += state_cost(key, value)

    def delete_state(self, key: str) -> None:
        """Removes a value, if it is there."""
        value = self.state.pop(key, None)
        if value is not None:
            self.used -= state_cost(key, value)

    def add_timer(self, number: int, entry: TimerEntry) -> None:
        """Keeps a timer."""
        self.timers[number] = entry
        self.used += len(entry.payload) + ITEM_COST

    def timer_delivered(self, number: str) -> None:
        """A timer's message has left the mailbox: the next one may follow."""
        entry = self.timers.get(int(number))
        if entry is not None:
            entry.queued = False

    def drop_timer(self, number: int) -> None:
        """Forgets a timer, and takes it back from the clock."""
        entry = self.timers.pop(number, None)
        if entry is not None:
            cost = len(entry.payload) + ITEM_COST
            self.used -= cost
            if self.draft is not None:
                self.draft.timer_gone(number, cost)
            if entry.handle is not None:
                entry.handle.cancel()

    def add_subscription(self, pattern: str) -> None:
        """Keeps a subscription."""
        if pattern not in self.subscriptions:
            self.subscriptions.add(pattern)
            self.used += len(pattern.encode()) + ITEM_COST

    def drop_subscription(self, pattern: str) -> None:
        """Forgets a subscription."""
        if pattern in self.subscriptions:
            self.subscriptions.remove(pattern)
            self.used -= len(pattern.encode()) + ITEM_COST

    def defer(self, token: str, delivery: Delivery) -> None:
        """Keeps a request whose reply is owed."""
        self.deferred[token] = delivery
        self.used += deferred_cost(token, delivery)

    def take_deferred(self, token: str) -> Delivery | None:
        """The request that ``token`` stands for; it is owed no longer."""
        delivery = self.deferred.pop(token, None)
        if delivery is not None:
            self.used -= deferred_cost(token, delivery)
        return delivery

    def clear(self) -> list[Delivery]:
        """Forgets everything; answers the requests that are still owed a reply."""
        for number in list(self.timers):
            self.drop_timer(number)
        owed = list(self.deferred.values())
        self.deferred.clear()
        self.state.clear()
        self.subscriptions.clear()
        self.used = 0
        return owed


def state_cost(key: str, value: bytes) -> int:
    """Bytes that a value of the state counts."""
    return len(key.encode()) + len(value) + ITEM_COST


def deferred_cost(token: str, delivery: Delivery) -> int:
    """Bytes that a request counts whose reply is owed."""
    return len(token) + len(delivery.payload) + ITEM_COST


class Draft:
    """One turn's view of what is held: its own changes over what was committed. ``growth``: bytes that they add."""

    __slots__ = ("_counted_twice", "_held", "growth", "subscriptions", "timers", "values")

    def __init__(self, held: Held) -> None:
        self._held = held
        held.draft = self
        self._counted_twice = 0
        self.values: dict[str, bytes | None] = {}
        self.timers: dict[int, TimerEntry | None] = {}
        self.subscriptions: dict[str, bool] = {}
        self.growth = 0

    def grow(self, cost: int) -> None:
        """Counts what an item adds; negative where one goes.

        Raises:
            LimitError: ``limit.held``.
        """
        if cost > 0 and self._held.used + self.growth + self._counted_twice + cost > self._held.limit:
            raise LimitError("limit.held", f"the agent may keep {self._held.limit} bytes")
        self.growth += cost

    def value(self, key: str) -> bytes | None:
        """A value, as this turn sees it."""
        if key in self.values:
            return self.values[key]
        return self._held.state.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Sets a value, for this turn.

        Raises:
            LimitError: ``limit.held``.
        """
        before = self.value(key)
        self.grow(state_cost(key, value) - (0 if before is None else state_cost(key, before)))
        self.values[key] = value

    def delete(self, key: str) -> bool:
        """Removes a value, for this turn; False where there is none."""
        before = self.value(key)
        if before is None:
            return False
        self.grow(-state_cost(key, before))
        self.values[key] = None
        return True

    def keys(self, prefix: str) -> list[str]:
        """The keys with ``prefix``, in order, as this turn sees them."""
        known = {key for key in self._held.state if key.startswith(prefix)}
        for key, value in self.values.items():
            if key.startswith(prefix):
                (known.discard if value is None else known.add)(key)
        return sorted(known)

    def has_timer(self, number: int) -> bool:
        """Whether there is such a timer, as this turn sees it."""
        if number in self.timers:
            return self.timers[number] is not None
        return number in self._held.timers

    def set_timer(self, delay: int, period: int, payload: bytes) -> int:
        """A new timer, for this turn; answers its id.

        Raises:
            LimitError: ``limit.held``.
        """
        if len(self._held.timers) + len(self.timers) >= MAX_TIMERS:
            raise LimitError("limit.held", f"an agent may have {MAX_TIMERS} timers")
        self.grow(len(payload) + ITEM_COST)
        number = self._held.next_timer
        self._held.next_timer = number % 0x7FFFFFFF + 1
        self.timers[number] = TimerEntry(delay, period, payload)
        return number

    def cancel_timer(self, number: int) -> None:
        """Ends a timer, for this turn."""
        entry = self.timers.get(number) or self._held.timers.get(number)
        if entry is not None:
            self.grow(-len(entry.payload) - ITEM_COST)
        self.timers[number] = None

    def timer_gone(self, number: int, cost: int) -> None:
        """A timer has fired that this turn has cancelled, while it waited: its bytes were to go, and are gone."""
        if number in self.timers and self.timers[number] is None:
            self._counted_twice += cost

    def subscribed(self, pattern: str) -> bool:
        """Whether the agent is subscribed, as this turn sees it."""
        return self.subscriptions.get(pattern, pattern in self._held.subscriptions)

    def subscribe(self, pattern: str, *, wanted: bool) -> None:
        """Adds or ends a subscription, for this turn.

        Raises:
            LimitError: ``limit.held``.
        """
        if wanted and len(self._held.subscriptions) + len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise LimitError("limit.held", f"an agent may have {MAX_SUBSCRIPTIONS} subscriptions")
        if wanted != self.subscribed(pattern):
            cost = len(pattern.encode()) + ITEM_COST
            self.grow(cost if wanted else -cost)
        self.subscriptions[pattern] = wanted
