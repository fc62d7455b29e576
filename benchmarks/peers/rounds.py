"""All peers in turn, round after round: when the machine slows down for a minute, it slows down for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from .figures import Effort, Figures, Memory, Speed
from .fresh import PeerFailed, run_memory, run_speed
from .peer import Peer

Progress = Callable[[str], None]


@dataclass
class Outcome:
    """What became of a peer: figures, or why there are none. `problem` beside figures says what is missing in them."""

    peer: Peer
    version: str = "-"
    missing: str | None = None
    problem: str | None = None
    speeds: list[Speed] = field(default_factory=list)
    memory: Memory | None = None

    @property
    def figures(self) -> Figures | None:
        """Medians of the runs that succeeded; None when none did."""
        return Figures.of(self.speeds, self.memory) if self.speeds else None

    @property
    def status(self) -> str:
        """`missing`, `failed` or `measured`."""
        if self.missing:
            return "missing"
        return "failed" if self.problem else "measured"


def measure_all(peers: Sequence[Peer], runs: int, effort: Effort, seconds: float, progress: Progress) -> list[Outcome]:
    """Measure every peer that is here, `runs` times each, and stop starting new runs after `seconds`.

    A peer that fails is not tried again and does not stop the others. Memory is weighed first: should the time run
    out, a figure has fewer runs behind it, but none is left out.
    """
    end = monotonic() + seconds
    outcomes = [_look(peer) for peer in peers]
    steps = [(_weigh, "memory"), *((_time, f"run {number} of {runs}") for number in range(1, runs + 1))]
    for step, label in steps:
        for outcome in outcomes:
            if outcome.status != "measured":
                continue
            if monotonic() > end:
                return [_cut_short(each, seconds) for each in outcomes]
            progress(f"{label}: {outcome.peer.title}")
            _guarded(step, outcome, effort)
    return outcomes


def _look(peer: Peer) -> Outcome:
    missing = peer.missing()
    if missing:
        return Outcome(peer, missing=missing)
    try:
        peer.prepare()
    except PeerFailed as failure:
        return Outcome(peer, problem=str(failure))
    return Outcome(peer, version=peer.version())


def _weigh(outcome: Outcome, effort: Effort) -> None:
    outcome.memory = run_memory(outcome.peer.name, effort)


def _time(outcome: Outcome, effort: Effort) -> None:
    outcome.speeds.append(run_speed(outcome.peer.name, effort))


def _guarded(step: Callable[[Outcome, Effort], None], outcome: Outcome, effort: Effort) -> None:
    try:
        step(outcome, effort)
    except PeerFailed as failure:
        outcome.problem = str(failure)


def _cut_short(outcome: Outcome, seconds: float) -> Outcome:
    if outcome.status == "measured" and not outcome.speeds:
        outcome.problem = f"the whole run's {seconds:g} s were over before its first run"
    return outcome
