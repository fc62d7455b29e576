"""Any pointer, any length, any status: nothing that a guest hands over reaches outside its memory or harms the host.

Every property test goes on with the same agent after a bad message: the next one is served.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import caxton
from caxton.testing import ManualClock
from tests.sandbox.guests import (
    BUMP,
    CONTRACT,
    MIB,
    PAGE,
    WASI,
    Box,
    Impatient,
    agent,
    i32,
    i64,
    imports,
    number,
    wasi,
    watched_box,
)

SIZE = 4 * PAGE
MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

WORDS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 7, 8, 16, 48, 64, 100, 255, 256, 512, 1000, 4096, 65_535, 65_536, 65_537]),
    st.sampled_from([SIZE - 65, SIZE - 8, SIZE - 4, SIZE - 1, SIZE, SIZE + 1, SIZE // 2, SIZE // 4, SIZE // 8]),
    st.sampled_from([2**31 - 1, 2**31, 2**31 + 1, 2**32 - SIZE, 2**32 - 65_536, 2**32 - 4, 2**32 - 1, 2**29, 2**30]),
    st.integers(0, SIZE + 100),
    st.integers(0, 2**32 - 1),
)
LONGS = st.one_of(
    st.sampled_from([0, 1, 10, 1000, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 366 * 86_400_000, 366 * 86_400_000 + 1]),
    st.integers(0, 2**64 - 1),
)

# For each import of the contract, where its (pointer, length) pairs stand, and how many bytes a length counts.
PAIRS: dict[str, list[tuple[int, int]]] = {
    "log": [(1, 1)],
    "read_result": [(0, 1)],
    "tell": [(0, 1), (2, 1)],
    "send_envelope": [(0, 1), (2, 1)],
    "publish": [(0, 1), (2, 1)],
    "subscribe": [(0, 1)],
    "unsubscribe": [(0, 1)],
    "ask": [(0, 1), (2, 1)],
    "call_tool": [(0, 1), (2, 1)],
    "ask_start": [(0, 1), (2, 1)],
    "tool_start": [(0, 1), (2, 1)],
    "wait": [(0, 4)],
    "emit": [(0, 1)],
    "state_get": [(0, 1)],
    "state_put": [(0, 1), (2, 1)],
    "state_delete": [(0, 1)],
    "state_keys": [(0, 1)],
    "set_timer": [(2, 1)],
    "random": [(0, 1)],
}


META = '{"performative":"request","receiver":"neighbour"}'
GOOD = [(8, 9), (24, 4), (64, len(META)), (256, 5), (512, 2), (0, 0)]


def parameters(type_: str) -> list[str]:
    return type_.partition("(param ")[2].partition(")")[0].split() if "(param" in type_ else []


def calls(table: dict[str, str]) -> str:
    """An agent that calls what its message says: a number, then the arguments, eight bytes each."""
    cases = []
    for i, (name, type_) in enumerate(table.items()):
        arguments = " ".join(
            f"(i64.load offset={8 + 8 * k} (local.get $ptr))"
            if kind == "i64"
            else f"(i32.load offset={8 + 8 * k} (local.get $ptr))"
            for k, kind in enumerate(parameters(type_))
        )
        call = f"(call ${name} {arguments})"
        if "(result i32)" in type_:
            call = f"(global.set $result (i64.extend_i32_s {call}))"
        elif "(result i64)" in type_:
            call = f"(global.set $result {call})"
        cases.append(f"(if (i32.eq (local.get $which) (i32.const {i})) (then {call} (return (i32.const 0))))")
    return agent(
        f"""
        (local $which i32)
        (local.set $which (i32.load (local.get $ptr)))
        (global.set $result (i64.const 0x7e57))
        {"".join(cases)}
        (i32.const 0)""",
        uses=imports(*table) if table is CONTRACT else wasi(*table),
        memory="4 4",
        items=f"""{BUMP}
        (data (i32.const 0) "\\00\\04\\00\\00\\10\\00\\00\\00") (data (i32.const 8) "neighbour")
        (data (i32.const 64) "{{\\"performative\\":\\"request\\",\\"receiver\\":\\"neighbour\\"}}")
        (data (i32.const 24) "tool") (data (i32.const 256) "a.b.*") (data (i32.const 512) "{{}}")""",
    )


@pytest.fixture(scope="module")
def impatient() -> Iterator[Box]:
    """A host on whose clock nobody waits, with a tool and a neighbour to address."""
    with watched_box(clock=Impatient()) as box:
        prepare(box)
        yield box


@pytest.fixture(scope="module")
def patient() -> Iterator[Box]:
    """A host on whose clock nothing ever comes: timers would else ask for new timers for ever."""
    with watched_box(clock=ManualClock()) as box:
        prepare(box)
        yield box


def prepare(box: Box) -> None:
    @box.host.tool(name="tool")
    def tool() -> str:
        return "x" * 100

    box.spawn(agent(), name="neighbour")


def spawned(box: Box, text: str) -> caxton.AgentRef:
    return box.spawn(
        text,
        caxton.Limits(memory=SIZE),
        grants=caxton.Grants(tools=["*"], peers=["*"], topics=[">"]),
        restart=caxton.Restart(max_restarts=1_000_000),
    )


@pytest.fixture(scope="module")
def callers(impatient: Box, patient: Box) -> list[tuple[Box, caxton.AgentRef]]:
    text = calls(CONTRACT)
    return [(box, spawned(box, text)) for box in (impatient, patient)]


@pytest.fixture(scope="module")
def wasi_caller(impatient: Box) -> caxton.AgentRef:
    return spawned(impatient, calls(WASI))


def outcome(box: Box, ref: caxton.AgentRef, message: bytes) -> str:
    """The code of the error, or nothing. The agent answers the next message, whatever this one did."""
    try:
        box.ask(ref, message)
        code = ""
    except caxton.CaxtonError as error:
        code = error.code
    assert number(box.ask(ref, i32(255))) == 0x7E57
    return code


def request(which: int, arguments: list[int]) -> bytes:
    return i64(which) + b"".join(i64(argument) for argument in arguments)


@pytest.mark.parametrize("name", [name for name in CONTRACT if name != "defer"])
@MANY
@given(data=st.data())
def test_any_arguments_of_a_host_call(
    callers: list[tuple[Box, caxton.AgentRef]], name: str, data: st.DataObject
) -> None:
    """A pair that is not inside the memory is `abi.protocol`; with all of them inside the guest gets an answer.

    (``defer``, which takes nothing, would leave the test without one.)
    """
    box, ref = callers[name == "set_timer"]
    kinds = parameters(CONTRACT[name])
    arguments = [data.draw(LONGS if kind == "i64" else WORDS) for kind in kinds]
    for at, _ in PAIRS.get(name, []):
        if data.draw(st.booleans()):
            arguments[at : at + 2] = data.draw(st.sampled_from(GOOD))
    code = outcome(box, ref, request(list(CONTRACT).index(name), arguments))
    outside = any(arguments[at] + arguments[at + 1] * width > SIZE for at, width in PAIRS.get(name, []))
    too_much = name == "random" and arguments[1] > 65_536
    assert code == ("abi.protocol" if outside or too_much else "")


@pytest.mark.parametrize("name", WASI.keys())
@MANY
@given(data=st.data())
def test_any_arguments_of_wasi(impatient: Box, wasi_caller: caxton.AgentRef, name: str, data: st.DataObject) -> None:
    """WASI's functions answer, or the turn ends with `abi.protocol`; only `proc_exit` ends it otherwise."""
    arguments = [data.draw(LONGS if kind == "i64" else WORDS) for kind in parameters(WASI[name])]
    try:
        impatient.ask(wasi_caller, request(list(WASI).index(name), arguments))
        code = ""
    except caxton.CaxtonError as error:
        code = error.code
    assert code in ({"", "agent.failed"} if name == "proc_exit" else {"", "abi.protocol"})
    if name == "proc_exit":
        assert (code == "") == (arguments[0] == 0)
    assert number(impatient.ask(wasi_caller, i32(255))) == 0x7E57


