"""Modules for a host: each is compiled once, however many agents ask for it at the same time."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeVar

from caxton.agents.spec import Limits
from caxton.errors import HostError, ModuleError
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.companions import companion_lines, tell
from caxton.sandbox.compilation import Compilation, LineReading
from caxton.sandbox.engine import FEATURES, Settings, default_settings
from caxton.sandbox.files import check_size, read_module
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.module import AnyModule, load
from caxton.sandbox.warmth import Allowance
from caxton.text import safe_name

Source: TypeAlias = str | bytes | os.PathLike[str]
"""A path, a module's bytes, or WAT text (which begins with ``(``)."""

_KEPT: Final = 256
_KEPT_BYTES: Final = 256 << 20
_COMPILERS: Final = max(1, min(4, os.cpu_count() or 1))
"""Children that compile at once: each may take all the memory that compiling is allowed."""

_THREADS: Final = 8


class Watched(NamedTuple):
    """What is to be seen of a module's instances: where they spend their time; what is in them when they fail."""

    profiled: bool = False
    dumpable: bool = False


UNWATCHED: Final = Watched()
Child = TypeVar("Child", Compilation, LineReading)
_Key: TypeAlias = tuple[object, ...]


def is_text(source: str) -> bool:
    """Whether a string is a module's text and not a path."""
    return source.lstrip()[:1] == "(" or source.lstrip()[:2] == ";;"


def guest_limits(limits: Limits) -> GuestLimits:
    """The part of an agent's limits that its instance is held to."""
    return GuestLimits(
        int(limits.memory),
        limits.table_elements,
        limits.fuel,
        int(limits.message),
        int(limits.response),
        limits.host_calls,
    )


