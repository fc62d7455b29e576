"""A bounded queue of deliveries."""

from __future__ import annotations

from collections import deque

from caxton.agents.delivery import Delivery
from caxton.errors import MessagingError


class Mailbox:
    """First in, first out; at most ``capacity`` deliveries and ``limit`` bytes of payload."""

    __slots__ = ("_capacity", "_limit", "_queue", "size")

    def __init__(self, capacity: int, limit: int) -> None:
        self._capacity = capacity
        self._limit = limit
        self._queue: deque[Delivery] | tuple[()] = ()  # most are empty most of the time, and a deque takes 760 bytes
        self.size = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, delivery: Delivery) -> None:
        """Takes a delivery.

        Raises:
            MessagingError: ``mailbox.full``.
        """
        size = self.size + len(delivery.payload)
        if len(self._queue) >= self._capacity or size > self._limit:
            raise MessagingError("mailbox.full", f"the mailbox of {delivery.receiver} is full")
        self.size = size
        if isinstance(self._queue, tuple):
            self._queue = deque()
        self._queue.append(delivery)

    def get(self) -> Delivery:
        """The delivery that waits longest. There must be one."""
        assert isinstance(self._queue, deque)
        delivery = self._queue.popleft()
        self.size -= len(delivery.payload)
        return delivery

    def remove(self, delivery: Delivery) -> bool:
        """Takes one delivery out, wherever it waits; False where it is not there."""
        if not isinstance(self._queue, deque) or delivery not in self._queue:
            return False
        self._queue.remove(delivery)
        self.size -= len(delivery.payload)
        return True

    def drain(self) -> list[Delivery]:
        """Takes everything out."""
        found = list(self._queue)
        self._queue = ()
        self.size = 0
        return found
