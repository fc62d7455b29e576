"""Tables are memory too: four of 20,000 elements, and no growth beyond that."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import Box, agent, i32, number, refusal

GROW = agent(
    """
    (global.set $result (i64.extend_i32_s (table.grow $t (ref.null func) (i32.load (local.get $ptr)))))
    (i32.const 0)""",
    items="(table $t 1 funcref)",
)


def tables(*minima: int) -> str:
    return agent(items="".join(f"(table {minimum} funcref)" for minimum in minima))


def test_four_full_tables_are_allowed(box: Box) -> None:
    """As many and as large as the limit says."""
    box.ask(box.spawn(tables(20_000, 20_000, 20_000, 20_000)))


@pytest.mark.parametrize("minima", [(20_001,), (0, 0, 20_001), (1_000_000,), (10_000_000, 10_000_000)])
def test_a_first_table_beyond_the_limit(minima: tuple[int, ...]) -> None:
    """A table that starts too large is refused at once."""
    assert refusal(tables(*minima)).code == "limit.table"


@pytest.mark.parametrize("count", [5, 6, 50, 100])
def test_more_tables_than_four(count: int) -> None:
    """One table too many is refused, however small they are."""
    assert refusal(tables(*[0] * count)).code == "limit.table"


def test_growth_to_the_limit_and_not_beyond(box: Box) -> None:
    """`table.grow` gives the old size as long as there is room, and -1 after."""
    ref = box.spawn(GROW)
    assert [number(box.ask(ref, i32(n))) for n in (9, 19_990, 1, 0, 2**32 - 1)] == [1, 10, -1, 20_000, -1]


def test_a_smaller_limit(box: Box) -> None:
    """An agent may be given less."""
    limits = caxton.Limits(table_elements=10)
    ref = box.spawn(GROW, limits)
    assert [number(box.ask(ref, i32(n))) for n in (9, 1)] == [1, -1]
    assert box.refused(tables(11), limits).code == "limit.table"


def test_a_new_instance_has_fresh_tables(box: Box) -> None:
    """What was grown is gone with its instance, and a reused slot holds nobody's functions."""
    text = agent(
        """
        (if (local.get $len) (then (unreachable)))
        (global.set $result (i64.extend_i32_u (table.size $t)))
        (drop (table.grow $t (ref.func $handle) (i32.const 1000)))
        (if (i32.eqz (ref.is_null (table.get $t (i32.const 0)))) (then (global.set $result (i64.const -1))))
        (i32.const 0)""",
        items="(table $t 1 funcref) (elem declare func $handle)",
    )
    ref = box.spawn(text)
    for _ in range(5):
        assert [number(box.ask(ref)), number(box.ask(ref))] == [1, 1001]
        assert box.fails(ref, b"x").code == "trap.unreachable"


def test_externref_tables_count_like_others() -> None:
    """The limit knows no types."""
    many = agent(items="".join("(table 0 externref)" for _ in range(5)))
    assert refusal(many).code == "limit.table"
    assert refusal(agent(items="(table 20001 externref)")).code == "limit.table"
