"""Two guests that compute, on two cores, against one: the interpreter's lock must not be between them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Final

from caxton import Host, Limits
from caxton.bench import sources
from caxton.bench.contestants import PlainModule
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, contest, ratios

STEPS: Final = 300_000_000


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


async def measure(effort: Effort) -> Result:
    """The same work once, and twice at the same time; through a host, and in threads with the plain binding."""
    message = int(STEPS * effort.work).to_bytes(8, "little")
    limits = Limits(fuel=1 << 62, deadline=600)
    result = Result()
    with ThreadPoolExecutor(2) as pool:
        async with Host() as host:
            agents = [await host.spawn(f"count-{n}", sources.text("count"), limits=limits) for n in range(2)]
            module = PlainModule(sources.text("count"))
            instances = [module.instance(), module.instance()]
            loop = asyncio.get_running_loop()

            def in_thread(number: int) -> Awaitable[object]:
                return loop.run_in_executor(pool, instances[number].call, message)

            found = await contest(
                {
                    "one": _timed(lambda: [agents[0].ask(message)]),
                    "two": _timed(lambda: [agent.ask(message) for agent in agents]),
                    "plain-one": _timed(lambda: [in_thread(0)]),
                    "plain-two": _timed(lambda: [in_thread(0), in_thread(1)]),
                },
                effort.rounds,
            )
    result.add("cores-one", "one guest that computes", "ms", found["one"])
    result.add("cores-two", "two at the same time", "ms", found["two"])
    result.add("cores-ratio", "two / one", "times", ratios(found["two"], found["one"]), "ratio")
    plain = ratios(found["plain-two"], found["plain-one"])
    result.add("cores-plain-ratio", "two / one, plain wasmtime binding in two threads", "times", plain, "other")
    if cores() < 2:
        result.notes.append("this process may use one core only: two guests can but take twice the time")
    return result


def _timed(start: Callable[[], list[Awaitable[object]]]) -> Callable[[], Awaitable[float]]:
    async def turn() -> float:
        began = perf_counter()
        await asyncio.gather(*start())
        return (perf_counter() - began) * 1000

    return turn
