"""The conformance agents of the languages, beside one in WebAssembly text: the same job, an echo, for all of them.

They are built once, by languages.py, into the folder that ``CAXTON_BENCH_AGENTS`` names.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from caxton import AgentRef, Host, Limits
from caxton.bench import memory, sources
from caxton.bench.catalogue import Measure
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest, per_await, ratios
from caxton.bench.job import BenchError

FOLDER: Final = "CAXTON_BENCH_AGENTS"
WAT: Final = "wat"
COMPONENT: Final = "component"
TEXTS: Final = {WAT: ("WAT", "echo"), COMPONENT: ("WAT, a component", "echo_component")}

"""The agents in text: what they are called, and their files. Both echo the whole message."""

TITLES: Final = {
    "c": "C", "cpp": "C++", "zig": "Zig", "rust": "Rust", "go": "Go", "assemblyscript": "AssemblyScript",
    "python": "Python", "javascript": "JavaScript", "typescript": "TypeScript",
}  # fmt: skip
COMMAND: Final = b"echo\n"
BODY: Final = bytes(range(0x20, 0x7F)) * 3
MESSAGE: Final = COMMAND + BODY[: 256 - len(COMMAND)]
LIMITS: Final = Limits()
_EXABYTE: Final = 1 << 60
_REST: Final = 0.3


@cache
def modules() -> dict[str, str | bytes]:
    """What there is to measure, the agent in text first.

    Raises:
        BenchError: nothing was built.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        raise BenchError("the agents are built by `make bench-languages`")
    found = {name: Path(folder, f"{name}.wasm") for name in TITLES}
    texts: dict[str, str | bytes] = {name: sources.text(file) for name, (_, file) in TEXTS.items()}
    return texts | {name: path.read_bytes() for name, path in found.items() if path.is_file()}


def title(name: str) -> str:
    """A language's name for people."""
    return TEXTS[name][0] if name in TEXTS else TITLES[name]


async def asked(name: str, agent: AgentRef, message: bytes = MESSAGE) -> None:
    """Asks, and looks at the answer.

    Raises:
        BenchError: it is not the right one.
    """
    answer = (await agent.ask(message)).payload
    if answer != (message if name in TEXTS else message[len(COMMAND) :]):
        raise BenchError(f"the agent in {title(name)} answered {answer[:40]!r} ({len(answer)} bytes)")


async def start(effort: Effort) -> Result:
    """``Host.spawn`` of a module that the host knows, to the handle."""
    async with Host() as host:
        turns = {name: _start(host, name, effort, warm=True, ask=False) for name in modules()}
        found = await contest(turns, effort.rounds)
    result = Result()
    _add(result, "start", "Host.spawn, to the handle", found)
    return result


async def spawn(effort: Effort) -> Result:
    """From nothing to the first answer, of a module that the host knows: warm, as agents start, and cold."""
    async with Host() as host:
        turns = {name: _start(host, name, effort, warm=True) for name in modules()}
        turns |= {f"{name}-cold": _start(host, name, effort, warm=False) for name in modules() if name not in TEXTS}
        found = await contest(turns, effort.rounds)
    result = Result()
    _add(result, "spawn", "spawn to the first answer", found)
    for name in modules():
        if name not in TEXTS:
            what = f"{title(name)}: the same without a warm start"
            result.add(f"spawn-{name}-cold", what, "µs", found[f"{name}-cold"])
    return result


def _start(host: Host, name: str, effort: Effort, *, warm: bool, ask: bool = True) -> Turn:
    module, numbers = modules()[name], itertools.count()

    async def turn() -> float:
        samples: list[float] = []
        until = perf_counter() + effort.seconds
        while len(samples) < 3 or perf_counter() < until:
            began = perf_counter()
            agent = await host.spawn(f"{name}-{next(numbers)}", module, limits=LIMITS, warm=warm)
            if ask:
                await asked(name, agent)
            samples.append(perf_counter() - began)
            await agent.stop()
        return median(samples) * 1e6

    return turn


def _add(result: Result, figure: str, what: str, found: dict[str, list[float]], unit: str = "µs") -> None:
    """A figure for each language, and how it stands to the agent in text."""
    names = [name for name in modules() if name in found]
    for name in names:
        result.add(f"{figure}-{name}", f"{title(name)}: {what}", unit, found[name])
    for name in names:
        if name != WAT:
            over = ratios(found[name], found[WAT])
            result.add(f"{figure}-{name}-ratio", f"{title(name)} / WAT: {what}", "times", over, "ratio")


