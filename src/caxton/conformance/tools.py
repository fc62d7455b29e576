"""The tools that agents on a stage are granted."""

from __future__ import annotations

import asyncio

from caxton.errors import ToolError
from caxton.host.runtime import Host


class ToolHouse:
    """``test.add``, ``test.echo``, ``test.fail``, and some that wait for a gate: ``test.wait`` for the one that its
    argument names, ``test.left`` and ``test.right`` for those."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        """The gates that calls wait for."""

        self._gates: dict[str, asyncio.Event] = {}

    def open(self, name: str) -> None:
        """Opens a gate."""
        self._gate(name).set()

    def clear(self) -> None:
        """Closes all gates."""
        self._gates.clear()

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def _wait(self, name: str) -> str:
        self.waiting.append(name)
        try:
            await self._gate(name).wait()
        finally:
            self.waiting.remove(name)
        return name

    def open_in(self, host: Host) -> None:
        """Makes the tools known to a host."""
        # Coroutines, all of them: on a thread a tool would not be at rest when the host is.

        @host.tool(name="test.add")
        async def add(a: int, b: int) -> int:
            return a + b

        @host.tool(name="test.echo")
        async def echo(text: str) -> str:
            return text

        @host.tool(name="test.fail")
        async def fail(why: str) -> None:
            raise ToolError("tool.failed", why)

        @host.tool(name="test.wait")
        async def wait(name: str) -> str:
            return await self._wait(name)

        @host.tool(name="test.left")
        async def left(name: str) -> str:
            return await self._wait("left")

        @host.tool(name="test.right")
        async def right(name: str) -> str:
            return await self._wait("right")
