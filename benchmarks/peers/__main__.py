"""`python -m benchmarks.peers [--quick] [--runs N] [--json FILE] [--only NAME]...`"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from . import machine, report
from .catalogue import PEERS
from .figures import FULL, QUICK
from .peer import Peer
from .rounds import measure_all

RUNS, QUICK_RUNS, MOST_RUNS = 7, 3, 25
SECONDS, QUICK_SECONDS = 330.0, 75.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, write. Returns 0, or 1 when a peer that is here failed; wrong usage exits with 2."""
    options = _parser().parse_args(arguments)
    console = Console()
    effort, seconds = (QUICK, QUICK_SECONDS) if options.quick else (FULL, SECONDS)
    runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
    facts = machine.facts()
    with console.status("measuring") as status:
        outcomes = measure_all(_chosen(options.only), runs, effort, seconds, status.update)
    report.show(outcomes, facts, runs, console)
    if options.json:
        text = json.dumps(report.as_json(outcomes, facts, runs, effort), indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(any(outcome.status == "failed" for outcome in outcomes))


def _chosen(names: Sequence[str]) -> list[Peer]:
    return [peer for peer in PEERS if not names or peer.name in names]


def _runs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_RUNS:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST_RUNS}")
    return number


def _writable(text: str) -> Path:
    """Checked before the measuring, not minutes later."""
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write {text}")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Measure what the alternatives to a WebAssembly agent cost, in one run.",
        epilog="example: python -m benchmarks.peers --quick --only wasmtime --only erlang --json peers.json",
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} short runs: some 20 seconds in all")
    parser.add_argument("--runs", type=_runs, metavar="N", help=f"runs of each peer (default {RUNS})")
    parser.add_argument("--json", type=_writable, metavar="FILE", help="write every figure and every run to FILE")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[peer.name for peer in PEERS],
        metavar="NAME",
        help=f"measure only this one (may be repeated): {', '.join(peer.name for peer in PEERS)}",
    )
    return parser


if __name__ == "__main__":
    if not sys.platform.startswith("linux"):
        sys.exit("benchmarks.peers reads /proc and pins processes to a core: it needs Linux")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
