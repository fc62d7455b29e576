"""A signal ends the command soon and cleanly, whatever the agent is doing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from tests.cli.command import SECONDS, Guests, command, environment

LONG = ("--deadline", "1h", "--fuel", "1_000_000_000_000_000")


def interrupted(arguments: tuple[str, ...], number: signal.Signals) -> tuple[int, bytes]:
    """Sends the signal when the agent has logged; answers the exit status and the rest of standard error."""
    with subprocess.Popen(
        command("run", *arguments), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"info: ready\n"
        process.send_signal(number)
        try:
            _, rest = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # it would go on for its deadline's hour
            raise
    return process.returncode, rest


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("spinning", signal.SIGINT),
        ("spinning", signal.SIGTERM),
        ("sleeping", signal.SIGINT),
        ("sleeping", signal.SIGHUP),
        ("start-spinning", signal.SIGTERM),
    ],
)
def test_ends_the_agent(guest: Guests, name: str, number: signal.Signals) -> None:
    """An agent that computes, or waits, or never finishes starting, is ended; nothing is said about it."""
    assert interrupted((guest(name), *LONG), number) == (128 + number, b"")


_ELSEWHERE = """
import asyncio, selectors, signal, threading
from caxton.cli import interrupts

waits = threading.Event()

class Selector(selectors.DefaultSelector):
    def select(self, timeout=None):
        if timeout is None:
            waits.set()  # the other thread goes on when this one, waiting, lets go of the interpreter
        return super().select(timeout)

def take():
    waits.wait()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

async def work():
    threading.Thread(target=take).start()
    await asyncio.Event().wait()

asyncio.DefaultEventLoopPolicy._loop_factory = lambda self=None: asyncio.SelectorEventLoop(Selector())
with interrupts.handled():
    try:
        interrupts.run(work())
    except asyncio.CancelledError:
        pass
    raise SystemExit(interrupts.status())
"""


def test_a_signal_that_another_thread_takes() -> None:
    """The system may hand a signal to any thread, or in the moment before the loop waits: the loop wakes up for it."""
    ended = subprocess.run([sys.executable, "-c", _ELSEWHERE], env=environment(), timeout=SECONDS)
    assert ended.returncode == 128 + signal.SIGTERM


def test_ignored_signals_stay_ignored(guest: Guests) -> None:
    """What the parent has ignored (nohup) is still ignored; another signal then ends the command."""
    with subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command("run", guest("sleeping"), *LONG)],
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"info: ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 128 + signal.SIGTERM


def test_while_writing(guest: Guests) -> None:
    """A command whose output nobody takes can be ended too."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        command("run", guest("echo"), "--message-file", "-"),
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        os.close(writer)
        assert process.stdin is not None
        process.stdin.write(bytes(1 << 20))
        process.stdin.close()
        select.select([reader], [], [], SECONDS)  # it has begun to write, and the pipe holds less than that
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 128 + signal.SIGTERM
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(reader)
