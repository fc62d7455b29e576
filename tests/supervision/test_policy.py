"""When a new instance follows one that ended: decided purely, from what happened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.supervision.policy import Decision, Policy

RESTART, STOP, FAIL = Decision.RESTART, Decision.STOP, Decision.FAIL


@pytest.mark.parametrize(
    ("strategy", "normally", "wanted"),
    [
        ("permanent", True, RESTART),
        ("permanent", False, RESTART),
        ("transient", True, STOP),
        ("transient", False, RESTART),
        ("temporary", True, STOP),
        ("temporary", False, FAIL),
    ],
)
def test_the_strategies(strategy: str, normally: bool, wanted: Decision) -> None:
    """Permanent: always; transient: unless it ended by its own will; temporary: never."""
    assert wanted is Policy(caxton.Restart(strategy)).ended(0.0, normally=normally)


def test_no_restarts_allowed() -> None:
    """With ``max_restarts=0`` the first crash is the last."""
    assert FAIL is Policy(caxton.Restart("permanent", max_restarts=0)).ended(5.0, normally=False)


def test_the_edge_of_the_time_window() -> None:
    """A crash exactly ``within`` seconds ago still counts; one a moment older does not."""
    for later, wanted in ((10.0, FAIL), (10.001, RESTART)):
        policy = Policy(caxton.Restart("permanent", max_restarts=1, within=10.0))
        assert RESTART is policy.ended(100.0, normally=False)
        assert wanted is policy.ended(100.0 + later, normally=False)


@given(
    st.lists(st.integers(0, 20), max_size=60),
    st.integers(0, 5),
    st.integers(0, 30),
)
def test_never_more_than_so_many_restarts_within_so_long(gaps: list[int], most: int, within: int) -> None:
    """Restart intensity against its definition: a crash is refused when so many restarts lie within the window."""
    policy = Policy(caxton.Restart("permanent", max_restarts=most, within=float(within)))
    now = 0
    restarts: list[int] = []
    for gap in gaps:
        now += gap
        allowed = sum(1 for at in restarts if now - at <= within) < most
        assert (RESTART if allowed else FAIL) is policy.ended(float(now), normally=False)
        if not allowed:
            break
        restarts.append(now)
