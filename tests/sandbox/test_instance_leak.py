"""Instances leave nothing behind: however often agents start, trap, are cancelled and start again, memory stays.

Each scenario runs in a process of its own, warms up, and then must end with the resident memory that it had.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

import caxton
from caxton.sandbox.core_abi import CoreGuest
from tests.sandbox.guests import BUMP, Impatient, agent, guest_limits, imports, module_of

TOLERANCE = 4 << 20

SPIN = "(loop $again (br $again))"
WAIT = "(drop (call $sleep_ms (i64.const 3600000)))"
GUEST = agent(
    f"""
    (local $what i32)
    (if (local.get $len) (then (local.set $what (i32.load8_u (local.get $ptr)))))
    (if (i32.eq (local.get $what) (i32.const 84)) (then (unreachable)))
    (if (i32.eq (local.get $what) (i32.const 83)) (then {SPIN}))
    (if (i32.eq (local.get $what) (i32.const 87)) (then {WAIT}))
    (if (i32.eq (local.get $what) (i32.const 77)) (then
      (drop (memory.grow (i32.const 16)))
      (memory.fill (i32.const 65536) (i32.const 1) (i32.const 1048576))
      (unreachable)))
    (i32.const 0)""",
    uses=imports("sleep_ms"),
    items=BUMP,
)
FOREVER = caxton.Restart(max_restarts=10**9)
LONG = caxton.Limits(fuel=1 << 62)


def starting(body: str) -> str:
    return agent(uses=imports("sleep_ms"), items=f"{BUMP} (func $start {body}) (start $start)")


async def until(condition: Callable[[], bool]) -> None:
    """Gives the event loop turns until something is so."""
    async with asyncio.timeout(60):
        for _ in iter(condition, True):
            await asyncio.sleep(0)


def _is(ref: caxton.AgentRef, state: str) -> bool:
    return ref.statistics().state == state


async def _fails(ref: caxton.AgentRef, message: bytes, times: int) -> None:
    for _ in range(times):
        with contextlib.suppress(caxton.TrapError, caxton.LimitError):
            await ref.ask(message)
            raise AssertionError("it should have failed")


async def trap(host: caxton.Host, times: int) -> None:
    await _fails(await host.spawn("a", GUEST, restart=FOREVER), b"T", times)


async def trap_with_much_memory(host: caxton.Host, times: int) -> None:
    await _fails(await host.spawn("a", GUEST, restart=FOREVER), b"M", times)


async def run_out_of_fuel(host: caxton.Host, times: int) -> None:
    await _fails(await host.spawn("a", GUEST, limits=caxton.Limits(fuel=150_000), restart=FOREVER), b"S", times)


async def spawn_and_stop(host: caxton.Host, times: int) -> None:
    for _ in range(times):
        ref = await host.spawn("a", GUEST)
        await ref.ask(b"")
        await ref.stop()


async def _stopped_in_a_turn(host: caxton.Host, message: bytes, state: str, times: int) -> None:
    for _ in range(times):
        ref = await host.spawn("a", GUEST, limits=LONG)
        asked = asyncio.create_task(ref.ask(message))
        await until(partial(_is, ref, state))
        await ref.stop()
        try:
            await asked
        except caxton.AgentError as error:
            if error.code != "agent.stopped":
                raise


async def stop_while_spinning(host: caxton.Host, times: int) -> None:
    await _stopped_in_a_turn(host, b"S", "running", times)


async def stop_while_waiting(host: caxton.Host, times: int) -> None:
    await _stopped_in_a_turn(host, b"W", "waiting", times)


async def _cancelled_start(host: caxton.Host, text: str, times: int) -> None:
    for _ in range(times):
        spawning = asyncio.create_task(host.spawn("a", text, limits=LONG))
        await until(lambda: bool(host.agents()))
        spawning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await spawning
        if host.agents():
            raise AssertionError("it is still there")


async def cancel_a_spinning_start(host: caxton.Host, times: int) -> None:
    await _cancelled_start(host, starting(SPIN), times)


async def cancel_a_waiting_start(host: caxton.Host, times: int) -> None:
    await _cancelled_start(host, starting(WAIT), times)


async def trap_while_starting(host: caxton.Host, times: int) -> None:
    text = starting("(unreachable)")
    for _ in range(times):
        with contextlib.suppress(caxton.TrapError):
            await host.spawn("a", text)
            raise AssertionError("it should have failed")


async def give_up_asking(host: caxton.Host, times: int) -> None:
    """The caller is cancelled; the agent goes on, and its reply goes to the dead letters."""
    ref = await host.spawn("a", GUEST)
    for _ in range(times):
        asked = asyncio.create_task(ref.ask(b"x"))
        await asyncio.sleep(0)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
    await ref.ask(b"")


# How often: ten thousand where a cycle is short; fewer where threads hand over to each other.
SCENARIOS: dict[str, tuple[Callable[[caxton.Host, int], Awaitable[None]], int]] = {
    "trap": (trap, 10_000),
    "trap_with_much_memory": (trap_with_much_memory, 500),
    "run_out_of_fuel": (run_out_of_fuel, 1_000),
    "spawn_and_stop": (spawn_and_stop, 10_000),
    "stop_while_spinning": (stop_while_spinning, 200),
    "stop_while_waiting": (stop_while_waiting, 5_000),
    "cancel_a_spinning_start": (cancel_a_spinning_start, 200),
    "cancel_a_waiting_start": (cancel_a_waiting_start, 3_000),
    "trap_while_starting": (trap_while_starting, 3_000),
    "give_up_asking": (give_up_asking, 3_000),
}


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _measure(name: str) -> int:
    scenario, times = SCENARIOS[name]
    async with caxton.Host(log=lambda *line: None) as host:
        await scenario(host, max(200, times // 5))
        for ref in host.agents():
            await ref.stop()
        before = resident()
        await scenario(host, times)
        for ref in host.agents():
            await ref.stop()
        if host.statistics().memory:
            raise AssertionError("the host counts memory of agents that are gone")
        return resident() - before


def main() -> None:
    """What the child process runs: one scenario, and how much it grew."""
    print(asyncio.run(_measure(sys.argv[1])))


@pytest.mark.parametrize("name", SCENARIOS)
def test_resident_memory_stays(name: str) -> None:
    """Ten thousand cycles of spawn, trap and respawn leave RSS where it was; so do stops at every moment."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.sandbox.test_instance_leak import main; main()", name],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) < TOLERANCE


