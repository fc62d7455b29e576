"""What one turn may do is counted: host calls, envelopes, bytes, handles, log. Passing a limit is told by its code."""

from __future__ import annotations

import asyncio

import pytest

import caxton
from caxton.testing import ECHO, ResultOf, act, call, perform, program
from tests.agents.lab import KIB, MIB, asking, failure, lab, meta, numbers
from tests.conftest import Run


@pytest.mark.parametrize("limit", [0, 1, 63, 64, 65, 200])
def test_so_many_host_calls_end_the_turn(run: Run, limit: int) -> None:
    """The limit itself may be used up, also beyond where a turn leaves the event loop; one more is limit.host-calls."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"host_calls": limit})
            calls = [call("now_ms")] * limit
            reply = await agent.ask(program(*calls))
            assert limit == reply.usage.host_calls
            error = await failure(agent, *calls, call("now_ms"))
            assert "limit.host-calls" == error.code
            assert 1 == agent.statistics().restarts

    run(main())


def test_the_default_is_ten_thousand_host_calls(run: Run) -> None:
    """No more, no less; each turn anew."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            calls = [call("now_ms")] * 10_000
            for _ in range(2):
                assert 10_000 == (await agent.ask(program(*calls))).usage.host_calls
            assert "limit.host-calls" == (await failure(agent, *calls, call("random", 1))).code

    run(main())


def test_so_many_envelopes(run: Run) -> None:
    """-4, limit.outbox; each receiver counts, asks and published messages too; the turn goes on."""

    async def main() -> None:
        async with lab() as a:
            agent, one, two = [await a.driver(name, limits={"outbox": 6}) for name in ("agent", "one", "two")]
            for ref in (one, two):
                await perform(ref, call("subscribe", "t"))
            found = await perform(
                agent,
                call("tell", "one", "x"),
                call("send_envelope", meta("inform", receiver=["one", "two"]), "x"),
                call("publish", "t", "x"),
                call("send_envelope", meta("inform", receiver=["one", "two"]), "x"),
                call("result_info"),
                call("ask", "one", "x", 1_000),
                call("tell", "one", "x"),
                call("ask", "one", "x", 1_000),
                call("ask_start", "one", "x", 1_000),
                call("publish", "t", "x"),
                act("count"),
            )
            assert [0, 0, 0, -4] == numbers(found)[:4]
            assert "limit.outbox" == found[4].json["code"]
            assert [1, -4, -4, -4, -4, 1] == numbers(found)[5:]
            await a.settle()
            assert 4 == len(a.texts("one"))
            assert 2 == len(a.texts("two"))

    run(main())


def test_the_default_is_a_thousand_envelopes(run: Run) -> None:
    """The next turn may send as many again."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await a.driver("sink", limits={"mailbox": 10_000})
            for _ in range(2):
                found = await perform(agent, *[call("tell", "sink", "x", read=False)] * 1_001)
                assert [0] * 1_000 + [-4] == numbers(found)

    run(main())


def test_so_many_bytes(run: Run) -> None:
    """Payloads count once for each receiver."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"outbox_bytes": 1_000})
            await a.drivers("one", "two")
            found = await perform(
                agent,
                call("tell", "one", bytes(600)),
                call("send_envelope", meta("inform", receiver=["one", "two"]), bytes(201)),
                call("send_envelope", meta("inform", receiver=["one", "two"]), bytes(200)),
                call("tell", "one", "x"),
                call("tell", "one", ""),
            )
            assert [0, -4, 0, -4, 0] == numbers(found)

    run(main())


def test_the_default_is_8_mib(run: Run) -> None:
    """Eight messages of a megabyte, and not a byte more."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await a.driver("sink")
            told = call("tell", 0, 4, 0, MIB, raw=True)
            # A raw call reads its arguments from memory: the name lies where a list was put.
            name = int.from_bytes(b"sink", "little")
            found = await perform(agent, call("wait", [name], 0), *[told] * 9, call("tell", 0, 4, 0, 1, raw=True))
            assert [-3] + [0] * 8 + [-4, -4] == numbers(found)

    run(main())


def test_a_message_larger_than_the_limit_cannot_be_sent(run: Run) -> None:
    """-4, limit.message-size, whichever call would send it."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"message": KIB})
            await a.host.spawn("echo", ECHO)
            name, size = int.from_bytes(b"echo", "little"), KIB + 1
            found = await perform(
                agent,
                call("wait", [name], 0),
                call("tell", 0, 4, 0, size, raw=True),
                call("result_info"),
                call("ask", 0, 4, 0, size, 1_000, raw=True),
                call("ask_start", 0, 4, 0, size, 1_000, raw=True),
                call("publish", 0, 4, 0, size, raw=True),
                call("emit", 0, size, raw=True),
            )
            assert [-4, -4, -4, -4, -4] == [found[at].number for at in (1, 3, 4, 5, 6)]
            assert "limit.message-size" == found[2].json["code"]

    run(main())


