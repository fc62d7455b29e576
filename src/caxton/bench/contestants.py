"""What Caxton is compared with: the plain ``wasmtime`` binding, Extism's Python SDK, and asyncio tasks with queues."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from contextlib import suppress
from typing import Any, Final

import wasmtime

from caxton.bench import sources

FUEL: Final = 1 << 62
MEMORY: Final = 64 << 20
_FROM: Final = 65_536  # where messages are put: the second page, which the guest leaves alone
_ROOM: Final = 4_096

NO_EXTISM: Final = "not installed: extism (pip install 'caxton[bench]')"


class PlainModule:
    """A module in the plain binding, compiled, with fuel on: what its documentation leads to."""

    def __init__(self, module: str | bytes, *, fuel: bool = True) -> None:
        config = wasmtime.Config()
        config.consume_fuel = self.fuel = fuel
        self.engine = wasmtime.Engine(config)
        self.linker = wasmtime.Linker(self.engine)
        self.module = wasmtime.Module(self.engine, module)

    def bare(self) -> wasmtime.Store:
        """An instance and nothing else: no limits, no fuel, no exports looked up."""
        store = wasmtime.Store(self.engine)
        self.linker.instantiate(store, self.module)
        return store

    def instance(self) -> PlainInstance:
        """An instance with limits and fuel, ready for messages."""
        return PlainInstance(self)


class PlainInstance:
    """One instance; two calls through the binding for each message, as the core ABI has it."""

    def __init__(self, plain: PlainModule) -> None:
        self.store = store = wasmtime.Store(plain.engine)
        store.set_limits(memory_size=MEMORY, table_elements=20_000, instances=1, tables=4, memories=1)
        if plain.fuel:
            store.set_fuel(FUEL)
        exports = plain.linker.instantiate(store, plain.module).exports(store)
        handle, get, memory = exports["handle_message"], exports["get_response"], exports["memory"]
        assert isinstance(handle, wasmtime.Func)
        assert isinstance(get, wasmtime.Func)
        assert isinstance(memory, wasmtime.Memory)
        self._handle, self._get, self._memory = handle, get, memory

    def call(self, message: bytes) -> bytes:
        """Message in, response out. The guest has a page of room beyond its first."""
        store = self.store
        self._memory.write(store, message, _FROM)
        if self._handle(store, _FROM, len(message)):
            raise RuntimeError("the guest reports failure")
        length = self._get(store, _FROM, _ROOM)
        return bytes(self._memory.read(store, _FROM, _FROM + length))

    def handle(self, length: int) -> None:
        """Only ``handle_message``, with a message that nobody has written."""
        self._handle(self.store, 0, length)

    def close(self) -> None:
        """Frees the instance."""
        self.store.close()


def extism_plugins() -> Any:
    """A function that makes a plugin doing the job; None where Extism is not installed.

    The module is compiled once, where the SDK can do that. Extism has no fuel: memory and time are limited.
    """
    if importlib.util.find_spec("extism") is None:
        return None
    sdk: Any = importlib.import_module("extism.extism")
    module = bytes(wasmtime.wat2wasm(sources.text("upper_extism")))
    manifest = {"wasm": [{"data": module}], "memory": {"max_pages": MEMORY >> 16}, "timeout_ms": 30_000}
    compiled = getattr(sdk, "CompiledPlugin", None)
    source = compiled(manifest, functions=[]) if compiled else manifest
    return lambda: sdk.Plugin(source, functions=[])


class TaskWithQueue:
    """An asyncio task that answers what it finds in its bounded queue: what an agent is without isolation."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[bytes, asyncio.Future[bytes]]] = asyncio.Queue(1_000)
        self._task = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            message, answer = await self._queue.get()
            if not answer.done():
                answer.set_result(message.upper())

    async def ask(self, message: bytes) -> bytes:
        """Message in, response out."""
        answer: asyncio.Future[bytes] = self._loop.create_future()
        await self._queue.put((message, answer))
        return await answer

    async def stop(self) -> None:
        """Ends the task."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
