"""Fuel limits what a turn computes: exactly, and the same turn always uses the same."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.sandbox.limits import SLICE
from tests.sandbox.guests import BUMP, Box, agent, i32, imports, number

# Counts down from the message's number.
COUNTDOWN = agent("""
    (local $n i32)
    (local.set $n (i32.load (local.get $ptr)))
    (loop $again
      (if (local.get $n) (then (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $again))))
    (i32.const 0)""")


def used(box: Box, turns: int, fuel: int = 10**9) -> int:
    return box.ask(box.spawn(COUNTDOWN, caxton.Limits(fuel=fuel)), i32(turns)).usage.fuel


def test_the_same_turn_uses_the_same_fuel(box: Box) -> None:
    """Whichever instance does it, on the event loop or on a worker, first or later."""
    first, second = box.spawn(COUNTDOWN), box.spawn(COUNTDOWN)
    for turns in (0, 1, 1000, 300_000):
        message = i32(turns)
        assert len({box.ask(ref, message).usage.fuel for ref in (first, second, first, first)}) == 1


def test_fuel_does_not_depend_on_what_runs_beside_it(box: Box) -> None:
    """Eight agents at once, more than there are cores, use what one alone uses."""
    alone = used(box, 500_000)
    refs = [box.spawn(COUNTDOWN) for _ in range(8)]

    async def together() -> list[caxton.Reply]:
        return await asyncio.gather(*(ref.ask(i32(500_000)) for ref in refs))

    assert {reply.usage.fuel for reply in box.run(together())} == {alone}


def test_a_turn_of_more_work_uses_more(box: Box) -> None:
    """Fuel grows with the work, by the same amount for each round."""
    base = used(box, 0)
    assert used(box, 2000) - used(box, 1000) == used(box, 1000) - base > 0


@pytest.mark.parametrize("turns", [0, 10, 99_999, 250_000])
def test_the_limit_is_exact_to_the_unit(box: Box, turns: int) -> None:
    """With exactly what it needs a turn succeeds, and with one unit less it does not. A limit changes no bill."""
    needed = used(box, turns)
    assert used(box, turns, needed) == needed
    with pytest.raises(caxton.LimitError) as caught:
        used(box, turns, needed - 1)
    assert caught.value.code == "limit.fuel"


def test_every_smaller_limit_is_too_small(box: Box) -> None:
    """There is no limit below what a turn needs with which it gets through."""
    needed = used(box, 3)
    assert needed < 100
    for fuel in range(1, needed):
        with pytest.raises(caxton.LimitError):
            used(box, 3, fuel)


def test_a_turn_without_fuel_stops_at_the_same_instruction(box: Box) -> None:
    """How far a guest gets before it has no fuel left is the same each time, whoever else runs."""
    text = agent(
        """
        (loop $again
          (call $log (i32.const 2) (i32.const 16) (i32.const 1))
          (br $again))
        (i32.const 0)""",
        uses=imports("log"),
    )
    refs = [box.spawn(text, caxton.Limits(fuel=100_000 + i // 3)) for i in range(6)]

    async def together() -> list[str]:
        results = await asyncio.gather(*(ref.ask(b"") for ref in refs), return_exceptions=True)
        return [result.code for result in results if isinstance(result, caxton.LimitError)]

    assert box.run(together()) == ["limit.fuel"] * 6
    lines = [sum(1 for agent, _, _ in box.logs if agent == ref.name) for ref in refs]
    assert len(set(lines)) == 1
    assert 95 <= lines[0] <= 99


def test_a_turn_without_fuel_has_a_stack(box: Box) -> None:
    """The error says where the guest was."""
    ref = box.spawn(
        agent("(call $spin) (i32.const 0)", items="(func $spin (loop $again (br $again)))"), caxton.Limits(fuel=10**6)
    )
    error = box.fails(ref)
    assert error.code == "limit.fuel"
    assert [frame.function for frame in error.frames] == ["spin", "handle"]
    assert error.memory_used is not None
    assert ref.statistics().fuel == 10**6


def test_each_turn_has_its_own_fuel(box: Box) -> None:
    """What one turn has used is not missing in the next, and what it left is not added."""
    needed = used(box, 1000)
    ref = box.spawn(COUNTDOWN, caxton.Limits(fuel=needed))
    assert [box.ask(ref, i32(n)).usage.fuel for n in (1000, 0, 1000, 1000)].count(needed) == 3
    assert box.fails(ref, i32(1001)).code == "limit.fuel"
    assert box.ask(ref, i32(1000)).usage.fuel == needed


def trapped(box: Box, body: str) -> int:
    """The fuel that a trapped turn was charged, which must be the same every time."""
    ref = box.spawn(agent(body))
    charges = []
    for _ in range(3):
        before = ref.statistics().fuel
        box.fails(ref)
        charges.append(ref.statistics().fuel - before)
    assert len(set(charges)) == 1
    return charges[0]


SOME_WORK = """
    (local $n i32)
    (local.set $n (i32.const 250000))
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"""


@pytest.mark.parametrize(
    ("trap", "slack"),
    [
        ("(unreachable)", 0),
        ("(drop (i32.load (i32.const -1))) (i32.const 0)", SLICE),
        ("(i32.div_u (i32.const 1) (i32.const 0))", SLICE),
    ],
)
def test_a_trap_is_charged(box: Box, trap: str, slack: int) -> None:
    """What a turn had used when it trapped is counted: exactly, or rounded up by less than a slice."""
    work = box.ask(box.spawn(agent(f"{SOME_WORK} (i32.const 0)"))).usage.fuel
    charged = trapped(box, f"{SOME_WORK} {trap}")
    assert work - 10 <= charged <= work + 10 + slack


def test_nothing_charged_for_a_trap_is_more_than_the_limit(box: Box) -> None:
    """Rounding up never makes a bill larger than the limit."""
    ref = box.spawn(agent("(i32.div_u (i32.const 1) (i32.const 0))"), caxton.Limits(fuel=500))
    assert box.fails(ref).code == "trap.divide-by-zero"
    assert 0 < ref.statistics().fuel <= 500


def test_waiting_uses_no_fuel(box: Box) -> None:
    """A guest's fuel stands still while it waits, however long that is."""
    text = agent("(call $sleep_ms (i64.load (local.get $ptr)))", uses=imports("sleep_ms"))
    ref = box.spawn(text)
    costs = {box.ask(ref, time.to_bytes(8, "little")).usage.fuel for time in (0, 1, 30)}
    assert len(costs) == 1


