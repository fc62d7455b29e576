"""What ``caxton run`` is asked to show of an agent while it runs."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Any

from caxton.agents.tracing import HostCall
from caxton.cli import output
from caxton.cli.options import Job
from caxton.errors import HostError, exit_status
from caxton.host.autopsy import Autopsy
from caxton.host.debugging import Debug
from caxton.host.profiling import Profile, Recorder
from caxton.host.tracing import MOST_CALLS
from caxton.host.whole import READABLE, place_of, whole_file
from caxton.text import safe_name


class Watch:
    """Watches the agent of one job.

    With ``--trace-calls`` a host call is a line on standard error, or, with ``--json``, an item of ``calls`` in the
    next object. Where files are to be is looked at before the agent runs, so that a wrong path costs nothing; they are
    written when it has run, so that a run that fails costs no file.

    Raises:
        HostError: ``storage.failed``, a file cannot be written to; ``config.invalid``, it is the module itself, or two
            are the same.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._calls: deque[HostCall] = deque(maxlen=MOST_CALLS)
        self._lost = 0
        _check_places(job)
        self._recorder = Recorder() if job.profile or job.flamegraph else None
        self._autopsy = None if job.coredump is None else Autopsy(job.coredump)

    def debug(self) -> Debug:
        """What the agent is to be spawned with."""
        return Debug(self._take if self._job.trace_calls else None, self._recorder, self._autopsy)

    async def finish(self) -> int:
        """The agent has run: writes the profile, and says what became of the core dump. Answers the exit status of what
        could not be written, which has been told then; else 0."""
        status = 0
        if self._recorder is not None and self._recorder.has_begun:
            try:
                await self._write_profile(await self._recorder.finish())
            except HostError as error:
                output.complain(error, "run")
                status = exit_status(error.code)
        if self._autopsy is not None and self._autopsy.written:
            output.remark(f"caxton: the core dump is in {safe_name(str(self._autopsy.path))}")
        elif self._autopsy is not None and self._autopsy.failure is not None:  # which the host has logged
            status = exit_status("storage.failed")
        return status

    async def _write_profile(self, found: Profile) -> None:
        if not found.samples:
            output.remark("caxton: warning: the profile is empty: the agent computed for less than a millisecond")
        if not found.complete:
            output.remark("caxton: warning: the profile has only its beginning: there was more than is kept")
        if self._job.profile is not None:
            self._write(self._job.profile, found.data)
        if self._job.flamegraph is not None:
            self._write(self._job.flamegraph, (await asyncio.to_thread(found.flamegraph)).encode())

    def _write(self, path: Path, data: bytes) -> None:
        try:
            with whole_file(path, READABLE) as file:
                file.write(data)
        except OSError as error:
            raise _unwritable(path, error) from None

    def _take(self, call: HostCall) -> None:
        if not self._job.json:
            output.remark(f"call: {call}")
            return
        self._lost += len(self._calls) == MOST_CALLS
        self._calls.append(call)

    def found(self) -> dict[str, Any]:
        """What goes into a JSON object, beside the outcome: the calls since the last one."""
        if not self._job.trace_calls:
            return {}
        calls = []
        while self._calls:
            calls.append(self._calls.popleft().as_json())
        lost, self._lost = self._lost, 0
        return {"calls": calls, "calls_lost": lost}


def _check_places(job: Job) -> None:
    named = {"--profile": job.profile, "--flamegraph": job.flamegraph, "--coredump": job.coredump}
    taken = {Path(os.path.realpath(job.module)): "the module itself"}
    for option, path in named.items():
        if path is None:
            continue
        try:
            place = place_of(path)
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from None
        if place in taken:
            raise HostError("config.invalid", f"{option}: {safe_name(str(path))} is {taken[place]}")
        taken[place] = f"the file of {option} too"


def _unwritable(path: Path, error: OSError | ValueError) -> HostError:
    why = getattr(error, "strerror", None) or str(error)
    return HostError("storage.failed", f"{safe_name(str(path))}: {why}")
