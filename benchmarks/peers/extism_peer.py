"""Extism's Python SDK, the plugin system nearest to what Caxton does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from . import guests
from .peer import Peer, version_of_package
from .timing import Unit, sync_memory, sync_speed

LIMITS: dict[str, Any] = {"memory": {"max_pages": 256}, "timeout_ms": 1000}
"""16 MiB and one second a call. The SDK has no way to set fuel."""


@contextmanager
def workshop() -> Iterator[Callable[[], Unit]]:
    """Compile once where the SDK can (`CompiledPlugin`); each unit is a plugin made from it."""
    import wasmtime

    sdk: Any = import_module("extism.extism")  # untyped, and `CompiledPlugin` is not in its `__all__`

    manifest = {"wasm": [{"data": bytes(wasmtime.wat2wasm(guests.EXTISM))}], **LIMITS}
    compile_once = getattr(sdk, "CompiledPlugin", None)
    source: Any = compile_once(manifest, functions=[]) if compile_once else manifest

    class Instance:
        """One plugin. The SDK frees it when it is no longer referred to."""

        def __init__(self) -> None:
            self._plugin = sdk.Plugin(source, functions=[])

        def call(self, message: bytes) -> bytes:
            answer: bytes = self._plugin.call("upper", message)
            return answer

        def close(self) -> None:
            del self._plugin

    yield Instance


def _missing() -> str | None:
    """None, or what to install; wasmtime turns the guest's text into bytes."""
    absent = [package for package in ("extism", "wasmtime") if find_spec(package) is None]
    return f"pip install {' '.join(absent)}" if absent else None


PEERS = (
    Peer(
        name="extism",
        title="Extism, Python SDK",
        contained="WebAssembly; memory, time",
        missing=_missing,
        version=partial(version_of_package, "extism"),
        speed=partial(sync_speed, workshop),
        memory=partial(sync_memory, workshop, full=200),
        note="12 GiB of address space for each plugin",
    ),
)
