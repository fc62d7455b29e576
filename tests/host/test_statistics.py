"""Figures about agents and hosts: frozen snapshots that add up."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest

import caxton
from caxton.testing import ECHO, act, call, driver, perform, program
from tests.agents.lab import asking, eventually, failure, lab
from tests.conftest import Run


def test_an_agents_figures(run: Run) -> None:
    """What it has done, and what it has now."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"log": 10})
            fresh = agent.statistics()
            assert ("agent", "idle", 0, 0, 0, 0, 0, None) == (
                fresh.name,
                fresh.state,
                fresh.turns,
                fresh.failures,
                fresh.traps,
                fresh.restarts,
                fresh.held,
                fresh.failure,
            )
            assert 0 == fresh.fuel  # there is nothing to do in its turn 0
            usages = [(await agent.ask(program(call("now_ms")))).usage for _ in range(3)]
            await failure(agent, act("finish", 1))
            await failure(agent, act("trap"))
            await perform(agent, call("state_put", "k", "v"), *[call("log", 2, "x" * 6)] * 3)
            found = agent.statistics()
            assert (6, 1, 1, 1, 258, 2) == (
                found.turns,
                found.failures,
                found.traps,
                found.restarts,
                found.held,
                found.log_dropped,
            )
            assert found.fuel > fresh.fuel + sum(usage.fuel for usage in usages)
            assert 3 + 4 == found.host_calls
            assert found.memory >= 1 << 16
            assert found.memory <= found.memory_peak

    run(main())


def test_the_usage_of_a_turn(run: Run) -> None:
    """Fuel, wall time waiting included, memory at its end, host calls."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            before = agent.statistics()
            asked = asking(agent, call("sleep_ms", 1_500), act("grow", 2))
            await a.elapse(1.5)
            await asked
            after = agent.statistics()
            assert 1.5 == pytest.approx(after.wall - before.wall)
            assert 2 << 16 == after.memory - before.memory

    run(main())


def test_the_states(run: Run) -> None:
    """Idle, running, waiting, starting, stopped, failed: each can be seen."""

    async def main() -> None:
        async with lab() as a:
            idle, runs, waits = await a.drivers("idle", "runs", "waits")
            fails = await a.driver("fails", restart=caxton.Restart("temporary"))
            await failure(fails, act("trap"))
            tasks = [asking(runs, act("spin")), asking(waits, call("sleep_ms", 1_000))]
            starts = asyncio.create_task(a.driver("starts", driver(call("sleep_ms", 1_000))))
            await eventually(lambda: a.host.statistics().agents == 5)
            wanted = {"idle": 1, "running": 1, "waiting": 1, "starting": 1, "failed": 1}
            assert wanted == a.host.statistics().states
            assert "trap.unreachable" in str(fails.statistics().failure)
            for ref in (idle, runs, waits, fails):
                await ref.stop()
            assert ["stopped", "stopped", "stopped", "failed"] == [
                ref.statistics().state for ref in (idle, runs, waits, fails)
            ]
            await a.elapse(1.0)
            await starts
            assert {"idle": 1} == a.host.statistics().states
            await asyncio.gather(*tasks, return_exceptions=True)

    run(main())


def test_a_hosts_figures_are_the_sums(run: Run) -> None:
    """Over the agents that are there."""

    async def main() -> None:
        async with lab() as a:
            refs = await a.drivers("one", "two", "three")
            for n, ref in enumerate(refs):
                for _ in range(n + 1):
                    await perform(ref, act("count"))
            await failure(refs[0], act("trap"))
            await a.settle()
            parts = [ref.statistics() for ref in refs]
            whole = a.host.statistics()
            assert 3 == whole.agents == sum(whole.states.values())
            for name in ("turns", "traps", "restarts", "fuel"):
                assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
            assert 0 < whole.memory <= whole.memory_limit
            await refs[2].stop()
            assert whole.turns - 3 == a.host.statistics().turns

    run(main())


def test_snapshots_are_frozen_and_json(run: Run) -> None:
    """They do not change, and cannot be changed."""

    async def main() -> None:
        async with caxton.Host() as host:
            agent = await host.spawn("agent", ECHO)
            before, whole = agent.statistics(), host.statistics()
            await agent.ask("x")
            assert 0 == before.turns
            for snapshot in (before, whole):
                with pytest.raises(dataclasses.FrozenInstanceError):
                    snapshot.turns = 5  # type: ignore[misc]
                assert dataclasses.asdict(snapshot) == json.loads(json.dumps(snapshot.as_json()))

    run(main())


def test_the_mailbox_can_be_seen(run: Run) -> None:
    """How many wait, and how many bytes."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            busy = asking(agent, call("sleep_ms", 10))
            await a.settle()
            await agent.tell(b"12345")
            await agent.tell(b"678")
            assert (2, 8) == (agent.statistics().mailbox, agent.statistics().mailbox_bytes)
            await a.elapse(0.01)
            await busy
            assert (0, 0) == (agent.statistics().mailbox, agent.statistics().mailbox_bytes)

    run(main())
