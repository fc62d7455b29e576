"""An initialisation that does more than compute, look at the clock and draw random numbers is left to each instance."""

from __future__ import annotations

import re

import pytest

import caxton
from caxton.sandbox.freeze.warm import ASKED
from caxton.sandbox.warmth import Warmth
from tests.sandbox.guests import BUMP, CONTRACT, WASI, Box, agent, imports, number, warmed, wasi

NOTHING_HAPPENS = {
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_prestat_get",
    "random_get",
    "sched_yield",
}


def calling(name: str, signature: str, uses: str) -> str:
    """An agent whose `_initialize` calls an import with pointers and lengths that are in order."""
    kinds = re.search(r"\(param ([^)]*)\)", signature)
    arguments = " ".join(f"({kind}.const {8 * at})" for at, kind in enumerate(kinds[1].split())) if kinds else ""
    call = f"(call ${name} {arguments})"
    body = f"(drop {call})" if "(result" in signature else call
    return agent(uses=uses, items=BUMP + f'(func (export "_initialize") {body})')


def warmth(text: str) -> Warmth:
    """What became of a module's initialisation."""
    return warmed(text).facts.warmth


@pytest.mark.parametrize("name", CONTRACT)
def test_host_calls(name: str) -> None:
    """Of the host's own imports, time and random numbers are all that may be asked for."""
    found = warmth(calling(name, CONTRACT[name], imports(name)))
    if name in ("now_ms", "monotonic_ns", "random"):
        assert found.state == "warm"
        assert (found.time, found.random) == (name == "now_ms", name == "random")
    else:
        assert (found.state, found.reason) == ("cold", f"it calls caxton.{name}")


@pytest.mark.parametrize("name", WASI)
def test_wasi_calls(name: str) -> None:
    """Of WASI's, also what has the same answer always, and no effect."""
    found = warmth(calling(name, WASI[name], wasi(name)))
    if name in NOTHING_HAPPENS:
        assert found.state == "warm"
        assert found.random == (name == "random_get")
    else:
        assert (found.state, found.reason) == ("cold", f"it calls wasi_snapshot_preview1.{name}")


def test_the_list_is_complete() -> None:
    """What is tried above is what the source allows."""
    assert ASKED == {("wasi_snapshot_preview1", name) for name in NOTHING_HAPPENS} | {
        ("caxton", name) for name in ("now_ms", "monotonic_ns", "random")
    }


def test_what_it_logs_is_logged_by_each(box: Box) -> None:
    """A line at the start of every instance, as ever."""
    text = agent(
        uses=imports("log"),
        items=BUMP
        + '(data (i32.const 8) "hello")'
        + '(func $say (export "_initialize") (call $log (i32.const 2) (i32.const 8) (i32.const 5)))',
    )
    box.spawn(text)
    box.spawn(text)
    assert box.lines() == ["hello", "hello"]


def test_its_own_name(box: Box) -> None:
    """An agent that asks who it is gets its own answer."""
    text = agent(
        "(global.set $result (i64.extend_i32_u (global.get $length))) (i32.const 0)",
        uses=imports("context"),
        items=BUMP
        + "(global $length (mut i32) (i32.const 0))"
        + '(func (export "_initialize") (global.set $length (call $context)))',
    )
    short, long = box.spawn(text, name="a"), box.spawn(text, name="a" * 60)
    assert number(box.ask(long)) - number(box.ask(short)) == 59


FAILING = {
    "trap.unreachable": "unreachable",
    "trap.out-of-bounds": "(drop (i32.load (i32.const -1)))",
    "trap.divide-by-zero": "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
    "trap.stack-overflow": "(call $start)",
    "limit.fuel": "(loop (br 0))",
}


def as_words(error: caxton.CaxtonError) -> tuple[object, ...]:
    """All that an error says."""
    return (error.code, error.message, error.frames, error.memory_used, error.memory_limit)


@pytest.mark.parametrize("how", ["start", "_initialize"])
@pytest.mark.parametrize(("code", "body"), FAILING.items())
def test_what_fails_fails_as_ever(box: Box, how: str, code: str, body: str) -> None:
    """The same code, message and stack as without warm starts."""
    export = '(export "_initialize")' if how == "_initialize" else ""
    start = "(start $start)" if how == "start" else ""
    text = agent(items=BUMP + f"(func $start {export} {body}) {start}")
    limits = caxton.Limits(fuel=1_000_000)
    warm, cold = box.refused(text, limits), box.refused(text, limits, warm=False)
    assert warm.code == code
    assert as_words(warm) == as_words(cold)


def test_who_refuses_refuses(box: Box) -> None:
    """`caxton_init` says no each time."""
    text = agent(items=BUMP + '(func (export "caxton_init") (result i32) (i32.const 3))')
    assert warmth(text).reason == "it ends with agent.refused-start"
    for _ in range(2):
        assert box.refused(text).code == "agent.refused-start"


def test_who_exits_exits(box: Box) -> None:
    """`proc_exit` while starting is a refusal to start."""
    text = agent(uses=wasi("proc_exit"), items=BUMP + '(func (export "_initialize") (call $proc_exit (i32.const 0)))')
    assert box.refused(text).code == "agent.refused-start"


@pytest.mark.parametrize("body", ["(drop (memory.size))", "(drop (memory.grow (i32.const 0)))"])
def test_the_window_is_not_to_be_seen(box: Box, body: str) -> None:
    """A module without an allocator has pages of the host's behind its own: one that could see them is left cold."""
    text = agent(items=f'(func (export "_initialize") {body})')
    found = warmth(text)
    assert found.state == "cold"
    assert "memory" in found.reason
    box.ask(box.spawn(text))


def test_a_read_beyond_its_own_pages(box: Box) -> None:
    """It would trap without the window: so it is left cold, and goes on as ever."""
    text = agent(
        "(global.set $result (i64.extend_i32_u (global.get $seen))) (i32.const 0)",
        items="(global $seen (mut i32) (i32.const 9))"
        '(func (export "_initialize") (global.set $seen (i32.load (i32.const 65536))))',
    )
    assert warmth(text).state == "cold"
    assert number(box.ask(box.spawn(text))) == 0
