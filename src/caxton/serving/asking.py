"""One request to an agent on behalf of an MCP client, with its deadline, its parts, and its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Final

from caxton.agents.delivery import Delivery
from caxton.agents.spec import Cost
from caxton.errors import AgentFailed, CaxtonError, MessagingError
from caxton.host.reference import Reply
from caxton.host.runtime import Host
from caxton.messages import NEGATIVE, USER, AgentName, Envelope, Performative
from caxton.text import safe_name

SHORTEST_TURN: Final = 1.0
"""Seconds that a turn gets at least, however soon its caller stops waiting. A turn that runs out of time costs the
agent its instance, and too many of those the agent: an impatient client must not get that far by the defaults."""

MOST_PARTS: Final = 256
"""Parts that wait to be told to the client; older ones give way, for progress is only of interest when it is new."""


class Asking:
    """Waits for an agent's reply (a ``Waiter``).

    Args:
        timeout: seconds until nobody waits any more. The envelope says so (``reply-by``), and the turn's deadline is
            no later.
        content_type: what the payload is.
        parts: whether anybody wants to know of what the agent emits.

    Raises:
        CaxtonError: ``agent.unknown``, ``agent.stopped``, ``agent.failed``, ``mailbox.full``, ``limit.message-size``.
    """

    def __init__(
        self, host: Host, agent: str, payload: bytes, *, timeout: float, content_type: str, parts: bool
    ) -> None:
        self._parts: deque[bytes] = deque(maxlen=MOST_PARTS)
        self._wants_parts = parts
        self._outcome: Reply | CaxtonError | None = None
        self._withdrawn = False
        self._news = asyncio.Event()
        name = AgentName(agent)
        until = host.clock.monotonic() + timeout
        number = host.router.next_id()
        envelope = Envelope(
            Performative.REQUEST,
            USER,
            (name,),
            payload,
            f"u{number}",
            reply_by=_rfc3339(host.clock.time() + timeout),
            content_type=content_type,
            id=number,
        )
        least = host.clock.monotonic() + SHORTEST_TURN
        self._delivery = Delivery(envelope, name, self, max(until, least), until)
        self._agent = host.router.get(name)
        self._agent.post_now(self._delivery)
        self._timer = None if self._outcome is not None else host.clock.call_at(until, self._expire)

    def part(self, envelope: Envelope) -> None:
        """Keeps a part until it is taken."""
        if self._wants_parts and not self._withdrawn:
            self._parts.append(envelope.payload)
            self._news.set()

    def final(
        self,
        performative: Performative,
        payload: bytes,
        sender: AgentName,
        headers: Mapping[str, str] | None,
        error: CaxtonError | None,
        cost: Cost | None,
    ) -> bool:
        """Takes the reply; False where nobody waits any more."""
        if self._withdrawn or self._outcome is not None:
            return False
        reply = Reply(payload, performative, sender, headers=headers)
        if error is None and performative in NEGATIVE:
            error = AgentFailed(f"{safe_name(sender)} answered {performative.value}", reply)
        self._outcome = reply if error is None else error
        self._news.set()
        return True

    def _expire(self) -> None:
        if self._outcome is None:
            self._outcome = MessagingError("ask.timeout", "no reply in time")
            self._news.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """What the agent emits, until it has replied or the time is up."""
        while True:
            while self._parts:
                yield self._parts.popleft()
            if self._outcome is not None:
                return
            self._news.clear()
            await self._news.wait()

    def reply(self) -> Reply:
        """The reply.

        Raises:
            CaxtonError: what became of the turn instead.
        """
        assert self._outcome is not None
        if isinstance(self._outcome, CaxtonError):
            raise self._outcome
        return self._outcome

    def withdraw(self) -> None:
        """Waits no more. A request whose turn has not begun never gets one; a turn that runs ends without effects."""
        self._withdrawn = True
        self._parts.clear()
        if self._outcome is None:
            self._agent.cancel(self._delivery)
        if self._timer is not None:
            self._timer.cancel()


def _rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