VECTORS = agent(
    """
    (memory.copy (i32.const 16384) (local.get $ptr) (local.get $len))
    (global.set $result (i64.extend_i32_u (call $fd_write (i32.const 1) (i32.const 16388)
      (i32.load (i32.const 16384)) (i32.const 12288))))
    (i32.const 0)""",
    uses=wasi("fd_write"),
    memory="4 4",
    items=BUMP,
)


@MANY
@given(st.lists(st.tuples(WORDS, WORDS), max_size=20), st.integers(0, 25))
def test_any_vectors(shared_box: Box, vectors: list[tuple[int, int]], count: int) -> None:
    """Pointers that lie in memory are checked like those in arguments."""
    ref = shared_box.spawn(VECTORS, caxton.Limits(memory=SIZE))
    padded = [*vectors, *[(0, 0)] * (25 - len(vectors))]
    message = i32(count) + b"".join(i32(pointer) + i32(length) for pointer, length in padded)
    outside = any(pointer + length > SIZE for pointer, length in padded[:count])
    if outside:
        assert shared_box.fails(ref, message).code == "abi.protocol"
    else:
        assert number(shared_box.ask(ref, message)) == 0
    shared_box.run(ref.stop())


def test_a_vector_that_names_the_same_bytes_often(shared_box: Box) -> None:
    """A thousand vectors of all the memory each are no 256 MiB of log."""
    ref = shared_box.spawn(VECTORS, caxton.Limits(memory=SIZE))
    shared_box.logs.clear()
    assert number(shared_box.ask(ref, i32(1024) + (i32(0) + i32(SIZE)) * 1024)) == 0
    assert number(shared_box.ask(ref, i32(1025) + (i32(0) + i32(1)) * 1025)) == 28, "more than 1,024 are too many"
    assert sum(len(line) for line in shared_box.lines()) < 100_000


