"""The parts that need many agents or some seconds, with little of either: they do what they say, and say all of it."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest

from caxton.bench.catalogue import SECTIONS, find
from caxton.bench.effort import Effort
from caxton.bench.figures import Result

TINY = Effort(rounds=1, seconds=0.005, agents=60, at_once=20, spinning=0.1, fresh=1, work=0.02)


def measure(part: str) -> dict[str, float]:
    """The figures that a part finds, in this process."""
    result: Result = asyncio.run(find(part)(TINY))  # type: ignore[arg-type]
    return {figure.name: figure.runs[0] for figure in result.figures}


def test_every_part_of_the_catalogue_is_there() -> None:
    """No section names a function that does not exist."""
    for section in SECTIONS:
        for part in section.parts:
            assert callable(find(part))


def test_suspended_agents_take_no_thread() -> None:
    """All agents are inside their tool call at once, and not one thread more is there than before."""
    found = measure("memory.suspended")
    assert found["suspended"] == TINY.agents
    assert found["suspended-more-threads"] == 0


@pytest.mark.parametrize("part", ["window", "allocator", "plain", "tasks"])
def test_memory_is_weighed_for_each_kind_of_unit(part: str) -> None:
    """Each kind has its resident memory, and beside it what of that is not shared, and its page tables."""
    found = measure(f"memory.{part}")
    assert len(found) == 3
    for ending in ("-own", "-tables"):
        assert any(name.endswith(ending) for name in found)


def test_latency_is_probed_idle_beside_guests_and_beside_threads() -> None:
    """p50 and p99 of an ask from when it was due, from when it was sent, and of a lap of the event loop."""
    found = measure("latency.measure")
    for beside in ("idle", "spinning", "threads"):
        for share in ("p50", "p99"):
            assert {f"latency-{beside}{kind}-{share}" for kind in ("", "-ask", "-lap")} <= found.keys()


def test_two_guests_are_compared_with_one() -> None:
    """The same work once and twice, through the host and in threads with the plain binding."""
    assert {"cores-one", "cores-two", "cores-ratio", "cores-plain-ratio"} == measure("cores.measure").keys()


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang compiles the guests in C")
def test_at_least_five_kernels_compute_the_same_natively_and_in_a_guest() -> None:
    """Each kernel's checksums agree (or it would be refused), and both geometric means are there."""
    found = measure("kernels.measure")
    assert len([name for name in found if name.startswith("kernel-")]) >= 5
    assert {"kernels-guest", "kernels-plain"} <= found.keys()
