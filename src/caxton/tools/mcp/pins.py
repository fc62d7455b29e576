"""What of the servers' tools was accepted: a tool whose definition has changed since is not called.

The first time that a server is seen, all its tools are accepted (trust on first use). From then on a tool whose
definition differs, and one that was not there, wait for a person. The file is JSON::

    {"version": 1, "servers": {SERVER: {TOOL: {"sha256": ..., "definition": {...}}}}}

The digest, of the canonical JSON of name, title, description, schemas and annotations, is what counts; the definition
is there to show what has changed.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import hashlib
import json
import logging
import os
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caxton import jsontext
from caxton.errors import HostError
from caxton.text import safe
from caxton.tools.mcp.listing import canonical

PINS_LIMIT: Final = 64 << 20
"""Bytes that the file may have."""

UNTRUSTED: Final = "the tool's server is not to be trusted until its operator has looked"
"""What agents read where the file cannot be trusted. Why it cannot is the log's: it names places of the host's."""

_LOCK_TRIES: Final = 100
_LOCK_PAUSE: Final = 0.02

_WIDTH: Final = 100
"""Characters of a line of a difference."""

_log = logging.getLogger("caxton.tools.mcp")

Definitions = Mapping[str, Mapping[str, Any]]
_Records = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Change:
    """A tool that differs from what was accepted; ``before`` or ``after`` is None where it is not there."""

    tool: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def kind(self) -> str:
        """``new``, ``changed`` or ``gone``."""
        return "new" if self.before is None else "gone" if self.after is None else "changed"

    def lines(self) -> list[str]:
        """The difference for people, as a unified diff; safe to print."""
        texts = [_shown(one) for one in (self.before, self.after)]
        found = difflib.unified_diff(texts[0], texts[1], "accepted", "now", lineterm="", n=2)
        return [f"{safe(self.tool)}: {self.kind}", *(safe(line) for line in found)]


def _shown(definition: Mapping[str, Any] | None) -> list[str]:
    """A definition line by line. Long lines are broken, so that a difference in their middle can be seen."""
    if definition is None:
        return []
    lines = json.dumps(definition, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
    return [line[at : at + _WIDTH] for line in lines for at in range(0, len(line), _WIDTH)]


def digest(definition: Mapping[str, Any]) -> str:
    """What a definition is known by: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(canonical(definition)).hexdigest()


