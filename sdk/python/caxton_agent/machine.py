"""What Python takes from a machine, from the host: clocks and random numbers. And what an agent has none of.

An agent is built without WASI: whatever Python would ask of a system is a trap there. So the functions that ask are
replaced, before any other module takes them: clocks, random numbers and waiting become host calls; files, sockets and
processes are refused with ``PermissionError``, which a program may catch. While the agent is built
there is a machine, and no host: until ``begin`` the functions do what they did.
"""

from __future__ import annotations

import errno
import io
import os
import posix
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, Final, NoReturn

from componentize_py_types import Err
from wit_world.imports import host

_SECOND: Final = 1_000_000_000
_RANDOM: Final = 65536
"""Random bytes that one call gives."""

_SEED: Final = 32
_UNHEARD: Final = "access lstat pathconf readlink stat statvfs".split()
"""Functions for files that no audit event tells of (PEP 578)."""

_REFUSED: Final = ("os.", "socket.", "shutil.", "subprocess.", "pathlib.", "glob.", "tempfile.", "urllib.")
"""How the names of the events begin that are about a machine; and there is ``open``."""

_ALLOWED: Final = frozenset({"os.putenv", "os.unsetenv"})


class Machine:
    """Whether there is a host by now."""

    begun = False


def need_host() -> None:
    """Whatever calls the host comes by here.

    Raises:
        RuntimeError: there is none, for the agent is being built.
    """
    if not Machine.begun:
        raise RuntimeError("there is no host while the agent is built: call it from handle, not at the top level")


def begin() -> None:
    """Before an instance's first message."""
    Machine.begun = True
    sys.stdin = io.StringIO()
    random = sys.modules.get("random")
    if random is not None:
        random.seed()  # all instances begin with the generator that the build has left


def random_bytes(count: int) -> bytes:
    """Random bytes from the host."""
    if count < 0:
        raise ValueError("negative argument not allowed")
    return b"".join(host.random(min(_RANDOM, count - at)) for at in range(0, count, _RANDOM))


def _sleep(seconds: float) -> None:
    if not seconds >= 0:
        raise ValueError("sleep length must be non-negative")
    try:
        host.sleep_ms(int(seconds * 1000 + 0.999999))
    except Err as error:
        raise TimeoutError(error.value.data.value) from None


def _now() -> float:
    return host.now_ms() / 1000


def _monotonic() -> float:
    return host.monotonic_ns() / _SECOND


def _replace(module: ModuleType, name: str, ours: Callable[..., Any]) -> None:
    """Puts a function in the place of another, once there is a host."""
    theirs = getattr(module, name, None)
    if theirs is None:
        return

    def either(*values: Any, **named: Any) -> Any:
        return ours(*values, **named) if Machine.begun else theirs(*values, **named)

    either.__name__ = either.__qualname__ = name
    setattr(module, name, either)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise PermissionError(errno.EPERM, "an agent has no files, no network and no processes")


def _of_now(name: str, place: int) -> None:
    """Has a function of ``time`` that takes a time take the host's, where it is given none."""
    theirs = getattr(time, name)

    def with_time(*values: Any) -> Any:
        if Machine.begun and len(values) <= place:
            last = _now() if place == 0 and name != "asctime" else time.localtime(_now())
            values = (*values, last)
        elif Machine.begun and values[place] is None:
            values = (*values[:place], _now())
        return theirs(*values)

    with_time.__name__ = with_time.__qualname__ = name
    setattr(time, name, with_time)


def _install_clocks() -> None:
    _replace(time, "time", _now)
    _replace(time, "time_ns", lambda: host.now_ms() * 1_000_000)
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        _replace(time, name, _monotonic)
        _replace(time, f"{name}_ns", host.monotonic_ns)
    _replace(time, "sleep", _sleep)
    clock = SimpleNamespace(implementation="Caxton's", monotonic=True, adjustable=False, resolution=1e-9)
    _replace(time, "get_clock_info", lambda name: clock)
    for name, place in (("localtime", 0), ("gmtime", 0), ("ctime", 0), ("asctime", 0), ("strftime", 1)):
        _of_now(name, place)
    # The one written in Python asks `time`; the one written in C asks the system.
    sys.modules["_datetime"] = None  # type: ignore[assignment]
    import datetime  # noqa: F401

    del sys.modules["_datetime"]
    sys.modules["_zoneinfo"] = None  # type: ignore[assignment]  # it wants the one in C


def _install_random() -> None:
    for module in (os, posix):
        _replace(module, "urandom", random_bytes)
    import random

    seed = random.Random.seed

    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None and Machine.begun:
            a = int.from_bytes(host.random(_SEED), "little")
        seed(self, a, version)

    random.Random.seed = seeded  # type: ignore[method-assign]
    random.seed = random._inst.seed


def _hear(event: str, _: tuple[object, ...]) -> None:
    """Refuses what would reach for the machine; CPython asks before it does."""
    if Machine.begun and (event == "open" or (event.startswith(_REFUSED) and event not in _ALLOWED)):
        _refuse()


def _install_refusals() -> None:
    sys.addaudithook(_hear)
    for module in (os, posix):
        for name in _UNHEARD:
            _replace(module, name, _refuse)


class _NoMore:
    """Refuses every module that is not there by now: there are no files to import it from."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Nothing; what is built in has been found before."""
        raise ModuleNotFoundError(f"{name} is no part of this agent: import it in one of its sources", name=name)


def end_imports() -> None:
    """From now on only what is in memory can be imported, and what is built in or frozen."""
    import importlib.machinery

    sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, _NoMore]


_install_clocks()
_install_random()
_install_refusals()
