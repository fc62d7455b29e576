"""How long an ask takes beside guests that spin, and whether the event loop notices them.

An ask is due when its asker's timer is. Waiting until the event loop, or the interpreter's lock, comes round to it is
part of what an asker waits for, and the larger part where somebody else computes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from caxton import Host, Limits
from caxton.bench import sources
from caxton.bench.contestants import TaskWithQueue
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, quantile
from caxton.bench.job import MESSAGE, check

SPINNERS: Final = 2
PAUSE: Final = 0.001
_FOR_EVER: Final = (1 << 62).to_bytes(8, "little")
_ROUNDS_MOST: Final = 3


async def measure(effort: Effort) -> Result:
    """Asks a millisecond apart: with nothing else to do, beside two guests that spin, and, for comparison, of a task
    with a queue beside two Python threads that spin."""
    probes = [Probes() for _ in range(3)]
    for _ in range(min(effort.rounds, _ROUNDS_MOST)):
        await _beside_guests(probes[0], probes[1], effort)
        await _beside_threads(probes[2], effort)
    result = Result()
    probes[0].tell(result, "idle", "nothing beside it", "caxton")
    probes[1].tell(result, "spinning", "two spinning guests", "caxton")
    probes[2].tell(result, "threads", "asyncio task, two spinning Python threads", "other")
    return result


class Probes:
    """Milliseconds, a list for each round."""

    def __init__(self) -> None:
        self.due: list[list[float]] = []
        self.asks: list[list[float]] = []
        self.laps: list[list[float]] = []

    async def take(self, ask: Callable[[], Awaitable[object]], seconds: float) -> None:
        """One round of asks, each from when it was due, and from when it was sent; and laps of the event loop."""
        due: list[float] = []
        asks: list[float] = []
        laps: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            began = perf_counter()
            await asyncio.sleep(PAUSE)
            woken = perf_counter()
            await ask()
            answered = perf_counter()
            await asyncio.sleep(0)
            laps.append((perf_counter() - answered) * 1000)
            asks.append((answered - woken) * 1000)
            due.append((answered - began - PAUSE) * 1000)
        self.due.append(due)
        self.asks.append(asks)
        self.laps.append(laps)

    def tell(self, result: Result, name: str, title: str, subject: str) -> None:
        """Adds the figures of all rounds."""
        for kind, what, rounds in (
            ("", "due to answered", self.due),
            ("-ask", "sent to answered", self.asks),
            ("-lap", "asyncio.sleep(0)", self.laps),
        ):
            for share, label in ((0.5, "p50"), (0.99, "p99")):
                runs = [quantile(samples, share) for samples in rounds]
                result.add(f"latency-{name}{kind}-{label}", f"{title}: {what}, {label}", "ms", runs, subject)


async def _beside_guests(idle: Probes, spinning: Probes, effort: Effort) -> None:
    limits = Limits(fuel=1 << 62, deadline=3600)
    async with Host() as host:
        agent = await host.spawn("upper", sources.text("upper"))
        check((await agent.ask(MESSAGE)).payload)
        await idle.take(lambda: agent.ask(MESSAGE), effort.spinning / 2)
        spinners = [await host.spawn(f"spinner-{n}", sources.text("count"), limits=limits) for n in range(SPINNERS)]
        asks = [asyncio.ensure_future(spinner.ask(_FOR_EVER)) for spinner in spinners]
        await asyncio.sleep(0.05)  # by now they are on the workers
        await spinning.take(lambda: agent.ask(MESSAGE), effort.spinning)
        for spinner in spinners:
            await spinner.stop()
        await asyncio.gather(*asks, return_exceptions=True)


async def _beside_threads(probes: Probes, effort: Effort) -> None:
    ended = False

    def spin() -> None:
        while not ended:
            pass

    spinners = [threading.Thread(target=spin, daemon=True) for _ in range(SPINNERS)]
    task = TaskWithQueue()
    for thread in spinners:
        thread.start()
    try:
        await probes.take(lambda: task.ask(MESSAGE), effort.spinning)
    finally:
        ended = True
        for thread in spinners:
            thread.join()
    await task.stop()