def test_a_message_that_its_receiver_does_not_take(run: Run) -> None:
    """The receiver's own limit counts: -4 for an ask, a dead letter for what was told."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await a.driver("small", limits={"message": 10})
            found = await perform(
                agent, call("ask", "small", bytes(11), 1_000), call("result_info"), call("tell", "small", bytes(11))
            )
            assert ([-4, 0], "limit.message-size") == (
                [found[0].number, found[2].number],
                found[1].json["code"],
            )
            assert [("small", "limit.message-size", "\0" * 11)] == a.dead()

    run(main())


def test_so_many_handles(run: Run) -> None:
    """-4, limit.pending; one that has been waited for, or cancelled, makes room."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"pending": 2})
            await a.host.spawn("echo", ECHO)

            @a.host.tool
            async def tool() -> int:
                return 1

            found = await perform(
                agent,
                call("ask_start", "echo", "x", 1_000),
                call("tool_start", "tool", "{}", 1_000),
                call("ask_start", "echo", "x", 1_000),
                call("result_info"),
                call("tool_start", "tool", "{}", 1_000),
                call("cancel", ResultOf(0)),
                call("ask_start", "echo", "x", 1_000),
                call("ask_start", "echo", "x", 1_000),
                call("wait", [ResultOf(6)], 1_000),
                call("ask_start", "echo", "x", 1_000),
            )
            assert [-4, -4, 0, -4, 0] == [found[at].number for at in (2, 4, 5, 7, 8)]
            assert "limit.pending" == found[3].json["code"]
            assert all(found[at].number > 0 for at in (0, 1, 6, 9))

    run(main())


def test_the_default_is_64_handles(run: Run) -> None:
    """All of them can be waited for at once."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await a.host.spawn("echo", ECHO)
            starts = [call("ask_start", "echo", f"{n}", 1_000) for n in range(65)]
            waits = [call("wait", [ResultOf(n) for n in range(64)], 1_000), call("wait", [1] * 65, 0)]
            found = await perform(agent, *starts, *waits)
            assert all(result.number > 0 for result in found[:64])
            assert [-4, 0, -3] == numbers(found[64:])

    run(main())


def test_the_log_has_a_budget(run: Run) -> None:
    """What is beyond it is dropped and counted, with one warning; it never stops a turn, and the next has its own."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"log": 100})
            for turn in (1, 2):
                found = await perform(agent, call("log", 2, "x" * 60), *[call("log", 2, "y" * 41)] * 5, act("count"))
                assert turn == found[-1].number
                lines = [(level, line) for name, level, line in a.logs if name == "agent"]
                assert [("info", "x" * 60), "warning"] == [lines[-2], lines[-1][0]]
                assert 2 * turn == len(lines)
                assert 5 * turn == agent.statistics().log_dropped

    run(main())


def test_the_default_log_budget_is_64_kib(run: Run) -> None:
    """Exactly."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("log", 2, bytes(64 * KIB)), call("log", 2, ""))
            assert 0 == agent.statistics().log_dropped
            await perform(agent, call("log", 2, bytes(64 * KIB)), call("log", 2, "x"))
            assert 1 == agent.statistics().log_dropped

    run(main())


@pytest.mark.parametrize(
    ("level", "name"),
    [(0, "trace"), (1, "debug"), (2, "info"), (3, "warning"), (4, "error"), (5, "error"), (-1, "error")],
)
def test_the_levels_of_the_log(run: Run, level: int, name: str) -> None:
    """Five; a number beyond them is as loud as it gets."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("log", level, "hello"))
            assert [("agent", name, "hello")] == a.logs

    run(main())


