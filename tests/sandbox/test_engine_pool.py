"""The pool of instances is sized from the machine; where there is too little address space agents start without one."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from caxton.sandbox import engine
from caxton.sandbox.engine import GIB, MIB, PAGE, Pool, Settings, choose_pool, default_settings, shared_engine
from caxton.sandbox.native import shim
from tests.sandbox.guests import BUMP, Box, agent, guest_limits, i32, number

# A host in a process of its own: what it logs, and what its agents answer.
SCRIPT = """
import asyncio, logging, sys
logging.basicConfig(format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
import caxton
from caxton.sandbox.engine import default_settings, shared_engine
TEXT = sys.argv[1]
async def main():
    async with caxton.Host(memory="1 GiB") as host:
        refs = [await host.spawn(f"a{i}", TEXT) for i in range(20)]
        replies = await asyncio.gather(*(ref.ask(bytes([i, 0, 0, 0])) for i, ref in enumerate(refs)))
        print("sum", sum(int.from_bytes(reply.payload, "little") for reply in replies))
        hog = await host.spawn("hog", TEXT, limits=caxton.Limits(memory="8 MiB"))
        for pages in (50, 200):
            reply = await hog.ask(bytes([255, 0, 0, 0, pages, 0, 0, 0]))
            print("grow", int.from_bytes(reply.payload, "little", signed=True))
        for i in range(50):
            await (await host.spawn("again", TEXT)).stop()
        try:
            await refs[0].ask(bytes([254, 0, 0, 0]))
        except caxton.TrapError as error:
            print(error.code)
        print("next", int.from_bytes((await refs[0].ask(bytes([7, 0, 0, 0]))).payload, "little"))
    used = shared_engine(default_settings())
    print("capacity", used.capacity, "memory", used.max_memory)
asyncio.run(main())
"""
GUEST = agent(
    """
    (global.set $result (i64.load32_u (local.get $ptr)))
    (if (i64.eq (global.get $result) (i64.const 255)) (then
      (global.set $result (i64.extend_i32_s (memory.grow (i32.load offset=4 (local.get $ptr)))))))
    (if (i64.eq (global.get $result) (i64.const 254)) (then (unreachable)))
    (i32.const 0)"""
)


def run(address_space: int | None) -> list[str]:
    def limit() -> None:
        if address_space is not None:
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, GUEST],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


ANSWERS = ["sum 190", "grow 34", "grow -1", "trap.unreachable", "next 7"]


def test_the_pool_is_what_the_machine_has_room_for() -> None:
    """What was chosen is what is used; without a warning there is room for a thousand agents at least."""
    *lines, last = run(None)
    here = shared_engine(default_settings())
    assert last == f"capacity {here.capacity} memory {here.max_memory}"
    if here.capacity is not None:
        assert lines == ANSWERS
        assert here.capacity >= 1_000
    else:
        assert lines[1:] == ANSWERS


@pytest.mark.parametrize("size", [4 * GIB, 8 * GIB])
def test_with_little_address_space_there_is_none(size: int) -> None:
    """`ulimit -v`: a warning that says so, and everything works all the same."""
    warning, *lines, last = run(size)
    assert warning.startswith("WARNING caxton.sandbox too little address space for a pool")
    assert lines == ANSWERS
    assert last.startswith("capacity None")


def test_with_some_address_space_the_pool_is_smaller() -> None:
    """Between the two: fewer instances, or less address space for each, or none at all; agents work."""
    *lines, last = run(400 * GIB)
    assert lines[-len(ANSWERS) :] == ANSWERS
    capacity = last.split()[1]
    assert (capacity == "None") == (len(lines) > len(ANSWERS)), "a warning, or a pool"
    if capacity != "None":
        most = shared_engine(default_settings()).capacity
        assert most is not None
        assert 1_000 <= int(capacity) <= most


def test_the_kernels_limit_of_mappings_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that would need more mappings than a process may have is not made, however much address space there is."""
    monkeypatch.setattr(engine, "shim", SimpleNamespace(cx_can_reserve=lambda size, writable: 1))
    capacities = []
    for mappings in (1_000_000, 65_530, 30_000, 12_000, 1_000):
        monkeypatch.setattr(engine, "_max_mappings", lambda mappings=mappings: mappings)
        _, pool = choose_pool()
        capacities.append(0 if pool is None else pool.capacity)
    assert capacities == sorted(capacities, reverse=True)
    assert capacities[0] > capacities[-1] == 0
    for mappings, capacity in zip((1_000_000, 65_530, 30_000, 12_000, 1_000), capacities, strict=True):
        assert capacity * engine._MAPPINGS_PER_STACK < mappings


def test_where_the_kernel_tells_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system than Linux only address space counts."""
    monkeypatch.setattr(engine, "shim", SimpleNamespace(cx_can_reserve=lambda size, writable: 1))
    monkeypatch.setattr(engine, "_max_mappings", lambda: None)
    settings, pool = choose_pool()
    assert pool is not None
    assert (settings.reservation, pool.memory) == (4 * GIB, 4 * GIB)


def test_reserving_is_tried_without_harm() -> None:
    """The question alone reserves nothing, and an absurd one is answered."""
    before = Path("/proc/self/statm").read_text().split()[0]
    assert shim.cx_can_reserve(1 * GIB, 0) == 1
    assert shim.cx_can_reserve(1 << 62, 0) == 0
    assert shim.cx_can_reserve((1 << 64) - 1, 1) == 0
    assert Path("/proc/self/statm").read_text().split()[0] == before


def test_engines_are_shared() -> None:
    """One engine for each set of settings, made once; features and large memories get their own."""
    default = default_settings()
    assert default_settings() == default
    assert shared_engine(default) is shared_engine(default_settings())
    gc = default_settings(frozenset({"gc"}))
    assert gc != default
    assert shared_engine(gc) is shared_engine(default_settings(frozenset({"gc"})))
    assert shared_engine(gc) is not shared_engine(default)
    assert default_settings(memory=5 * GIB).reservation == 4 * GIB


def test_an_engine_without_a_pool_holds_the_limits_too() -> None:
    """What runs outside the pool (features, here) has the same limits of memory."""
    text = agent(
        "(global.set $result (i64.extend_i32_s (memory.grow (i32.load (local.get $ptr))))) (i32.const 0)",
        items=BUMP,
    )
    with Box() as box:
        from caxton import Limits

        ref = box.spawn(text, Limits(memory="200 MiB"), features=["gc"])
        assert [number(box.ask(ref, i32(n))) for n in (3199, 1, 0)] == [1, -1, 3200]


def test_instances_of_two_engines_live_side_by_side() -> None:
    """A module with features and one without, in one host."""
    with Box() as box:
        plain, special = box.spawn(GUEST), box.spawn(GUEST, features=["exceptions"])
        for n in range(3):
            assert number(box.ask(plain, i32(n))) == number(box.ask(special, i32(n))) == n


def test_more_instances_than_the_pool_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is `limit.host`, and the others live on; when one goes, another may come."""
    small = Settings(reservation=64 * MIB)
    monkeypatch.setitem(engine._engines, small, engine.Engine(small, Pool(8, 64 * MIB)))
    from caxton.sandbox.cache import ModuleCache
    from caxton.sandbox.module import load

    made = load(GUEST.encode(), ModuleCache(), settings=small)
    guests = [made.guest(guest_limits()) for _ in range(9)]
    statuses = [guest.start(0) for guest in guests]
    assert statuses == [0] * 8 + [4]
    error = guests[8].fault()
    assert not isinstance(error, int)
    assert error.code == "limit.host"
    assert guests[0].deliver(i32(5), 0) == 3
    guests[8].close()
    guests[3].close()
    another = made.guest(guest_limits())
    assert another.start(0) == 0
    for guest in (*guests, another):
        guest.close()


def test_the_pools_memory_is_what_the_default_limit_needs() -> None:
    """Whatever was chosen, an agent of default limits fits into a slot."""
    used = shared_engine(default_settings())
    assert used.max_memory >= 64 * MIB
    assert used.max_memory % PAGE == 0
