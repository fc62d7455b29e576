"""A warm start never lets an agent begin where its own limits, seed or clock would not have let it come to."""

from __future__ import annotations

from pathlib import Path

import pytest

import caxton
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.compiler import read_facts, to_binary
from caxton.sandbox.freeze.warm import warm_up
from caxton.sandbox.module import load
from caxton.sandbox.warmth import COLD, WARM, Allowance, Warmth
from caxton.testing import ManualClock
from tests.sandbox.guests import BUMP, MIB, Box, agent, i64, imports, number, warmed

GROWS = agent(
    "(global.set $result (i64.extend_i32_u (memory.size))) (i32.const 0)",
    items=BUMP
    + """(func (export "_initialize")
      (if (i32.eq (memory.grow (i32.const 31)) (i32.const -1)) (then (drop (memory.grow (i32.const 3))))))""",
)
SPINS = agent(
    items=BUMP
    + """(func (export "_initialize") (local $i i32)
      (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 200000)))))"""
)


def draws(name: str) -> str:
    """An agent that answers what it asked the host for while it initialised."""
    asked = (
        "(i64.store (i32.const 8) (call $now_ms))" if name == "now_ms" else "(call $random (i32.const 8) (i32.const 8))"
    )
    return agent(
        "(global.set $result (i64.load (i32.const 8))) (i32.const 0)",
        uses=imports(name),
        items=BUMP + f'(func (export "_initialize") {asked})',
    )


def test_less_memory_than_it_took(box: Box) -> None:
    """An agent with less runs its initialisation itself, which finds another way or does not."""
    assert warmed(GROWS).facts.warmth.state == WARM
    assert number(box.ask(box.spawn(GROWS))) == 32
    assert number(box.ask(box.spawn(GROWS, caxton.Limits(memory="2 MiB")))) == 32
    assert number(box.ask(box.spawn(GROWS, caxton.Limits(memory="1 MiB")))) == 4
    assert number(box.ask(box.spawn(GROWS))) == 32


def test_less_memory_than_it_needs(box: Box) -> None:
    """`limit.memory`, with the same words."""
    text = agent(
        items=BUMP
        + '(func (export "_initialize") (if (i32.eq (memory.grow (i32.const 31)) (i32.const -1)) (then unreachable)))'
    )
    box.spawn(text)
    small = caxton.Limits(memory=MIB)
    warm, cold = box.refused(text, small), box.refused(text, small, warm=False)
    assert warm.code == "limit.memory"
    assert (warm.message, warm.frames) == (cold.message, cold.frames)


def test_more_memory_than_was_tried(box: Box) -> None:
    """What it would have done with more than it could be given is not known: it is left to do it."""
    asks = agent(
        "(global.set $result (i64.extend_i32_u (memory.size))) (i32.const 0)",
        items=BUMP + '(func (export "_initialize") (drop (memory.grow (i32.const 20000))))',
    )
    assert warmed(asks).facts.warmth.state == WARM
    assert number(box.ask(box.spawn(asks))) == 1
    assert number(box.ask(box.spawn(asks, caxton.Limits(memory="2 GiB")))) == 20_001


def test_less_fuel_than_it_takes(box: Box) -> None:
    """`limit.fuel`, also where somebody else's limits have let it run ahead before."""
    box.spawn(SPINS)
    assert box.refused(SPINS, caxton.Limits(fuel=100_000)).code == "limit.fuel"
    assert box.spawn(SPINS, caxton.Limits(fuel=10_000_000)).statistics().fuel < 100


def test_more_fuel_later(box: Box) -> None:
    """A module that had too little when it was first loaded is tried again for an agent that has more."""
    text = SPINS.replace("200000", "200001")
    assert box.refused(text, caxton.Limits(fuel=100_000)).code == "limit.fuel"
    assert box.spawn(text).statistics().fuel < 100


ENDLESS = agent(items=BUMP + '(func (export "_initialize") (loop $again (br $again)))')


