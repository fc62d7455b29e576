"""From nothing to a host that is ready: whole processes, the interpreter's own start included."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from time import perf_counter
from typing import Final

from caxton.bench import sources
from caxton.bench.contestants import NO_EXTISM
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest
from caxton.bench.job import BenchError

SECONDS: Final = 30.0

_READY: Final = """
import asyncio, caxton
async def main():
    async with caxton.Host() as host:
        pass
asyncio.run(main())
"""
_ANSWER: Final = """
import asyncio, sys, caxton
async def main():
    async with caxton.Host() as host:
        agent = await host.spawn("upper", sys.argv[1])
        assert (await agent.ask(b"hi there")).payload == b"HI THERE"
asyncio.run(main())
"""
_PLAIN: Final = """
import wasmtime
wasmtime.Linker(wasmtime.Engine())
"""


async def measure(effort: Effort) -> Result:
    """Interpreters that do nothing else; the module of the one that answers has been compiled before."""
    turns: dict[str, Turn] = {
        "startup-python": lambda: _process("pass"),
        "startup": lambda: _process(_READY),
        "startup-answer": lambda: _process(_ANSWER, str(sources.SOURCES / "upper.wat")),
        "startup-plain": lambda: _process(_PLAIN),
    }
    result = Result()
    if importlib.util.find_spec("extism") is None:
        result.notes.append(NO_EXTISM)
    else:
        turns["startup-extism"] = lambda: _process("import extism")
    found = await contest(turns, effort.rounds)
    result.add("startup", "Python, import caxton, Host ready, all ended", "s", found["startup"])
    result.add("startup-answer", "the same with the first answer of a cached module", "s", found["startup-answer"])
    result.add("startup-plain", "Python, import wasmtime, an engine", "s", found["startup-plain"], "other")
    if "startup-extism" in found:
        result.add("startup-extism", "Python, import extism", "s", found["startup-extism"], "other")
    result.add("startup-python", "Python and nothing else", "s", found["startup-python"], "other")
    return result


def _process(script: str, *arguments: str) -> float:
    began = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
    )
    elapsed = perf_counter() - began
    if done.returncode:
        raise BenchError(f"a fresh interpreter failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return elapsed
