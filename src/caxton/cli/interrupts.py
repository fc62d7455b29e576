"""Ctrl-C, and being asked to end: work is given up and cleaned up, and the exit status says which signal it was.

While an event loop runs, a signal cancels the one task that was given to ``run``, since an exception that appears just
anywhere would leave an agent half way through something. Outside of it, and while the task blocks, it raises. A second
signal ends the process at once, as does a clean-up that takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")
_LOOPS_DESCRIPTORS: Final = 5
"""What an event loop opens: its poll, and a pair of sockets; and the pipe by which a signal wakes it."""

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

GRACE: Final = 10.0
"""Seconds that cleaning up may take."""


class Interrupted(BaseException):
    """A signal came, outside of any event loop."""


class _State:
    """What there is one of in a process, as signals are."""

    received: int | None = None
    forgiven = False
    blocking = False
    task: asyncio.Task[Any] | None = None


def _handle(number: int, frame: FrameType | None) -> None:
    if _State.received is not None:
        _end(number, frame)
    _State.received = number
    signal.signal(signal.SIGALRM, lambda alarm, frame: _end(number, frame))
    signal.setitimer(signal.ITIMER_REAL, GRACE)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise Interrupted(number) from None
    if _State.blocking:
        raise Interrupted(number)
    loop.call_soon_threadsafe(_cancel, loop)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def _cancel(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels the task that was given to ``run``; in a loop that somebody else has made, every task."""
    for task in (_State.task,) if _State.task is not None else asyncio.all_tasks(loop):
        task.cancel()


@contextlib.contextmanager
def handled(*, to_the_end: bool = False) -> Iterator[None]:
    """Signals raise ``Interrupted`` here, but for those that were ignored before (``nohup``).

    ``to_the_end``: afterwards the process does nothing but end, and a signal makes it end at once.
    """
    before: dict[int, Any] = {}
    _State.received = None
    _State.forgiven = False
    with contextlib.suppress(ValueError):  # not the main thread: somebody else's signals
        for one in SIGNALS:
            if signal.getsignal(one) is not signal.SIG_IGN:
                before[one] = signal.signal(one, _handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, _end if to_the_end else handler)


@contextlib.contextmanager
def blocking() -> Iterator[None]:
    """For the task's own steps that may block, such as a write to a full pipe: a signal raises here.

    Only for code that the task itself runs; not for what agents call.
    """
    _State.blocking = True
    try:
        yield
    finally:
        _State.blocking = False


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on an event loop of its own.

    Raises:
        asyncio.CancelledError: a signal came (``status``); the coroutine has been cancelled and has cleaned up.
        OSError: there are too few file descriptors for an event loop.
    """
    try:
        _check_descriptors()
    except OSError:
        work.close()
        raise

    async def watched() -> T:
        _State.task = asyncio.current_task()
        try:
            with _waking(asyncio.get_running_loop()):
                return await work
        finally:
            _State.task = None

    return asyncio.run(watched())


@contextlib.contextmanager
def _waking(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """A signal wakes the loop, whenever it comes and whichever thread the system gives it to.

    Python runs a signal's handler between two steps of the main thread. A signal that comes just before that thread
    waits for events, or to another thread, would be handled only at the next event, which may be hours away. So the
    system's handler, which runs at once, writes to a pipe that the loop waits for.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    loop.add_reader(reader, _drain, reader)
    before = None
    with contextlib.suppress(ValueError):  # not the main thread: somebody else's signals
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        if before is not None:
            signal.set_wakeup_fd(before)
        loop.remove_reader(reader)
        os.close(reader)
        os.close(writer)


def _drain(reader: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(reader, 4096)


def forgive(grace: float) -> None:
    """The signal that was received is what the work ends well with: it does not become the exit status. Cleaning up may
    take ``grace`` seconds; another signal still ends the process at once."""
    _State.forgiven = True
    signal.setitimer(signal.ITIMER_REAL, grace)


def _check_descriptors() -> None:
    """Raises what making an event loop would raise; a loop that is half made complains once more when it goes."""
    opened: list[int] = []
    try:
        for _ in range(_LOOPS_DESCRIPTORS):
            opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    finally:
        for one in opened:
            os.close(one)


def status() -> int | None:
    """The exit status that tells of the signal which was received; None where there was none."""
    return None if _State.received is None or _State.forgiven else 128 + _State.received
