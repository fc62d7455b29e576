"""A host call costs 1,000 fuel and one for each byte that crosses, exactly."""

from __future__ import annotations

import pytest

import caxton
from tests.sandbox.guests import BUMP, Box, agent, i32, imports, number, wasi

DATA = """(data (i32.const 16) "nobody") (data (i32.const 32) "{}") (data (i32.const 40) "a.b")
  (data (i32.const 48) "{\\"performative\\":\\"inform\\",\\"receiver\\":\\"nobody\\"}")"""
META = len('{"performative":"inform","receiver":"nobody"}')


# Does the body as many times as the message says.
def repeated(body: str, uses: str) -> str:
    return agent(
        f"""
        (local $n i32)
        (local.set $n (i32.load (local.get $ptr)))
        (loop $again
          (if (local.get $n) (then
            {body}
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $again))))
        (i32.const 0)""",
        uses=uses,
        items=BUMP + DATA,
    )


def cost(box: Box, body: str, uses: str = "") -> int:
    """The fuel that a body costs, without that of the loop around it; each time the same."""
    ref = box.spawn(repeated(body, uses))
    none, one, two, many = (box.ask(ref, i32(n)).usage.fuel for n in (0, 1, 2, 20))
    assert many - none == 20 * (one - none)
    assert two - one == one - none
    return one - none - LOOP


LOOP = 7  # instructions of the loop that cost a unit: Wasmtime gives away block, loop, else, end, nop and drop


def test_the_loop_itself(box: Box) -> None:
    """What the other tests subtract: seven instructions a round."""
    assert cost(box, "") == 0
    assert cost(box, "(drop (i32.const 1))") == 1


CALLS = {
    "log nothing": ("log", "(call $log (i32.const 2) (i32.const 0) (i32.const 0))", 0),
    "log 100": ("log", "(call $log (i32.const 2) (i32.const 0) (i32.const 100))", 100),
    "log 60000": ("log", "(call $log (i32.const 2) (i32.const 0) (i32.const 60000))", 60_000),
    "random 0": ("random", "(call $random (i32.const 0) (i32.const 0))", 0),
    "random 64": ("random", "(call $random (i32.const 0) (i32.const 64))", 64),
    "random 60000": ("random", "(call $random (i32.const 2048) (i32.const 60000))", 60_000),
    "now_ms": ("now_ms", "(drop (call $now_ms))", 0),
    "monotonic_ns": ("monotonic_ns", "(drop (call $monotonic_ns))", 0),
    "state_get": ("state_get", "(drop (call $state_get (i32.const 0) (i32.const 5)))", 5),
    "state_put": ("state_put", "(drop (call $state_put (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 70)))", 75),
    "tell refused": ("tell", "(drop (call $tell (i32.const 16) (i32.const 6) (i32.const 0) (i32.const 7)))", 13),
    "wait for nothing": ("wait", "(drop (call $wait (i32.const 0) (i32.const 0) (i64.const 0)))", 0),
    "wait for three": ("wait", "(drop (call $wait (i32.const 0) (i32.const 3) (i64.const 0)))", 12),
    "sleep": ("sleep_ms", "(drop (call $sleep_ms (i64.const 0)))", 0),
    "emit": ("emit", "(drop (call $emit (i32.const 0) (i32.const 9)))", 9),
    "set_timer": (
        "set_timer",
        "(drop (call $set_timer (i64.const 60000) (i64.const 0) (i32.const 0) (i32.const 8)))",
        8,
    ),
    "read nothing": ("read_result", "(drop (call $read_result (i32.const 0) (i32.const 1000)))", 0),
    "context": ("context", "(drop (call $context))", 0),
    "send_envelope": (
        "send_envelope",
        f"(drop (call $send_envelope (i32.const 48) (i32.const {META}) (i32.const 0) (i32.const 3)))",
        META + 3,
    ),
}


@pytest.mark.parametrize("what", CALLS.keys())
def test_the_cost_of_a_call(box: Box, what: str) -> None:
    """A thousand, and its bytes; the `call` instruction and its constants cost what they always do."""
    name, call, size = CALLS[what]
    instructions = 1 + call.count(".const")
    assert cost(box, call, imports(name)) == 1000 + size + instructions


