"""``caxton bench [--quick] [--json [FILE]] [--only NAME]...``"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final, NoReturn

from rich.console import Console

from caxton.bench import catalogue, machine, report
from caxton.bench.catalogue import Bar, Section
from caxton.bench.effort import FULL, QUICK, Effort
from caxton.bench.figures import Merged
from caxton.bench.fresh import PartFailed, run_part
from caxton.errors import HostError
from caxton.text import safe

FAILED = 6
_EXAMPLE: Final = """\
examples:
  caxton bench --quick
  caxton bench --only ask --only spawn
  caxton bench --json            writes benchmarks/results/latest.json
  caxton bench --quick --json -  JSON on standard output, the tables on standard error
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one command measures.

    ``file``: where its JSON goes, if no other place is named. ``seconds``, ``quick_seconds``: after so long no section
    begins any more.
    """

    prog: str
    description: str
    examples: str
    sections: Sequence[Section]
    bars: Sequence[Bar]
    file: str
    seconds: float
    quick_seconds: float


BENCH: Final = Plan(
    prog="caxton bench",
    description="Measures Caxton beside the plain wasmtime binding, Extism and asyncio tasks.",
    examples=_EXAMPLE,
    sections=catalogue.SECTIONS,
    bars=catalogue.BARS,
    file="benchmarks/results/latest.json",
    seconds=235.0,
    quick_seconds=38.0,
)


def _wrong(message: str) -> HostError:
    """The command line makes no sense; the text says why."""
    return HostError("config.invalid", safe(message, 1000))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _wrong(message)


def main(arguments: list[str], plan: Plan = BENCH, prepare: Callable[[], None] | None = None) -> int:
    """Measures, shows, writes. ``prepare`` is called before, once it is clear that there is something to measure.

    Returns:
        0; 6 when a section failed. A bar that is missed is shown, and no failure: machines differ.

    Raises:
        HostError: ``config.invalid``, wrong usage.
    """
    try:
        options = _parser(plan).parse_args(arguments)
        target = _target(options.json, plan.file)
    except SystemExit as ended:  # --help
        return int(ended.code or 0)
    if prepare is not None:
        prepare()
    out = Console(stderr=target == "-")
    found = run(plan, options.only, quick=options.quick, progress=_Progress(Console(stderr=True)))
    report.show(found, out)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    if target == "-":
        print(text)
    elif target is not None:
        Path(target).write_text(text + "\n", encoding="utf-8")
        out.print(f"written to {target}", highlight=False, markup=False)
    return FAILED if any(section["problem"] for section in found["sections"]) else 0


def run(
    plan: Plan, only: Sequence[str] | None = None, *, quick: bool, progress: _Progress | None = None
) -> dict[str, Any]:
    """Measures sections (by name; by default all), one after the other, and judges the bars. Ready for JSON."""
    effort, seconds = (QUICK, plan.quick_seconds) if quick else (FULL, plan.seconds)
    sections = [section for section in plan.sections if not only or section.name in only]
    facts, began = machine.facts(), monotonic()
    found = [_section(section, effort, began + seconds, progress) for section in sections]
    facts["load_after"] = machine.load()
    return {
        "schema": 1,
        "machine": facts,
        "settings": {"quick": quick, "message_bytes": 256, **asdict(effort)},
        "seconds": round(monotonic() - began, 1),
        "bars": catalogue.judge(found, plan.bars),
        "sections": found,
    }


def _section(section: Section, effort: Effort, until: float, progress: _Progress | None) -> dict[str, Any]:
    began, problem = monotonic(), None
    merged = Merged()
    try:
        for number in range(effort.fresh if section.again else 1):
            for part in section.parts:
                if monotonic() > until:
                    if number:  # there are figures, with fewer rounds behind them
                        break
                    raise PartFailed("the time of the whole run was over before it began")
                if progress is not None:
                    progress.tell(section, part)
                merged.add(run_part(part, effort))
    except PartFailed as failure:
        problem = str(failure)
    return {
        "name": section.name,
        "title": section.title,
        "seconds": round(monotonic() - began, 1),
        "problem": problem,
        "notes": merged.notes,
        "figures": list(merged.figures.values()),
    }


class _Progress:
    """Says what is being measured, where somebody looks."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def tell(self, section: Section, part: str) -> None:
        """A part begins."""
        if self._console.is_terminal:
            more = f" ({part.partition('.')[2]})" if len(section.parts) > 1 else ""
            self._console.print(f"measuring {section.name}{more} ...", style="dim", highlight=False)


def _target(given: str | None, usual: str) -> str | None:
    """Where the JSON goes; looked at before the measuring, not minutes later."""
    if given is None or given == "-":
        return given
    path = Path(given)
    if given == usual and not path.parent.exists() and path.parent.parent.is_dir():
        path.parent.mkdir()
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _wrong(f"cannot write {given}")
    return given


def _parser(plan: Plan = BENCH) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=plan.prog,
        description=plan.description,
        epilog=plan.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    names = [section.name for section in plan.sections]
    parser.add_argument(
        "--quick", action="store_true", help=f"fewer and shorter rounds: under {plan.quick_seconds + 2:.0f} s"
    )
    parser.add_argument("--json", metavar="FILE", nargs="?", const=plan.file, help="also write every round as JSON")
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=names, help=f"one section of: {', '.join(names)}"
    )
    return parser