# ---- what the guest's own functions return

# A first message of seven words arms it: what `alloc` returns the first, second and third time, `handle_message`'s
# status, and what `get_response` returns. The next message meets those; the one after it none of them any more.
LIAR = """
  (global $armed (mut i32) (i32.const 0))
  (global $call (mut i32) (i32.const 0))
  (global $gets (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0))
  (global $lies (mut i32) (i32.const 0))
  (func $lie (param $n i32) (result i32)
    (i32.load (i32.add (i32.const 64) (i32.mul (local.get $n) (i32.const 4)))))
  (func $alloc (export "{alloc}") (param $n i32) (result i32)
    (if (i32.and (i32.eq (global.get $armed) (i32.const 2)) (i32.eqz (global.get $out)))
      (then (global.set $armed (i32.const 0))))
    (global.set $out (i32.add (global.get $out) (i32.const 1)))
    (if (i32.eqz (global.get $armed)) (then
      (return (select (i32.const 8192) (i32.const 16384) (i32.eq (global.get $out) (i32.const 1))))))
    (global.set $armed (i32.const 2))
    (global.set $call (i32.add (global.get $call) (i32.const 1)))
    (call $kept (i32.sub (global.get $call) (i32.const 1))))
  (func $kept (param $n i32) (result i32)
    (if (result i32) (i32.eqz (local.get $n)) (then (global.get $p1))
      (else (if (result i32) (i32.eq (local.get $n) (i32.const 1)) (then (global.get $p2)) (else (global.get $p3))))))
  (global $p1 (mut i32) (i32.const 0)) (global $p2 (mut i32) (i32.const 0)) (global $p3 (mut i32) (i32.const 0))
  (global $status (mut i32) (i32.const 0))
  (global $n1 (mut i32) (i32.const 0)) (global $n2 (mut i32) (i32.const 0))
  (func (export "{free}") {free_type} (global.set $out (i32.sub (global.get $out) (i32.const 1))))
"""
HANDLE = """
    (if (global.get $armed) (then (return (global.get $status))))
    (if (i32.eq (local.get $len) (i32.const 24)) (then
      (global.set $p1 (i32.load (local.get $ptr)))
      (global.set $p2 (i32.load offset=4 (local.get $ptr)))
      (global.set $p3 (i32.load offset=8 (local.get $ptr)))
      (global.set $status (i32.load offset=12 (local.get $ptr)))
      (global.set $n1 (i32.load offset=16 (local.get $ptr)))
      (global.set $n2 (i32.load offset=20 (local.get $ptr)))
      (global.set $gets (i32.const 0))
      (global.set $call (i32.const 0))
      (global.set $lies (i32.const 1))))
    (i32.const 0)"""
