"""WASI preview 1, as far as ordinary toolchains' output needs it, and denied beyond that."""

from __future__ import annotations

import asyncio
import struct
from typing import Final

import pytest

import caxton
from caxton.testing import ManualClock
from tests.conftest import Run
from tests.sandbox.guests import BUMP, KIB, PAGE, WASI, Box, agent, i32, i64, wasi, zig_cc

SUCCESS, BADF, INVAL, PERM, SPIPE = 0, 8, 28, 63, 70
SIZE: Final = PAGE
HERE: Final = 1024
"""Where the guest keeps what a call reads and writes; 256 bytes."""

DATA: Final = 512
"""Where it keeps "hello\\n"."""

SECOND: Final = 10**9
SUBSCRIPTION: Final = struct.Struct("<QBxxxxxxxIxxxxQQHxxxxxx")
EVENT: Final = struct.Struct("<QHBxxxxxQHxxxxxx")

# What answers "not permitted", whatever its arguments are.
DENIED: Final = sorted(
    {name for name in WASI if name.startswith(("path_", "sock_", "fd_"))}
    - {"fd_close", "fd_fdstat_get", "fd_prestat_get", "fd_read", "fd_seek", "fd_write"}
    | {"proc_raise"}
)


def escaped(data: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in data)


def parameters(name: str) -> list[str]:
    """The types of a function's parameters."""
    return WASI[name].partition("(param ")[2].partition(")")[0].split() if "(param" in WASI[name] else []


def calling(name: str, data: bytes = b"", *, memory: str = "1", items: str = "") -> str:
    """An agent that calls one function, with the message's 8-byte numbers as its arguments.

    It answers with the function's result, 8 bytes, and the 256 bytes at ``HERE``, where ``data`` was before.
    """
    loads = []
    for i, kind in enumerate(parameters(name)):
        load = f"(i64.load offset={8 * i} (local.get $ptr))"
        loads.append(load if kind == "i64" else f"(i32.wrap_i64 {load})")
    call = f"(call ${name} {' '.join(loads)})"
    if "(result" in WASI[name]:
        call = f"(global.set $result (i64.extend_i32_u {call}))"
    return agent(
        f"(global.set $result (i64.const -1)) {call} (i32.const 0)",
        uses=wasi(name),
        items=f"""{BUMP.replace("1024", "8192")}
        (data (i32.const {DATA}) "hello\\n") (data (i32.const {HERE}) "{escaped(data)}")
        {items}""",
        memory=memory,
        response=f"""
        (i64.store (local.get $ptr) (global.get $result))
        (memory.copy (i32.add (local.get $ptr) (i32.const 8)) (i32.const {HERE}) (i32.const 256))
        (i32.const 264)""",
    )


def numbers(*values: int) -> bytes:
    return b"".join(map(i64, values))


def call(box: Box, name: str, *values: int, data: bytes = b"") -> tuple[int, bytes]:
    """What a function answers to these arguments, and the bytes at ``HERE`` then."""
    payload = box.ask(box.spawn(calling(name, data)), numbers(*values)).payload
    return int.from_bytes(payload[:8], "little", signed=True), payload[8:]


# ---- what there is


def test_every_function_is_there_with_its_type(box: Box) -> None:
    """All of preview 1 can be imported, by one module."""
    assert len(WASI) == 46
    box.ask(box.spawn(agent(uses=wasi(*WASI))))


@pytest.mark.parametrize("name", ["fd_write", "proc_exit", "sched_yield", "sock_shutdown"])
def test_with_another_type_it_is_refused_by_name(box: Box, name: str) -> None:
    """The error says which import, and which type it has."""
    error = box.refused(agent(uses=f'(import "wasi_snapshot_preview1" "{name}" (func (param f64)))'))
    assert error.code == "module.unknown-import"
    assert f"wasi_snapshot_preview1.{name} is func" in error.message


@pytest.mark.parametrize("module", ["wasi_unstable", "wasi_snapshot_preview2", "wasi"])
def test_other_snapshots_are_not_there(box: Box, module: str) -> None:
    """Refused by name."""
    error = box.refused(agent(uses=f'(import "{module}" "fd_close" (func (param i32) (result i32)))'))
    assert error.code == "module.unknown-import"
    assert f"{module}.fd_close" in error.message


# ---- output


def vectors(*pairs: tuple[int, int]) -> bytes:
    return b"".join(i32(start) + i32(length) for start, length in pairs)


