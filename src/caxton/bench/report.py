"""Shows what was measured: tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

BUSY: Final = 0.5
"""A load beyond which the machine was not ours alone."""

Json = Mapping[str, Any]


def digits(value: float) -> str:
    """Three digits that count; the rounds of a run differ by more than a fourth one would say."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def show(found: Json, console: Console) -> None:
    """Prints all sections, then the bars, then the machine and what to be careful about."""
    for section in found["sections"]:
        console.print(section_table(section))
        for note in section["notes"]:
            console.print(f"  {note}", highlight=False, markup=False, style="dim")
    if found["bars"]:
        console.print(_bars(found["bars"]))
    console.print(machine_line(found["machine"]), highlight=False, markup=False)
    if max(found["machine"]["load_before"], 0) >= BUSY:
        console.print("Careful: the machine was busy before the run began.", style="yellow")


def section_table(section: Json) -> Table:
    """One section: its figures, Caxton's first."""
    title = f"{section['title']} ({section['name']})"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    table.add_column("", overflow="fold", min_width=30)
    for heading in ("median", "lowest", "highest", "unit"):
        table.add_column(heading, justify="left" if heading == "unit" else "right", no_wrap=True)
    for figure in section["figures"]:
        style = "bold" if figure["subject"] == "caxton" else None
        table.add_row(
            figure["title"], *(digits(figure[key]) for key in ("value", "low", "high")), figure["unit"], style=style
        )
    if section["problem"]:
        table.add_row(f"failed: {section['problem']}", style="red")
    return table


def _bars(bars: list[Json]) -> Table:
    table = Table(box=SIMPLE_HEAD, title="The bars", title_justify="left", pad_edge=False)
    table.add_column("", overflow="fold", min_width=30)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("bar", no_wrap=True)
    table.add_column("", no_wrap=True)
    for bar in bars:
        figure = f"{digits(bar['value'])} {bar['unit']}"
        met = "met" if bar["met"] else "MISSED"
        table.add_row(bar["title"], figure, wanted(bar), met, style=None if bar["met"] else "yellow")
    return table


def wanted(bar: Json) -> str:
    """What a bar demands, in words."""
    return f"{bar['relation']} {digits(bar['bar'])}"


def machine_line(machine: Json) -> str:
    """The machine in one line."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    kind = "virtual machine" if machine["virtual"] else "machine"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {kind}; {machine['system']}; "
        f"Python {machine['python']}; {packages}; load {machine['load_before']} before, {machine['load_after']} after; "
        f"{machine['date']}"
    )
