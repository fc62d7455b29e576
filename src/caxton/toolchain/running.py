"""Running a compiler: in bounded time, with bounded output, in an environment of a few known variables.

A compiler reads a project that somebody else may have written, and what it starts is its own affair. So it gets no
variable that was not meant for it (tokens and keys stay out), nothing to read, and a process group that ends with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from caxton.text import safe_name
from caxton.toolchain.errors import OUTPUT_LIMIT, failed

SECONDS: Final = 600.0
"""The longest that one step of a build may take."""

PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN")
"""The variables of the caller's that a compiler sees. Language modules add what theirs needs."""

_CHUNK: Final = 1 << 16
_LOOK: Final = 0.1


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A compiler's environment: what is passed on, what makes its output repeatable, and ``more``."""
    found = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    found |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "0", "NO_COLOR": "1", "TERM": "dumb"}
    found["RUSTUP_AUTO_INSTALL"] = "0"  # building never downloads
    return found | dict(more or {})


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    what: str,
    folder: Path,
    more: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    inherit: bool = False,
    check: bool = True,
) -> str:
    """Runs a command to its end; answers what it has printed on both streams, cut to 64 KiB.

    Args:
        what: the command in an error's words: ``the C compiler``.
        folder: where it runs.
        more: variables beside the ones that every compiler gets.
        inherit: give it the caller's whole environment: for an installer, which runs nothing of a project.
        check: whether another exit status than 0 is an error.

    Raises:
        ToolchainError: ``toolchain.failed``, it failed, took too long, or could not be started.
    """
    given = {**os.environ, **(more or {})} if inherit else environment(more)
    try:
        process = subprocess.Popen(
            [os.fspath(word) for word in command],
            cwd=folder,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise failed(what, f"cannot be started ({safe_name(os.fspath(command[0]))})", why) from None
    try:
        output = _read(process, time.monotonic() + seconds)
    finally:
        _end(process)
    if output is None:
        raise failed(what, f"took more than {seconds:g} s")
    if check and process.returncode:
        raise failed(what, _ending(process.returncode), output)
    return output.decode("utf-8", "replace")


def _read(process: subprocess.Popen[bytes], until: float) -> bytes | None:
    """What the process prints up to its end, however long others hold the pipe; None where it takes too long."""
    assert process.stdout is not None
    take = _reader(process.stdout.fileno())
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    kept = bytearray()
    is_open = True
    while True:
        ended = process.poll() is not None
        while is_open and (chunk := take()):
            kept += chunk[: max(OUTPUT_LIMIT - len(kept), 0)]
        is_open = is_open and chunk is None
        if ended:
            return bytes(kept)
        if time.monotonic() > until:
            return None
        if is_open:
            poll.poll(_LOOK * 1000)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK)


def _reader(descriptor: int) -> Callable[[], bytes | None]:
    """A function that takes what is there: nothing at the end, None while there is nothing yet."""
    os.set_blocking(descriptor, False)

    def take() -> bytes | None:
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return None

    return take


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what it has started; a group of which nothing is left is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _ending(status: int) -> str:
    if status > 0:
        return f"failed with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"