def test_output_becomes_log_lines(box: Box) -> None:
    """Standard output is logged as information, standard error as a warning; the bytes written are told."""
    for fd, level in ((1, "info"), (2, "warning")):
        box.logs.clear()
        result, memory = call(box, "fd_write", fd, HERE, 2, HERE + 64, data=vectors((DATA, 5), (DATA, 6)))
        assert (result, memory[64:68]) == (SUCCESS, i32(11))
        assert [(how, line) for _, how, line in box.logs] == [(level, "hellohello")]


def test_lines_are_split_and_empty_ones_left_out(box: Box) -> None:
    """One log line for each line of output."""
    call(box, "fd_write", 1, HERE, 1, HERE + 64, data=vectors((HERE + 32, 12)).ljust(32) + b"one\ntwo\n\n\nab")
    assert box.lines() == ["one", "two", "ab"]


def printing(*pieces: bytes, then: str = "") -> list[tuple[str, str]]:
    """What is logged of an agent that writes these pieces, one by one, to standard output."""
    data = "".join(f'(data (i32.const {HERE + 2048 * at}) "{escaped(piece)}")' for at, piece in enumerate(pieces))
    writes = "".join(
        f"""(i32.store (i32.const 0) (i32.const {HERE + 2048 * at})) (i32.store (i32.const 4) (i32.const {len(piece)}))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"""
        for at, piece in enumerate(pieces)
    )
    with Box() as box:
        ref = box.spawn(agent(f"{writes} {then} (i32.const 0)", uses=wasi("fd_write"), items=data, memory="2"))
        if then:
            box.fails(ref)
        else:
            box.ask(ref)
        return [(how, line) for _, how, line in box.logs]


def test_a_line_may_be_written_in_pieces() -> None:
    """It is logged when its end comes, or when the turn ends."""
    assert printing(b"one", b" and ", b"two\nthr", b"ee\n\n", b"four") == [
        ("info", line) for line in ("one and two", "three", "four")
    ]


def test_a_trap_does_not_swallow_a_line() -> None:
    """What was printed before it is there."""
    assert printing(b"before", then="unreachable") == [("info", "before")]


def test_a_line_without_end_is_bounded() -> None:
    """It becomes several: what is kept of it meanwhile does not grow."""
    lines = printing(*[b"x" * 2000] * 20)
    assert [("info", True)] * 3 == [(how, len(line) >= 4000) for how, line in lines]


def test_output_is_escaped_like_any_log(box: Box) -> None:
    """What is no UTF-8, and what would move a terminal's cursor, is not passed on."""
    call(box, "fd_write", 1, HERE, 1, HERE + 64, data=vectors((HERE + 32, 8)).ljust(32) + b"\x1b[31m\xff\x00a")
    (line,) = box.lines()
    assert line.isprintable()


@pytest.mark.parametrize("fd", [0, 3, 4, 2**31, 2**32 - 1])
def test_there_is_no_other_output(box: Box, fd: int) -> None:
    """Not even standard input."""
    assert call(box, "fd_write", fd, HERE, 1, HERE + 64, data=vectors((DATA, 5)))[0] == BADF
    assert box.lines() == []


def test_output_beyond_the_log_budget_costs_no_memory(box: Box) -> None:
    """A thousand vectors that name the same 60 KiB are 60 MiB: all count as written, and one warning is all."""
    data = vectors(*[(0, 60 * KIB)] * 1024)
    lots = calling("fd_write", memory="2", items=f'(data (i32.const {PAGE + 16 * KIB}) "{escaped(data)}")')
    payload = box.ask(box.spawn(lots), numbers(1, PAGE + 16 * KIB, 1024, HERE)).payload
    assert int.from_bytes(payload[:8], "little") == SUCCESS
    assert payload[8:12] == i32(60 * KIB * 1024)
    assert sum(len(line) for line in box.lines()) < 128 * KIB
    assert call(box, "fd_write", 1, HERE, 1025, HERE)[0] == INVAL


def test_output_is_charged(box: Box) -> None:
    """Each byte that crosses costs one unit of fuel, the vectors' too."""
    used = []
    for length in (1, 6):
        ref = box.spawn(calling("fd_write", vectors((DATA, length))))
        used.append(box.ask(ref, numbers(1, HERE, 1, HERE + 64)).usage.fuel)
    assert used[1] - used[0] == 5


# ---- what is empty


