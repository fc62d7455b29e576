"""Operating system processes: Python over pipes, a forked Python, and a C program over pipes."""

from __future__ import annotations

import multiprocessing
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection

from . import native
from .peer import Peer, needs_nothing
from .pipes import PipedProgram
from .timing import Unit, sync_memory, sync_speed

PYTHON_AGENT = """
import os
while message := os.read(0, 4096):
    os.write(1, message.upper())
"""


@contextmanager
def python_workshop() -> Iterator[Callable[[], Unit]]:
    """A bare interpreter: no site packages, no environment, no imports but os."""
    command = [sys.executable, "-I", "-S", "-c", PYTHON_AGENT]
    yield lambda: PipedProgram(command)


@contextmanager
def c_workshop() -> Iterator[Callable[[], Unit]]:
    """The cheapest process that there is: static, a few pages."""
    command = [str(native.program())]
    yield lambda: PipedProgram(command)


def _serve(connection: Connection) -> None:
    while message := connection.recv_bytes():
        connection.send_bytes(message.upper())


class Forked:
    """A process forked by multiprocessing, with one of its pipes. An empty message ends it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, message: bytes) -> bytes:
        self._connection.send_bytes(message)
        return self._connection.recv_bytes()

    def close(self) -> None:
        self._connection.send_bytes(b"")
        self._process.join()
        self._process.close()
        self._connection.close()


@contextmanager
def fork_workshop() -> Iterator[Callable[[], Unit]]:
    """Nothing to prepare."""
    yield Forked


PEERS = (
    Peer(
        name="python-process",
        title="Python process over pipes",
        contained="process",
        missing=needs_nothing,
        version=platform.python_version,
        speed=partial(sync_speed, python_workshop),
        memory=partial(sync_memory, python_workshop, full=20),
        note="python -I -S, posix_spawn",
    ),
    Peer(
        name="fork",
        title="multiprocessing, fork",
        contained="process",
        missing=needs_nothing,
        version=platform.python_version,
        speed=partial(sync_speed, fork_workshop),
        memory=partial(sync_memory, fork_workshop, full=50),
    ),
    Peer(
        name="c-process",
        title="C program over pipes",
        contained="process",
        missing=native.missing_compiler,
        version=lambda: f"({native.compiler_name()})",
        prepare=native.program,
        speed=partial(sync_speed, c_workshop),
        memory=partial(sync_memory, c_workshop, full=100),
        note="static, posix_spawn",
    ),
)
