"""Peers that live in a runtime of their own (V8, Erlang): a driver program there takes the time by its own clock.

The driver reads one command a line and answers each with one line of JSON:

    speed COLD_SECONDS WARM_SECONDS COLD_MOST   -> {"cold_start_us", "warm_p50_us", "throughput_per_s"}
    open COUNT                                  -> {"open": how many are open now}; each has answered once

It ends when its standard input ends. The message stands in its arguments.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .figures import Effort, Memory, Speed
from .footprint import weigh

Ask = Callable[..., dict[str, Any]]


@contextmanager
def driver(command: Sequence[str]) -> Iterator[Ask]:
    """Run a driver. The function that it yields raises `RuntimeError` when the driver ends instead of answering."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        commands, answers = process.stdin, process.stdout

        def ask(*words: object) -> dict[str, Any]:
            commands.write(" ".join(map(str, words)) + "\n")
            commands.flush()
            line = answers.readline()
            if not line:
                raise RuntimeError(f"{command[0]} ended with status {process.wait()}")
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command[0]}: {answer['error']}")
            return answer

        yield ask


def foreign_speed(command: Callable[[], Sequence[str]], effort: Effort) -> Speed:
    """Let the driver time one run."""
    with driver(command()) as ask:
        return Speed(**ask("speed", effort.cold_seconds, effort.warm_seconds, effort.cold_most))


def foreign_memory(command: Callable[[], Sequence[str]], effort: Effort, full: int) -> Memory:
    """Weigh the driver from outside, before and after it opens units; a first one pays for what all share."""
    units = effort.units(full)
    with driver(command()) as ask:
        ask("open", 1)
        before = weigh()
        ask("open", units)
        resident, page_tables = weigh().each(before, units)
    return Memory(resident, page_tables, units)
