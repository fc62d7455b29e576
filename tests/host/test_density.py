"""Thousands of agents in one process: idle and waiting they cost no thread each, and their memory has one budget."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

import caxton
from caxton.host import memory
from caxton.testing import ManualClock
from tests.agents.lab import MIB, lab
from tests.conftest import Run

MANY: Final = 2_000
PAGE: Final = 65_536

# Grows by as many pages as the message has bytes, each time by sixteen at most, with so many rounds of a loop between;
# then waits for the tool "gate"; answers with the pages it has got.
GROWER: Final = """(module
  (import "caxton" "call_tool" (func $call_tool (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") {first})
  (data (i32.const 64) "gate{{}}")
  (func (export "caxton_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "caxton_free") (param i32 i32))
  (func $grow (param $pages i32)
    (local $rounds i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $pages)))
        (br_if $done (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
        (local.set $pages (i32.sub (local.get $pages) (i32.const 16)))
        (local.set $rounds (i32.const {rounds}))
        (loop $burn
          (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
          (br_if $burn (i32.gt_s (local.get $rounds) (i32.const 0))))
        (br $next))))
  (func (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    (call $grow (local.get $len))
    (if (local.get $len)
      (then (drop (call $call_tool (i32.const 64) (i32.const 4) (i32.const 68) (i32.const 2)))))
    (i32.const 0))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (i32.store (local.get $ptr) (memory.size))
    (i32.const 4)))"""

SMALL: Final = GROWER.format(first=1, rounds=0)
SLOWLY: Final = GROWER.format(first=1, rounds=2_000_000)
GRANTS: Final = caxton.Grants(tools=["gate"])


def _pages(reply: caxton.Reply) -> int:
    return int.from_bytes(reply.payload, "little")


def _native_threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def _sum(host: caxton.Host) -> int:
    """The agents' linear memories, added up one by one."""
    return sum(agent.statistics().memory for agent in host.agents())


def _small_host(mib: int, workers: int = 1) -> caxton.Host:
    """One whose agents may have this much in sum."""
    return caxton.Host(memory=mib * MIB, workers=workers, clock=ManualClock())


def test_thousands_idle_and_waiting_in_one_process(run: Run) -> None:
    """Half of them wait in a tool at the same moment; there are as many threads as there were with one agent."""

    async def main() -> None:
        async with lab() as a:
            go = asyncio.Event()

            @a.host.tool
            async def gate() -> None:
                await go.wait()

            agents = [await a.host.spawn(f"agent-{n}", SMALL, grants=GRANTS) for n in range(MANY)]
            threads, native = threading.active_count(), _native_threads()
            asked = [asyncio.create_task(agent.ask(bytes(16))) for agent in agents[::2]]
            await a.settle()
            assert {"idle": MANY // 2, "waiting": MANY // 2} == a.host.statistics().states
            assert (threads, native) == (threading.active_count(), _native_threads())
            idle = [(await agent.ask(b"")).payload for agent in agents[1::2]]
            assert [(1).to_bytes(4, "little")] * (MANY // 2) == idle
            go.set()
            assert [17] * (MANY // 2) == [_pages(await task) for task in asked]
            assert _sum(a.host) == a.host.statistics().memory == (MANY + MANY // 2 * 16) * PAGE

    run(main())


def test_more_agents_than_the_host_can_hold(run: Run) -> None:
    """limit.host, which may be tried again later; whoever is there lives on, and a place that is given up is free."""

    async def main() -> None:
        async with _small_host(160) as host:
            big = GROWER.format(first=32 * 16, rounds=0)  # 32 MiB, none of which is ever touched
            fit = host.statistics().memory_limit // (32 * MIB)
            agents = [await host.spawn(f"agent-{n}", big) for n in range(fit)]
            with pytest.raises(caxton.LimitError) as caught:
                await host.spawn("one-more", big)
            assert "limit.host" == caught.value.code
            assert caught.value.retryable
            assert (5, 5) == (fit, host.statistics().agents)
            for agent in agents:
                assert 32 * 16 == _pages(await agent.ask(b""))
            await agents.pop().stop()
            agents.append(await host.spawn("another", big))
            with pytest.raises(caxton.LimitError):
                await host.spawn("one-too-many", big)
            for agent in agents:
                await agent.stop()
            assert (0, 0) == (host.statistics().memory, host.statistics().agents)

    run(main())


def test_growth_is_held_to_the_budget(run: Run) -> None:
    """Turn after turn: beyond the budget `memory.grow` answers -1, and the guest goes on."""

    async def main() -> None:
        async with _small_host(400) as host:
            agents = [await host.spawn(f"agent-{n}", SMALL) for n in range(40)]
            limit = host.statistics().memory_limit
            got = [_pages(await agent.ask(bytes(60 * 16))) for agent in agents]
            assert got[0] == 60 * 16 + 1
            assert got[-1] < 60 * 16
            assert _sum(host) == host.statistics().memory <= limit
            for agent in agents[:-1]:
                await agent.stop()
            assert _sum(host) == host.statistics().memory
            more = _pages(await agents[-1].ask(bytes(16 * 16)))
            assert more > got[-1]

    run(main())


def test_growth_of_those_who_wait_counts(run: Run) -> None:
    """A guest that has grown and then waits in a tool has its memory all the while."""

    async def main() -> None:
        async with _small_host(160) as host:
            go = asyncio.Event()

            @host.tool
            async def gate() -> None:
                await go.wait()

            agents = [await host.spawn(f"agent-{n}", SMALL, grants=GRANTS) for n in range(40)]
            asked = [asyncio.create_task(agent.ask(bytes(60 * 16))) for agent in agents]
            await caxton.testing.settle(host)
            assert {"waiting": 40} == host.statistics().states
            assert _sum(host) == host.statistics().memory <= host.statistics().memory_limit
            with pytest.raises(caxton.LimitError):
                await host.spawn("big", GROWER.format(first=60 * 16, rounds=0))
            go.set()
            for task in asked:
                await task
            assert _sum(host) == host.statistics().memory <= host.statistics().memory_limit
            for agent in agents:
                await agent.stop()
            assert 0 == host.statistics().memory

    run(main())


@pytest.mark.parametrize("workers", [1, 4])
def test_growth_on_workers_counts(run: Run, workers: int) -> None:
    """A turn that computes long and grows between is held to the same budget, and so is everybody beside it."""

    async def main() -> None:
        async with _small_host(160, workers) as host:
            agents = [await host.spawn(f"agent-{n}", SLOWLY) for n in range(12)]
            asked = [asyncio.create_task(agent.ask(bytes(48 * 16))) for agent in agents]
            for task in asked:
                await task
            assert _sum(host) == host.statistics().memory <= host.statistics().memory_limit

    run(main())


def test_agents_that_wait_while_they_start_count(run: Run) -> None:
    """From their first page on."""
    waits = f"""(module
      (import "caxton" "sleep_ms" (func $sleep_ms (param i64) (result i32)))
      (memory (export "memory") {32 * 16})
      (func (export "caxton_alloc") (param i32) (result i32) (i32.const 1024))
      (func (export "caxton_free") (param i32 i32))
      (func (export "caxton_init") (result i32) (call $sleep_ms (i64.const 1000)))
      (func (export "handle_message") (param i32 i32) (result i32) (i32.const 0))
      (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(memory=160 * MIB, clock=clock) as host:
            spawning = [asyncio.create_task(host.spawn(f"agent-{n}", waits)) for n in range(60)]
            await caxton.testing.settle(host)
            found = host.statistics()
            assert found.memory_limit // (32 * MIB) == found.states["starting"] == found.agents
            assert found.agents * 32 * MIB == found.memory
            await clock.elapse(host, 1.0)
            outcomes = await asyncio.gather(*spawning, return_exceptions=True)
            refused = [outcome for outcome in outcomes if isinstance(outcome, caxton.LimitError)]
            assert {"limit.host"} == {error.code for error in refused}
            assert found.agents == len(outcomes) - len(refused) == host.statistics().agents

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has resident")
def test_a_process_that_is_too_large_takes_no_more_agents(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with little memory, what the program itself has leaves no room for agents."""
    monkeypatch.setattr(memory, "machine_memory", lambda: memory.resident() // 2)

    async def main() -> None:
        async with caxton.Host(memory=MIB) as host:
            with pytest.raises(caxton.LimitError) as caught:
                await host.spawn("agent", SMALL)
            assert "limit.host" == caught.value.code
            assert [] == host.agents()

    run(main())
