"""What the sandbox's tests share: guests in WebAssembly text, the contract's imports, and a host without `await`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

import pytest

import caxton
from caxton.host.loading import Source
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.compilation import Compilation
from caxton.sandbox.compiler import compile_here
from caxton.sandbox.core_abi import CoreGuest
from caxton.sandbox.engine import Settings
from caxton.sandbox.facts import Facts
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.module import Module, load
from caxton.sandbox.warmth import Allowance

T = TypeVar("T")
Given: TypeAlias = Source | bytearray | memoryview
KIB: Final = 1 << 10
MIB: Final = 1 << 20
PAGE: Final = 64 * KIB
HOUR_NS: Final = 3600 * 10**9

# Section 2 of the contract, written down a second time: the table in the source is held against it.
CONTRACT: Final[dict[str, str]] = {
    "log": "(param i32 i32 i32)",
    "read_result": "(param i32 i32) (result i32)",
    "result_info": "(result i32)",
    "context": "(result i32)",
    "envelope": "(result i32)",
    "tell": "(param i32 i32 i32 i32) (result i32)",
    "send_envelope": "(param i32 i32 i32 i32) (result i32)",
    "publish": "(param i32 i32 i32 i32) (result i32)",
    "subscribe": "(param i32 i32) (result i32)",
    "unsubscribe": "(param i32 i32) (result i32)",
    "ask": "(param i32 i32 i32 i32 i64) (result i32)",
    "call_tool": "(param i32 i32 i32 i32) (result i32)",
    "ask_start": "(param i32 i32 i32 i32 i64) (result i32)",
    "tool_start": "(param i32 i32 i32 i32 i64) (result i32)",
    "wait": "(param i32 i32 i64) (result i32)",
    "cancel": "(param i32) (result i32)",
    "list_tools": "(result i32)",
    "emit": "(param i32 i32) (result i32)",
    "defer": "(result i32)",
    "state_get": "(param i32 i32) (result i32)",
    "state_put": "(param i32 i32 i32 i32) (result i32)",
    "state_delete": "(param i32 i32) (result i32)",
    "state_keys": "(param i32 i32) (result i32)",
    "set_timer": "(param i64 i64 i32 i32) (result i32)",
    "cancel_timer": "(param i32) (result i32)",
    "now_ms": "(result i64)",
    "monotonic_ns": "(result i64)",
    "random": "(param i32 i32)",
    "sleep_ms": "(param i64) (result i32)",
}

# WASI preview 1, snapshot 2020, in the shape that its witx files lower to.
WASI: Final[dict[str, str]] = {
    "args_get": "(param i32 i32) (result i32)",
    "args_sizes_get": "(param i32 i32) (result i32)",
    "environ_get": "(param i32 i32) (result i32)",
    "environ_sizes_get": "(param i32 i32) (result i32)",
    "clock_res_get": "(param i32 i32) (result i32)",
    "clock_time_get": "(param i32 i64 i32) (result i32)",
    "fd_advise": "(param i32 i64 i64 i32) (result i32)",
    "fd_allocate": "(param i32 i64 i64) (result i32)",
    "fd_close": "(param i32) (result i32)",
    "fd_datasync": "(param i32) (result i32)",
    "fd_fdstat_get": "(param i32 i32) (result i32)",
    "fd_fdstat_set_flags": "(param i32 i32) (result i32)",
    "fd_fdstat_set_rights": "(param i32 i64 i64) (result i32)",
    "fd_filestat_get": "(param i32 i32) (result i32)",
    "fd_filestat_set_size": "(param i32 i64) (result i32)",
    "fd_filestat_set_times": "(param i32 i64 i64 i32) (result i32)",
    "fd_pread": "(param i32 i32 i32 i64 i32) (result i32)",
    "fd_prestat_get": "(param i32 i32) (result i32)",
    "fd_prestat_dir_name": "(param i32 i32 i32) (result i32)",
    "fd_pwrite": "(param i32 i32 i32 i64 i32) (result i32)",
    "fd_read": "(param i32 i32 i32 i32) (result i32)",
    "fd_readdir": "(param i32 i32 i32 i64 i32) (result i32)",
    "fd_renumber": "(param i32 i32) (result i32)",
    "fd_seek": "(param i32 i64 i32 i32) (result i32)",
    "fd_sync": "(param i32) (result i32)",
    "fd_tell": "(param i32 i32) (result i32)",
    "fd_write": "(param i32 i32 i32 i32) (result i32)",
    "path_create_directory": "(param i32 i32 i32) (result i32)",
    "path_filestat_get": "(param i32 i32 i32 i32 i32) (result i32)",
    "path_filestat_set_times": "(param i32 i32 i32 i32 i64 i64 i32) (result i32)",
    "path_link": "(param i32 i32 i32 i32 i32 i32 i32) (result i32)",
    "path_open": "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
    "path_readlink": "(param i32 i32 i32 i32 i32 i32) (result i32)",
    "path_remove_directory": "(param i32 i32 i32) (result i32)",
    "path_rename": "(param i32 i32 i32 i32 i32 i32) (result i32)",
    "path_symlink": "(param i32 i32 i32 i32 i32) (result i32)",
    "path_unlink_file": "(param i32 i32 i32) (result i32)",
    "poll_oneoff": "(param i32 i32 i32 i32) (result i32)",
    "proc_exit": "(param i32)",
    "proc_raise": "(param i32) (result i32)",
    "sched_yield": "(result i32)",
    "random_get": "(param i32 i32) (result i32)",
    "sock_accept": "(param i32 i32 i32) (result i32)",
    "sock_recv": "(param i32 i32 i32 i32 i32 i32) (result i32)",
    "sock_send": "(param i32 i32 i32 i32 i32) (result i32)",
    "sock_shutdown": "(param i32 i32) (result i32)",
}


def imports(*names: str) -> str:
    """Import declarations of the module ``caxton``: ``$log`` and so on."""
    return "".join(f'(import "caxton" "{name}" (func ${name} {CONTRACT[name]}))\n' for name in names)


def wasi(*names: str) -> str:
    """Import declarations of WASI preview 1."""
    return "".join(f'(import "wasi_snapshot_preview1" "{name}" (func ${name} {WASI[name]}))\n' for name in names)


RESULT: Final = """
    (i64.store (local.get $ptr) (global.get $result))
    (i32.const 8)"""


def agent(
    handle: str = "(i32.const 0)", *, items: str = "", response: str = RESULT, memory: str = "1", uses: str = ""
) -> str:
    """An agent's text. ``handle`` and ``response`` are bodies that see ``$ptr`` and ``$len`` and leave an i32.

    ``items`` are further fields, ``uses`` the imports. The usual response is the eight bytes of ``$result``, which
    the handler may set.
    """
    return f"""(module
  {uses}
  (memory (export "memory") {memory})
  (global $result (mut i64) (i64.const 0))
  {items}
  (func $handle (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    {handle})
  (func $respond (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    {response}))"""


ECHO: Final = agent(
    "(global.set $from (local.get $ptr)) (global.set $size (local.get $len)) (i32.const 0)",
    items="(global $from (mut i32) (i32.const 0)) (global $size (mut i32) (i32.const 0))",
    response="""
    (if (i32.le_u (global.get $size) (local.get $len))
      (then (memory.copy (local.get $ptr) (global.get $from) (global.get $size))))
    (global.get $size)""",
)
"""Answers with the message."""

# A heap that starts again at its beginning when everything has been given back.
BUMP: Final = """
  (global $top (mut i32) (i32.const 1024))
  (global $open (mut i32) (i32.const 0))
  (func $alloc (export "caxton_alloc") (param $n i32) (result i32)
    (local $at i32)
    (if (i32.eqz (global.get $open)) (then (global.set $top (i32.const 1024))))
    (global.set $open (i32.add (global.get $open) (i32.const 1)))
    (local.set $at (global.get $top))
    (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get $n)) (i32.const 15)) (i32.const -16)))
    (local.get $at))
  (func $free (export "caxton_free") (param i32 i32)
    (global.set $open (i32.sub (global.get $open) (i32.const 1))))"""


def i32(value: int) -> bytes:
    """Four bytes, little end first; any value from -2**31 to 2**32 - 1."""
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def i64(value: int) -> bytes:
    """Eight bytes, little end first."""
    return (value & (1 << 64) - 1).to_bytes(8, "little")


def number(reply: caxton.Reply) -> int:
    """The signed 64-bit number that an agent answered."""
    assert len(reply.payload) == 8
    return int.from_bytes(reply.payload, "little", signed=True)


class Box:
    """A host whose calls block, for tests that have nothing else to do meanwhile. ``logs``: what agents logged."""

    def __init__(self, **options: Any) -> None:
        self.logs: list[tuple[str, str, str]] = []
        self._runner = asyncio.Runner()
        self.host = caxton.Host(log=lambda *line: self.logs.append(line), **options)
        self._names = itertools.count()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        self.run(self.host.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self.host.__aexit__(None, None, None))
        finally:
            self._runner.__exit__(kind, error, trace)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end."""
        return self._runner.run(coroutine)

    def spawn(
        self, module: Given, limits: caxton.Limits | None = None, *, name: str = "", **options: Any
    ) -> caxton.AgentRef:
        """Starts an agent."""
        return self.run(self.host.spawn(name or f"agent-{next(self._names)}", module, limits=limits, **options))

    def ask(self, ref: caxton.AgentRef, message: bytes | str = b"") -> caxton.Reply:
        """Asks an agent."""
        return self.run(ref.ask(message))

    def fails(self, ref: caxton.AgentRef, message: bytes | str = b"") -> caxton.CaxtonError:
        """Asks an agent; the error that comes instead of a reply."""
        with pytest.raises(caxton.CaxtonError) as caught:
            self.ask(ref, message)
        return caught.value

    def refused(self, module: Given, limits: caxton.Limits | None = None, **options: Any) -> caxton.CaxtonError:
        """The error with which an agent does not start."""
        with pytest.raises(caxton.CaxtonError) as caught:
            self.spawn(module, limits, **options)
        return caught.value

    def lines(self) -> list[str]:
        """The lines that agents logged, without who and how loud."""
        return [line for _, _, line in self.logs]


