"""A mailbox is a bounded queue: first in, first out, so many and so many bytes."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from caxton.agents.delivery import Delivery
from caxton.agents.mailbox import Mailbox
from caxton.messages import AgentName, Envelope, Performative
from tests.agents.lab import refusal

ME = AgentName("me")


def delivery(size: int) -> Delivery:
    return Delivery(Envelope(Performative.INFORM, ME, (ME,), bytes(size)), ME)


@given(
    st.integers(1, 5),
    st.integers(1, 50),
    st.lists(st.integers(0, 30) | st.just(None) | st.just("drain"), max_size=40),
)
def test_against_a_list(capacity: int, limit: int, actions: list[int | str | None]) -> None:
    """Whatever is put, taken and drained: order, counts and sums agree; what is refused changes nothing."""
    mailbox = Mailbox(capacity, limit)
    plain: deque[Delivery] = deque()
    for action in actions:
        if isinstance(action, int):
            one = delivery(action)
            fits = len(plain) < capacity and sum(len(d.envelope.payload) for d in plain) + action <= limit
            assert (None if fits else "mailbox.full") == refusal(lambda: mailbox.put(one))  # noqa: B023 - called at once
            if fits:
                plain.append(one)
        elif action is None and plain:
            assert plain.popleft() is mailbox.get()
        elif action == "drain":
            assert list(plain) == mailbox.drain()
            plain.clear()
        assert len(plain) == len(mailbox)
        assert bool(plain) is bool(mailbox)
        assert sum(len(d.envelope.payload) for d in plain) == mailbox.size
