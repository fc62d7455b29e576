"""What ``caxton run`` is asked to show of an agent while it runs."""

from __future__ import annotations

from collections import deque
from typing import Any

from caxton.agents.tracing import HostCall
from caxton.cli import output
from caxton.cli.options import Job
from caxton.host.debugging import Debug
from caxton.host.tracing import MOST_CALLS


class Watch:
    """Watches the agent of one job.

    With ``--trace-calls`` a host call is a line on standard error, or, with ``--json``, an item of ``calls`` in the
    next object.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._calls: deque[HostCall] = deque(maxlen=MOST_CALLS)
        self._lost = 0

    def debug(self) -> Debug:
        """What the agent is to be spawned with."""
        return Debug(trace=self._take if self._job.trace_calls else None)

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
