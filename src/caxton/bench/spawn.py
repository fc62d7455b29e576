"""From nothing to an agent: ``Host.spawn`` of a module that the host knows, to the handle and to the first answer."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from caxton import AgentRef, Host
from caxton.bench import sources
from caxton.bench.ask import LIMITS
from caxton.bench.contestants import NO_EXTISM, PlainInstance, PlainModule, TaskWithQueue, extism_plugins
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest, ratios
from caxton.bench.job import MESSAGE, check

T = TypeVar("T")


async def measure(effort: Effort) -> Result:
    """Each start is timed by itself; ending what was started is not in it. A round's figure is its median."""
    async with Host() as host:
        found = await contest(_caxton(host, effort) | _others(effort), effort.rounds)
    return _result(found)


def _starts(start: Callable[[], Awaitable[T]], end: Callable[[T], Awaitable[None]], effort: Effort) -> Turn:
    async def turn() -> float:
        samples: list[float] = []
        until = perf_counter() + effort.seconds
        while len(samples) < 3 or perf_counter() < until:
            began = perf_counter()
            unit = await start()
            samples.append(perf_counter() - began)
            await end(unit)
        return median(samples) * 1e6

    return turn


def _caxton(host: Host, effort: Effort) -> dict[str, Turn]:
    module, numbers = sources.text("upper"), itertools.count()

    async def spawn() -> AgentRef:
        return await host.spawn(f"upper-{next(numbers)}", module, limits=LIMITS)

    async def answer() -> AgentRef:
        agent = await spawn()
        check((await agent.ask(MESSAGE)).payload)
        return agent

    return {"spawn": _starts(spawn, AgentRef.stop, effort), "spawn-answer": _starts(answer, AgentRef.stop, effort)}


def _others(effort: Effort) -> dict[str, Turn]:
    plain, plugins = PlainModule(sources.text("upper")), extism_plugins()

    async def bare() -> Any:
        return plain.bare()

    async def instance() -> PlainInstance:
        found = plain.instance()
        check(found.call(MESSAGE))
        return found

    async def close(unit: Any) -> None:
        unit.close()

    async def plugin() -> Any:
        found = plugins()
        check(found.call("upper", MESSAGE))
        return found

    async def drop(unit: object) -> None:
        del unit  # the SDK frees a plugin that nobody refers to

    async def task() -> TaskWithQueue:
        found = TaskWithQueue()
        check(await found.ask(MESSAGE))
        return found

    turns = {
        "spawn-plain": _starts(bare, close, effort),
        "spawn-plain-answer": _starts(instance, close, effort),
        "spawn-task-answer": _starts(task, TaskWithQueue.stop, effort),
    }
    if plugins is not None:
        turns["spawn-extism-answer"] = _starts(plugin, drop, effort)
    return turns


def _result(found: dict[str, list[float]]) -> Result:
    result = Result()
    result.add("spawn", "Host.spawn, limits on, to the handle", "µs", found["spawn"])
    result.add("spawn-answer", "Host.spawn, to the first answer", "µs", found["spawn-answer"])
    plain, answer = found["spawn-plain"], found["spawn-plain-answer"]
    result.add("spawn-plain", "bare instantiation, plain wasmtime binding", "µs", plain, "other")
    result.add("spawn-plain-answer", "with limits, to the first answer, plain wasmtime binding", "µs", answer, "other")
    if "spawn-extism-answer" in found:
        extism = found["spawn-extism-answer"]
        result.add("spawn-extism-answer", "to the first answer, Extism's Python SDK", "µs", extism, "other")
    else:
        result.notes.append(NO_EXTISM)
    tasks = found["spawn-task-answer"]
    result.add("spawn-task-answer", "to the first answer, asyncio task with a queue", "µs", tasks, "other")
    title = "spawn / plain binding's bare instantiation"
    result.add("spawn-ratio", title, "times", ratios(found["spawn"], plain), "ratio")
    return result
