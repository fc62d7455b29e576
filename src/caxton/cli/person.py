"""The person at the terminal, who answers questions with yes or no.

An answer counts only if it was typed after the question was shown: what was typed before is thrown away, and so is what
comes with it. While a question is open, what agents and libraries say waits; if anything else was printed meanwhile,
or the process was stopped for a while, the question is asked once more, in full: it is always the last on the screen
when an answer counts.

A file or a pipe is nobody: nothing tells whether it answers what it has read, or talks anyway. And where standard error
is no terminal, nobody sees the questions.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable
from typing import Final

from caxton.cli import output
from caxton.tools.policy.preview import without_blanks

_LINE: Final = 4096
"""Bytes that an answer may have."""

_LOOK: Final = 0.5
"""Seconds between two looks whether the process is in the terminal's foreground again."""

_YES: Final = frozenset({b"y", b"yes"})


class Person:
    """Shows questions on standard error and reads the answers, a line each; one question at a time.

    Args:
        answered: is told the answer to the question that was asked.
        gone: is told that there is nobody any more; the question has no answer then.
    """

    def __init__(self, answered: Callable[[bool], None], gone: Callable[[], None]) -> None:
        self._answered = answered
        self._gone = gone
        self._question: tuple[str, ...] = ()
        self._buffer = b""
        self._listening = False
        self._said = 0
        self._later: asyncio.TimerHandle | None = None
        self.there = is_there()
        """Whether there is somebody who can be asked."""

    def ask(self, *question: str) -> None:
        """Asks, with lines that are safe to print. On the event loop only."""
        self._question = tuple(map(without_blanks, question))
        self._show()

    def _show(self) -> None:
        if not _in_foreground():
            # Reading from the terminal now, or clearing what was typed, would stop the whole process.
            self._listen(False)
            if self._later is None:
                output.say("caxton: there is a question; bring this job to the foreground to answer it (fg)")
            self._later = asyncio.get_running_loop().call_later(_LOOK, self._show)
            return
        self._later = None
        self._buffer = b""
        try:
            termios.tcflush(0, termios.TCIFLUSH)
        except termios.error:
            self._leave()
            return
        output.held.hold()
        self._listen(True)  # first, so that no stop of the process goes unseen
        for line in self._question:
            output.say(line)
        self._said = output.said()

    def note(self, line: str) -> None:
        """A line below the question, which stays the same. It is safe to print, and has no agent's words in it."""
        seen = self._said == output.said()
        output.say(line)
        if seen:
            self._said = output.said()

    def _listen(self, wanted: bool) -> None:
        if wanted == self._listening:
            return
        self._listening = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(0, self._readable)
            with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread
                loop.add_signal_handler(signal.SIGCONT, self._show)
        else:
            loop.remove_reader(0)
            loop.remove_signal_handler(signal.SIGCONT)
            output.held.release()

    def _readable(self) -> None:
        if not _in_foreground():
            self._show()  # again, when it is
            return
        try:
            data = os.read(0, _LINE)
        except BlockingIOError:
            return
        except OSError:  # the terminal is gone
            self._leave()
            return
        self._buffer = self._buffer[:_LINE] + data
        line, ended, _ = self._buffer.partition(b"\n")
        if (ended or not data) and self._said != output.said():
            self._show()  # again: something else stood below it
        elif ended or not data:
            self._listen(False)
            self._question = ()
            self._answered(bool(ended) and line.strip().lower() in _YES)  # Ctrl-D is no

    def _leave(self) -> None:
        self.there = False
        self.close()
        self._gone()

    def close(self) -> None:
        """Asks no more."""
        self.there = False
        self._question = ()
        self._listen(False)
        if self._later is not None:
            self._later.cancel()


async def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes. Whoever is gone has not."""
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    person = Person(answer.set_result, lambda: answer.set_result(False))
    try:
        person.ask(question)
        return await answer
    finally:
        person.close()


def is_there() -> bool:
    """Whether there is somebody who sees questions and can answer them."""
    streams = (sys.stdin, sys.stderr)
    return all(stream is not None and not stream.closed and stream.isatty() for stream in streams)


def _in_foreground() -> bool:
    """Whether the terminal is this process's now, as far as a shell has a say in that."""
    with contextlib.suppress(OSError):  # a terminal that is not the session's own
        return os.tcgetpgrp(0) == os.getpgrp()
    return True