async def turn(effort: Effort) -> Result:
    """An ask of 256 bytes and its answer, one at a time."""
    return await _asks(effort, "turn", "ask, 256 bytes", MESSAGE)


async def large(effort: Effort) -> Result:
    """An ask of a MiB of text, and one of a MiB of bytes."""
    result = await _asks(effort, "large", "ask, 1 MiB of text", _filled(BODY))
    other = await _asks(effort, "large-bytes", "ask, 1 MiB of bytes", _filled(bytes(range(256))))
    result.figures += other.figures
    return result


def _filled(body: bytes) -> bytes:
    size = (1 << 20) - len(COMMAND)
    return COMMAND + (body * (size // len(body) + 1))[:size]


async def _asks(effort: Effort, figure: str, what: str, message: bytes) -> Result:
    result = Result()
    async with Host() as host:
        agents = {name: await host.spawn(name, module, limits=LIMITS) for name, module in modules().items()}
        for name, agent in agents.items():
            await asked(name, agent, message)
        found = await contest({name: _asking(agent, message, effort) for name, agent in agents.items()}, effort.rounds)
    _add(result, figure, what, found)
    return result


def _asking(agent: AgentRef, message: bytes, effort: Effort) -> Turn:
    if len(message) < 4_096:
        return lambda: per_await(lambda: agent.ask(message), effort.seconds)

    async def turn() -> float:
        samples: list[float] = []
        until = perf_counter() + effort.seconds
        while len(samples) < 3 or perf_counter() < until:
            began = perf_counter()
            await agent.ask(message)
            samples.append(perf_counter() - began)
        return median(samples) * 1e6

    return turn


def _idle(name: str) -> Measure:
    """The part that weighs agents of one language, before any message and after one answer, in a process of its
    own."""

    async def measure(effort: Effort) -> Result:
        result = Result()
        if name not in modules():
            return result
        count = max(50, effort.agents // 20)
        async with Host(memory=_EXABYTE, compact_after=0) as host:  # most of what they may have is not there

            async def new(number: int) -> AgentRef:
                return await host.spawn(f"{name}.new.{number + 20}", modules()[name], limits=LIMITS)

            async def answered(number: int) -> AgentRef:
                agent = await host.spawn(f"{name}.{number + 20}", modules()[name], limits=LIMITS)
                await asked(name, agent)
                return agent

            what = f"{title(name)}: agent that has had no message yet, each of {count}"
            await memory.weigh(result, f"memory-{name}-new", what, count, new, "caxton")
            what = f"{title(name)}: agent that has just answered, each of {count}"
            await memory.weigh(result, f"memory-{name}", what, count, answered, "caxton")
        return result

    return measure


def _rested(name: str) -> Measure:
    """The part that weighs agents that nobody has asked anything for a while, and tells how long the next answer of
    each takes. It has a process of its own too: what others have left would be used again, and not be counted."""

    async def measure(effort: Effort) -> Result:
        result = Result()
        if name in modules():
            async with Host(memory=_EXABYTE, compact_after=_REST) as host:
                await _weigh_rested(result, name, max(50, effort.agents // 20), host)
        return result

    return measure


async def _weigh_rested(result: Result, name: str, count: int, host: Host) -> None:
    agents: list[AgentRef] = []

    async def answered(number: int) -> AgentRef:
        agents.append(await host.spawn(f"{name}.{number + 20}", modules()[name], limits=LIMITS))
        await asked(name, agents[-1])
        return agents[-1]

    async def rest() -> None:
        await memory.until(lambda: all(agent.statistics().compact for agent in agents), "not all agents rest")

    await answered(-21)
    await asyncio.sleep(3 * _REST)
    if not agents[0].statistics().compact:  # there is nothing to win
        return
    what = f"{title(name)}: agent that has rested, each of {count}"
    await memory.weigh(result, f"memory-{name}-rested", what, count, answered, "caxton", rest)
    samples = []
    for agent in agents:
        began = perf_counter()
        await asked(name, agent)
        samples.append((perf_counter() - began) * 1e6)
    result.add(f"wake-{name}", f"{title(name)}: first ask after a rest", "µs", [median(samples)])


idle_wat, idle_c, idle_cpp, idle_zig, idle_rust = map(_idle, (WAT, "c", "cpp", "zig", "rust"))
idle_go, idle_assemblyscript, idle_python = map(_idle, ("go", "assemblyscript", "python"))
idle_javascript, idle_typescript = map(_idle, ("javascript", "typescript"))
rested_go, rested_assemblyscript, rested_python = map(_rested, ("go", "assemblyscript", "python"))
rested_javascript, rested_typescript = map(_rested, ("javascript", "typescript"))
