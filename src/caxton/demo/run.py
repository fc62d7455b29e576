"""The demo as the command line calls it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from json import dumps
from typing import Final

from rich.console import Console

from caxton.demo.build import Guests, build_guests
from caxton.demo.crew import check_number
from caxton.demo.documents import read_library
from caxton.demo.job import run_job
from caxton.demo.report import Meter, metered, render

DEFAULT_AGENTS: Final = 300

FAILED: Final = 6
"""Exit status of a run whose totals are wrong or whose attackers got away; the contract's "everything else"."""


def run(
    files: Sequence[str | os.PathLike[str]] = (),
    *,
    agents: int = DEFAULT_AGENTS,
    json: bool = False,
    console: Console | None = None,
) -> int:
    """Runs the demo once and prints what it found; progress goes to standard error, when that is a terminal.

    Args:
        files: the text to work on; the project's own documents when there are none.
        agents: number of agents that count words, 1 to 999.
        json: print one JSON object instead of tables.
        console: where the result goes; standard output by default.

    Returns:
        The exit status: 0, or 6 when the demo did not show what it claims.

    Raises:
        DemoError: a file, the number of agents, or the compiler (``config.invalid``).
        CaxtonError: an agent failed.
    """
    output = console or Console()
    check_number(agents)
    library = read_library(files)
    with metered(Console(stderr=True)) as meter:
        result = asyncio.run(run_job(library, _guests(meter), agents=agents, on_progress=meter))
    if json:
        output.file.write(dumps(result.as_json()) + "\n")
    else:
        output.print(render(result))
    return 0 if result.ok else FAILED


def _guests(meter: Meter) -> Guests:
    built: list[str] = []

    def on_build(kind: str, total: int) -> None:
        built.append(kind)
        meter("build", len(built), total)

    return build_guests(on_build)
