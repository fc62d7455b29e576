"""``wasi_snapshot_preview1``, deny by default: enough that the output of ordinary toolchains runs, and no more.

Standard output and error become lines of the agent's log; clocks and random numbers are the host's; arguments and the
environment are empty; ``proc_exit`` ends the turn; files, sockets and the rest answer "not permitted". Types and
errno values follow WASI preview 1 (witx snapshot 2020).
"""

from __future__ import annotations

import struct
from typing import Final

from caxton.agents.ports import Answer, Services
from caxton.sandbox.hostcalls import DOUBLES, MAX_RANDOM, READ, WRITE, HostCalls, Import

_SUCCESS: Final = 0
_BADF: Final = 8
_INVAL: Final = 28
_PERM: Final = 63
_SPIPE: Final = 70

_REALTIME: Final = 0
_MONOTONIC: Final = 1
_MONOTONIC_BEGINS: Final = 10**9  # nanoseconds: a runtime may take a clock that stands at 0 for broken, as Go's does
_CHARACTER_DEVICE: Final = 2
_MAX_VECTORS: Final = 1024
_MAX_SLEEP: Final = 86_400_000  # milliseconds: no turn lasts longer
_SUBSCRIPTION: Final = 48
_EVENT: Final = 32
_LOG_INFO: Final = 2
_LOG_WARNING: Final = 3


