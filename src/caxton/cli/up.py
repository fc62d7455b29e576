"""``caxton up``: the agents of a configuration file, in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from caxton.cli import interrupts, output
from caxton.cli.config import warn
from caxton.cli.consent import Consent
from caxton.cli.conversation import ask
from caxton.config import load
from caxton.config.absent import absent_directories
from caxton.errors import exit_status
from caxton.host.runtime import Host

DRAIN: Final = 30.0
"""Seconds that agents may take to end what has begun, after the first signal."""

_LOOK: Final = 0.05


def up(path: Path, *, send: tuple[str, str] | None = None, json: bool = False) -> int:
    """Runs the agents until a signal comes; or, with ``send``, until one of them has answered a message.

    The first signal lets turns and mailboxes come to their end (``DRAIN`` seconds at most); the second ends at once.

    Returns:
        The exit status: 0 after a signal that was waited for, or after an answer; else that of the failure.

    Raises:
        CaxtonError: ``config.invalid``; whatever an agent came to as it started.
    """
    # Agents' logs go to standard error.
    logging.getLogger("caxton.agent").setLevel(logging.INFO)
    if send is not None:
        return interrupts.run(_send(path, *send, json=json))
    return interrupts.run(_up(path))


async def _send(path: Path, agent: str, text: str, *, json: bool) -> int:
    async with _with_consent(path) as host:
        outcome = await ask(host.agent(agent), os.fsencode(text))
    if outcome.error is not None:
        output.complain(outcome.error, "up")
    if json:
        output.put_json(output.outcome(outcome.reply, outcome.error, output.usage_of(outcome.reply, outcome.error)))
    else:
        output.put_answer(outcome.reply.payload if outcome.reply is not None else b"")
    return 0 if outcome.error is None else exit_status(outcome.error.code)


async def _up(path: Path) -> int:
    async with _with_consent(path) as host:
        agents = host.agents()
        output.say(f"caxton: {len(agents)} agent{'s' * (len(agents) != 1)} up; Ctrl-C ends")
        try:
            await asyncio.Event().wait()  # for ever
        except asyncio.CancelledError:
            interrupts.forgive(DRAIN + interrupts.GRACE)
            output.say("caxton: ending what has begun; Ctrl-C again ends at once")
            busy = await drain(host, DRAIN)
            if busy:
                output.say(f"caxton: warning: ended in the middle of something: {', '.join(busy[:10])}")
    return 0


def configured(path: Path, verb: str) -> Host:
    """The host of a configuration file; what that says in vain is said now.

    Raises:
        HostError: ``config.invalid``.
    """
    configuration = load(path)
    host = Host.from_config(path)
    logging.getLogger("caxton.config").setLevel(logging.ERROR)  # what the host would say of it, and more of it
    warn((*configuration.warnings, *absent_directories(configuration)), verb)
    return host


@contextlib.asynccontextmanager
async def _with_consent(path: Path) -> AsyncIterator[Host]:
    """The host of a configuration file, running; calls that need consent are asked for, also while agents start."""
    host = configured(path, "up")
    consent = Consent(host.approvals)
    async with host:
        with contextlib.closing(consent):
            yield host


async def drain(host: Host, seconds: float) -> list[str]:
    """Waits until no agent has anything to do, or ``seconds`` are over; answers the names of those that still have."""
    until = time.monotonic() + seconds
    while True:
        found = [agent.statistics() for agent in host.agents()]
        busy = [one.name for one in found if one.mailbox or one.state not in ("idle", "stopped", "failed")]
        calls = host.statistics().tool_calls  # those by envelope outlive the turn that asked for them
        if (not busy and not calls) or time.monotonic() >= until:
            return busy
        await asyncio.sleep(_LOOK)