@pytest.mark.parametrize("what", ["args", "environ"])
def test_no_arguments_and_no_environment(box: Box, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are empty, whatever the host's are."""
    monkeypatch.setenv("CAXTON_TEST_SECRET", "x")
    result, memory = call(box, f"{what}_sizes_get", HERE, HERE + 8, data=b"\xff" * 16)
    assert (result, memory[:16]) == (SUCCESS, i32(0) + b"\xff" * 4 + i32(0) + b"\xff" * 4)
    result, memory = call(box, f"{what}_get", HERE, HERE + 8, data=b"\xff" * 16)
    assert (result, memory[:16]) == (SUCCESS, b"\xff" * 16)


def test_standard_input_is_at_its_end(box: Box) -> None:
    """Reading gives nothing; there is nothing else to read."""
    result, memory = call(box, "fd_read", 0, HERE, 1, HERE + 64, data=vectors((HERE + 80, 8)).ljust(96, b"\xff"))
    assert (result, memory[64:68], memory[80:88]) == (SUCCESS, i32(0), b"\xff" * 8)
    for fd in (1, 2, 3, 2**32 - 1):
        assert call(box, "fd_read", fd, HERE, 1, HERE + 64)[0] == BADF


def test_the_three_streams_are_terminals_of_a_kind(box: Box) -> None:
    """Character devices that can be closed and not sought: what makes a libc write line by line."""
    for fd in (0, 1, 2):
        result, memory = call(box, "fd_fdstat_get", fd, HERE, data=b"\xff" * 24)
        assert (result, memory[:24]) == (SUCCESS, b"\2" + bytes(23))
        assert call(box, "fd_close", fd)[0] == SUCCESS
        assert call(box, "fd_seek", fd, 0, 0, HERE)[0] == SPIPE
    for name, values in (("fd_fdstat_get", (3, HERE)), ("fd_close", (3,)), ("fd_seek", (3, 0, 0, HERE))):
        assert call(box, name, *values)[0] == BADF


def test_there_are_no_directories(box: Box) -> None:
    """The first descriptor that a libc asks about is none already."""
    for fd in (0, 3, 4, 2**32 - 1):
        assert call(box, "fd_prestat_get", fd, HERE)[0] == BADF


@pytest.mark.parametrize("name", DENIED)
def test_files_and_sockets_are_not_permitted(box: Box, name: str) -> None:
    """Whatever is asked of them: good arguments, none, and the largest."""
    count = len(parameters(name))
    ref = box.spawn(calling(name))
    for values in ((0,) * count, (HERE,) * count, (3, *(DATA,) * (count - 1)), (2**64 - 1,) * count):
        payload = box.ask(ref, numbers(*values)).payload
        assert int.from_bytes(payload[:8], "little") == PERM
        assert payload[8:] == bytes(256)
    assert ref.statistics().restarts == 0


def test_yielding_does_nothing(box: Box) -> None:
    """There is nobody to yield to."""
    assert call(box, "sched_yield")[0] == SUCCESS


# ---- clocks, random numbers, sleep


def test_clocks_are_the_hosts(run: Run) -> None:
    """Real time in milliseconds, monotonic time from the instance's beginning, which is at 1 s; no other clocks."""

    async def main() -> None:
        clock = ManualClock(1_800_000_000.5)
        async with caxton.Host(clock=clock) as host:
            time = await host.spawn("time", calling("clock_time_get"))
            resolution = await host.spawn("resolution", calling("clock_res_get"))
            await clock.elapse(host, 2.25)
            for number, now, step in ((0, 1_800_000_002_750_000_000, 1_000_000), (1, 3_250_000_000, 1)):
                assert (await time.ask(numbers(number, 0, HERE))).payload[:16] == i64(SUCCESS) + i64(now)
                assert (await resolution.ask(numbers(number, HERE))).payload[:16] == i64(SUCCESS) + i64(step)
            for number in (2, 3, 2**32 - 1):
                assert (await time.ask(numbers(number, 0, HERE))).payload[:8] == i64(INVAL)
                assert (await resolution.ask(numbers(number, HERE))).payload[:8] == i64(INVAL)

    run(main())


def test_random_numbers_are_the_hosts(run: Run) -> None:
    """With a seed they are the same again; as many bytes are written as were asked for."""

    async def main(seed: int | None) -> bytes:
        async with caxton.Host(seed=seed) as host:
            ref = await host.spawn("random", calling("random_get", b"\xff" * 256))
            return (await ref.ask(numbers(HERE, 100))).payload

    first, same, other = run(main(1)), run(main(1)), run(main(2))
    assert first == same
    assert first != other
    assert first[:8] == i64(SUCCESS)
    assert first[108:] == b"\xff" * 156
    assert run(main(None)) != run(main(None))


def test_random_numbers_have_a_limit(box: Box) -> None:
    """64 KiB at once."""
    ref = box.spawn(calling("random_get", memory="3"))
    for length, result in ((0, SUCCESS), (64 * KIB, SUCCESS), (64 * KIB + 1, INVAL), (128 * KIB, INVAL)):
        assert box.ask(ref, numbers(PAGE, length)).payload[:8] == i64(result)


def clock_event(user: int, clock: int, timeout: int, flags: int = 0) -> bytes:
    return SUBSCRIPTION.pack(user, 0, clock, timeout, 0, flags)


def sleeping(*subscriptions: bytes) -> tuple[str, bytes]:
    """A guest that polls these, its events at HERE + 192, and the arguments for it."""
    return calling("poll_oneoff", b"".join(subscriptions)), numbers(HERE, HERE + 192, len(subscriptions), HERE + 240)


@pytest.mark.parametrize(
    ("clock_id", "timeout", "flags", "seconds"),
    [
        (1, 5 * SECOND, 0, 5.0),
        (0, 5 * SECOND, 0, 5.0),
        (1, 6 * SECOND, 1, 5.0),
        (0, 1_800_000_005 * SECOND, 1, 5.0),
        (1, 1, 0, 0.001),
        (1, 5 * SECOND + 1, 0, 5.001),
    ],
)
def test_poll_sleeps(run: Run, clock_id: int, timeout: int, flags: int, seconds: float) -> None:
    """For so long, or until then; without a thread, and the event says which subscription it was."""

    async def main() -> None:
        clock = ManualClock(1_800_000_000)
        async with caxton.Host(clock=clock) as host:
            text, message = sleeping(clock_event(77, clock_id, timeout, flags))
            ref = await host.spawn("sleeper", text)
            task = asyncio.create_task(ref.ask(message))
            await clock.elapse(host, seconds - 0.0005)
            assert not task.done()
            await clock.elapse(host, 0.0005)
            payload = (await task).payload
            assert payload[:8] == i64(SUCCESS)
            assert EVENT.unpack(payload[8 + 192 : 8 + 224]) == (77, 0, 0, 0, 0)
            assert payload[8 + 240 : 8 + 244] == i32(1)

    run(main())


def test_poll_takes_the_earliest(run: Run) -> None:
    """Of several times the first one ends the sleep, and is the one event that is told."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock) as host:
            times = (clock_event(1, 1, 9 * SECOND), clock_event(2, 1, 3 * SECOND), clock_event(3, 0, 4 * SECOND))
            text, message = sleeping(*times)
            task = asyncio.create_task((await host.spawn("sleeper", text)).ask(message))
            await clock.elapse(host, 3)
            payload = (await task).payload
            assert EVENT.unpack(payload[8 + 192 : 8 + 224])[0] == 2

    run(main())


def test_times_that_have_passed_end_a_poll_at_once(box: Box) -> None:
    """A time of 0, and one in the past."""
    for subscription in (clock_event(5, 1, 0), clock_event(5, 0, SECOND, 1)):
        text, message = sleeping(subscription)
        payload = box.ask(box.spawn(text), message).payload
        assert payload[:8] == i64(SUCCESS)
        assert payload[8 + 192 : 8 + 200] == i64(5)


def test_the_longest_sleep_ends_with_the_turn(run: Run) -> None:
    """Shortly before the deadline the guest goes on, and can still answer."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock) as host:
            for i, timeout in enumerate((2**64 - 1, 2**63, 10**18)):
                text, message = sleeping(clock_event(9, 1, timeout))
                ref = await host.spawn(f"sleeper-{i}", text, limits=caxton.Limits(deadline=10.0))
                task = asyncio.create_task(ref.ask(message))
                await clock.elapse(host, 9)
                assert not task.done()
                await clock.elapse(host, 1)
                assert (await task).payload[:8] == i64(SUCCESS)

    run(main())


def test_polls_for_anything_else_are_denied(box: Box) -> None:
    """No subscription, a clock that is not there, a descriptor, too many."""
    assert call(box, "poll_oneoff", HERE, HERE + 192, 0, HERE + 240)[0] == INVAL
    assert call(box, "poll_oneoff", HERE, HERE, 1025, HERE)[0] == INVAL
    assert call(box, "poll_oneoff", HERE, HERE, 2**32 - 1, HERE)[0] == INVAL
    for subscription, result in (
        (clock_event(1, 2, SECOND), INVAL),
        (SUBSCRIPTION.pack(1, 1, 0, 0, 0, 0), PERM),
        (SUBSCRIPTION.pack(1, 2, 1, 0, 0, 0), PERM),
        (SUBSCRIPTION.pack(1, 255, 1, 0, 0, 0), PERM),
    ):
        text, message = sleeping(subscription)
        assert box.ask(box.spawn(text), message).payload[:8] == i64(result)


# ---- pointers

BAD: Final[dict[str, tuple[str, tuple[int, ...], bytes]]] = {
    "the vectors": ("fd_write", (1, SIZE - 8, 2, HERE), b""),
    "vectors whose size wraps": ("fd_write", (1, HERE, 2**29, HERE), b""),
    "a vector's pointer": ("fd_write", (1, HERE, 1, HERE), vectors((2**32 - 1, 1))),
    "a vector's length": ("fd_write", (1, HERE, 1, HERE), vectors((0, 2**32 - 1))),
    "a vector across the end": ("fd_write", (1, HERE, 1, HERE), vectors((SIZE - 3, 4))),
    "a second vector": ("fd_write", (1, HERE, 2, HERE), vectors((DATA, 1), (SIZE, 1))),
    "where the count goes": ("fd_write", (1, HERE, 0, SIZE - 3), b""),
    "far where the count goes": ("fd_write", (1, HERE, 0, 2**32 - 1), b""),
    "what to read": ("fd_read", (0, SIZE, 1, HERE), b""),
    "how much was read": ("fd_read", (0, HERE, 1, SIZE - 3), b""),
    "how many arguments": ("args_sizes_get", (SIZE - 3, HERE), b""),
    "how long the arguments": ("args_sizes_get", (HERE, SIZE - 3), b""),
    "the environment": ("environ_sizes_get", (2**32 - 4, HERE), b""),
    "the time": ("clock_time_get", (0, 0, SIZE - 7), b""),
    "a resolution": ("clock_res_get", (1, SIZE - 7), b""),
    "a stream's state": ("fd_fdstat_get", (1, SIZE - 23), b""),
    "random numbers": ("random_get", (1, SIZE), b""),
    "random numbers that wrap": ("random_get", (2**32 - 8, 16), b""),
    "subscriptions": ("poll_oneoff", (SIZE - 47, HERE, 1, HERE), b""),
    "events": ("poll_oneoff", (HERE, SIZE - 31, 1, HERE), b""),
    "how many events": ("poll_oneoff", (HERE, HERE, 1, SIZE - 3), clock_event(1, 1, 0)),
}


@pytest.mark.parametrize(("name", "values", "data"), BAD.values(), ids=BAD.keys())
def test_bad_pointers_break_the_protocol(box: Box, name: str, values: tuple[int, ...], data: bytes) -> None:
    """Also those that stand inside a structure in memory; the next message is served by a new instance."""
    ref = box.spawn(calling(name, data, memory="1 1", items=""))
    assert box.fails(ref, numbers(*values)).code == "abi.protocol"
    if "(result" in WASI[name]:
        box.ask(ref, numbers(3 if name.startswith("fd_") else HERE, *(HERE,) * (len(parameters(name)) - 1)))
    assert ref.statistics().restarts == 1


@pytest.mark.parametrize(
    ("name", "values", "data"),
    [
        ("fd_write", (1, SIZE - 8, 1, SIZE - 4), b""),
        ("fd_write", (1, HERE, 1, HERE), vectors((SIZE - 4, 4))),
        ("fd_write", (1, HERE, 1, HERE), vectors((SIZE, 0))),
        ("clock_time_get", (1, 0, SIZE - 8), b""),
        ("fd_fdstat_get", (1, SIZE - 24), b""),
        ("random_get", (0, SIZE), b""),
        ("random_get", (SIZE, 0), b""),
        ("args_sizes_get", (SIZE - 4, SIZE - 4), b""),
    ],
)
def test_up_to_the_end_all_is_well(box: Box, name: str, values: tuple[int, ...], data: bytes) -> None:
    """The last bytes of the memory are the guest's as much as the first ones."""
    ref = box.spawn(calling(name, data, memory="1 1"))
    if (name, values[0]) == ("random_get", 0):
        assert box.ask(ref, numbers(4096, SIZE - 4096)).payload[:8] == i64(SUCCESS)
    else:
        assert box.ask(ref, numbers(*values)).payload[:8] == i64(SUCCESS)


# ---- proc_exit

EXITS: Final = agent(
    """
    (if (local.get $len) (then (call $proc_exit (i32.load (local.get $ptr)))))
    (global.set $result (i64.add (global.get $result) (i64.const 1)))
    (i32.const 0)""",
    uses=wasi("proc_exit"),
)


def test_exit_with_0_ends_the_turn_well(box: Box) -> None:
    """The answer is empty, and the next message goes to a new instance."""
    ref = box.spawn(EXITS)
    assert box.ask(ref).payload == i64(1)
    assert box.ask(ref).payload == i64(2)
    reply = box.ask(ref, i32(0))
    assert (reply.payload, reply.performative) == (b"", "inform")
    assert box.ask(ref).payload == i64(1)
    assert (ref.statistics().restarts, ref.statistics().traps) == (1, 0)


@pytest.mark.parametrize("status", [1, 255, 2**31, 2**32 - 1])
def test_exit_with_another_status_is_a_failure(box: Box, status: int) -> None:
    """The agent has failed, and the message says with which status; the next message goes to a new instance."""
    ref = box.spawn(EXITS)
    error = box.fails(ref, i32(status))
    assert error.code == "agent.failed"
    assert str(status) in error.message
    assert box.ask(ref).payload == i64(1)


@pytest.mark.parametrize("status", [0, 1])
def test_exit_in_turn_0_is_a_refusal(box: Box, status: int) -> None:
    """An agent that exits while it starts does not start."""
    for how in ('(func (export "_initialize") {})', '(func (export "caxton_init") (result i32) {} (i32.const 0))'):
        error = box.refused(agent(uses=wasi("proc_exit"), items=how.format(f"(call $proc_exit (i32.const {status}))")))
        assert error.code == "agent.refused-start"
        assert f"status {status}" in error.message


# ---- a real program

PROGRAM: Final = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char *answer;
static int length;

__attribute__((export_name("handle_message"))) int handle_message(const char *text, int size) {
  free(answer);
  answer = malloc(size * 2 + 200);
  FILE *file = fopen("/etc/passwd", "r");
  int why = errno;
  printf("got %d bytes: %.*s\n", size, size, text);
  fprintf(stderr, "file: %s\n", file ? "open" : strerror(why));
  fflush(stdout);
  length = sprintf(answer, "%.*s%.*s|%s|%d|%.3f", size, text, size, text, file ? "open" : "none",
                   getenv("HOME") != NULL, 1.0 / 8);
  if (size == 4 && !memcmp(text, "exit", 4)) exit(7);
  return 0;
}

__attribute__((export_name("get_response"))) int get_response(char *out, int room) {
  if (length <= room) memcpy(out, answer, length);
  return length;
}
"""


@pytest.fixture(scope="module")
def program() -> bytes:
    """A C program with a libc, as a reactor, with its `malloc` exported."""
    exports = ("-Wl,--export=malloc", "-Wl,--export=free")
    return zig_cc(PROGRAM, "-O1", "-mexec-model=reactor", *exports, target="wasm32-wasi")


def test_a_c_program_with_a_libc_runs(box: Box, program: bytes) -> None:
    """`printf`, `malloc` and `sprintf` work; files and the environment are not there, and the libc says so."""
    ref = box.spawn(program)
    for text in ("hello", "x" * 5000, ""):
        box.logs.clear()
        reply = box.ask(ref, text)
        assert reply.text == f"{text}{text}|none|0|0.125"
        (said,) = [line for _, how, line in box.logs if how == "info"]
        whole = f"got {len(text)} bytes: {text}"
        assert said == whole if len(whole) < 4096 else said.startswith(whole[:4000])
        ((_, _, line),) = [entry for entry in box.logs if entry[1] == "warning"]
        assert line.startswith("file: ")
        assert line != "file: open"
    assert ref.statistics().restarts == 0


def test_a_c_program_may_exit(box: Box, program: bytes) -> None:
    """`exit(7)` is a failure with that status; the next message is served."""
    ref = box.spawn(program)
    error = box.fails(ref, b"exit")
    assert error.code == "agent.failed"
    assert "status 7" in error.message
    assert box.ask(ref, "a").text == "aa|none|0|0.125"
