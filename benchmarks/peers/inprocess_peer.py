"""What Python offers inside one process, not isolated: a task with a queue, a thread with queues, a native plugin."""

from __future__ import annotations

import asyncio
import ctypes
import platform
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from queue import SimpleQueue

from . import native
from .peer import Peer, needs_nothing
from .timing import AsyncUnit, Unit, async_memory, async_speed, sync_memory, sync_speed


class TaskWithQueue:
    """An asyncio task that answers what it finds in its queue."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[tuple[bytes, asyncio.Future[bytes]]] = asyncio.Queue(1000)
        self._task = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            message, answer = await self._inbox.get()
            answer.set_result(message.upper())

    async def call(self, message: bytes) -> bytes:
        answer: asyncio.Future[bytes] = self._loop.create_future()
        await self._inbox.put((message, answer))
        return await answer

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class ThreadWithQueues:
    """A thread that answers what it finds in one queue through another. None ends it."""

    def __init__(self) -> None:
        self._inbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while (message := self._inbox.get()) is not None:
            self._answers.put(message.upper())

    def call(self, message: bytes) -> bytes:
        self._inbox.put(message)
        return self._answers.get()

    def close(self) -> None:
        self._inbox.put(None)
        self._thread.join()


@asynccontextmanager
async def task_workshop() -> AsyncIterator[Callable[[], Awaitable[AsyncUnit]]]:
    """Nothing to prepare."""

    async def start() -> AsyncUnit:
        return TaskWithQueue()

    yield start


@contextmanager
def thread_workshop() -> Iterator[Callable[[], Unit]]:
    """Nothing to prepare."""
    yield ThreadWithQueues


@contextmanager
def ctypes_workshop() -> Iterator[Callable[[], Unit]]:
    """Load the library once, as a module is compiled once; a unit is a block of memory that the library keeps."""
    library = ctypes.CDLL(str(native.library()))
    open_, call, close = library.unit_open, library.unit_call, library.unit_close
    open_.restype, open_.argtypes = ctypes.c_void_p, []
    call.restype, call.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    close.restype, close.argtypes = None, [ctypes.c_void_p]
    copy = ctypes.string_at

    class Plugin:
        """One unit of the library."""

        def __init__(self) -> None:
            self._unit = open_()

        def call(self, message: bytes) -> bytes:
            size = len(message)
            return copy(call(self._unit, message, size), size)

        def close(self) -> None:
            close(self._unit)

    yield Plugin


PEERS = (
    Peer(
        name="asyncio",
        title="asyncio task + queue",
        contained="nothing",
        missing=needs_nothing,
        version=platform.python_version,
        speed=partial(async_speed, task_workshop),
        memory=partial(async_memory, task_workshop, full=10_000),
    ),
    Peer(
        name="thread",
        title="thread + SimpleQueue",
        contained="nothing",
        missing=needs_nothing,
        version=platform.python_version,
        speed=partial(sync_speed, thread_workshop),
        memory=partial(sync_memory, thread_workshop, full=500),
    ),
    Peer(
        name="ctypes",
        title="native .so through ctypes",
        contained="nothing",
        missing=native.missing_compiler,
        version=platform.python_version,
        prepare=native.library,
        speed=partial(sync_speed, ctypes_workshop),
        memory=partial(sync_memory, ctypes_workshop, full=10_000),
        note="the library is loaded already; 4 KiB of each unit are its answer's buffer",
    ),
)
