"""Resident memory of ten thousand agents: idle, and suspended in a tool call. Each part wants a fresh process."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from caxton import AgentRef, Grants, Host
from caxton.bench import sources
from caxton.bench.contestants import NO_EXTISM, PlainModule, TaskWithQueue, extism_plugins
from caxton.bench.effort import Effort
from caxton.bench.figures import Result
from caxton.bench.job import MESSAGE, BenchError, check

_STATUS: Final = Path("/proc/self/status")
_FEWER: Final = 10
"""What others cost is plain from a tenth of the units."""

_PLUGINS: Final = 100
WAIT_SECONDS: Final = 60.0


def _status(name: str) -> int:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        raise BenchError("this system does not tell a process's memory in /proc/self/status") from None
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def resident() -> int:
    """KiB of this process, garbage not counted."""
    gc.collect()
    return _status("VmRSS")


def own() -> int:
    """KiB of RSS that are no file's: an image that many processes or instances have mapped is left out."""
    return _status("RssAnon")


def page_tables() -> int:
    """KiB of this process's page tables, which are in no RSS."""
    return _status("VmPTE")


def threads() -> int:
    """Threads of this process, whoever has started them."""
    return _status("Threads")


async def weigh(
    result: Result,
    name: str,
    title: str,
    count: int,
    start: Callable[[int], Awaitable[object]],
    subject: str,
    settle: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """KiB for each of ``count`` units; those that come before pay for what all share, and are not counted. ``settle``
    is waited for before either look."""
    units = [await start(number) for number in range(-20, 0)]
    if settle is not None:
        await settle()
    before, anonymous, tables = resident(), own(), page_tables()
    for number in range(count):
        units.append(await start(number))
    if settle is not None:
        await settle()
    result.add(name, title, "KiB", [(resident() - before) / count], subject)
    result.add(f"{name}-own", f"{title}: shared pages not counted", "KiB", [(own() - anonymous) / count], subject)
    result.add(f"{name}-tables", f"{title}: page tables", "KiB", [(page_tables() - tables) / count], subject)


async def window(effort: Effort) -> Result:
    """Agents whose module has no allocator."""
    return await _agents(sources.text("upper"), "memory", "idle agent (WAT, no allocator)", effort)


async def allocator(effort: Effort) -> Result:
    """Agents in C, with an allocator."""
    if not sources.has_ziglang():
        return Result(notes=[sources.NO_ZIGLANG])
    with sources.workplace() as where:
        module = sources.guest("upper", where)
    return await _agents(module, "memory-c", "idle agent (C, with an allocator)", effort)


async def _agents(module: str | bytes, name: str, title: str, effort: Effort) -> Result:
    result = Result()
    async with Host() as host:

        async def answered(number: int) -> AgentRef:
            agent = await host.spawn(f"upper.{number + 20}", module)
            check((await agent.ask(MESSAGE)).payload)
            return agent

        await weigh(result, name, f"{title}, each of {effort.agents:,}", effort.agents, answered, "caxton")
        if len(host.agents()) != effort.agents + 20:
            raise BenchError("not all agents are there")
    return result


async def plain(effort: Effort) -> Result:
    """Instances of the plain binding."""
    module, result = PlainModule(sources.text("upper")), Result()

    async def answered(number: int) -> object:
        instance = module.instance()
        check(instance.call(MESSAGE))
        return instance

    count = effort.agents // _FEWER
    await weigh(result, "memory-plain", f"plain wasmtime binding's instance, {count:,}", count, answered, "other")
    return result


async def extism(effort: Effort) -> Result:
    """Plugins of Extism's."""
    plugins, result = extism_plugins(), Result()
    if plugins is None:
        return Result(notes=[NO_EXTISM])

    async def answered(number: int) -> object:
        plugin = plugins()
        check(plugin.call("upper", MESSAGE))
        return plugin

    count = min(_PLUGINS, effort.agents)
    await weigh(result, "memory-extism", f"Extism plugin, {count:,}", count, answered, "other")
    return result


async def tasks(effort: Effort) -> Result:
    """asyncio tasks with queues, which share their memory with everybody."""
    result = Result()

    async def answered(number: int) -> object:
        task = TaskWithQueue()
        check(await task.ask(MESSAGE))
        return task

    title = f"asyncio task with a queue, {effort.agents:,}"
    await weigh(result, "memory-task", title, effort.agents, answered, "other")
    return result


async def suspended(effort: Effort) -> Result:
    """All agents wait in a tool call at once, in one process; then all go on, and end their turns."""
    result, gate, inside = Result(), asyncio.Event(), 0
    async with Host() as host:

        @host.tool
        async def hold() -> int:
            nonlocal inside
            inside += 1
            await gate.wait()
            return inside

        module, grants = sources.text("tools"), Grants(tools=["hold"])
        agents = [await host.spawn(f"tools-{n}", module, grants=grants) for n in range(effort.agents)]
        for agent in agents:
            await agent.ask(b"")
        before, threads_before = resident(), threads()
        for agent in agents:
            await agent.tell(b"x")
        await until(lambda: inside == len(agents), "not all agents came to their tool call")
        waiting, threads_then = resident(), threads()
        gate.set()
        await until(lambda: all(a.statistics().turns == 2 for a in agents), "not all turns ended")
        if sum(agent.statistics().failures + agent.statistics().traps for agent in agents):
            raise BenchError("a turn that waited for a tool failed")
    count = len(agents)
    result.add("suspended", "agents suspended in a tool call at once", "agents", [count])
    result.add("suspended-memory", "more for each while suspended", "KiB", [(waiting - before) / count])
    result.add("suspended-threads", "threads of the process meanwhile", "threads", [threads_then])
    result.add("suspended-more-threads", "threads that the waiting took", "threads", [threads_then - threads_before])
    return result


async def until(condition: Callable[[], bool], otherwise: str) -> None:
    """Waits for something, a minute at most.

    Raises:
        BenchError: it did not come.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + WAIT_SECONDS
    while not condition():
        if loop.time() > end:
            raise BenchError(otherwise)
        await asyncio.sleep(0.01)
