"""``make bench-languages``: what an agent costs in each language, beside one in WebAssembly text, in one run.

``python -m caxton.bench.languages [--quick] [--json [FILE]] [--only NAME]...``
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from caxton import Host
from caxton.bench.agents import FOLDER, TITLES, WAT
from caxton.bench.catalogue import Bar, Section
from caxton.bench.command import Plan, main
from caxton.conformance.languages import build_agent, languages
from caxton.errors import CaxtonError, exit_status

_EXAMPLES: Final = """\
examples:
  make bench-languages
  make bench-languages ARGS=--quick
  make bench-languages ARGS="--only spawn --json languages.json"
"""

_SLIM: Final = ("c", "zig", "rust", "assemblyscript")
_SCRIPTS: Final = ("javascript", "typescript")
_LARGE: Final = ("go", "assemblyscript", "python", *_SCRIPTS)
"""Whose agents have enough memory to be worth looking at while they rest."""

SECTIONS: Final = (
    Section("start", "Start an agent, to its handle", ("agents.start",)),
    Section("spawn", "Start an agent, to its first answer", ("agents.spawn",)),
    Section("turn", "Ask an agent, 256 bytes in, 251 out", ("agents.turn",)),
    Section("large", "Ask an agent, 1 MiB in and out", ("agents.large",)),
    Section(
        "memory",
        "Resident memory, before any message, after one answer each, and at rest",
        (
            *(f"agents.idle_{name}" for name in (WAT, *TITLES)),
            *(f"agents.rested_{name}" for name in _LARGE),
        ),
        again=True,
    ),
)

BARS: Final = (
    *(Bar(f"start-{name}-ratio", f"{TITLES[name]}: Host.spawn, against WAT", 1.5) for name in _SLIM),
    Bar("start-go-ratio", "Go: Host.spawn, against WAT", 5),
    *(Bar(f"start-{name}", f"{TITLES[name]}: Host.spawn", 300) for name in _SCRIPTS),
    Bar("start-python", "Python: Host.spawn", 2_000),
    *(Bar(f"spawn-{name}-ratio", f"{TITLES[name]}: spawn to the first answer, against WAT", 1.5) for name in _SLIM),
    Bar("spawn-go-ratio", "Go: spawn to the first answer, against WAT", 5),
    *(Bar(f"spawn-{name}", f"{TITLES[name]}: spawn to the first answer", 300) for name in _SCRIPTS),
    Bar("spawn-python", "Python: spawn to the first answer", 2_000),
    Bar("memory-python-new", "Python: resident memory per agent that has had no message yet", 128),
    Bar("memory-python-rested", "Python: resident memory per idle agent that has answered before", 128),
    Bar("large-component-ratio", "1 MiB of text through a component, against a core module", 5),
    Bar("large-bytes-component-ratio", "1 MiB of bytes through a component, against a core module", 5),
)

PLAN: Final = Plan(
    prog="make bench-languages",
    description="Measures the conformance agents of all languages, and one in WebAssembly text, beside each other.",
    examples=_EXAMPLES,
    sections=SECTIONS,
    bars=BARS,
    file="benchmarks/results/languages.json",
    seconds=400.0,
    quick_seconds=100.0,
)


def run(arguments: list[str]) -> int:
    """Builds the agents whose toolchains are there, and measures.

    Returns:
        As ``command.main``, or the exit status of an error.
    """
    with tempfile.TemporaryDirectory(prefix="caxton-bench-languages-") as folder:
        os.environ[FOLDER] = folder
        try:
            return main(arguments, PLAN, lambda: _build(Path(folder)))
        except CaxtonError as error:
            print(f"bench-languages: {error}", file=sys.stderr)
            return exit_status(error.code)


def _build(folder: Path) -> None:
    for name in languages():
        print(f"building the agent in {TITLES[name]} ...", file=sys.stderr)
        try:
            module = build_agent(name)
            asyncio.run(_try(module))
        except CaxtonError as error:
            if error.code == "toolchain.failed":
                raise
            print(f"left out: {error.message}", file=sys.stderr)
        else:
            (folder / f"{name}.wasm").write_bytes(module)


async def _try(module: bytes) -> None:
    """Starts an agent: what this host cannot run is left out; and what can is in the cache of compiled modules now."""
    async with Host() as host:
        await host.spawn("first", module)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
