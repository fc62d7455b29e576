"""``python -m caxton.conformance [--write FILE] [LANGUAGE]...``: builds the agents and proves the list."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from caxton.conformance import BEHAVIOURS, Verdict, page, prove
from caxton.conformance.languages import build_agent, languages
from caxton.errors import CaxtonError, exit_status


def main(arguments: list[str]) -> int:
    """0; 1 where something is not kept, and the exit status of the command line where an agent cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m caxton.conformance", description="Proves the list, per language.")
    parser.add_argument("--write", metavar="FILE", type=Path, help="put the table into this page; for all languages")
    parser.add_argument("language", nargs="*", help="by default all")
    options = parser.parse_args(arguments)
    try:
        results = {name: _prove(name) for name in options.language or languages()}
    except CaxtonError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return exit_status(error.code)
    if options.write is not None:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(page.with_table(text, page.table(BEHAVIOURS, results)), encoding="utf-8")
    return 0 if all(verdict.kept for found in results.values() for verdict in found) else 1


def _prove(name: str) -> list[Verdict]:
    began = time.monotonic()
    module = build_agent(name)
    built = time.monotonic()
    found = asyncio.run(prove(module, BEHAVIOURS))
    kept = sum(verdict.kept is True for verdict in found)
    times = f"built in {built - began:.1f} s, proven in {time.monotonic() - built:.1f} s"
    print(f"{name}: {kept} of {len(found)} kept; {times}")
    for verdict in found:
        if not verdict.kept:
            print(f"  {verdict.behaviour.id}: {verdict.detail}")
    sys.stdout.flush()
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
