"""A signal ends the command soon and cleanly, whatever the agent is doing."""

from __future__ import annotations

import os
import select
import signal
import subprocess

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
        _, rest = process.communicate(timeout=SECONDS)
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
