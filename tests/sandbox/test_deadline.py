"""A turn that takes too long ends, whatever its guest does; one that waits is told in time to answer still."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import ManualClock
from tests.sandbox.guests import BUMP, Box, agent, imports, number

SHORT = caxton.Limits(deadline=0.05, fuel=1 << 62)

SPIN = agent(
    "(if (local.get $len) (then (call $spin))) (i32.const 0)",
    items="(func $spin (call $inner)) (func $inner (loop $again (br $again)))",
)


def test_a_spinning_guest_ends_with_its_stack(box: Box) -> None:
    """`limit.deadline` says where the guest was; the next message is served."""
    ref = box.spawn(SPIN, SHORT)
    error = box.fails(ref, b"x")
    assert error.code == "limit.deadline"
    assert [frame.function for frame in error.frames] == ["inner", "spin", "handle"]
    assert error.memory_limit == 64 << 20
    assert error.memory_used is not None
    assert number(box.ask(ref)) == 0
    assert ref.statistics().restarts == 1


LOOPS = {
    "arithmetic": "(local.set $len (i32.mul (local.get $len) (i32.const 3)))",
    "nothing": "",
    "memory.fill": "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 1048576))",
    "memory.copy": "(memory.copy (i32.const 65536) (i32.const 1114112) (i32.const 1048576))",
    "memory.grow": "(drop (memory.grow (i32.const 0)))",
    "table.fill": "(table.fill $t (i32.const 0) (ref.null func) (i32.const 10000))",
    "table.grow": "(drop (table.grow $t (ref.null func) (i32.const 0)))",
    "calls": "(call $leaf)",
    "indirect calls": "(call_indirect $t (type $leaf) (i32.const 0))",
    "tail calls": "(call $tail (i32.const 1000))",
    "host calls": "(call $log (i32.const 0) (i32.const 0) (i32.const 0))",
    "host calls that fail": "(drop (call $wait (i32.const 0) (i32.const 0) (i64.const -1)))",
    "short waits": "(drop (call $sleep_ms (i64.const 0)))",
}


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS.keys())
def test_whatever_a_guest_loops_over(box: Box, body: str) -> None:
    """A loop of cheap, of expensive, and of host-calling instructions ends at the deadline."""
    text = agent(
        f"(loop $again {body} (br $again)) (i32.const 0)",
        memory="64",
        uses=imports("log", "wait", "sleep_ms"),
        items=f"""
        {BUMP}
        (type $leaf (func))
        (table $t 10000 funcref)
        (elem (table $t) (i32.const 0) func $leaf)
        (func $leaf (type $leaf))
        (func $tail (param i32)
          (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))""",
    )
    limits = caxton.Limits(deadline=0.05, fuel=1 << 62, host_calls=1_000_000_000)
    assert box.fails(box.spawn(text, limits)).code == "limit.deadline"


def test_exceptions_do_not_outrun_the_deadline(box: Box) -> None:
    """Throwing and catching for ever ends too."""
    text = agent(
        """
        (loop $again
          (block $caught (try_table (catch_all $caught) (throw $oops)))
          (br $again))
        (i32.const 0)""",
        items="(tag $oops)",
    )
    ref = box.spawn(text, SHORT, features=["exceptions"])
    assert box.fails(ref).code == "limit.deadline"


STARTS = {
    "start": "(start $spin)",
    "_initialize": '(export "_initialize" (func $spin))',
    "caxton_init": '(func (export "caxton_init") (result i32) (call $spin) (i32.const 0))',
}


@pytest.mark.parametrize("how", STARTS.values(), ids=STARTS.keys())
def test_turn_0_has_a_deadline_too(box: Box, how: str) -> None:
    """A guest that never finishes starting is not started."""
    text = agent(items=f"(func $spin (loop $again (br $again))) {how}")
    error = box.refused(text, SHORT)
    assert error.code == "limit.deadline"
    assert error.frames[0].function == "spin"
    assert box.host.agents() == []


def test_every_call_of_a_turn_counts(box: Box) -> None:
    """`get_response`, and the guest's allocator, are part of the turn."""
    spin = "(func $spin (loop $again (br $again)))"
    slow_answer = agent(items=spin, response="(call $spin) (i32.const 0)")
    slow_alloc = agent(
        items=f"""{spin}
        (func (export "caxton_alloc") (param i32) (result i32) (call $spin) (i32.const 8))
        (func (export "caxton_free") (param i32 i32))"""
    )
    slow_free = agent(
        items=f"""{spin}
        (func (export "caxton_alloc") (param i32) (result i32) (i32.const 8))
        (func (export "caxton_free") (param i32 i32) (call $spin))"""
    )
    for text in (slow_answer, slow_alloc, slow_free):
        assert box.fails(box.spawn(text, SHORT)).code == "limit.deadline"


