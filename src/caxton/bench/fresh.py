"""Runs a part in a fresh process, which is ended, with all that it has started, when its time is up.

Fresh, because what an earlier part has left behind (freed heap, imported libraries, warm caches) would make the next
one look better, or worse, than it is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from caxton.bench.effort import Effort
from caxton.text import safe

PART_SECONDS: Final = 120.0


class PartFailed(Exception):
    """A part's process failed, or took too long; the text says which."""


def run_part(part: str, effort: Effort, seconds: float = PART_SECONDS) -> dict[str, Any]:
    """A part's result, as ``figures.Result.as_json`` makes it.

    Raises:
        PartFailed: there is none.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "caxton.bench.child", part, json.dumps(asdict(effort))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, complaint = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise PartFailed(f"took more than {seconds:g} s") from None
    finally:
        _end(process)
    if process.returncode:
        raise PartFailed(safe((complaint.strip().splitlines() or [f"exit status {process.returncode}"])[-1], 300))
    try:
        found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise PartFailed("its process gave no result") from None
    return found


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
