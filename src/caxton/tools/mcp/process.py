"""A tool server as a child process: started through the launcher, and ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.text import safe_bytes
from caxton.tools.mcp.bounds import Bounded, Lines, Meter
from caxton.tools.mcp.clean import Redact
from caxton.tools.mcp.sayings import QUIET, Sayings

GRACE: Final = 2.0
"""Seconds that a server gets after each hint to end: its input closes, then SIGTERM, then SIGKILL."""

CHUNK: Final = 1 << 16
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
PASSED: Final = frozenset({"PATH", "HOME", "USER", "TMPDIR", "LANG", "LANGUAGE"})
_ERROR_LINE: Final = 1 << 16
_ERROR_BYTES: Final = 1 << 20  # a second: what a server writes to its standard error beyond that makes it wait
_ERROR_COST: Final = 256  # bytes that a line counts beside its own


class CannotStartError(Exception):
    """The program cannot be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run: secrets are filled in already. ``redact`` takes them out of what it says, where many
    lines have to be tried together; ``redact_pieces`` out of each line in the end, with long pieces of them."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None
    redact: Redact
    redact_pieces: Redact = bytes


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What a server sees of the host's environment, and what it is given beside."""
    passed = {key: value for key, value in os.environ.items() if key in PASSED or key.startswith("LC_")}
    return passed | dict(own)


def find(command: Sequence[str], cwd: Path | None, env: Mapping[str, str]) -> str:
    """The path of a command's program, where a server with that directory and ``environment`` would find it.

    Raises:
        CannotStartError: there is none.
    """
    if cwd is not None and not cwd.is_dir():
        raise CannotStartError(f"there is no directory {cwd}")
    name = command[0] if command else ""
    place = os.path.join(cwd or "", name) if os.sep in name else name
    found = shutil.which(place, path=env.get("PATH", os.defpath)) if name else None
    if found is None:
        raise CannotStartError(f"there is no program {name!r} that can be run")
    return os.path.abspath(found)


class Process:
    """One running server."""

    def __init__(self, program: Program, child: asyncio.subprocess.Process, lifeline: int, log: Bounded) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self.stdin = child.stdin
        self.stdout = child.stdout
        self._last_error = ""
        self._program = program
        self._child = child
        self._lifeline = lifeline
        self._log = log
        self._said = Sayings(program.redact, self._say)
        self._errors = asyncio.create_task(self._read_errors())

    @classmethod
    async def start(cls, program: Program, log: Bounded) -> Process:
        """Starts it.

        Raises:
            CannotStartError: there is no such program or directory, or the system refuses.
        """
        env = environment(program.env)
        path = find(program.command, program.cwd, env)
        kept, lifeline = os.pipe()
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(kept), str(os.getpid()), str(GRACE)]
        try:
            pipe = asyncio.subprocess.PIPE
            child = await asyncio.create_subprocess_exec(
                *launcher, path, *program.command[1:],
                stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=program.cwd, limit=CHUNK,
                pass_fds=[kept], start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            os.close(lifeline)
            raise CannotStartError(str(error)) from None
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(kept)
        return cls(program, child, lifeline, log)

    @property
    def pid(self) -> int:
        """The launcher's process id, which is its session's too."""
        return self._child.pid

    async def _read_errors(self) -> None:
        assert self._child.stderr is not None
        lines = Lines(_ERROR_LINE, skip=1 << 62, head=_ERROR_LINE)
        meter = Meter(_ERROR_BYTES, 2 * _ERROR_BYTES)
        try:
            while True:
                try:
                    async with asyncio.timeout(QUIET if self._said.waits else None):
                        chunk = await self._child.stderr.read(CHUNK)
                except TimeoutError:
                    self._said.flush()
                    continue
                found = lines.feed(chunk or b"\n")
                await self._said.feed(found)
                if not chunk:
                    return
                if (pause := meter.spend(len(chunk) + _ERROR_COST * len(found))) > 0:
                    await asyncio.sleep(pause)
        finally:
            self._said.flush()

    def _say(self, line: bytes) -> None:
        line = self._program.redact_pieces(line)
        self._last_error = safe_bytes(line, 500)
        self._log(lambda: safe_bytes(line))

    @property
    def last_error(self) -> str:
        """The last line of its standard error, redacted and escaped; "" if there was none."""
        return self._last_error

    async def ended(self, within: float) -> int | None:
        """Its exit status, if it ends in so many seconds; 128 + n for signal n. Its last words are there then too."""
        if await self._gone(within):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._errors), within)
        return self._child.returncode

    async def stop(self) -> None:
        """Ends it and all that it started. Takes at most some seconds; cancelling does not shorten it."""
        await asyncio.shield(asyncio.create_task(self._stop()))

    async def _stop(self) -> None:
        drain = asyncio.create_task(_drain(self.stdout))  # one that is stuck in writing could not end
        try:
            self.stdin.close()
            if await self._gone(GRACE):
                return
            self._let_go()
            if not await self._gone(GRACE + 1.0):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._child.pid, signal.SIGKILL)  # the kernel ends the server with it
                await self._gone(1.0)
        finally:
            self._let_go()
            for task in (drain, self._errors):
                task.cancel()
            await asyncio.gather(drain, self._errors, return_exceptions=True)
            _close_pipes(self._child)

    async def _gone(self, within: float) -> bool:
        """Whether it ends in so many seconds. ``wait()`` would wait for its pipes too, which others may hold."""
        for _ in range(round(within / 0.01)):
            if self._child.returncode is not None:
                return True
            await asyncio.sleep(0.01)
        return self._child.returncode is not None

    def _let_go(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)


async def _drain(stream: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        while await stream.read(CHUNK):
            pass


def _close_pipes(child: asyncio.subprocess.Process) -> None:
    """Lets go of the pipes' ends also where a process that escaped holds the others: asyncio has no public way."""
    transport = getattr(child, "_transport", None)
    if transport is not None:
        with contextlib.suppress(OSError):
            transport.close()