class _Mistakes(logging.Handler):
    """Keeps what Caxton logs as its own mistakes: whatever a guest does, there are none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "caxton.agent":
            self.found.append(self.format(record))


@contextlib.contextmanager
def watched_box(**options: Any) -> Iterator[Box]:
    """A box that fails its test when Caxton logs a mistake of its own."""
    mistakes = _Mistakes()
    logger = logging.getLogger("caxton")
    logger.addHandler(mistakes)
    try:
        with Box(**options) as made:
            yield made
    finally:
        logger.removeHandler(mistakes)
    assert mistakes.found == []


def guest_limits(
    *,
    memory: int = 64 * MIB,
    table: int = 20_000,
    fuel: int = 10**9,
    message: int = MIB,
    response: int = MIB,
    host_calls: int = 10_000,
) -> GuestLimits:
    """The sandbox's limits, for tests that go below the host."""
    return GuestLimits(memory, table, fuel, message, response, host_calls)


def module_of(text: str | bytes) -> Module:
    """A module, through the user's cache."""
    made = load(text.encode() if isinstance(text, str) else text, ModuleCache())
    assert isinstance(made, Module)
    return made


class _Here(Compilation):
    """Compiles in this process, which is quicker and, for what a test wrote itself, safe enough."""

    def run(self) -> tuple[Facts, bytes]:
        return compile_here(self._data, self._settings, self._allowance)


