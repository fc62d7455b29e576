"""What runs in a fresh process: one phase of one peer, pinned to one core; prints its numbers as one line of JSON.

Not for calling by hand: `python -m benchmarks.peers --only NAME` does that.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from .catalogue import find
from .figures import Effort, Memory, Speed

LOOK_SECONDS = 0.05


def idlest_core() -> int:
    """The allowed core that has idled most during a short look: other programs may be busy on one of them."""
    allowed = sorted(os.sched_getaffinity(0), reverse=True)  # equal ones: the last, as interrupts like the first
    before = _idle_ticks()
    time.sleep(LOOK_SECONDS)
    after = _idle_ticks()
    return max(allowed, key=lambda core: after[core] - before[core])


def _idle_ticks() -> dict[int, int]:
    """Idle time of each core in clock ticks, from /proc/stat."""
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return {int(row[0][3:]): int(row[4]) for row in rows if row[0].startswith("cpu") and row[0] != "cpu"}


def main(name: str, phase: str, effort: str) -> None:
    """Measure on one core; a failure ends the process with a traceback, of which the caller shows the last line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that workshops are closed
    os.sched_setaffinity(0, {idlest_core()})
    peer, bounds = find(name), Effort(**json.loads(effort))
    result: Speed | Memory = peer.speed(bounds) if phase == "speed" else peer.memory(bounds)
    print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
