"""What a peer is: something that can be missing, has a version, and can be timed and weighed in a fresh process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from importlib.util import find_spec

from .figures import FULL, Effort, Figures, Memory, Speed
from .fresh import run_memory, run_speed


def needs_nothing() -> None:
    """A `missing`, and a `prepare`, for peers that Python alone brings."""


@dataclass(frozen=True)
class Peer:
    """One alternative.

    `contained` says in a few words what holds a hostile unit, `timed_by` whose clock took the time, `missing` answers
    None or what to install, `prepare` builds what takes long, `speed` and `memory` run inside the fresh process alone.
    """

    name: str
    title: str
    contained: str
    missing: Callable[[], str | None]
    version: Callable[[], str]
    speed: Callable[[Effort], Speed]
    memory: Callable[[Effort], Memory]
    prepare: Callable[[], object] = needs_nothing
    timed_by: str = "Python"
    note: str = ""

    def measure(self, runs: int, effort: Effort = FULL) -> Figures:
        """Medians of `runs` runs, each in a fresh process.

        Raises `fresh.PeerFailed` when building or a process fails, or takes longer than it may.
        """
        self.prepare()
        speeds = [run_speed(self.name, effort) for _ in range(runs)]
        return Figures.of(speeds, run_memory(self.name, effort))


def needs_program(program: str, install: str) -> Callable[[], str | None]:
    """A `missing` for peers that need an executable on the PATH."""
    return lambda: None if shutil.which(program) else install


def needs_package(package: str, install: str) -> Callable[[], str | None]:
    """A `missing` for peers that need an importable Python package."""
    return lambda: None if find_spec(package) else install


def version_of_package(package: str) -> str:
    """The installed version of a Python package, or '?' where its metadata does not say."""
    try:
        return package_version(package)
    except PackageNotFoundError:
        return "?"
