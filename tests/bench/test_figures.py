"""Contests, ratios, quantiles and bars: the arithmetic behind the tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from caxton.bench.catalogue import Bar, judge
from caxton.bench.figures import Merged, Result, contest, quantile, ratios
from caxton.bench.kernels import geometric_mean


def test_contestants_take_turns_and_another_one_begins_each_round() -> None:
    """One turn each to warm up, then round after round; nobody is always first."""
    order: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        def turn() -> float:
            order.append(name)
            return float(len(order))

        return turn

    found = asyncio.run(contest({name: contestant(name) for name in "abc"}, 3))
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert found == {"a": [4.0, 9.0, 11.0], "b": [5.0, 7.0, 12.0], "c": [6.0, 8.0, 10.0]}


def test_a_turn_may_be_awaited() -> None:
    """Contestants that live on an event loop and those that do not are in one contest."""

    async def slow() -> float:
        await asyncio.sleep(0)
        return 2.0

    assert asyncio.run(contest({"slow": slow, "plain": lambda: 1.0}, 2)) == {"slow": [2.0, 2.0], "plain": [1.0, 1.0]}


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that slows down between two rounds does not change the ratio."""
    assert ratios([10.0, 100.0], [1.0, 10.0]) == [10.0, 10.0]


def test_quantiles_are_samples() -> None:
    """The p99 of a hundred samples is the largest, the p50 one in the middle."""
    samples = [float(number) for number in range(100)]
    assert quantile(samples, 0.5) == 50.0
    assert quantile(samples, 0.99) == 99.0
    assert quantile([7.0], 0.99) == 7.0


def test_a_geometric_mean_and_its_inverse_agree() -> None:
    """Which side is divided by which does not matter."""
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert geometric_mean([0.5, 0.125]) == pytest.approx(0.25)


def test_rounds_of_fresh_processes_become_one_figure() -> None:
    """A figure that comes again gets further rounds; a note is told once."""
    merged = Merged()
    for value in (3.0, 1.0, 2.0):
        result = Result(notes=["a note"])
        result.add("memory", "memory", "KiB", [value])
        merged.add(result.as_json())
    assert merged.figures["memory"]["runs"] == [3.0, 1.0, 2.0]
    assert merged.figures["memory"]["value"] == 2.0
    assert merged.notes == ["a note"]


@pytest.mark.parametrize(("value", "at_least", "met"), [(15.0, True, True), (14.9, True, False), (15.0, False, True)])
def test_a_bar_is_met_or_missed(value: float, at_least: bool, met: bool) -> None:
    """A bar itself still meets it."""
    verdict = Bar("it", "a figure", 15, at_least=at_least).judge({"it": {"value": value, "unit": "times"}})
    assert verdict is not None
    assert verdict["met"] is met


def test_what_was_not_measured_is_not_judged() -> None:
    """``--only`` leaves the other bars out; it does not fail them."""
    assert judge([]) == []
