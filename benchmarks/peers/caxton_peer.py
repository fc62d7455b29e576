"""Caxton itself, through its public API alone: what a user gets, mailbox, supervision and limits included."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from itertools import count
from typing import Any

from . import guests
from .peer import Peer, version_of_package
from .timing import AsyncUnit, async_memory, async_speed


class CaxtonAgent:
    """One agent of a host."""

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    async def call(self, message: bytes) -> bytes:
        reply = await self._agent.ask(message)
        answer: bytes = reply.payload
        return answer

    async def close(self) -> None:
        await self._agent.stop()


@asynccontextmanager
async def workshop() -> AsyncIterator[Callable[[], Awaitable[AsyncUnit]]]:
    """One host; each unit is an agent with limits. The module is compiled for the first one."""
    caxton: Any = importlib.import_module("caxton")
    limits = caxton.Limits(memory="16 MiB", fuel=50_000_000, deadline=1.0)
    names = count()
    async with caxton.Host() as host:

        async def start() -> AsyncUnit:
            return CaxtonAgent(await host.spawn(f"upper-{next(names)}", guests.CORE, limits=limits))

        yield start


def _missing() -> str | None:
    """None when the package can be imported and has a host."""
    if find_spec("caxton") is None:
        return "pip install ."
    try:
        return None if hasattr(importlib.import_module("caxton"), "Host") else "pip install . (this caxton has no Host)"
    except ImportError as error:
        return f"pip install . (import caxton: {error})"


PEERS = (
    Peer(
        name="caxton",
        title="Caxton agent",
        contained="WebAssembly; fuel, memory, tables, time, grants",
        missing=_missing,
        version=partial(version_of_package, "caxton"),
        speed=partial(async_speed, workshop),
        memory=partial(async_memory, workshop, full=2000),
    ),
)