RESPOND = """
    (if (global.get $armed) (then
      (global.set $gets (i32.add (global.get $gets) (i32.const 1)))
      (if (i32.eq (global.get $gets) (i32.const 1)) (then (return (global.get $n1))))
      (return (global.get $n2))))
    (if (global.get $lies) (then (global.set $lies (i32.const 0)) (global.set $armed (i32.const 1))))
    (i32.const 0)"""
RESPONSE_LIMIT = 100_000


def liar(kind: str) -> str:
    if kind == "caxton":
        items = LIAR.format(alloc="caxton_alloc", free="caxton_free", free_type="(param i32 i32)")
    else:
        items = LIAR.format(alloc="malloc", free="free", free_type="(param i32)")
    return agent(HANDLE, items=items, response=RESPOND, memory="4 4")


def expected(length: int, p: tuple[int, int, int], status: int, n: tuple[int, int]) -> str | int:
    """What the contract says: an error's code, or the length of the response."""

    def place(pointer: int, size: int) -> str:
        if pointer == 0:
            return "limit.memory"
        return "abi.protocol" if pointer + size > SIZE else ""

    wrong = place(p[0], length) or place(p[1], 4096)
    if wrong:
        return wrong
    first, second = (value - (1 << 32) if value >> 31 else value for value in n)
    if first < 0:
        return "abi.protocol"
    if first > RESPONSE_LIMIT:
        return "limit.response-size"
    if first > 4096:
        wrong = place(p[2], first)
        if wrong:
            return wrong
        if not 0 <= second <= first:
            return "abi.protocol"
        first = second
    return "agent.failed" if status else first


@pytest.fixture(scope="module")
def liars(impatient: Box) -> dict[str, caxton.AgentRef]:
    limits = caxton.Limits(memory=SIZE, response=RESPONSE_LIMIT)
    restart = caxton.Restart(max_restarts=1_000_000)
    return {kind: impatient.spawn(liar(kind), limits, restart=restart) for kind in ("caxton", "malloc")}


LENGTHS = st.one_of(st.sampled_from([0, 1, 4095, 4096, 4097, 5000, 99_999, 100_000, 100_001, 2**31 - 1, 2**31]), WORDS)
PLACES = st.one_of(st.integers(1, SIZE - 100_000), st.sampled_from([SIZE - 4096, SIZE - 4097, SIZE - 4095]), WORDS)


@pytest.mark.parametrize("kind", ["caxton", "malloc"])
@settings(MANY, max_examples=300)
@given(
    length=st.integers(0, 5000),
    places=st.tuples(PLACES, PLACES, PLACES),
    status=st.one_of(st.just(0), WORDS),
    lengths=st.tuples(LENGTHS, LENGTHS),
)
def test_whatever_a_guest_returns(
    impatient: Box,
    liars: dict[str, caxton.AgentRef],
    kind: str,
    length: int,
    places: tuple[int, int, int],
    status: int,
    lengths: tuple[int, int],
) -> None:
    """From its allocator, `handle_message` and `get_response`: the outcome is the contract's, to the letter."""
    ref = liars[kind]
    impatient.ask(ref, b"".join(map(i32, (*places, status, *lengths))))
    found: str | int
    try:
        found = len(impatient.ask(ref, bytes(length)).payload)
    except caxton.CaxtonError as error:
        found = error.code
    assert found == expected(length, places, status, lengths)
    assert impatient.ask(ref, b"?").payload == b""


WINDOW = agent(
    """
    (global.set $n (i32.load (local.get $ptr)))
    (i32.load offset=4 (local.get $ptr))""",
    items="(global $n (mut i32) (i32.const 0))",
    response="(global.get $n)",
)


@settings(MANY, max_examples=200)
@given(n=LENGTHS, status=st.one_of(st.just(0), WORDS))
def test_whatever_a_guest_with_a_window_returns(shared_box: Box, n: int, status: int) -> None:
    """Without an allocator there is one call of `get_response`, and what it says is held against its offer."""
    ref = shared_box.spawn(WINDOW, caxton.Limits(memory=MIB, response=RESPONSE_LIMIT))
    message = i32(n) + i32(status)
    if n >> 31:
        assert shared_box.fails(ref, message).code == "abi.protocol"
    elif n > RESPONSE_LIMIT:
        assert shared_box.fails(ref, message).code == "limit.response-size"
    elif status:
        assert shared_box.fails(ref, message).code == "agent.failed"
    else:
        assert len(shared_box.ask(ref, message).payload) == n
    assert shared_box.ask(ref, bytes(8)).payload == b""
    shared_box.run(ref.stop())


