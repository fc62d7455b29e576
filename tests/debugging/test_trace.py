"""A program watches the host calls of an agent that runs, from when it wants until when it wants."""

from __future__ import annotations

import caxton
from tests.sandbox.guests import Box, agent, imports

LOGGER = agent(
    "(call $log (i32.const 2) (local.get $ptr) (local.get $len)) (i32.const 0)",
    uses=imports("log", "now_ms"),
    items='(func (export "_initialize") (drop (call $now_ms)))',
)
SPINNER = agent(
    """(loop $on
      (call $log (i32.const 2) (local.get $ptr) (i32.const 1))
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br_if $on (i32.lt_u (global.get $n) (i32.const 500))))
    (i32.const 0)""",
    uses=imports("log"),
    items="(global $n (mut i32) (i32.const 0))",
)


def test_a_running_agent(box: Box) -> None:
    """Only what it calls while somebody watches; two may watch at once."""
    ref = box.spawn(LOGGER, name="logger")
    box.ask(ref, "before")
    seen: list[caxton.HostCall] = []
    with box.host.agent("logger").trace() as trace, ref.trace(seen.append) as other:
        box.ask(ref, "while")
    box.ask(ref, "after")
    assert [str(call).partition(" [")[0] for call in trace] == ['caxton.log(2, "while") = 0']
    assert list(trace) == list(other) == seen
    assert (len(trace), trace.total, seen[0].agent) == (1, 1, "logger")


def test_the_next_instances_are_watched_too(box: Box) -> None:
    """A restart does not end it; turn 0 counts, also that of an agent that is spawned with a watcher."""
    seen: list[caxton.HostCall] = []
    ref = box.spawn(LOGGER, debug=caxton.Debug(trace=seen.append))
    assert [call.name for call in seen] == ["now_ms"]
    with ref.trace() as trace:
        box.ask(ref, "one")
    assert [call.name for call in trace.take()] == ["log"]
    assert len(trace) == 0
    assert [call.name for call in seen] == ["now_ms", "log"]


def test_a_turn_on_a_worker(box: Box) -> None:
    """Where a call is answered makes no difference: none is missed, and they are in order."""
    ref = box.spawn(SPINNER)
    with ref.trace() as trace:
        box.ask(ref, "x")
    assert trace.total == 500
    fuel = [call.fuel for call in trace]
    assert fuel == sorted(set(fuel))


def test_a_watcher_that_fails_costs_no_turn() -> None:
    """It is the program's own mistake, and is logged as one."""
    with Box() as box:
        ref = box.spawn(LOGGER)
        with ref.trace(lambda call: 1 // 0) as trace:
            box.ask(ref, "hello")
        assert trace.total == 1


def test_watching_changes_nothing(box: Box) -> None:
    """The fuel of a turn is the same."""
    ref = box.spawn(LOGGER)
    plain = box.ask(ref, "hello").usage.fuel
    with ref.trace():
        watched = box.ask(ref, "hello").usage.fuel
    assert plain == watched
