"""The suite can fail: an agent with one fault is caught, in the group of behaviours that the fault is about."""

from __future__ import annotations

import pytest

from caxton.conformance import BEHAVIOURS, prove
from caxton.testing import ECHO
from tests.conformance.agents import faulty, played, reference, unkept
from tests.conftest import Run

FAULTS = {
    "memory is never free again": (1, "flat/failures flat/large"),
    "every error is called failed": (2, "tell/denied tell/unknown race/limit cancel/twice tool/denied"),
    "errors have no code": (3, "state/limit ask/trapped tool/failed"),
    "the first that was asked wins": (4, "race/first tool/race"),
    "answers in the order of coming": (5, "gather/all"),
    "nothing is cancelled": (6, "cancel/handle cancel/twice"),
    "random bytes are the memory's": (7, "random/bytes repeat/seed"),
    "messages are told without payload": (8, "tell/delivers tell/bytes tell/order wait/effects"),
    "nothing is subscribed": (9, "topic/delivers topic/patterns topic/restart"),
    "nothing is deferred": (10, "defer/resume defer/agents defer/once"),
    "nothing is emitted": (11, "emit/parts emit/at-once emit/limit limit/host-calls"),
    "nothing is put": (12, "state/put-get state/restart send/bytes timer/message"),
    "nobody sleeps": (13, "sleep/time sleep/deadline clock/still stop/waiting cancel/waiting ask/waits"),
    "every line is info": (14, "log/levels"),
    "timers have no period": (15, "timer/again"),
    "text ends at a NUL": (16, "payload/nul payload/binary ask/bytes"),
    "text is ASCII": (17, "payload/unicode payload/byte-order-mark payload/invalid-utf-8"),
    "large messages are cut": (18, "payload/1-mib-text payload/1-mib-binary"),
    "failures are answers": (19, "failure/payload failure/no-effects"),
    "panics say nothing": (20, "panic/message panic/after-wait"),
    "panics are failures": (21, "panic/trap panic/fresh-instance context/attempt"),
    "nobody spins": (22, "limit/fuel limit/deadline stop/computing cancel/computing"),
    "nobody eats": (23, "limit/memory"),
    "nothing is counted": (24, "memory/variables memory/apart gather/same"),
    "the envelope is another thing": (25, "envelope/request envelope/of-agents"),
    "byte order marks are taken off": (26, "payload/byte-order-mark"),
    "what is empty is the last answer": (27, "payload/empty-body"),
    "the context is empty": (28, "context/self context/left"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(fault: str) -> None:
    """By each behaviour that it is about; and the right agent keeps those."""
    number, names = FAULTS[fault]
    chosen = [each for each in BEHAVIOURS if each.id in names.split()]
    assert len(chosen) == len(names.split())
    assert {each.id for each in chosen} == {line.partition(":")[0] for line in unkept(played(faulty(number), chosen))}


def test_every_group_has_a_fault() -> None:
    """No group of behaviours is without a fault that it catches."""
    caught = {name.partition("/")[0] for _, names in FAULTS.values() for name in names.split()}
    assert caught == {each.group for each in BEHAVIOURS}


def test_an_agent_that_is_none_of_these_keeps_little() -> None:
    """What echoes everything answers, but not what was asked."""
    found = played(ECHO.encode(), BEHAVIOURS)
    assert {"failure/unknown", "repeat/seed", "tool/result"} <= {line.partition(":")[0] for line in unkept(found)}
    assert len(unkept(found)) > len(BEHAVIOURS) * 0.9


def test_a_hostile_agent_takes_bounded_time(run: Run) -> None:
    """Once three behaviours have used up their time, the others are not tried."""
    spinning = """(module (memory (export "memory") 1)
      (func (export "handle_message") (param i32 i32) (result i32) (loop $again (br $again)) (i32.const 0))
      (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""
    found = run(prove(spinning.encode(), BEHAVIOURS, patience=0.2))
    assert [False] * 3 == [each.kept for each in found[:3]]
    assert {None} == {each.kept for each in found[3:]}


def test_time_for_all_is_bounded(run: Run) -> None:
    """When the whole time is over, nothing is begun any more."""
    found = run(prove(reference(), BEHAVIOURS, in_all=-1.0))
    assert {None} == {each.kept for each in found}
