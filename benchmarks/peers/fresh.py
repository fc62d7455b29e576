"""Runs one phase of one peer in a process of its own.

A fresh process each time, because what an earlier peer has left behind (warm caches, freed heap, imported libraries)
would make the next one look better than it is. The process gets a session of its own, so that it can be ended with all
its children when its time is up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from .figures import Effort, Memory, Speed

PACKAGE = __package__ or "benchmarks.peers"
ROOT = Path(__file__).resolve().parents[PACKAGE.count(".") + 1]
SCRATCH = "CAXTON_PEERS_SCRATCH"
GRACE_SECONDS = 3.0


class PeerFailed(Exception):
    """The fresh process of a peer failed or ran out of time; the text says which, with its last line of complaint."""


@cache
def _own_scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="caxton-peers-")


def scratch() -> Path:
    """The directory of what peers build for this run (programs, bundles); removed when the run ends."""
    given = os.environ.get(SCRATCH)
    return Path(given) if given else Path(_own_scratch().name)


def run_speed(name: str, effort: Effort) -> Speed:
    """Time one run of the peer `name`. Raises `PeerFailed`."""
    return Speed(**json.loads(_run(name, "speed", effort)))


def run_memory(name: str, effort: Effort) -> Memory:
    """Weigh units of the peer `name`. Raises `PeerFailed`."""
    return Memory(**json.loads(_run(name, "memory", effort)))


def _run(name: str, phase: str, effort: Effort) -> str:
    """The last line that the worker printed."""
    environment = dict(os.environ)
    environment[SCRATCH] = str(scratch())
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", f"{PACKAGE}.worker", name, phase, json.dumps(asdict(effort))]
    worker = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, complaint = worker.communicate(timeout=effort.process_seconds)
    except subprocess.TimeoutExpired:
        raise PeerFailed(f"{phase}: took more than {effort.process_seconds:g} s") from None
    finally:
        _end(worker)
    lines = out.strip().splitlines()
    if worker.returncode or not lines:
        raise PeerFailed(f"{phase}: {_last_line(complaint) or f'exit status {worker.returncode}'}")
    return lines[-1]


def _end(worker: subprocess.Popen[str]) -> None:
    """Leave nothing of the worker's session behind, also when the user interrupted the run.

    The worker is asked first: only it can delete containers, which outlive a session.
    """
    if worker.poll() is not None:
        return
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.communicate(timeout=GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.communicate()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""