def test_the_time_of_a_trial_is_the_agents() -> None:
    """Its deadline, so that it does not wait longer to hear that it does not start; between a second and ten."""
    assert Allowance.within(10**7, 3.0) == Allowance(10**7, 3.0)
    assert Allowance.within(10**11, 0.1) == Allowance(10**10, 1.0)
    assert Allowance.within(10**11, 30.0) == Allowance(10**10, 10.0)
    data = to_binary(ENDLESS.encode())
    found = warm_up(data, read_facts(data), frozenset(), Allowance(seconds=0.01)).warmth
    assert (found.reason, found.tried, found.tried_seconds) == ("it ends with limit.deadline", 0, 0.01)


def test_more_time_later(tmp_path: Path) -> None:
    """A module that had too little when it was first loaded is tried again for an agent that has more."""
    cache = ModuleCache(tmp_path)
    text = SPINS.replace("200000", "3000000").encode()
    seen = []
    for allowance in (
        Allowance(seconds=1e-9),
        Allowance(seconds=1e-9),
        Allowance(seconds=1e9),
        Allowance(seconds=1e-9),
    ):
        seen.append(load(text, cache, allowance=allowance).facts.warmth.state)
    assert seen == [COLD, COLD, WARM, WARM]


def test_what_is_worth_another_trial() -> None:
    """More of what there was too little of, and nothing else."""
    for found, worth in {
        Warmth(COLD, "", tried=5): (True, False),
        Warmth(COLD, "", tried_seconds=5.0): (False, True),
        Warmth(COLD, "it calls caxton.log"): (False, False),
        Warmth(WARM): (False, False),
    }.items():
        assert worth == (found.is_worth(Allowance(6, 5.0)), found.is_worth(Allowance(5, 6.0)))
        assert not found.is_worth(Allowance(5, 5.0))
        assert not found.is_worth(None)


def test_fewer_host_calls_than_it_makes(box: Box) -> None:
    """`limit.host-calls`."""
    text = draws("random")
    box.spawn(text)
    assert box.refused(text, caxton.Limits(host_calls=0)).code == "limit.host-calls"


def test_a_seed_is_kept() -> None:
    """Where random numbers are to be repeatable, and different for each agent, each draws its own."""
    text, answers = draws("random"), []
    for _ in range(2):
        with Box(seed=7) as box:
            answers.append([box.ask(box.spawn(text, name=name)).payload for name in ("a", "b")])
    assert answers[0] == answers[1]
    assert answers[0][0] != answers[0][1]


def test_without_one_they_are_shared(box: Box) -> None:
    """The documents say so: random numbers drawn while initialising are the same for all instances of a module."""
    text = draws("random")
    first, second, cold = box.spawn(text), box.spawn(text), box.spawn(text, warm=False)
    assert box.ask(first).payload == box.ask(second).payload
    assert box.ask(cold).payload != box.ask(first).payload


def test_a_clock_of_the_hosts_own() -> None:
    """Where time is not the machine's, an initialisation that looks at it does so on the host's clock."""
    text = draws("now_ms")
    warmed(text)
    with Box(clock=ManualClock(unix=1_000_000.0)) as box:
        assert box.ask(box.spawn(text)).payload == i64(1_000_000_000)


@pytest.mark.parametrize(
    ("limits", "suits"),
    [
        ((100, 10, 1000, 5), True),
        ((99, 10, 1000, 5), False),
        ((201, 10, 1000, 5), False),
        ((100, 9, 1000, 5), False),
        ((100, 10, 999, 5), False),
        ((100, 10, 1000, 4), False),
    ],
)
def test_each_limit(limits: tuple[int, int, int, int], suits: bool) -> None:
    """Memory has two bounds: what it took, and what it was tried with."""
    found = Warmth(WARM, fuel=1000, host_calls=5, memory=100, table=10, most_memory=200)
    assert found.suits(*limits) == suits
