"""The plain `wasmtime` Python binding: the obvious thirty lines, with the limits switched on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from . import guests
from .peer import Peer, needs_package, version_of_package
from .timing import Unit, sync_memory, sync_speed

FUEL = 50_000_000
MEMORY = 16 << 20
WINDOW = 65536
ROOM = 4096


@contextmanager
def workshop() -> Iterator[Callable[[], Unit]]:
    """Compile once; each unit is a store, an instance, and its limits."""
    import wasmtime

    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module(engine, guests.CORE)
    linker = wasmtime.Linker(engine)

    class Instance:
        """Two calls through the binding for each message, as the core ABI has it; fuel is set anew each time."""

        def __init__(self) -> None:
            self._store = store = wasmtime.Store(engine)
            store.set_limits(memory_size=MEMORY, instances=1, memories=1, tables=4, table_elements=20_000)
            store.set_fuel(FUEL)
            exports = linker.instantiate(store, module).exports(store)
            handle, response, memory = exports["handle_message"], exports["get_response"], exports["memory"]
            assert isinstance(handle, wasmtime.Func)
            assert isinstance(response, wasmtime.Func)
            assert isinstance(memory, wasmtime.Memory)
            self._handle, self._response, self._memory = handle, response, memory

        def call(self, message: bytes) -> bytes:
            store = self._store
            store.set_fuel(FUEL)
            self._memory.write(store, message, WINDOW)
            if self._handle(store, WINDOW, len(message)):
                raise RuntimeError("the guest refused the message")
            size = self._response(store, WINDOW, ROOM)
            return bytes(self._memory.read(store, WINDOW, WINDOW + size))

        def close(self) -> None:
            self._store.close()

    yield Instance


PEERS = (
    Peer(
        name="wasmtime",
        title="wasmtime, plain binding",
        contained="WebAssembly; fuel, memory, tables",
        missing=needs_package("wasmtime", "pip install wasmtime"),
        version=partial(version_of_package, "wasmtime"),
        speed=partial(sync_speed, workshop),
        memory=partial(sync_memory, workshop, full=1000),
    ),
)
