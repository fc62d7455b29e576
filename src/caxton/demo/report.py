"""The demo on a terminal: its progress while it runs, and its result as tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from caxton.demo.results import Attack, Result
from caxton.text import safe_name

MOST_ROWS: Final = 15
"""Documents in the table; the others are summed up in its last row."""

MOST_FRAMES: Final = 8

_PHASES: Final = {"build": "Compiling the guests", "spawn": "Starting agents", "count": "Counting words"}


class Meter:
    """A progress bar for each phase that has begun. Silent where the console is no terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Shows ``done`` of ``total`` units of ``phase``."""
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(_PHASES[phase], total=total)
        self._progress.update(self._tasks[phase], completed=done, total=total)


@contextmanager
def metered(console: Console) -> Iterator[Meter]:
    """Progress bars on ``console`` (standard error, so that results can be piped); gone when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Meter(progress)


def render(result: Result) -> RenderableType:
    """The whole result, to be printed on a rich console."""
    parts: list[RenderableType] = [Columns([_spaced(_top_terms(result)), _spaced(_documents(result))], padding=(0, 4))]
    parts += [_spaced(_costs(result)), _spaced(_hostile(result)), _spaced(_stacks(result)), _summary(result)]
    return Group(*parts)


def _spaced(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 1, 0))


def size(count: int) -> str:
    """Bytes for people: ``640 B``, ``12.5 KiB``, ``3.0 MiB``."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:,.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:,.1f} MiB"


def duration(seconds: float) -> str:
    """Seconds for people: ``850 µs``, ``12.0 ms``, ``3.10 s``."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _table(title: str, *columns: str) -> Table:
    """A table; a column whose name ends with ``>`` holds numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
    return table


def _top_terms(result: Result) -> Table:
    table = _table("Top terms", "term", "count>", "")
    most = max((term.count for term in result.top), default=1)
    for term in result.top:
        bar = "█" * max(1, round(term.count / most * 16))
        table.add_row(Text(term.term), f"{term.count:,}", Text(bar, "cyan"))
    return table


def _documents(result: Result) -> Table:
    table = _table("Documents", "name", "words>", "lines>", "longest>", "size>", "CRC-32>")
    shown = result.documents[:MOST_ROWS]
    for document in shown:
        numbers = (f"{document.words:,}", f"{document.lines:,}", f"{document.longest_line:,}", size(document.size))
        table.add_row(Text(safe_name(document.name)), *numbers, f"{document.crc32:08x}")
    rest = result.documents[MOST_ROWS:]
    if rest:
        words, lines = sum(one.words for one in rest), sum(one.lines for one in rest)
        longest, total = max(one.longest_line for one in rest), size(sum(one.size for one in rest))
        table.add_row(f"... {len(rest)} more", f"{words:,}", f"{lines:,}", f"{longest:,}", total, "")
    return table


def _costs(result: Result) -> Table:
    columns = ("agents", "written in", "instances>", "turns>", "fuel>", "fuel a turn>", "wall time>", "memory>")
    table = _table("What each kind of agent cost", *columns)
    for cost in result.costs:
        table.add_row(
            cost.kind,
            cost.language,
            f"{cost.instances:,}",
            f"{cost.turns:,}",
            f"{cost.fuel:,}",
            f"{cost.fuel // max(cost.turns, 1):,}",
            duration(cost.wall),
            size(cost.memory),
        )
    return table


def _hostile(result: Result) -> Table:
    columns = ("agent", "attacks>", "ended by", "fuel>", "memory then>", "next message")
    table = _table("Hostile agents beside them", *columns)
    for attack in result.attacks:
        memory = "" if attack.memory is None else size(attack.memory)
        code = Text(attack.code or "not stopped", "green" if attack.contained else "bold red")
        table.add_row(attack.agent, str(attack.attacks), code, f"{attack.fuel:,}", memory, attack.afterwards)
    return table


def _stacks(result: Result) -> RenderableType:
    """The deepest stack, as an example of what an error tells."""
    deepest = max(result.attacks, key=lambda attack: len(attack.frames), default=None)
    if deepest is None or not deepest.frames:
        return Text("")
    return _stack(deepest)


def _stack(attack: Attack) -> Text:
    frames = attack.frames[:MOST_FRAMES]
    lines = [f"Where {attack.agent} ended ({attack.code}):", *(f"  {frame}" for frame in frames)]
    return Text("\n".join(lines), "dim")


def _summary(result: Result) -> Text:
    text = Text()
    totals = f"{result.words:,} words, {result.distinct:,} terms, {result.chunks:,} chunks"
    if result.correct:
        text.append("✓ ", "bold green").append(f"{totals}: a plain Python count of the same text agrees.\n")
    else:
        text.append("✗ ", "bold red").append(f"{totals}: a plain Python count of the same text differs.\n")
        for difference in result.differences[:MOST_ROWS]:
            text.append(f"  {difference}\n")
    if result.contained:
        attacks = sum(attack.attacks for attack in result.attacks)
        text.append("✓ ", "bold green").append(f"{attacks} attacks, all contained; the others noticed nothing.\n")
    else:
        text.append("✗ ", "bold red").append("A hostile agent was not contained.\n")
    if result.left_out:
        beyond = f"{size(result.left_out)} of text beyond the demo's limit were left out.\n"
        text.append("! ", "bold yellow").append(beyond)
    rate = result.spawned_per_second
    started = f"{result.spawned:,} agents started at {rate:,.0f} a second; " if rate else ""
    text.append(f"{started}the work took {duration(result.work_seconds)}, everything {duration(result.seconds)}.")
    return text
