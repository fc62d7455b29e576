"""memory.put, memory.search, memory.delete: notes that an agent keeps, or shares."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from caxton.errors import ToolError
from caxton.tools import results
from caxton.tools.builtin.notes import Namespace, Notes
from caxton.tools.provider import Call
from caxton.tools.settings import MemorySettings

if TYPE_CHECKING:
    from caxton.tools.builtin.arguments import Delete, Put, Search

T = TypeVar("T")


def check(arguments: Put) -> None:
    """Refuses a note that the database could not tell from another.

    Raises:
        ToolError: ``tool.bad-arguments``.
    """
    if any("\0" in text for text in (arguments.text, arguments.key or "", *arguments.tags)):
        raise ToolError("tool.bad-arguments", "a NUL character")


class Memory:
    """The tools, for all agents of one host: one database, one connection, one thread."""

    def __init__(self, settings: MemorySettings, clock: Callable[[], float]) -> None:
        self._notes = Notes(settings.path, settings.max_bytes)
        self._clock = clock
        self._thread: ThreadPoolExecutor | None = None

    async def put(self, call: Call, arguments: Put) -> bytes:
        """Keeps a note.

        Raises:
            ToolError: ``tool.bad-arguments``, ``tool.timeout``.
            LimitError: ``limit.budget``.
            HostError: ``storage.failed``.
        """
        check(arguments)
        key = arguments.key or _key(call)
        space, made_ms = _namespace(call), int(self._clock() * 1000)
        return await self._told(lambda: self._notes.put(space, key, arguments.text, arguments.tags, made_ms))

    async def search(self, call: Call, arguments: Search) -> bytes:
        """Finds notes.

        Raises:
            ToolError: ``tool.timeout``.
            HostError: ``storage.failed``.
        """
        space = _namespace(call)
        return await self._told(lambda: self._notes.search(space, arguments.query, arguments.limit))

    async def delete(self, call: Call, arguments: Delete) -> bytes:
        """Forgets a note.

        Raises:
            ToolError: ``tool.timeout``.
            HostError: ``storage.failed``.
        """
        space = _namespace(call)
        return await self._told(lambda: {"deleted": self._notes.delete(space, arguments.key)})

    async def close(self) -> None:
        """Closes the database, after what has begun."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._notes.close)
            thread.shutdown(wait=False)

    async def _told(self, work: Callable[[], dict[str, Any]]) -> bytes:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="caxton-notes")
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: results.result(work()))


def _namespace(call: Call) -> Namespace:
    shared = call.setting("namespace")
    return Namespace("agent", call.agent) if shared is None else Namespace("shared", str(shared))


def _key(call: Call) -> str:
    """A key for a note without one: the same when a call is made again after a crash, so that it is kept once."""
    if not call.key:
        return secrets.token_hex(12)
    return hashlib.sha256(f"{call.agent}\0{call.key}".encode()).hexdigest()[:24]