WAITS = {
    "sleep_ms": "(call $sleep_ms (i64.const 3600000))",
    "wait for nothing": "(call $wait (i32.const 0) (i32.const 0) (i64.const 3600000))",
    "ask": "(call $ask (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 0) (i64.const 3600000))",
    "call_tool": "(call $call_tool (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 2))",
    "wait for a tool": """
        (i32.store (i32.const 64) (call $tool_start (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 2)
          (i64.const 3600000)))
        (call $wait (i32.const 64) (i32.const 1) (i64.const 3600000))""",
    "wait for an agent": """
        (i32.store (i32.const 64) (call $ask_start (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 0)
          (i64.const 3600000)))
        (call $wait (i32.const 64) (i32.const 1) (i64.const 3600000))""",
}


@pytest.mark.parametrize("body", WAITS.values(), ids=WAITS.keys())
def test_a_wait_ends_in_time_to_answer(body: str) -> None:
    """Whatever it waits for, a guest is told -5 before its deadline, not killed at it, and its answer arrives."""
    text = agent(
        f"(global.set $result (i64.extend_i32_s (block (result i32) {body}))) (i32.const 0)",
        uses=imports("sleep_ms", "wait", "ask", "ask_start", "call_tool", "tool_start"),
        items='(data (i32.const 16) "never") (data (i32.const 32) "{}")',
    )
    clock = ManualClock()
    with Box(clock=clock) as box:

        @box.host.tool(name="never")
        async def never() -> None:
            await asyncio.Event().wait()

        box.spawn(agent("(drop (call $defer)) (i32.const 0)", uses=imports("defer")), name="never")
        grants = caxton.Grants(tools=["never"], peers=["never"])
        ref = box.spawn(text, caxton.Limits(deadline=60.0), grants=grants)

        async def scene() -> caxton.Reply:
            answer = asyncio.create_task(ref.ask(b""))
            await clock.elapse(box.host, 59.0)
            assert ref.statistics().state == "waiting"
            await clock.elapse(box.host, 0.99)
            return await answer

        assert number(box.run(scene())) == -5


def test_a_guest_that_goes_on_after_its_last_wait_is_ended(box: Box) -> None:
    """The time to answer is short: who spins in it, or waits again and again, runs into the deadline."""
    for body in ("(nop)", "(drop (call $sleep_ms (i64.const 3600000)))"):
        text = agent(
            f"(drop (call $sleep_ms (i64.const 3600000))) (loop $again {body} (br $again)) (i32.const 0)",
            uses=imports("sleep_ms"),
        )
        ref = box.spawn(text, caxton.Limits(deadline=0.1, fuel=1 << 62, host_calls=1_000_000_000))
        assert box.fails(ref).code == "limit.deadline"


def test_neighbours_are_served_meanwhile(box: Box) -> None:
    """While guests spin until their deadlines, others answer."""

    async def scene() -> int:
        host = box.host
        spinners = [await host.spawn(f"spin-{i}", SPIN, limits=caxton.Limits(deadline=0.3)) for i in range(4)]
        quick = await host.spawn("quick", SPIN)
        spinning = [asyncio.create_task(ref.ask(b"x")) for ref in spinners]
        await asyncio.sleep(0)
        served = 0
        while not all(task.done() for task in spinning):
            await quick.ask(b"")
            served += 1
        for task in spinning:
            assert isinstance(task.exception(), caxton.LimitError)
        return served

    assert box.run(scene()) > 10
