"""fs.read, fs.write, fs.list: an agent's own directory."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakValueDictionary

from caxton.errors import LimitError, ToolError
from caxton.text import safe_name
from caxton.tools import results
from caxton.tools.builtin import trees
from caxton.tools.builtin.bodies import as_text
from caxton.tools.provider import Call
from caxton.tools.settings import FsSettings

if TYPE_CHECKING:
    from caxton.tools.builtin.arguments import List, Read, Write

_THREADS: Final = 8
_AGENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
T = TypeVar("T")


def check(settings: FsSettings, call: Call, path: str) -> None:
    """Refuses what can be refused without a look at any directory.

    Raises:
        ToolError: ``grant.denied``, ``tool.bad-arguments``.
    """
    trees.split(path)
    if call.setting("root") is None:
        _check_directory(settings, call.agent)


def check_write(settings: FsSettings, call: Call, arguments: Write) -> None:
    """The same of a write.

    Raises:
        ToolError: as above.
        LimitError: ``limit.budget``, it is more than the quota.
    """
    _, data = _writing(settings, arguments)
    check(settings, call, arguments.path)
    if len(data) > _quota(settings, call):
        raise _no_room(_quota(settings, call))


class Files:
    """The tools, for all agents of one host. All work is done on a few threads of their own."""

    def __init__(self, settings: FsSettings) -> None:
        self._settings = settings
        self._threads: ThreadPoolExecutor | None = None
        # One writer in a tree at a time: between counting and writing nobody else may write.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read(self, call: Call, arguments: Read) -> bytes:
        """A file, or a part of it.

        Raises:
            ToolError: ``grant.denied``, ``tool.bad-arguments``, ``tool.failed``.
        """
        path = trees.split(arguments.path)
        return await self._run(lambda: self._read(call, path, arguments.offset, arguments.length))

    async def entries(self, call: Call, arguments: List) -> bytes:
        """A directory's entries.

        Raises:
            ToolError: as above.
        """
        path = trees.split(arguments.path)
        return await self._run(lambda: self._list(call, path))

    async def write(self, call: Call, arguments: Write) -> bytes:
        """Writes a file.

        Raises:
            ToolError: as above.
            LimitError: ``limit.budget``, the quota is used up.
        """
        path, data = _writing(self._settings, arguments)
        lock = self._lock(call)
        await lock.acquire()
        given_up = threading.Event()
        try:
            work = self._submit(lambda: self._write(call, path, data, arguments.append, given_up))
        except BaseException:
            lock.release()
            raise
        # A thread cannot be stopped: the lock is held until it has ended, however the call ends.
        work.add_done_callback(lambda ended: _release(lock, ended))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def close(self) -> None:
        """Lets the threads go; what they have begun they end."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def _submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="caxton-files")
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._submit(work)

    def _lock(self, call: Call) -> asyncio.Lock:
        root = call.setting("root")
        key = f"/{os.path.realpath(root)}" if root else call.agent
        return self._locks.setdefault(key, asyncio.Lock())

    # ---- on a thread ------------------------------------------------------------------------------------------------

    def _read(self, call: Call, path: trees.Path, offset: int, length: int | None) -> bytes:
        limit = self._settings.max_bytes
        wanted = limit + 1 if length is None else min(length, limit + 1)
        with self._root(call) as root, trees.translated(path):
            if not path:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with trees.directory(root, path[:-1]) as where:
                file = trees.open_file(where, path[-1], os.O_RDONLY)
                with open(file, "rb", buffering=0) as opened:
                    size = os.fstat(file).st_size
                    opened.seek(offset)
                    data = _exactly(opened.read, wanted)
        if len(data) > limit:
            raise ToolError("tool.failed", f"more than {limit} bytes: read a part, with offset and length")
        text = as_text(data)
        body = {"base64": base64.b64encode(data).decode("ascii")} if text is None else {"text": text}
        told: dict[str, Any] = {"path": _shown(path), "size": size, "offset": offset, "bytes": len(data), **body}
        return results.result(told, text if text is not None else f"{len(data)} bytes")

    def _list(self, call: Call, path: trees.Path) -> bytes:
        with self._root(call) as root, trees.translated(path), trees.directory(root, path) as where:
            entries, more = trees.listing(where)
        return results.result({"path": _shown(path), "entries": entries, "truncated": more})

    def _write(self, call: Call, path: trees.Path, data: bytes, append: bool, given_up: threading.Event) -> bytes:
        if given_up.is_set():
            raise ToolError("tool.failed", "nobody waits for it any more")
        with self._root(call) as root, trees.translated(path):
            used = trees.usage(root)
            old = _size(root, path)
            left = _quota(self._settings, call) - used.size + (0 if append else old or 0)
            if len(data) > left:
                raise _no_room(left)
            if old is None and used.entries + len(path) > trees.MAX_ENTRIES:
                raise LimitError("limit.budget", f"the agent's directory has {used.entries} entries")
            with trees.directory(root, path[:-1], create=True) as where:
                size = self._append(where, path[-1], data) if append and old is not None else len(data)
                if not append or old is None:
                    trees.replace(where, path[-1], data)
        return results.result({"path": _shown(path), "size": size}, f"{len(data)} bytes written")

    def _append(self, where: int, name: bytes, data: bytes) -> int:
        file = trees.open_file(where, name, os.O_WRONLY | os.O_APPEND)
        try:
            before = os.fstat(file)
            if before.st_nlink > 1:  # the same file has a name elsewhere, perhaps outside
                raise ToolError("grant.denied", "the file has another name, too")
            if before.st_size + len(data) > self._settings.max_bytes:
                raise ToolError("tool.bad-arguments", f"the file would have more than {self._settings.max_bytes} bytes")
            try:
                trees.write_all(file, data)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, before.st_size)
                raise
            return before.st_size + len(data)
        finally:
            os.close(file)

    @contextmanager
    def _root(self, call: Call) -> Iterator[int]:
        """The agent's directory, open.

        Raises:
            ToolError: ``grant.denied``, it has none; ``tool.failed``, a rule names one that is not there.
        """
        root = call.setting("root")
        if root is not None:
            with trees.translated(()):
                found = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        else:
            found = self._own(call.agent)
        try:
            yield found
        finally:
            os.close(found)

    def _own(self, agent: str) -> int:
        _check_directory(self._settings, agent)
        assert self._settings.root is not None
        with trees.translated(()):
            os.makedirs(self._settings.root, 0o700, exist_ok=True)
            above = os.open(self._settings.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                with trees.directory(above, (agent.encode("ascii"),), create=True) as own:
                    return os.dup(own)
            finally:
                os.close(above)


def _release(lock: asyncio.Lock, ended: asyncio.Future[bytes]) -> None:
    lock.release()
    if not ended.cancelled():
        ended.exception()  # looked at: perhaps nobody else does any more


def _check_directory(settings: FsSettings, agent: str) -> None:
    """Whether an agent without a rule of its own has a directory."""
    if settings.root is None or not _AGENT.fullmatch(agent):
        raise ToolError("grant.denied", f"{safe_name(agent)} has no directory")


def _quota(settings: FsSettings, call: Call) -> int:
    quota = call.setting("quota")
    return settings.quota if quota is None else int(quota)


def _no_room(left: int) -> LimitError:
    return LimitError("limit.budget", f"the quota of the agent's directory has {max(left, 0)} bytes left")


def _writing(settings: FsSettings, arguments: Write) -> tuple[trees.Path, bytes]:
    """Where to, and what."""
    path = trees.split(arguments.path)
    data = _data(arguments)
    if not path:
        raise ToolError("tool.bad-arguments", "path: no name")
    if len(data) > settings.max_bytes:
        raise ToolError("tool.bad-arguments", f"more than {settings.max_bytes} bytes")
    return path, data


def _data(arguments: Write) -> bytes:
    if (arguments.text is None) == (arguments.base64 is None):
        raise ToolError("tool.bad-arguments", "either text or base64")
    if arguments.base64 is None:
        return (arguments.text or "").encode("utf-8")
    try:
        return base64.b64decode(arguments.base64, validate=True)
    except (binascii.Error, ValueError):
        raise ToolError("tool.bad-arguments", "base64: it is none") from None


def _size(root: int, path: trees.Path) -> int | None:
    """Bytes of the file that a write would replace; None if there is none."""
    try:
        with trees.directory(root, path[:-1]) as where:
            return trees.size(where, path[-1])
    except FileNotFoundError:
        return None


def _exactly(read: Callable[[int], bytes | None], wanted: int) -> bytes:
    """``wanted`` bytes, or what there is: one read may give less."""
    found = bytearray()
    while len(found) < wanted and (data := read(wanted - len(found))):
        found += data
    return bytes(found)


def _shown(path: trees.Path) -> str:
    return b"/".join(path).decode("utf-8", "replace") or "."
