"""Messages to one agent, one after another, and what became of each."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from caxton.errors import AgentFailed, CaxtonError, MessagingError
from caxton.host.reference import AgentRef, Reply

LOOK: Final = 0.02
"""Seconds, at most, between two looks at an agent whose reply takes longer."""


ROUNDS: Final = 3
"""Rounds of the event loop, at most, in which a reply that has been given reaches who waits for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: a reply, an error, or both, when the agent's answer was a failure.

    ``seconds``: how long it took, by the machine's clock. ``restless``: the agent was kept busy by other messages, its
    own timers say, until nobody waited any more.
    """

    reply: Reply | None
    error: CaxtonError | None
    seconds: float
    restless: bool = False


async def ask(agent: AgentRef, message: bytes) -> Outcome:
    """Sends a request and waits, as long as the agent lives."""
    began = time.perf_counter()
    try:
        reply = await agent.ask(message)
    except CaxtonError as error:
        answer = error.reply if isinstance(error, AgentFailed) else None
        return Outcome(answer, error, time.perf_counter() - began)
    return Outcome(reply, None, time.perf_counter() - began)


async def converse(
    agent: AgentRef, messages: Iterable[bytes], patience: float, busy: float, take: Callable[[Outcome], None]
) -> None:
    """Delivers messages in turn, each when the turn before it has ended, and hands on the outcomes in that order.

    An agent may defer a reply to a later turn: such a reply is waited for at the end, for ``patience`` seconds. An
    agent may also keep itself busy, with timers that never leave it idle: the end of that is waited for once, for
    ``busy`` seconds, and the messages that are left are then delivered at once.
    """
    waiting: deque[tuple[asyncio.Task[Outcome], float | None]] = deque()
    for message in messages:
        task = asyncio.create_task(ask(agent, message))
        over = await _turn_over(agent, task, busy)
        waiting.append((task, None if over else busy))
        busy = busy if over else 0.0
        while waiting and waiting[0][0].done():
            take(waiting.popleft()[0].result())
    until = time.monotonic() + patience
    while waiting:
        task, waited = waiting.popleft()
        await asyncio.wait({task}, timeout=max(0.0, until - time.monotonic()))
        take(task.result() if task.done() else _never(task, patience, waited))


async def _turn_over(agent: AgentRef, task: asyncio.Task[Outcome], busy: float) -> bool:
    """Whether the message is answered, or the agent is idle, within ``busy`` seconds."""
    until = time.monotonic() + busy
    pause = 0.0  # most turns are over by the loop's next round
    while not task.done():
        await asyncio.wait({task}, timeout=pause)
        found = agent.statistics()
        if pause and found.state == "idle" and found.mailbox == 0:
            for _ in range(ROUNDS):  # a reply that is there already is to count before the next message
                await asyncio.sleep(0)
            return True
        if time.monotonic() > until:
            return task.done()
        pause = min(LOOK, pause * 2 or 0.0005)
    return True


def _never(task: asyncio.Task[Outcome], patience: float, waited: float | None) -> Outcome:
    """What became of a message without a reply. ``waited``: so many seconds the agent was never idle, if it was not."""
    task.cancel()
    if waited is None:
        why = f"the agent deferred its reply, and did not send it within {patience:g} s"
    else:
        why = f"the agent gave no reply, and its own messages left it no rest, within {waited + patience:g} s"
    return Outcome(None, MessagingError("ask.timeout", why), (waited or 0.0) + patience, waited is not None)
