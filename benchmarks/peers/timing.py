"""The loops that take the time of units driven from Python; a unit is one agent's worth of whatever the peer offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Protocol

from .figures import MESSAGE, Effort, Memory, Speed, check
from .footprint import weigh

WARM_UP = 200
BATCH = 64


class Unit(Protocol):
    """One running unit."""

    def call(self, message: bytes) -> bytes:
        """Send a message and wait for the answer."""

    def close(self) -> None:
        """End it and give back what it held."""


class AsyncUnit(Protocol):
    """One running unit that is driven from an event loop."""

    async def call(self, message: bytes) -> bytes:
        """Send a message and wait for the answer."""

    async def close(self) -> None:
        """End it and give back what it held."""


Workshop = Callable[[], AbstractContextManager[Callable[[], Unit]]]
"""Prepares once what all units share (compiled modules, programs) and gives a function that starts a unit."""

AsyncWorkshop = Callable[[], AbstractAsyncContextManager[Callable[[], Awaitable[AsyncUnit]]]]
"""The same, for units driven from an event loop."""


def sync_speed(workshop: Workshop, effort: Effort) -> Speed:
    """Time one run."""
    with workshop() as start:
        cold = _cold_starts(start, effort)
        unit = start()
        for _ in range(WARM_UP):
            check(unit.call(MESSAGE))
        warm = _round_trips(unit, effort.warm_seconds)
        rate = _throughput(unit, effort.warm_seconds)
        unit.close()
    return Speed(median(cold), median(warm), rate)


def sync_memory(workshop: Workshop, effort: Effort, full: int) -> Memory:
    """Weigh units that have answered once. The first one is not counted: it pays for what all share."""
    units = effort.units(full)
    with workshop() as start:
        live = [_started(start)]
        before = weigh()
        live += [_started(start) for _ in range(units)]
        resident, page_tables = weigh().each(before, units)
        for unit in live:
            unit.close()
    return Memory(resident, page_tables, units)


def async_speed(workshop: AsyncWorkshop, effort: Effort) -> Speed:
    """Time one run on an event loop of its own."""
    return asyncio.run(_async_speed(workshop, effort))


def async_memory(workshop: AsyncWorkshop, effort: Effort, full: int) -> Memory:
    """Weigh units on an event loop of its own, as `sync_memory` does."""
    return asyncio.run(_async_memory(workshop, effort, full))


def _started(start: Callable[[], Unit]) -> Unit:
    unit = start()
    check(unit.call(MESSAGE))
    return unit


def _cold_starts(start: Callable[[], Unit], effort: Effort) -> list[float]:
    """Microseconds from nothing to the first answer; ending the unit is not in them."""
    _started(start).close()
    samples: list[float] = []
    end = perf_counter() + effort.cold_seconds
    while len(samples) < 3 or (len(samples) < effort.cold_most and perf_counter() < end):
        begin = perf_counter_ns()
        unit = start()
        answer = unit.call(MESSAGE)
        samples.append((perf_counter_ns() - begin) / 1000)
        check(answer)
        unit.close()
    return samples


def _round_trips(unit: Unit, seconds: float) -> list[float]:
    samples: list[float] = []
    call, end = unit.call, perf_counter() + seconds
    while perf_counter() < end:
        for _ in range(BATCH):
            begin = perf_counter_ns()
            call(MESSAGE)
            samples.append((perf_counter_ns() - begin) / 1000)
    return samples


def _throughput(unit: Unit, seconds: float) -> float:
    """Calls per second, one after the other, without a look at the clock around each."""
    call, calls, begin = unit.call, 0, perf_counter()
    while (elapsed := perf_counter() - begin) < seconds:
        for _ in range(BATCH):
            call(MESSAGE)
        calls += BATCH
    return calls / elapsed


async def _async_speed(workshop: AsyncWorkshop, effort: Effort) -> Speed:
    async with workshop() as start:
        cold = await _async_cold_starts(start, effort)
        unit = await start()
        for _ in range(WARM_UP):
            check(await unit.call(MESSAGE))
        warm = await _async_round_trips(unit, effort.warm_seconds)
        rate = await _async_throughput(unit, effort.warm_seconds)
        await unit.close()
    return Speed(median(cold), median(warm), rate)


async def _async_memory(workshop: AsyncWorkshop, effort: Effort, full: int) -> Memory:
    units = effort.units(full)
    async with workshop() as start:
        live = [await _async_started(start)]
        before = weigh()
        for _ in range(units):
            live.append(await _async_started(start))
        resident, page_tables = weigh().each(before, units)
        for unit in live:
            await unit.close()
    return Memory(resident, page_tables, units)


async def _async_started(start: Callable[[], Awaitable[AsyncUnit]]) -> AsyncUnit:
    unit = await start()
    check(await unit.call(MESSAGE))
    return unit


async def _async_cold_starts(start: Callable[[], Awaitable[AsyncUnit]], effort: Effort) -> list[float]:
    await (await _async_started(start)).close()
    samples: list[float] = []
    end = perf_counter() + effort.cold_seconds
    while len(samples) < 3 or (len(samples) < effort.cold_most and perf_counter() < end):
        begin = perf_counter_ns()
        unit = await start()
        answer = await unit.call(MESSAGE)
        samples.append((perf_counter_ns() - begin) / 1000)
        check(answer)
        await unit.close()
    return samples


async def _async_round_trips(unit: AsyncUnit, seconds: float) -> list[float]:
    samples: list[float] = []
    call, end = unit.call, perf_counter() + seconds
    while perf_counter() < end:
        for _ in range(BATCH):
            begin = perf_counter_ns()
            await call(MESSAGE)
            samples.append((perf_counter_ns() - begin) / 1000)
    return samples


async def _async_throughput(unit: AsyncUnit, seconds: float) -> float:
    call, calls, begin = unit.call, 0, perf_counter()
    while (elapsed := perf_counter() - begin) < seconds:
        for _ in range(BATCH):
            await call(MESSAGE)
        calls += BATCH
    return calls / elapsed
