"""An agent that has had no turn for a while has a small memory, until its next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import caxton
from caxton.agents.agent import Agent
from caxton.host.memory import resident
from caxton.testing import ManualClock
from tests.conftest import Run
from tests.sandbox.guests import MIB, agent

# Writes the message's length onto every page of its first MiB; answers what is on the last.
WRITER = agent(
    """(local $at i32)
    (global.set $result (i64.load (i32.const 1044480)))
    (loop $next
      (i64.store (local.get $at) (i64.extend_i32_u (local.get $len)))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 1048576))))
    (i32.const 0)""",
    memory="20",
)
# Small at first; where the message says so it grows by 20 pages, and writes here and there.
GROWER = agent(
    """(local $at i32)
    (if (local.get $len) (then
      (drop (memory.grow (i32.const 20)))
      (local.set $at (i32.const 65536))
      (loop $next
        (memory.fill (local.get $at) (i32.const 1) (i32.const 1000))
        (local.set $at (i32.add (local.get $at) (i32.const 4096)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 1048576))))))
    (i32.const 0)"""
)
# Fills its memory with what differs everywhere.
DENSE = agent(
    """(memory.fill (i32.const 65536) (i32.const 7) (i32.const 33554432))
    (global.set $result (i64.load (i32.const 30000000)))
    (i32.const 0)""",
    memory="600",
)
SMALL = agent()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the event loop go round until something is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came so far")


async def pass_time(clock: ManualClock, seconds: float) -> None:
    """In steps of half a second, each with rounds for what they bring."""
    for _ in range(int(seconds * 2)):
        clock.advance(0.5)
        for _ in range(5):
            await asyncio.sleep(0)


def test_after_a_while(run: Run) -> None:
    """Not before; it finds what it had; and it happens again."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=4) as host:
            ref = await host.spawn("writer", WRITER)
            await ref.ask(b"12345")
            for before in (5, 7):
                await pass_time(clock, 3)
                assert not ref.statistics().compact
                await pass_time(clock, 5)
                assert ref.statistics().compact
                assert (await ref.ask(b"1234567")).payload == before.to_bytes(8, "little")
                assert not ref.statistics().compact

    run(main())


def test_one_that_is_asked_now_and_then(run: Run) -> None:
    """Keeps its memory."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=4) as host:
            ref = await host.spawn("writer", WRITER)
            for _ in range(10):
                await ref.ask(b"12345")
                await pass_time(clock, 3)
                assert not ref.statistics().compact

    run(main())


def test_small_agents(run: Run) -> None:
    """Are left alone, and nobody looks at them."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=4) as host:
            ref = await host.spawn("small", SMALL)
            await ref.ask(b"x")
            assert host._compaction._timer is None
            await pass_time(clock, 20)
            assert not ref.statistics().compact

    run(main())


def test_one_that_has_grown(run: Run) -> None:
    """Is looked at from then on."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=4) as host:
            ref = await host.spawn("grower", GROWER)
            await pass_time(clock, 10)
            await ref.ask(b"x")
            await pass_time(clock, 10)
            assert ref.statistics().compact

    run(main())


def test_one_that_differs_everywhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps its memory: there is nothing to win. The host takes no more than it did, and finds that out soon."""
    looks: list[int | None] = []
    compact = Agent.compact

    def counted(agent: Agent, pagemap: int, least: int) -> int | None:
        looks.append(compact(agent, pagemap, least))
        return looks[-1]

    monkeypatch.setattr(Agent, "compact", counted)

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=4) as host:
            ref = await host.spawn("dense", DENSE)
            for count in (1, 2):
                assert (await ref.ask(b"x")).payload == b"\7" * 8
                had = resident()
                await pass_time(clock, 10)
                assert not ref.statistics().compact
                assert abs(resident() - had) < MIB
                assert len(looks) <= 3 * count  # of 32 MiB it looks at one or two

    run(main())


def test_one_that_waits(run: Run) -> None:
    """Has a stack, and its memory as it is."""

    async def main() -> None:
        clock = ManualClock()
        text = agent(
            "(drop (call $sleep_ms (i64.const 20000))) (i32.const 0)",
            uses='(import "caxton" "sleep_ms" (func $sleep_ms (param i64) (result i32)))',
            memory="20",
        )
        async with caxton.Host(clock=clock, compact_after=1) as host:
            ref = await host.spawn("sleeper", text, limits=caxton.Limits(deadline=60))
            asked = asyncio.create_task(ref.ask(b""))
            await until(lambda: ref.statistics().state == "waiting")
            await pass_time(clock, 10)
            assert "waiting" == ref.statistics().state
            assert not ref.statistics().compact
            await pass_time(clock, 15)
            await asked

    run(main())


def test_never(run: Run) -> None:
    """With 0."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=0) as host:
            ref = await host.spawn("writer", WRITER)
            await ref.ask(b"12345")
            await pass_time(clock, 30)
            assert not ref.statistics().compact

    run(main())


def test_many(run: Run) -> None:
    """All of them, a few in each round of the event loop; and those that have ended are forgotten."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=2) as host:
            refs = [await host.spawn(f"writer-{number}", WRITER) for number in range(60)]
            for ref in refs:
                await ref.ask(b"1")
            for ref in refs[:20]:
                await ref.stop()
            clock.advance(1)
            clock.advance(1)
            clock.advance(1)
            await until(lambda: all(ref.statistics().compact for ref in refs[20:]))
            assert len(host._compaction._agents) == 40

    run(main())


def test_one_at_a_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """While some are still to be made small nobody looks for more, whatever else becomes large meanwhile."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=2) as host:
            for number in range(30):
                await (await host.spawn(f"writer-{number}", WRITER)).ask(b"1")
            compaction = host._compaction
            monkeypatch.setattr("caxton.host.compaction._SLICE", -1.0)  # one in each round
            for _ in range(3):
                clock.advance(1)
            assert len(compaction._due) > 20
            await (await host.spawn("another", WRITER)).ask(b"1")
            assert compaction._timer is None
            for _ in range(3):
                clock.advance(1)
            assert len(compaction._due) == len(set(compaction._due))
            await until(lambda: not compaction._due and compaction._timer is not None)

    run(main())


def test_the_host_is_left(run: Run) -> None:
    """While memories are small, and while some were still to be made so."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=2) as host:
            for number in range(10):
                await (await host.spawn(f"writer-{number}", WRITER)).ask(b"1")
            clock.advance(3)
            await asyncio.sleep(0)

    run(main())


@pytest.mark.parametrize("wrong", [-1, "soon", True, "5 parsecs"])
def test_what_is_no_time(wrong: object) -> None:
    """Is refused by name."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Host(compact_after=wrong)  # type: ignore[arg-type]
    assert "config.invalid" == caught.value.code
    assert "compact_after" in caught.value.message


def test_memory_falls(run: Run) -> None:
    """What the process has falls by what the agents had."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock, compact_after=2) as host:
            refs = [await host.spawn(f"writer-{number}", WRITER) for number in range(40)]
            for ref in refs:
                await ref.ask(b"1")
            had = resident()
            for _ in range(3):
                clock.advance(1)
            await until(lambda: all(ref.statistics().compact for ref in refs))
            assert had - resident() > 30 * MIB

    run(main())


def test_the_configuration(tmp_path: Path) -> None:
    """Says it too."""
    path = tmp_path / "caxton.toml"
    for text, expected in {"": 5.0, "[host]\ncompact_after = '1m'": 60.0, "[host]\ncompact_after = 0": 0.0}.items():
        path.write_text(text)
        assert caxton.Host.from_config(path)._compact_after == expected