# ---- what the host writes

FILLED = agent(
    """
    (memory.fill (i32.const 131072) (i32.const 85) (i32.const 4096))
    (call $random (i32.load (local.get $ptr)) (i32.load offset=4 (local.get $ptr)))
    (i32.const 0)""",
    uses=imports("random"),
    memory="4 4",
    items=BUMP,
    response="(memory.copy (local.get $ptr) (i32.const 131072) (i32.const 4096)) (i32.const 4096)",
)


@settings(MANY, max_examples=100)
@given(st.integers(0, 4096).flatmap(lambda start: st.tuples(st.just(start), st.integers(0, 4096 - start))))
def test_the_host_writes_where_it_may(shared_box: Box, place: tuple[int, int]) -> None:
    """From the pointer on, as many bytes as the length says, and not one beside them."""
    start, length = place
    ref = shared_box.spawn(FILLED)
    payload = shared_box.ask(ref, i32(131_072 + start) + i32(length)).payload
    assert payload[:start] == b"\x55" * start
    assert payload[start + length :] == b"\x55" * (4096 - start - length)
    if length >= 16:
        assert payload[start : start + length] != b"\x55" * length
    shared_box.run(ref.stop())


START = """
  (func $start
    (call $log (i32.const 2) (i32.const {pointer}) (i32.const {length})))
  (start $start)"""


@pytest.mark.parametrize(
    ("pointer", "length", "fine"),
    [(0, 65_536, True), (65_536, 0, True), (1, 65_536, False), (65_537, 0, False), (-1, 1, False), (0, -1, False)],
)
def test_in_a_start_function_too(box: Box, pointer: int, length: int, fine: bool) -> None:
    """Before the instance is known the memory is, and pointers are held against it."""
    text = agent(uses=imports("log"), items=BUMP + START.format(pointer=pointer, length=length))
    if fine:
        box.ask(box.spawn(text))
    else:
        assert box.refused(text).code == "abi.protocol"


def test_a_module_with_no_memory_yet(box: Box) -> None:
    """In an empty memory there is only an empty text, at 0."""
    for pointer, length, fine in ((0, 0, True), (0, 1, False), (1, 0, False)):
        text = agent(
            uses=imports("log"),
            memory="0",
            items=START.format(pointer=pointer, length=length),
            response="(i32.const 0)",
        )
        if fine:
            box.ask(box.spawn(text))
        else:
            assert box.refused(text).code == "abi.protocol"


def test_memory_that_grew_is_seen_at_once(box: Box) -> None:
    """A pointer into pages that were grown a moment ago, in the same turn, is good."""
    text = agent(
        """
        (local $at i32)
        (local.set $at (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
        (call $random (local.get $at) (i32.const 65536))
        (call $log (i32.const 2) (local.get $at) (i32.const 65536))
        (global.set $result (i64.load (local.get $at)))
        (i32.const 0)""",
        uses=imports("random", "log"),
        items=BUMP,
    )
    ref = box.spawn(text)
    assert len({number(box.ask(ref)) for _ in range(5)}) == 5


def test_results_are_read_once_and_whole(box: Box) -> None:
    """`read_result` copies no more than there is, and again as often as it is called."""
    text = agent(
        "(global.set $n (call $context)) (i32.const 0)",
        uses=imports("context", "read_result"),
        items="(global $n (mut i32) (i32.const 0))",
        response="""
        (i32.store (local.get $ptr) (global.get $n))
        (i32.store offset=4 (local.get $ptr)
          (call $read_result (i32.add (local.get $ptr) (i32.const 16)) (i32.const 4000)))
        (i32.store offset=8 (local.get $ptr)
          (call $read_result (i32.add (local.get $ptr) (i32.const 3000)) (i32.const 5)))
        (i32.const 3010)""",
    )
    payload = box.ask(box.spawn(text)).payload
    size, copied, again = struct.unpack("<III", payload[:12])
    assert size == copied
    assert again == 5
    assert payload[16 : 16 + size].startswith(b'{"agent":')
    assert payload[3000:3005] == payload[16:21]
    assert payload[3005:] == bytes(5)