TURN_0 = agent(
    items=f"""
    {BUMP}
    (func $work (param $n i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func $start (call $work (i32.const 10000)))
    (func (export "_initialize") (call $work (i32.const 10000)))
    (func (export "caxton_init") (result i32) (call $work (i32.const 10000)) (i32.const 0))
    (start $start)"""
)


def test_turn_0_has_the_fuel_of_one_turn(box: Box) -> None:
    """The start function, `_initialize` and `caxton_init` share it: what is enough for two is too little."""
    whole = box.spawn(TURN_0, warm=False).statistics().fuel
    assert box.spawn(TURN_0, caxton.Limits(fuel=whole), warm=False).statistics().fuel == whole
    assert box.refused(TURN_0, caxton.Limits(fuel=whole - 1)).code == "limit.fuel"
    assert box.refused(TURN_0, caxton.Limits(fuel=whole * 5 // 6)).code == "limit.fuel"
    assert box.refused(TURN_0, caxton.Limits(fuel=whole // 6)).code == "limit.fuel"


BULK = {
    "memory.fill": "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 1048576))",
    "memory.copy": "(memory.copy (i32.const 65536) (i32.const 1114112) (i32.const 1048576))",
    "memory.grow": "(drop (memory.grow (i32.const 0)))",
    "table.fill": "(table.fill $t (i32.const 0) (ref.null func) (i32.const 10000))",
}


@pytest.mark.parametrize("instruction", BULK.values(), ids=BULK.keys())
def test_bulk_instructions_are_charged(box: Box, instruction: str) -> None:
    """A loop of instructions that each do much work comes to the end of its fuel like any other."""
    text = agent(
        f"(loop $again {instruction} (br $again)) (i32.const 0)", memory="64", items=f"{BUMP} (table $t 10000 funcref)"
    )
    assert box.fails(box.spawn(text, caxton.Limits(fuel=1_000_000, deadline=60.0))).code == "limit.fuel"


def test_a_guest_can_ask_what_is_left(box: Box) -> None:
    """`context` tells the fuel that is left, of the limit that it was given."""
    text = agent(
        "(global.set $size (call $context)) (i32.const 0)",
        uses=imports("context", "read_result"),
        items="(global $size (mut i32) (i32.const 0))",
        response="(call $read_result (local.get $ptr) (local.get $len))",
    )
    reply = box.ask(box.spawn(text, caxton.Limits(fuel=50_000)))
    left = int(reply.text.partition('"fuel":')[2].partition(",")[0])
    assert 48_900 <= left < 50_000


def test_usage_and_statistics_agree(box: Box) -> None:
    """What replies say adds up to what the statistics say."""
    ref = box.spawn(COUNTDOWN)
    sum_of_turns = sum(box.ask(ref, i32(n)).usage.fuel for n in (1, 20, 300, 40_000))
    assert ref.statistics().fuel - sum_of_turns == box.spawn(COUNTDOWN).statistics().fuel
    assert box.host.statistics().fuel >= sum_of_turns


def test_number_of_the_reply_is_untouched_by_a_limit_that_suffices(box: Box) -> None:
    """Being suspended between slices changes nothing of what is computed."""
    text = agent("""
        (local $n i64) (local $x i64)
        (local.set $n (i64.const 400000)) (local.set $x (i64.const 1))
        (loop $again
          (local.set $x
            (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
          (br_if $again (i32.wrap_i64 (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (global.set $result (local.get $x)) (i32.const 0)""")
    x = 1
    for _ in range(400_000):
        x = (x * 6364136223846793005 + 1442695040888963407) & ((1 << 64) - 1)
    assert number(box.ask(box.spawn(text))) == (x - (1 << 64) if x >> 63 else x)