class Loader:
    """Loads modules off the event loop, and remembers them.

    A module given again (equal path and time stamp, bytes or text) is not read again; what is being loaded is waited
    for by everybody who wants it.

    Where a warm start is wanted, and what the module's initialisation left would not be what the agent's own would have
    come to, it is loaded cold: under limits that it is beyond, or where the random numbers (``seeded``) or the time
    (``own_clock``) that an agent sees are not the machine's.
    """

    def __init__(self, cache: ModuleCache | None = None, *, seeded: bool = False, own_clock: bool = False) -> None:
        self._cache = cache
        self._seeded = seeded
        self._own_clock = own_clock
        self._kept: OrderedDict[_Key, AnyModule] = OrderedDict()
        self._kept_bytes = 0
        self._told: set[tuple[object, ...]] = set()
        self._last: tuple[Source, Limits, frozenset[str], bool, AnyModule] | None = None  # as agents come in series
        self._loading: dict[_Key, asyncio.Task[AnyModule]] = {}
        self._waiting: dict[asyncio.Task[AnyModule], int] = {}
        self._by_key: dict[_Key, Compilation | LineReading] = {}
        self._compiling = threading.Semaphore(_COMPILERS)
        self._running: weakref.WeakSet[Compilation | LineReading] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="caxton-loader")

    def known(self, source: Source, features: frozenset[str], limits: Limits, warm: bool = True) -> AnyModule | None:
        """The module, if it has been loaded before."""
        last = self._last
        if last is not None and source is last[0] and limits is last[1] and features == last[2] and warm is last[3]:
            return last[4]
        found = self._known(source, features, limits, warm)
        # Bytes and text stay what they are; what lies behind a path may be another module by now.
        if found is not None and (isinstance(source, bytes) or (isinstance(source, str) and is_text(source))):
            self._last = (source, limits, features, warm, found)
        return found

    def _known(self, source: Source, features: frozenset[str], limits: Limits, warm: bool) -> AnyModule | None:
        key = self._key(source, features, limits)
        if warm:
            found = self._kept.get((True, *key))
            if found is None or found.facts.warmth.is_worth(_allowance(limits)):
                return None
            if self._is_fair(found, limits):
                return found
        return self._kept_cold(key)

    def _kept_cold(self, key: _Key) -> AnyModule | None:
        """A module as it is: loaded so, or loaded to be warm and left as it is."""
        found = self._kept.get((False, *key))
        if found is None:
            other = self._kept.get((True, *key))
            if other is not None and not other.facts.warmth.is_warm:
                return other
        return found

    def _is_fair(self, module: AnyModule, limits: Limits) -> bool:
        """Whether a warm start brings an agent where a cold one would have."""
        warmth = module.facts.warmth
        if not warmth.is_warm:
            return True
        if (warmth.random and self._seeded) or (warmth.time and self._own_clock):
            return False
        return warmth.suits(int(limits.memory), limits.table_elements, limits.fuel, limits.host_calls)

    @property
    def busy(self) -> bool:
        """Whether a module is being loaded."""
        return bool(self._loading)

    async def load(self, source: Source, features: frozenset[str], limits: Limits, warm: bool = True) -> AnyModule:
        """The module, ``warm`` where that may be.

        Raises:
            ModuleError: it cannot be read, or be an agent.
        """
        if warm:
            found = await self._load_once(source, features, limits, warm=True)
            if self._is_fair(found, limits):
                return found
        return await self._load_once(source, features, limits, warm=False)

    async def load_watched(
        self, source: Source, features: frozenset[str], limits: Limits, watched: Watched
    ) -> AnyModule:
        """The module, compiled so that its instances can be looked into; cold, as it is.

        Raises:
            ModuleError: as for ``load``.
        """
        return await self._load_once(source, features, limits, warm=False, watched=watched)

    async def _load_once(
        self, source: Source, features: frozenset[str], limits: Limits, *, warm: bool, watched: Watched = UNWATCHED
    ) -> AnyModule:
        plain = self._key(source, features, limits)
        key: _Key = (warm, *plain) if watched == UNWATCHED else (warm, *plain, watched)
        found = self._kept.get(key) if warm or watched != UNWATCHED else self._kept_cold(plain)
        if found is not None and not (warm and found.facts.warmth.is_worth(_allowance(limits))):
            return found
        task = self._loading.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load(key, source, features, limits, watched))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._loaded(key, done))
        self._waiting[task] = self._waiting.get(task, 0) + 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._waiting.get(task) == 1 and not task.done():
                self._give_up(key)  # nobody else wants it
            raise
        finally:
            if task in self._waiting:
                self._waiting[task] -= 1

    def _give_up(self, key: _Key) -> None:
        self._loading.pop(key, None)  # who comes later begins anew
        with self._lock:
            child = self._by_key.pop(key, None)
        if child is not None:
            child.stop()

    def _key(self, source: Source, features: frozenset[str], limits: Limits) -> _Key:
        big = int(limits.memory) if features or int(limits.memory) > (64 << 20) else 0
        if isinstance(source, bytes) or (isinstance(source, str) and is_text(source)):
            return (source, features, big, limits.module_size)
        if not isinstance(source, str | os.PathLike):
            raise HostError("config.invalid", f"{safe_name(repr(source))} is no path, bytes or WAT text")
        path = os.fspath(source)
        try:
            found = os.stat(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise ModuleError("module.not-found", f"{safe_name(path)}: {why}") from None
        return (path, found.st_mtime_ns, found.st_size, found.st_ino, features, big, limits.module_size)

    def _loaded(self, key: _Key, task: asyncio.Task[AnyModule]) -> None:
        self._waiting.pop(task, None)
        if self._loading.get(key) is task:
            del self._loading[key]
            with self._lock:
                self._by_key.pop(key, None)
        if not task.cancelled() and task.exception() is None:
            self._last = None
            self._forget(self._kept.pop(key, None))
            self._kept[key] = task.result()
            self._kept_bytes += _weight(task.result())
            while len(self._kept) > _KEPT or (self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1):
                self._forget(self._kept.popitem(last=False)[1])

    def _forget(self, module: AnyModule | None) -> None:
        if module is not None:
            self._kept_bytes -= _weight(module)

    async def _load(
        self, key: _Key, source: Source, features: frozenset[str], limits: Limits, watched: Watched
    ) -> AnyModule:
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._load_here, key, source, features, limits, watched
        )

    def _load_here(
        self, key: _Key, source: Source, features: frozenset[str], limits: Limits, watched: Watched
    ) -> AnyModule:
        if isinstance(source, bytes):
            data = source
        elif isinstance(source, str) and is_text(source):
            data = source.encode("utf-8", "surrogatepass")
        else:
            data = read_module(source, int(limits.module_size), stopped=self._closing.is_set)
        check_size(data, int(limits.module_size))
        with self._lock:
            if self._cache is None:
                self._cache = ModuleCache()
        settings = replace(
            default_settings(features, int(limits.memory)), profiled=watched.profiled, dumpable=watched.dumpable
        )
        allowance = _allowance(limits) if key[0] else None
        compilation = functools.partial(self._compilation, key, allowance)
        module = load(data, self._cache, settings=settings, compilation=compilation, allowance=allowance)
        path = path_of(source)
        once = functools.partial(self._tell_once, (path, module.facts.sha256))
        if module.facts.has_dwarf and not module.facts.has_lines:
            once("of no use: what the module has itself tells of no lines")
        if path is not None and not module.facts.has_lines:
            reading = functools.partial(self._line_reading, key, settings)
            lines = companion_lines(path, data, module.facts, self._cache, reading, once)
            if lines:
                module.add_lines(lines)
        return module

    def _tell_once(self, module: tuple[object, ...], why: str) -> None:
        """A module that is loaded warm and then cold, since it was not fair, has the same to tell twice."""
        with self._lock:
            if (*module, why) in self._told:
                return
            if len(self._told) >= _KEPT:
                self._told.clear()
            self._told.add((*module, why))
        tell(why)

    def _compilation(self, key: _Key, allowance: Allowance | None, data: bytes, settings: Settings) -> Compilation:
        return self._watched(key, Compilation(data, settings, allowance=allowance, turn=self._compiling))

    def _line_reading(self, key: _Key, settings: Settings, data: bytes, companion: bytes) -> LineReading:
        return self._watched(key, LineReading(data, companion, settings, turn=self._compiling))

    def _watched(self, key: _Key, child: Child) -> Child:
        """A child that ends when nobody waits for the module any more, or when this ends."""
        with self._lock:
            self._by_key[key] = child
            self._running.add(child)
            if self._closing.is_set():
                child.stop()
        return child

    async def close(self) -> None:
        """Ends every compilation that still runs."""
        self._closing.set()
        with self._lock:
            running = list(self._running)
        for child in running:
            child.stop()
        for task in list(self._loading.values()):
            await asyncio.gather(task, return_exceptions=True)
        self._pool.shutdown(wait=True)
        self._kept.clear()
        self._last = None


def _allowance(limits: Limits) -> Allowance:
    return Allowance.within(limits.fuel, float(limits.deadline))


def _weight(module: AnyModule) -> int:
    return module.facts.size + module.facts.warmth.size


def check_features(features: object) -> frozenset[str]:
    """The proposals that a module asks for.

    Raises:
        HostError: ``config.invalid``, there is no such thing.
    """
    if isinstance(features, str) or not isinstance(features, list | tuple | set | frozenset):
        raise HostError("config.invalid", f"features: a list of {', '.join(FEATURES)}")
    strange = [name for name in features if name not in FEATURES]
    if strange:
        raise HostError(
            "config.invalid", f"features: {safe_name(repr(strange[0]))} is not one of {', '.join(FEATURES)}"
        )
    return frozenset(features)


def path_of(source: Source) -> Path | None:
    """The path that a source names, if it names one."""
    if isinstance(source, bytes) or (isinstance(source, str) and is_text(source)):
        return None
    return Path(source)
