"""Shows the figures: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from platform import python_version
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .figures import MESSAGE, Effort, Figures
from .rounds import Outcome

WIDE = 120
BUSY_BEFORE = 0.5
DISTURBED = 0.6

Facts = Mapping[str, str | int | float]


def as_json(outcomes: Sequence[Outcome], facts: Facts, runs: int, effort: Effort) -> dict[str, Any]:
    """Everything that was measured, every single run included."""
    return {
        "schema": 1,
        "machine": dict(facts),
        "settings": {"runs": runs, "message_bytes": len(MESSAGE), **asdict(effort)},
        "peers": [_peer_json(outcome) for outcome in outcomes],
    }


def _peer_json(outcome: Outcome) -> dict[str, Any]:
    peer, figures = outcome.peer, outcome.figures
    return {
        "name": peer.name,
        "title": peer.title,
        "version": outcome.version,
        "contained": peer.contained,
        "timed_by": peer.timed_by,
        "note": peer.note,
        "status": outcome.status,
        "missing": outcome.missing,
        "problem": outcome.problem,
        "figures": asdict(figures) if figures else None,
        "runs": [asdict(speed) for speed in outcome.speeds],
    }


def show(outcomes: Sequence[Outcome], facts: Facts, runs: int, console: Console) -> None:
    """Print the table, the machine, and what to be careful about. Fits 80 columns; a wider terminal shows more."""
    wide = console.width >= WIDE
    table = Table(box=SIMPLE_HEAD, title=_title(runs), title_justify="left", padding=(0, 1), pad_edge=False)
    table.add_column("peer", no_wrap=True)
    for heading in ("cold\nstart", "warm\np50", "per\nsecond", "KiB\neach", "page\ntable"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("a hostile unit is held by")
    for outcome in outcomes:
        table.add_row(*_row(outcome), *[outcome.peer.contained] * wide)
    console.print(table)
    console.print(
        "{cpu}, {cores} cores, Linux {kernel}, {system}, Python {python}, {date}".format_map(facts), highlight=False
    )
    for remark in _remarks(outcomes, facts):
        console.print(remark, highlight=False, markup=False)


def _title(runs: int) -> str:
    return f"{len(MESSAGE)} bytes in, the same in upper case out; median of {runs}"


def _row(outcome: Outcome) -> list[str]:
    peer, figures = outcome.peer, outcome.figures
    title = f"{peer.title} {outcome.version}" if _version_says_more(outcome) else peer.title
    if figures is None:
        return [title, "not here" if outcome.missing else "failed", *["-"] * 4]
    return [title, *_cells(figures)]


def _version_says_more(outcome: Outcome) -> bool:
    """Python's own version stands under the table already."""
    return outcome.version not in ("-", "?") and outcome.version != python_version()


def _cells(figures: Figures) -> list[str]:
    return [
        _time(figures.cold_start_us),
        _time(figures.warm_p50_us),
        _rate(figures.throughput_per_s),
        _kib(figures.memory_kib),
        _kib(figures.page_tables_kib),
    ]


def _time(microseconds: float) -> str:
    if microseconds >= 1000:
        return f"{_three_digits(microseconds / 1000)} ms"
    return f"{_three_digits(microseconds)} µs"


def _rate(per_second: float) -> str:
    if per_second >= 1e6:
        return f"{_three_digits(per_second / 1e6)} M"
    return f"{_three_digits(per_second / 1000)} k"


def _kib(kib: float | None) -> str:
    return "?" if kib is None else _three_digits(kib)


def _three_digits(value: float) -> str:
    """More digits than three would claim more than the spread of the runs allows."""
    digits = max(0, min(2, 3 - len(str(int(value)))))
    return f"{value:,.{digits}f}"


def _remarks(outcomes: Sequence[Outcome], facts: Facts) -> list[str]:
    measured = [(outcome, figures) for outcome in outcomes if (figures := outcome.figures)]
    remarks = [f"{each.peer.title} - not here: {each.missing}" for each in outcomes if each.missing]
    if remarks:
        remarks.append("benchmarks/peers/install.sh installs what the peers need on a Debian machine.")
    remarks += [f"{each.peer.title} failed: {each.problem}" for each in outcomes if each.problem]
    remarks += [f"{each.peer.title}: {each.peer.note}." for each, _ in measured if each.peer.note]
    remarks += [
        f"{each.peer.title}: timed by {each.peer.timed_by}, which drives it."
        for each, _ in measured
        if each.peer.timed_by != "Python"
    ]
    if float(facts["load_before"]) >= BUSY_BEFORE:
        remarks.append(f"Careful: the machine was busy before the run began (load {facts['load_before']}).")
    disturbed = [each.peer.name for each, f in measured if f.throughput_per_s * f.warm_p50_us < DISTURBED * 1e6]
    if disturbed:
        remarks.append(
            f"Careful: other work took the core during these; their rate is too low: {', '.join(disturbed)}."
        )
    return remarks