def test_what_is_logged_is_safe_to_print(run: Run) -> None:
    """Control and bidirectional characters are escaped, bytes that are no text replaced, long lines cut."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            for raw in (b"\x1b[31m\r\n", "\u202eabc".encode(), b"\xff\xfe", b"z" * 10_000):
                await perform(agent, call("log", 2, raw))
            lines = [line for _, _, line in a.logs]
            assert ["\\x1b[31m\\x0d\\x0a", "\\u202eabc", "\ufffd\ufffd"] == lines[:3]
            assert len(lines[3].encode()) <= 4 * KIB

    run(main())


def test_a_full_mailbox_refuses_by_count(run: Run) -> None:
    """mailbox.full, and nothing that had been taken is lost."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"mailbox": 3})
            busy = asking(agent, call("sleep_ms", 10))
            await a.settle()
            for n in range(3):
                await agent.tell(f"{n}")
            for refused in (agent.tell("3"), agent.ask("3")):
                with pytest.raises(caxton.MessagingError) as caught:
                    await refused
                assert ("mailbox.full", True) == (caught.value.code, caught.value.retryable)
            await a.elapse(0.01)
            await busy
            assert ["0", "1", "2"] == a.texts("agent")

    run(main())


def test_a_full_mailbox_refuses_by_bytes(run: Run) -> None:
    """The sum of the payloads that wait."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"mailbox_bytes": 1_000})
            busy = asking(agent, call("sleep_ms", 10))
            await a.settle()
            await agent.tell(bytes(600))
            with pytest.raises(caxton.MessagingError):
                await agent.tell(bytes(401))
            await agent.tell(bytes(400))
            await agent.tell(b"")
            assert (3, 1_000) == (agent.statistics().mailbox, agent.statistics().mailbox_bytes)
            await a.elapse(0.01)
            await busy
            assert (0, 0) == (agent.statistics().mailbox, agent.statistics().mailbox_bytes)
            await agent.tell(bytes(1_000))

    run(main())


def test_the_default_mailbox_holds_a_thousand(run: Run) -> None:
    """The thousand and first sender is told."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            busy = asking(agent, call("sleep_ms", 10))
            await a.settle()
            asks = [asyncio.create_task(agent.ask("x")) for _ in range(1_000)]
            await a.settle()
            with pytest.raises(caxton.MessagingError):
                await agent.ask("one too many")
            await a.elapse(0.01)
            await asyncio.gather(busy, *asks)

    run(main())


def test_sixteen_mib_may_wait(run: Run) -> None:
    """Sixteen messages of a megabyte each."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            busy = asking(agent, call("sleep_ms", 10))
            await a.settle()
            for _ in range(16):
                await agent.tell(bytes(MIB))
            with pytest.raises(caxton.MessagingError):
                await agent.tell(b"x")
            await busy_end(a, busy)

    async def busy_end(a: object, busy: asyncio.Task[object]) -> None:
        busy.cancel()
        with pytest.raises(asyncio.CancelledError):
            await busy

    run(main())


def test_a_message_of_exactly_the_limit(run: Run) -> None:
    """Is taken; a byte more is limit.message-size, from Python too."""

    async def main() -> None:
        async with caxton.Host() as host:
            echo = await host.spawn("echo", ECHO)
            assert MIB == len((await echo.ask(bytes(MIB))).payload)
            for send in (echo.ask, echo.tell):
                with pytest.raises(caxton.LimitError) as caught:
                    await send(bytes(MIB + 1))
                assert "limit.message-size" == caught.value.code
            assert "idle" == echo.statistics().state

    run(main())


def test_a_response_of_exactly_the_limit(run: Run) -> None:
    """Is taken; a byte more is limit.response-size, and the instance is replaced."""

    async def main() -> None:
        async with caxton.Host() as host:
            echo = await host.spawn("echo", ECHO, limits=caxton.Limits(response=KIB))
            assert KIB == len((await echo.ask(bytes(KIB))).payload)
            with pytest.raises(caxton.LimitError) as caught:
                await echo.ask(bytes(KIB + 1))
            assert "limit.response-size" == caught.value.code
            assert 1 == echo.statistics().restarts
            assert b"x" == (await echo.ask("x")).payload

    run(main())