# ---- below the host: closed at every moment of a job


def _stages(guest: CoreGuest, stage: int) -> None:
    """Goes so far with a guest."""
    status = guest.start(0)
    while status == 2 and stage:
        status = guest.run(1, 0)
        stage -= 1
    if stage and status == 0:
        status = guest.deliver(b"S" if stage % 2 else b"W", 0)
        while status == 2 and stage > 1:
            status = guest.run(1, 0)
            stage -= 2


@pytest.mark.parametrize("text", [GUEST, starting(SPIN), starting(WAIT), starting("(unreachable)")])
def test_closing_at_any_moment(text: str) -> None:
    """Before, in and after the start function, in a turn, in a host call: `close` frees all, twice harms nothing."""
    module = module_of(text)
    limits = guest_limits(fuel=1 << 40)

    def cycle(times: int) -> None:
        for i in range(times):
            guest = module.guest(limits)
            if i % 8 != 7:
                _stages(guest, i % 7)
            guest.close()
            guest.close()

    cycle(500)
    before = resident()
    cycle(5_000)
    assert resident() - before < 2 * TOLERANCE  # 5,000 instances that leak are 35 MB


def test_forgotten_guests_free_themselves() -> None:
    """A guest that nobody closes goes with its last reference."""
    module = module_of(GUEST)

    def forget(times: int) -> None:
        for _ in range(times):
            module.guest(guest_limits()).start(0)

    forget(500)
    before = resident()
    forget(5_000)
    assert resident() - before < TOLERANCE


def test_modules_go_with_their_host() -> None:
    """Hosts that come and go, each with a module of its own settings, leave no engines, modules or threads behind."""

    async def one() -> None:
        async with caxton.Host(clock=Impatient()) as host:
            ref = await host.spawn("a", GUEST)
            await ref.ask(b"W")
            with contextlib.suppress(caxton.LimitError):
                await (await host.spawn("b", GUEST, limits=caxton.Limits(fuel=200_000))).ask(b"S")

    for _ in range(20):
        asyncio.run(one())
    before, files = resident(), len(os.listdir("/proc/self/fd"))
    for _ in range(150):
        asyncio.run(one())
    assert resident() - before < TOLERANCE
    assert len(os.listdir("/proc/self/fd")) == files
    assert len(os.listdir("/proc/self/task")) <= 4 + (os.cpu_count() or 1)
