"""The same messages, seed and clock give the same responses, and the same fuel to the unit, wherever turns run."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

import caxton
from caxton.testing import DRIVER, ManualClock, Step, act, call, program
from tests.agents.lab import lab
from tests.conftest import Run

ALLOCATING = """(module
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 1024))
  (global $ptr (mut i32) (i32.const 0))
  (global $len (mut i32) (i32.const 0))
  (func (export "caxton_alloc") (param $n i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get $n) (i32.const 7)) (i32.const -8)))))
  (func (export "caxton_free") (param i32 i32) (global.set $top (i32.const 1024)))
  (func (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    (local $n i32)
    (global.set $ptr (local.get $ptr))
    (global.set $len (local.get $len))
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.mul (local.get $len) (i32.const 300)))))
    (i32.const 0))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (if (i32.le_u (global.get $len) (local.get $len))
      (then (memory.copy (local.get $ptr) (global.get $ptr) (global.get $len))))
    (global.get $len)))"""

PROGRAMS: tuple[tuple[Step, ...], ...] = (
    (call("random", 40), call("now_ms"), call("context"), call("envelope"), act("count")),
    (act("burn", 300_000), call("context"), call("monotonic_ns")),
    (call("state_put", "k", bytes(5_000)), call("state_get", "k"), call("state_keys", "")),
    tuple([call("random", 3), call("context")] * 100),
    (act("burn", 99_990), *[call("log", 2, "line")] * 150, act("burn", 250_000)),
    (call("tell", "peer", "x"), call("ask", "peer", b"y" * 500, 1_000), call("set_timer", 50, 0, "z")),
    (act("grow", 5), act("grow", 100_000), call("list_tools")),
    (act("finish", 3),),
    (act("burn", 150_000), act("trap")),
    (act("divide"),),
    (act("load", 0xFFFF_FFFF),),
    (act("recurse"),),
    (call("log", 2, 0, 0xFFFF_FFFF, raw=True),),
    (act("burn", 10_000_000),),
    (act("count"), call("context"), call("random", 8)),
)


class Outcome(NamedTuple):
    """What became of one message."""

    payload: bytes
    code: str
    fuel: int
    host_calls: int
    memory: int


async def outcome(agent: caxton.AgentRef, message: bytes) -> Outcome:
    before = agent.statistics()
    try:
        payload, code = (await agent.ask(message)).payload, ""
    except caxton.CaxtonError as error:
        payload, code = str(error).encode(), error.code
    after = agent.statistics()
    return Outcome(payload, code, after.fuel - before.fuel, after.host_calls - before.host_calls, after.memory_peak)


async def history(*, seed: int = 7, slow: bool = False) -> list[Outcome]:
    """All programs, one after another, on a fresh host."""
    async with lab(seed=seed) as a:
        await a.driver("peer")
        agent = await a.driver("agent", limits={"fuel": 5_000_000})
        found = []
        for steps in PROGRAMS:
            if slow:
                agent._agent._slow = True
            found.append(await outcome(agent, program(*steps)))
            await a.elapse(0.1)
        return found


def test_two_runs_are_the_same(run: Run) -> None:
    """Responses, errors, fuel, host calls, memory: of fifteen turns, among them every kind of crash."""

    async def main() -> None:
        first, second = await history(), await history()
        for steps, one, two in zip(PROGRAMS, first, second, strict=True):
            assert one == two, steps
        assert {"", "agent.failed", "trap.unreachable", "trap.divide-by-zero", "trap.out-of-bounds"} < {
            one.code for one in first
        }

    run(main())


def test_on_a_worker_as_on_the_event_loop(run: Run) -> None:
    """Where a turn begins changes nothing that anybody can see, and costs nothing."""

    async def main() -> None:
        here, there = await history(), await history(slow=True)
        for steps, one, two in zip(PROGRAMS, here, there, strict=True):
            assert one == two, steps

    run(main())


def test_beside_others_as_alone(run: Run) -> None:
    """Twenty agents at once on two workers: each is billed what it costs alone."""

    async def main() -> None:
        async with caxton.Host(clock=ManualClock(), workers=2) as host:
            messages = [b"m" * n * 40 for n in range(20)]
            agents = [await host.spawn(f"agent-{n}", ALLOCATING) for n in range(20)]
            together = await asyncio.gather(
                *(agent.ask(message) for agent, message in zip(agents, messages, strict=True))
            )
            alone = [await agents[0].ask(message) for message in messages]
            assert [reply.usage.fuel for reply in alone] == [reply.usage.fuel for reply in together]
            assert messages == [reply.payload for reply in together]

    run(main())


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 4097, 10_000])
def test_the_same_turn_again_and_again(run: Run, size: int) -> None:
    """The hundredth turn costs what the first one did, on every instance."""

    async def main() -> None:
        async with caxton.Host(clock=ManualClock()) as host:
            one, two = [await host.spawn(name, ALLOCATING) for name in ("one", "two")]
            fuel = {(await agent.ask(bytes(size))).usage.fuel for agent in (one, two) for _ in range(20)}
            assert 1 == len(fuel)

    run(main())


def test_the_seed_decides_the_random_numbers(run: Run) -> None:
    """Each agent has its own; a restart does not begin anew; without a seed nothing repeats."""

    async def main() -> None:
        async def numbers(seed: int | None, name: str) -> list[bytes]:
            async with lab(seed=seed) as a:
                agent = await a.driver(name)
                found = [(await agent.ask(program(call("random", 16)))).payload]
                with pytest.raises(caxton.TrapError):
                    await agent.ask(program(act("trap")))
                found.append((await agent.ask(program(call("random", 16)))).payload)
                return found

        first = await numbers(1, "a")
        assert first == await numbers(1, "a")
        assert first[0] != first[1]
        assert first != await numbers(2, "a")
        assert first != await numbers(1, "b")
        assert await numbers(None, "a") != await numbers(None, "a")

    run(main())


def test_what_others_do_does_not_change_an_agents_numbers(run: Run) -> None:
    """The order in which agents draw does not matter."""

    async def main() -> None:
        async def draw(*order: str) -> dict[str, list[bytes]]:
            async with caxton.Host(seed=3, clock=ManualClock()) as host:
                refs = {name: await host.spawn(name, DRIVER) for name in ("a", "b")}
                found: dict[str, list[bytes]] = {"a": [], "b": []}
                for name in order:
                    found[name].append((await refs[name].ask(program(call("random", 8)))).payload)
                return found

        assert await draw("a", "a", "b", "b") == await draw("b", "a", "b", "a")

    run(main())