class Exit(Exception):
    """The guest called ``proc_exit``. ``status`` is its status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _vectors(g: HostCalls, pointer: int, count: int) -> list[tuple[int, int]]:
    pairs = struct.unpack(f"<{count * 2}I", g.read(pointer, count * 8))
    found = list(zip(pairs[::2], pairs[1::2], strict=True))
    for start, length in found:
        g.check(start, length)
    return found


def _put(g: HostCalls, pointer: int, layout: str, *values: int) -> None:
    data = struct.pack(layout, *values)
    g.check(pointer, len(data))
    g.write(pointer, data)


def _fd_write(g: HostCalls, s: Services, fd: int, vectors: int, count: int, written: int) -> int:
    if fd not in (1, 2):
        return _BADF
    if count > _MAX_VECTORS:
        return _INVAL
    # A vector may name the same bytes a thousand times over: what the log could not take is not copied either.
    parts, total, room = [], 0, 64 * 1024
    for start, length in _vectors(g, vectors, count):
        total += length
        take = min(length, room)
        room -= take
        parts.append(g.read(start, take))
    if total >= 1 << 31:
        return _INVAL
    g.charge(min(total, 64 * 1024))
    s.output(_LOG_INFO if fd == 1 else _LOG_WARNING, b"".join(parts))
    _put(g, written, "<I", total)
    return _SUCCESS


def _fd_read(g: HostCalls, s: Services, fd: int, vectors: int, count: int, got: int) -> int:
    if fd != 0:
        return _BADF
    _put(g, got, "<I", 0)
    return _SUCCESS


def _fd_fdstat_get(g: HostCalls, s: Services, fd: int, stat: int) -> int:
    if fd > 2:
        return _BADF
    _put(g, stat, "<BxHxxxxQQ", _CHARACTER_DEVICE, 0, 0, 0)
    return _SUCCESS


def _fd_prestat_get(g: HostCalls, s: Services, fd: int, stat: int) -> int:
    return _BADF  # what tells a libc that there are no directories


def _fd_seek(g: HostCalls, s: Services, fd: int, offset: int, whence: int, where: int) -> int:
    return _SPIPE if fd <= 2 else _BADF


def _fd_close(g: HostCalls, s: Services, fd: int) -> int:
    return _SUCCESS if fd <= 2 else _BADF


def _sizes_get(g: HostCalls, s: Services, count: int, size: int) -> int:
    _put(g, count, "<I", 0)
    _put(g, size, "<I", 0)
    return _SUCCESS


def _nothing(g: HostCalls, s: Services, *arguments: int) -> int:
    return _SUCCESS


def _denied(g: HostCalls, s: Services, *arguments: int) -> int:
    return _PERM


def _clock_res_get(g: HostCalls, s: Services, clock: int, where: int) -> int:
    if clock not in (_REALTIME, _MONOTONIC):
        return _INVAL
    _put(g, where, "<Q", 1_000_000 if clock == _REALTIME else 1)
    return _SUCCESS


def _time(s: Services, clock: int) -> int:
    return s.now_ms() * 1_000_000 if clock == _REALTIME else _MONOTONIC_BEGINS + s.monotonic_ns()


def _clock_time_get(g: HostCalls, s: Services, clock: int, precision: int, where: int) -> int:
    if clock not in (_REALTIME, _MONOTONIC):
        return _INVAL
    _put(g, where, "<Q", _time(s, clock))
    return _SUCCESS


def _random_get(g: HostCalls, s: Services, pointer: int, length: int) -> int:
    if length > MAX_RANDOM:
        return _INVAL
    g.write(pointer, s.random(length))
    return _SUCCESS


def _proc_exit(g: HostCalls, s: Services, status: int) -> int:
    raise Exit(status)


def _poll_oneoff(g: HostCalls, s: Services, subscriptions: int, events: int, count: int, ready: int) -> Answer:
    """Waits for the earliest clock among the subscriptions, and reports that one. There is nothing else to wait for."""
    if not 1 <= count <= _MAX_VECTORS:
        return _INVAL
    g.check(subscriptions, count * _SUBSCRIPTION)
    g.check(events, count * _EVENT)
    g.charge(count * _SUBSCRIPTION)
    best: tuple[int, int] | None = None
    for i in range(count):
        entry = g.read(subscriptions + i * _SUBSCRIPTION, _SUBSCRIPTION)
        user, tag, clock, timeout, _, flags = struct.unpack("<QBxxxxxxxIxxxxQQHxxxxxx", entry)
        if tag != 0:
            continue
        if clock not in (_REALTIME, _MONOTONIC):
            return _INVAL
        delay = max(0, timeout - _time(s, clock)) if flags & 1 else timeout
        if best is None or delay < best[0]:
            best = (delay, user)
    if best is None:
        return _PERM
    _put(g, events, "<QHBxxxxxQHxxxxxx", best[1], 0, 0, 0, 0)
    _put(g, ready, "<I", 1)
    return s.sleep(min(-(-best[0] // 1_000_000), _MAX_SLEEP))


def _row(name: str, parameters: str, handler: object, *pairs: int, local: bool = True, result: str = "i32") -> Import:
    return Import("wasi_snapshot_preview1", name, parameters, result, pairs, handler, local)  # type: ignore[arg-type]


_I: Final = "i32"


def _i(count: int) -> str:
    return " ".join([_I] * count)


WASI: Final[tuple[Import, ...]] = (
    _row("args_get", _i(2), _nothing),
    _row("args_sizes_get", _i(2), _sizes_get),
    _row("environ_get", _i(2), _nothing),
    _row("environ_sizes_get", _i(2), _sizes_get),
    _row("clock_res_get", _i(2), _clock_res_get),
    _row("clock_time_get", "i32 i64 i32", _clock_time_get),
    _row("fd_advise", "i32 i64 i64 i32", _denied),
    _row("fd_allocate", "i32 i64 i64", _denied),
    _row("fd_close", _i(1), _fd_close),
    _row("fd_datasync", _i(1), _denied),
    _row("fd_fdstat_get", _i(2), _fd_fdstat_get),
    _row("fd_fdstat_set_flags", _i(2), _denied),
    _row("fd_fdstat_set_rights", "i32 i64 i64", _denied),
    _row("fd_filestat_get", _i(2), _denied),
    _row("fd_filestat_set_size", "i32 i64", _denied),
    _row("fd_filestat_set_times", "i32 i64 i64 i32", _denied),
    _row("fd_pread", "i32 i32 i32 i64 i32", _denied),
    _row("fd_prestat_dir_name", _i(3), _denied),
    _row("fd_prestat_get", _i(2), _fd_prestat_get),
    _row("fd_pwrite", "i32 i32 i32 i64 i32", _denied),
    _row("fd_read", _i(4), _fd_read, READ | DOUBLES | 1),
    _row("fd_readdir", "i32 i32 i32 i64 i32", _denied),
    _row("fd_renumber", _i(2), _denied),
    _row("fd_seek", "i32 i64 i32 i32", _fd_seek),
    _row("fd_sync", _i(1), _denied),
    _row("fd_tell", _i(2), _denied),
    _row("fd_write", _i(4), _fd_write, READ | DOUBLES | 1),
    _row("path_create_directory", _i(3), _denied),
    _row("path_filestat_get", _i(5), _denied),
    _row("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32", _denied),
    _row("path_link", _i(7), _denied),
    _row("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32", _denied),
    _row("path_readlink", _i(6), _denied),
    _row("path_remove_directory", _i(3), _denied),
    _row("path_rename", _i(6), _denied),
    _row("path_symlink", _i(5), _denied),
    _row("path_unlink_file", _i(3), _denied),
    _row("poll_oneoff", _i(4), _poll_oneoff, local=False),
    _row("proc_exit", _i(1), _proc_exit, result=""),
    _row("proc_raise", _i(1), _denied),
    _row("random_get", _i(2), _random_get, WRITE | 0),
    _row("sched_yield", "", _nothing),
    _row("sock_accept", _i(3), _denied),
    _row("sock_recv", _i(6), _denied),
    _row("sock_send", _i(5), _denied),
    _row("sock_shutdown", _i(2), _denied),
)
"""All of preview 1. Pairs are checked by the shim; pointers to single values by ``_put``."""
