"""``AgentRef.ask``: with mailbox, accounting and event loop; one at a time, and many agents at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from caxton import AgentRef, Host, Limits
from caxton.bench import sources
from caxton.bench.contestants import NO_EXTISM, PlainModule, TaskWithQueue, extism_plugins
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest, per_await, per_call, ratios
from caxton.bench.job import MESSAGE, check

LIMITS = Limits(memory="16 MiB", fuel=50_000_000, deadline=1.0)
"""As a careful program would set them."""


async def spawn_many(host: Host, count: int, module: str | bytes, limits: Limits = LIMITS) -> list[AgentRef]:
    """So many agents, each of which has answered once."""
    agents = [await host.spawn(f"upper-{number}", module, limits=limits) for number in range(count)]
    for agent in agents:
        check((await agent.ask(MESSAGE)).payload)
    return agents


async def measure(effort: Effort) -> Result:
    """An ask, and what stands in its place elsewhere: the bare two calls, a plugin's call, a task with a queue."""
    async with Host() as host:
        agents = await spawn_many(host, effort.at_once, sources.text("upper"))
        tasks = [TaskWithQueue() for _ in agents]
        turns: dict[str, Turn] = {
            "ask": lambda: per_await(lambda: agents[0].ask(MESSAGE), effort.seconds),
            "ask-many": _at_once([agent.ask for agent in agents], effort),
            "ask-task": lambda: per_await(lambda: tasks[0].ask(MESSAGE), effort.seconds),
            "ask-task-many": _at_once([task.ask for task in tasks], effort),
            **_synchronous(effort),
        }
        check(await tasks[0].ask(MESSAGE))
        found = await contest(turns, effort.rounds)
        for task in tasks:
            await task.stop()
    return _result(found, effort)


def _at_once(asks: Sequence[Callable[[bytes], Awaitable[object]]], effort: Effort) -> Turn:
    async def gather() -> None:
        await asyncio.gather(*[ask(MESSAGE) for ask in asks])

    return lambda: per_await(gather, effort.seconds, counts=len(asks))


def _synchronous(effort: Effort) -> dict[str, Turn]:
    plain = PlainModule(sources.text("upper")).instance()
    check(plain.call(MESSAGE))
    turns: dict[str, Turn] = {"ask-plain": lambda: per_call(lambda: plain.call(MESSAGE), effort.seconds)}
    plugins = extism_plugins()
    if plugins is not None:
        plugin = plugins()
        check(plugin.call("upper", MESSAGE))
        turns["ask-extism"] = lambda: per_call(lambda: plugin.call("upper", MESSAGE), effort.seconds)
    return turns


def _result(found: dict[str, list[float]], effort: Effort) -> Result:
    many = f"{effort.at_once:,} at once"
    result = Result()
    result.add("ask", "AgentRef.ask, one at a time", "µs", found["ask"])
    result.add("ask-many", f"AgentRef.ask, {many}", "µs", found["ask-many"])
    result.add("ask-plain", "bare call, plain wasmtime binding", "µs", found["ask-plain"], "other")
    if "ask-extism" in found:
        result.add("ask-extism", "bare call, Extism's Python SDK", "µs", found["ask-extism"], "other")
    else:
        result.notes.append(NO_EXTISM)
    result.add("ask-task", "asyncio task with a queue, one at a time", "µs", found["ask-task"], "other")
    result.add("ask-task-many", f"asyncio tasks with queues, {many}", "µs", found["ask-task-many"], "other")
    plain = found["ask-plain"]
    result.add("ask-ratio", "ask / plain binding's bare call", "times", ratios(found["ask"], plain), "ratio")
    many_ratio = ratios(found["ask-many"], plain)
    result.add("ask-many-ratio", f"ask, {many} / plain binding's bare call", "times", many_ratio, "ratio")
    return result