@pytest.mark.parametrize(("room", "copied"), [(0, 0), (3, 3), (7, 7), (1000, 7)])
def test_reading_a_result_costs_what_is_copied(box: Box, room: int, copied: int) -> None:
    """Not what room was offered: `read_result` of 7 bytes into 1,000 costs 1,007."""
    prepare = """
      (drop (call $state_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 7)))
      (drop (call $state_get (i32.const 0) (i32.const 1)))"""
    read = f"(drop (call $read_result (i32.const 3000) (i32.const {room})))"
    found = cost(box, prepare + read, imports("state_put", "state_get", "read_result"))
    assert found == (1000 + 8 + 5) + (1000 + 1 + 3) + (1000 + copied + 3)


VECTOR = "(i32.store (i32.const 2048) (i32.const 512)) (i32.store (i32.const 2052) (i32.const {n}))"
WASI_CALLS = {
    "sched_yield": ("sched_yield", "(drop (call $sched_yield))", 0, 1),
    "random_get": ("random_get", "(drop (call $random_get (i32.const 2048) (i32.const 500)))", 500, 3),
    "clock_time_get": (
        "clock_time_get",
        "(drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 2048)))",
        8,
        4,
    ),
    "fd_write": (
        "fd_write",
        VECTOR.format(n=700) + "(drop (call $fd_write (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 2040)))",
        8 + 700 + 4,
        5 + 6,
    ),
}


@pytest.mark.parametrize("what", WASI_CALLS.keys())
def test_wasi_costs_the_same(box: Box, what: str) -> None:
    """A call of WASI is a host call: 1,000, and the bytes that are read and written."""
    name, call, size, instructions = WASI_CALLS[what]
    assert cost(box, call, wasi(name)) == 1000 + size + instructions


def test_a_call_that_cannot_be_paid_is_not_made(box: Box) -> None:
    """With one unit of fuel too little, nothing happens but `limit.fuel`, with a stack."""
    text = agent(
        "(call $log (i32.const 2) (i32.const 0) (i32.const 500)) (i32.const 0)", uses=imports("log"), items=BUMP
    )
    needed = box.ask(box.spawn(text)).usage.fuel
    box.logs.clear()
    error = box.fails(box.spawn(text, caxton.Limits(fuel=1_400)))
    assert error.code == "limit.fuel"
    assert error.frames[-1].function == "handle"
    assert box.logs == []
    box.ask(box.spawn(text, caxton.Limits(fuel=needed)))
    assert len(box.logs) == 1


def test_bytes_that_cannot_be_paid_end_the_turn(box: Box) -> None:
    """What is written into the guest counts before it goes on."""
    text = agent("(call $random (i32.const 0) (i32.const 60000)) (i32.const 0)", uses=imports("random"), items=BUMP)
    assert box.fails(box.spawn(text, caxton.Limits(fuel=30_000))).code == "limit.fuel"


def test_calls_are_counted(box: Box) -> None:
    """The reply's usage says how many host calls the turn made."""
    text = agent(
        "(global.set $result (call $now_ms)) (drop (call $now_ms)) (drop (call $monotonic_ns)) (i32.const 0)",
        uses=imports("now_ms", "monotonic_ns"),
    )
    ref = box.spawn(text)
    assert [box.ask(ref).usage.host_calls for _ in range(3)] == [3, 3, 3]
    assert ref.statistics().host_calls == 9


@pytest.mark.parametrize("limit", [0, 1, 64, 65, 1000])
def test_the_limit_of_host_calls_ends_the_turn(box: Box, limit: int) -> None:
    """Exactly so many are allowed; one more is `limit.host-calls`, not an error number."""
    text = agent(
        """
        (local $n i32)
        (local.set $n (i32.load (local.get $ptr)))
        (loop $again
          (if (local.get $n) (then
            (drop (call $now_ms))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $again))))
        (i32.const 0)""",
        uses=imports("now_ms"),
    )
    ref = box.spawn(text, caxton.Limits(host_calls=limit))
    assert number(box.ask(ref, limit.to_bytes(4, "little"))) == 0
    error = box.fails(ref, (limit + 1).to_bytes(4, "little"))
    assert error.code == "limit.host-calls"
    assert error.frames[-1].function == "handle"
    assert box.ask(ref, limit.to_bytes(4, "little")).usage.host_calls == limit