class Pins:
    """The file of what was accepted; with ``path`` None, as much in memory. Any thread may use it, and any process:
    changes are made under a lock beside the file, and it is replaced as a whole (mode 0600)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory: _Records = {}
        self._turn = threading.Lock()

    def stamp(self) -> tuple[int, ...]:
        """Changes when the file does, or who may write to it. Cheap."""
        with contextlib.suppress(OSError):
            if self.path is not None:
                folder, found = os.stat(self.path.parent), os.stat(self.path)
                rights = (folder.st_mode, folder.st_uid, found.st_mode, found.st_uid)
                return found.st_mtime_ns, found.st_size, found.st_ino, *rights
        return ()

    def check(self, server: str, now: Definitions) -> dict[str, str]:
        """What may not be called of the tools that ``server`` has now, and why. A server that was never seen is
        accepted as it is.

        Fails closed: from a file that cannot be trusted follows that nothing may be called (``UNTRUSTED``); the log
        says what is wrong with it.
        """
        try:
            with self._changing() as records:
                if server not in records.servers:
                    records.servers[server] = {tool: _record(one) for tool, one in now.items()}
                    records.changed = True
                accepted = records.servers[server]
            return {tool: why for tool, one in now.items() if (why := _objection(accepted.get(tool), one))}
        except HostError as error:
            _log.warning("%s: none of its tools is called: %s", safe(server, 100), error.message)
            return dict.fromkeys(now, UNTRUSTED)

    def changes(self, server: str, now: Definitions) -> list[Change]:
        """How the tools differ from what was accepted; of a server that was never seen, all are new.

        Raises:
            HostError: ``storage.failed``, the file cannot be read or trusted.
        """
        with self._turn:
            accepted = self._read().get(server, {})
        found = []
        for tool in sorted({*accepted, *now}):
            old, new = accepted.get(tool), now.get(tool)
            if old is None or new is None or old["sha256"] != digest(new):
                found.append(Change(tool, None if old is None else old.get("definition", {}), new))
        return found

    def accept(self, server: str, changes: list[Change]) -> None:
        """Accepts what was shown.

        Raises:
            HostError: ``storage.failed``.
        """
        with self._changing() as records:
            accepted = records.servers.setdefault(server, {})
            for change in changes:
                if change.after is None:
                    accepted.pop(change.tool, None)
                else:
                    accepted[change.tool] = _record(change.after)
            records.changed = True

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Change]:
        """The records, to read and to change; written at the end if ``changed`` is set.

        Raises:
            HostError: ``storage.failed``.
        """
        with self._turn:
            if self.path is None:
                yield _Change(self._memory)
                return
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _check_folder(self.path.parent)
                with _locked(self.path.with_name(self.path.name + ".lock")):
                    work = _Change(self._read())
                    yield work
                    if work.changed:
                        _replace(self.path, work.servers)
            except OSError as error:
                raise HostError("storage.failed", f"{self.path}: {error.strerror or error}") from None

    def _read(self) -> _Records:
        if self.path is None:
            return self._memory
        try:
            _check_folder(self.path.parent)
            data = _read_own(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise HostError("storage.failed", f"{self.path}: {error.strerror or error}") from None
        try:
            return _records(jsontext.loads(data))
        except ValueError as error:
            raise HostError("storage.failed", f"{self.path} is no file of accepted tools: {error}") from None


@dataclass(slots=True)
class _Change:
    servers: _Records
    changed: bool = False


def _record(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {"sha256": digest(definition), "definition": dict(definition)}


def _objection(accepted: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    if accepted is None:
        return "it was not there when its server was accepted"
    return "" if accepted["sha256"] == digest(now) else "its definition has changed since it was accepted"


def _records(value: Any) -> _Records:
    """The file's content, if it has the right shape.

    Raises:
        ValueError: it has not.
    """
    if not isinstance(value, dict) or value.get("version") != 1 or not isinstance(value.get("servers"), dict):
        raise ValueError("it has another form")
    for server, tools in value["servers"].items():
        if not isinstance(tools, dict):
            raise ValueError(f"{safe(server, 100)} has another form")
        for tool, record in tools.items():
            if not isinstance(record, dict) or not isinstance(record.get("sha256"), str):
                raise ValueError(f"{safe(server, 100)}.{safe(tool, 100)} has another form")
            if not isinstance(record.setdefault("definition", {}), dict):
                raise ValueError(f"{safe(server, 100)}.{safe(tool, 100)} has another form")
    return dict(value["servers"])


def _check_folder(folder: Path) -> None:
    """Whoever may write to the folder can put another file in the place of this one.

    Raises:
        OSError: it is not there, or somebody else may.
    """
    found = os.stat(folder)
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
        raise OSError(f"others may write to {folder} (chmod go-w)")


def _read_own(path: Path) -> bytes:
    """A file's bytes, if nobody else could have written them.

    Raises:
        OSError: it cannot be read, or somebody else could.
    """
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(number, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no regular file")
        if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
            raise OSError("others may write to it (chmod 600)")
        data = file.read(PINS_LIMIT + 1)
    if len(data) > PINS_LIMIT:
        raise OSError(f"it has more than {PINS_LIMIT} bytes")
    return data


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock that all processes which change the file agree on; gives up after two seconds."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for left in reversed(range(_LOCK_TRIES)):
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise OSError("another process holds its lock") from None
                time.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(number)


def _replace(path: Path, servers: _Records) -> None:
    """Writes the file beside itself and puts it in place: nobody ever sees a part of it."""
    data = json.dumps({"version": 1, "servers": servers}, indent=1, sort_keys=True, ensure_ascii=False).encode()
    if len(data) > PINS_LIMIT:
        raise OSError(f"it would have more than {PINS_LIMIT} bytes")
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with open(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