def warmed(text: str | bytes, fuel: int = 10**10) -> Module:
    """A module that has been initialised where that may be, compiled in this process."""
    data = text.encode() if isinstance(text, str) else text

    def here(data: bytes, settings: Settings) -> Compilation:
        return _Here(data, settings, allowance=Allowance(fuel))

    made = load(data, ModuleCache(), compilation=here, allowance=Allowance(fuel))
    assert isinstance(made, Module)
    return made


def refusal(source: str | bytes) -> caxton.CaxtonError:
    """The error with which a module is not loaded, as ``Box.refused``; for tests that have many of them."""
    with pytest.raises(caxton.CaxtonError) as caught:
        load(source.encode() if isinstance(source, str) else source, ModuleCache(), compilation=_Here)
    return caught.value


def started(module: Module, limits: GuestLimits | None = None) -> CoreGuest:
    """An instance that has done its turn 0, which asks nothing of the host."""
    guest = module.guest(limits or guest_limits())
    status = guest.start(0)
    while status == 2:
        status = guest.run(1_000, 0)
    assert status == 0, guest.fault()
    return guest


def zig_cc(source: str, *flags: str, target: str = "wasm32-freestanding") -> bytes:
    """A C program, compiled with the compiler that the package ``ziglang`` carries."""
    cache = Path(tempfile.gettempdir()) / f"caxton-test-zig-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    assert cache.lstat().st_uid == os.getuid()
    with tempfile.TemporaryDirectory() as folder:
        code, output = Path(folder, "guest.c"), Path(folder, "guest.wasm")
        code.write_text(source)
        done = subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", "-target", target, *flags, "-o", str(output), code.name],
            cwd=folder,
            env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": folder},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return output.read_bytes()


def leb(value: int) -> bytes:
    """An unsigned LEB128 number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(content: bytes) -> bytes:
    """Bytes with their length before them."""
    return leb(len(content)) + content


def section(kind: int, *entries: bytes) -> bytes:
    """A section that is a vector of entries."""
    return bytes([kind]) + sized(leb(len(entries)) + b"".join(entries))


def custom(name: str, content: bytes) -> bytes:
    """A custom section."""
    return b"\0" + sized(sized(name.encode()) + content)


class Impatient:
    """A clock on which every time has come already, for whoever waits: so that no test has to."""

    def monotonic(self) -> float:
        """Seconds, real ones."""
        return time.monotonic()

    def time(self) -> float:
        """Unix time."""
        return time.time()

    def deadline_ns(self, when: float) -> int:
        """The real clock's."""
        return int(when * 1e9)

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.Handle:
        """Calls back soon, whatever ``when`` is."""
        return asyncio.get_running_loop().call_soon(callback)
