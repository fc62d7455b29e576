"""Standard streams that are closed, full or gone are no reason for a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.command import SECONDS, Guests, caxton, command, environment


def shell(line: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a line of shell in which "$@" is the command."""
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", *command(*arguments)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
        env=environment(),
    )


@pytest.mark.parametrize("arguments", [("run", "--message", "x"), ("inspect",), ("check",), ("run", "--json")])
def test_full_disk(guest: Guests, arguments: tuple[str, ...]) -> None:
    """Output that cannot be written is an error of its own, in one line."""
    done = shell('"$@" > /dev/full', arguments[0], guest("echo"), *arguments[1:])
    assert done.returncode == 6
    assert done.stderr == b"caxton: storage.failed: standard output: No space left on device\n"


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("run", "--help"), ("tools",), ("config", "schema"), ("config", "keys")]
)
def test_full_disk_for_help(arguments: tuple[str, ...]) -> None:
    """Help and version are output as well, and so are lists and schemas."""
    done = shell('"$@" > /dev/full', *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (6, 1)


def test_closed_output(guest: Guests) -> None:
    """A closed standard output takes nothing, unless there is nothing to write."""
    done = shell('"$@" >&-', "run", guest("echo"), "--message", "x")
    assert (done.returncode, done.stderr) == (6, b"caxton: storage.failed: standard output: it is closed\n")
    assert shell('"$@" >&-', "run", guest("echo")).returncode == 0


@pytest.mark.parametrize("verb", ["run", "inspect", "check"])
def test_reader_gone(guest: Guests, verb: str) -> None:
    """A reader that has gone is nothing to talk about."""
    reader, writer = os.pipe()
    os.close(reader)
    options = ("--message", "x") if verb == "run" else ()
    done = subprocess.run(
        command(verb, guest("echo"), *options),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=SECONDS,
        check=False,
        env=environment(),
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (6, b"")


def test_closed_errors_and_input(guest: Guests) -> None:
    """Without standard error the exit status still tells; without standard input nothing can be read from it."""
    assert shell('"$@" 2>&-', "run", guest("trapping")).returncode == 4
    assert shell('"$@" <&-', "run", guest("echo"), "--message-file", "-").returncode == 2
    assert shell('"$@" <&- >&- 2>&-', "run", guest("failing"), "--message", "x").returncode == 6


def test_any_encoding(guest: Guests) -> None:
    """What the terminal's encoding cannot show is escaped."""
    done = caxton("check", guest("echo"))
    narrow = subprocess.run(
        command("run", "nowhere-\u00fc"),
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env=environment(PYTHONIOENCODING="ascii"),
    )
    assert done.status == 0
    assert narrow.stderr.startswith(b"caxton: module.not-found: nowhere-\\xfc: ")


def test_run_imports_no_more_than_it_needs(guest: Guests) -> None:
    """What a run does not use (pydantic, rich) is not imported, which is how it begins quickly."""
    code = (
        "import sys; from caxton.cli import main; status = main(sys.argv[1:]);"
        "sys.exit(status or any(name in sys.modules for name in ('pydantic', 'rich')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", guest("echo"), "--message", "x"],
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"x")
