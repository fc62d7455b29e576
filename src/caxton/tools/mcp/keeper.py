"""A server that is kept: connected when it is needed, and again, with backoff, when the connection has ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from caxton.agents.ports import Clock
from caxton.errors import ToolError
from caxton.tools.mcp.bounds import Backoff
from caxton.tools.mcp.link import Link

_log = logging.getLogger("caxton.tools.mcp")


class Keeper:
    """The connections to one server, one after the other. ``link`` is the last one.

    Args:
        name: the server's.
        connect: begins a connection.
        clock: by which restarts wait.
    """

    def __init__(self, name: str, connect: Callable[[], Link], clock: Clock) -> None:
        self.name = name
        self.link: Link | None = None
        self._connect = connect
        self._clock = clock
        self._backoff = Backoff()
        self._watchers: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Starts the server now, and again whenever it has ended, by itself."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(ToolError):
                link = await self.up()
                await link.down.wait()
            if self.link is not None:
                self._note_end(self.link)
            await self._pause(self._backoff.left(self._clock.monotonic()))

    async def _pause(self, seconds: float) -> None:
        done = asyncio.Event()
        timer = self._clock.call_at(self._clock.monotonic() + seconds, done.set)
        try:
            await done.wait()
        finally:
            timer.cancel()

    async def up(self) -> Link:
        """The connection, started if need be.

        Raises:
            ToolError: ``tool.failed``, it cannot start, or has failed and is not to be tried yet.
        """
        link = self.link
        if link is not None and link.is_up:
            return link
        if link is None or link.ready.done():
            link = self._begin()
        if not await asyncio.shield(link.ready):
            raise ToolError("tool.failed", f"{self.name} cannot start: {link.reason}")
        return link

    def _begin(self) -> Link:
        if self._closed:
            raise ToolError("tool.failed", f"{self.name} is stopped")
        now = self._clock.monotonic()
        old = self.link
        if old is not None:
            self._note_end(old)  # its processes may still have to be seen to
        left = self._backoff.left(now)
        if left > 0:
            reason = f" ({old.why})" if old is not None and old.why else ""
            raise ToolError("tool.failed", f"{self.name} is not running; next try in {left:.1f} s{reason}")
        link = self._connect()
        self.link = link
        task = asyncio.create_task(self._watch(link))
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)
        return link

    async def _watch(self, link: Link) -> None:
        if await asyncio.shield(link.ready):
            _log.info("%s: started, %d tools", self.name, len(link.tools))
        await link.down.wait()
        if not self._closed:
            _log.warning("%s: not running: %s", self.name, link.why or "the connection has ended")
            self._note_end(link)
        await link.over.wait()

    def _note_end(self, link: Link) -> None:
        """Counts an end once."""
        if link.counted:
            return
        link.counted = True
        now = self._clock.monotonic()
        lived = now - link.began
        if not (link.wire is not None and link.wire.expired and lived >= 1.0):
            self._backoff.failed(now, lived)

    async def close(self) -> None:
        """Ends the server and everything that it has started. Calls that still run fail."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.link is not None:
            await self.link.stop()
        await asyncio.gather(*self._watchers, return_exceptions=True)
