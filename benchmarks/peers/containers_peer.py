"""Containers: the program of `processes_peer.py` in namespaces of its own (bubblewrap) and in an OCI bundle (runc)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from . import native
from .fresh import scratch
from .peer import Peer
from .pipes import PipedProgram
from .timing import Unit, sync_memory, sync_speed

MEMORY = 16 << 20


@contextmanager
def bubblewrap_workshop() -> Iterator[Callable[[], Unit]]:
    """Every namespace that bubblewrap can unshare, and a file system that holds the program and nothing else."""
    bwrap = _found("bwrap")
    command = [bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", str(native.program()), "/upper", "/upper"]
    yield lambda: PipedProgram(command)


@contextmanager
def runc_workshop() -> Iterator[Callable[[], Unit]]:
    """A bundle as `runc spec` makes it, plus a memory limit; each unit is one `runc run` in the foreground."""
    runc, state, bundle = _found("runc"), scratch() / "runc-state", scratch() / "runc-bundle"
    if not bundle.exists():
        _make_bundle(runc, bundle)
    numbers = count()
    run = [runc, "--root", str(state), "run", "--bundle", str(bundle)]
    _delete_leftovers(runc, state)
    try:
        yield lambda: PipedProgram([*run, f"caxton-peers-{os.getpid()}-{next(numbers)}"])
    finally:
        _delete_leftovers(runc, state)


def _make_bundle(runc: str, bundle: Path) -> None:
    (bundle / "rootfs").mkdir(parents=True)
    shutil.copy(native.program(), bundle / "rootfs" / "upper")
    subprocess.run([runc, "spec", "--bundle", str(bundle)], check=True, capture_output=True, timeout=10)
    config = bundle / "config.json"
    specification: dict[str, Any] = json.loads(config.read_text())
    specification["process"] |= {"terminal": False, "args": ["/upper"]}
    specification["linux"]["resources"]["memory"] = {"limit": MEMORY}
    config.write_text(json.dumps(specification))


def _delete_leftovers(runc: str, state: Path) -> None:
    """Containers of a run that was ended from outside still have a state directory and a cgroup."""
    if not state.exists():
        return
    for leftover in state.iterdir():
        command = [runc, "--root", str(state), "delete", "--force", leftover.name]
        subprocess.run(command, check=False, capture_output=True, timeout=10)


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise RuntimeError(f"{program} is not installed")
    return path


def _version(command: list[str]) -> str:
    """The last word of the first line that the program prints about itself, without the distribution's suffix."""
    outcome = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
    return outcome.stdout.splitlines()[0].split()[-1].partition("+")[0]


def _missing(program: str, package: str) -> str | None:
    return native.missing_compiler() if shutil.which(program) else f"apt-get install {package}"


def _runc_missing() -> str | None:
    if os.geteuid() != 0:
        return "runc needs root"
    return _missing("runc", "runc")


PEERS = (
    Peer(
        name="bubblewrap",
        title="bubblewrap + C program",
        contained="namespaces",
        missing=partial(_missing, "bwrap", "bubblewrap"),
        version=lambda: _version(["bwrap", "--version"]),
        prepare=native.program,
        speed=partial(sync_speed, bubblewrap_workshop),
        memory=partial(sync_memory, bubblewrap_workshop, full=40),
        note="--unshare-all; bubblewrap's own two processes included",
    ),
    Peer(
        name="runc",
        title="runc + C program",
        contained="namespaces, cgroup memory limit",
        missing=_runc_missing,
        version=lambda: _version(["runc", "--version"]),
        prepare=native.program,
        speed=partial(sync_speed, runc_workshop),
        memory=partial(sync_memory, runc_workshop, full=10),
        note="runc's own process included",
    ),
)
