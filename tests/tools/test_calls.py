"""A call of a tool: what is looked at first, how it ends, and that it costs nobody else anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

import caxton
from caxton.testing import act, call, perform
from caxton.tools.provider import RESULT_LIMIT, Call
from tests.agents.lab import asking, lab, numbers
from tests.conftest import Run
from tests.tools.lab import Gate, nothing, outcome, quiet, scripted, spawn, with_codes

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}

ORDER: list[tuple[str, str, int, str | None]] = [
    ("secret", "no JSON", -2, "grant.denied"),  # it is there
    ("nowhere", "no JSON", -2, "grant.denied"),
    ("there.no", "{}", -2, "grant.denied"),  # granted, and denied again
    ("there.gone", "no JSON", -9, "tool.unknown"),
    ("there.it", "no JSON", -3, "tool.bad-arguments"),
    ("there.it", "[]", -3, "tool.bad-arguments"),
    ("there.it", '{"n": 1, "n": 1}', -3, "tool.bad-arguments"),
    ("there.it", '{"n": [' + "1," * 50_001 + "1]}", -3, "tool.bad-arguments"),
    ("there.it", '{"n": "one"}', -2, "grant.denied"),  # the rule's schema
    ("there.it", '{"n": 1, "more": 1}', -3, "tool.bad-arguments"),  # the tool's own
    ("there.it", '{"n": 1}', 0, None),
    ("", "{}", -2, "grant.denied"),
    ("there.*", "{}", -9, "tool.unknown"),  # a glob is no name
    ("there.it\0", "{}", -9, "tool.unknown"),
    ("there.it\n", "{}", -9, "tool.unknown"),
    ("THERE.it", "{}", -2, "grant.denied"),
]


def test_grants_come_before_existence_and_both_before_arguments(run: Run) -> None:
    """So nobody learns by trying what there is; and what was refused has not been called. By any of the ways."""

    async def main() -> None:
        async with lab() as a:
            seen: list[int] = []

            @a.host.tool(name="there.it")
            def it(n: int) -> None:
                seen.append(n)

            for name in ("secret", "there.no"):
                a.host.tool(name=name)(seen.clear)
            rules = {"there.*": caxton.Rule(arguments=SCHEMA)}
            agent = await spawn(a, tools=["there.*"], deny=["*.no"], rules=rules)
            for name, arguments, number, code in ORDER:
                assert (number, code) == await outcome(agent, name, arguments), name
                if number:  # the tool's own objection comes later, the others at once
                    step = call("tool_start", name, arguments, 1_000)
                    started, info = await perform(agent, step, call("result_info"))
                    assert (started.number, info.json["code"]) in ((number, code), (1, None)), name
            assert [1] == seen

    run(main())


def test_a_grant_comes_before_the_room_for_a_handle(run: Run) -> None:
    """With all handles open: -2 for what is not granted, -4 for what is."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, tools=["gate", "gone"], limits={"pending": 2})
            start = [call("tool_start", "gate", "{}", 60_000)] * 2
            more = with_codes(*(call("tool_start", name, "no JSON", 60_000) for name in ("other", "gone", "gate")))
            full = with_codes(call("tool_start", "gate", "{}", 60_000), call("call_tool", "gate", "{}"))
            found = await perform(agent, *start, *more, *full)
            assert [1, 2] == numbers(found[:2])
            assert [-2, -9, -3, -4, -4] == numbers(found[2::2])
            assert "limit.pending" == found[-1].json["code"]
            await a.settle()
            assert 0 == gate.begun  # the turn was over before

    run(main())


# ---- how a call ends ------------------------------------------------------------------------------------------------


class _OddError(caxton.ToolError):
    """A tool's own error, made in another way than ours."""

    def __init__(self, said: str) -> None:
        super().__init__("tool.failed", said)


class _LowError(BaseException):
    """What nobody catches."""


class _MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


ERRORS: dict[str, Callable[[], BaseException]] = {
    "plain": lambda: RuntimeError("no"),
    "time": lambda: TimeoutError("of a library's"),
    "stop": lambda: StopAsyncIteration(),
    "memory": lambda: MemoryError(),
    "deep": lambda: RecursionError("deep"),
    "low": lambda: _LowError("low"),
    "generator": lambda: GeneratorExit(),
    "group": lambda: BaseExceptionGroup("some", [_LowError(), ValueError()]),
    "mute": lambda: _MuteError(),
    "cancelled": lambda: asyncio.CancelledError(),
    "odd": lambda: _OddError("odd"),
    "agent's": lambda: caxton.AgentFailed("another agent's"),
    "unicode": lambda: ValueError("\ud800"),
}


@pytest.mark.parametrize("what", ERRORS)
@pytest.mark.parametrize("limited", [False, True])
def test_whatever_a_tool_raises(run: Run, what: str, limited: bool) -> None:
    """The call fails (-6), once and soon, by handle and by envelope too; nothing else does, and the next goes well."""

    async def main() -> None:
        async with lab() as a:
            good = asyncio.Event()

            async def fail(call: Call) -> bytes:
                if good.is_set():
                    return b'"good"'
                await asyncio.sleep(0)
                raise ERRORS[what]()

            scripted(a, fail)
            timeout = "5s" if limited else None
            agent = await spawn(a, rules={"*": caxton.Rule(concurrency=1, timeout=timeout)})
            failed = "agent.failed" if what == "agent's" else "tool.failed"
            assert (-6, failed) == await outcome(agent, "s.tool")
            found = await perform(
                agent, call("tool_start", "s.tool", "{}", 60_000), call("wait", [1], 60_000), call("result_info")
            )
            assert (1, 0, failed) == (*numbers(found[:2]), found[2].json["code"])
            await perform(agent, call("send_envelope", '{"performative": "request", "receiver": "tool:s.tool"}', "{}"))
            await a.settle()
            (answer,) = a.received("agent")
            assert ("failure", failed) == (answer.envelope["performative"], answer.envelope["headers"]["caxton-code"])
            good.set()
            assert (0, None) == await outcome(agent, "s.tool")
            assert 0 == agent.statistics().restarts

    with quiet():
        run(main())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, StopIteration])
def test_a_plain_function_ends_nothing_but_its_call(run: Run, error: type[BaseException]) -> None:
    """Whatever it raises on its thread: neither the host nor the task that waits for it."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            def leave() -> None:
                raise error

            agent = await spawn(a)
            result, info = await perform(agent, call("call_tool", "leave", "{}"), call("result_info"))
            assert (-6, "tool.failed") == (result.number, info.json["code"])
            assert error.__name__ in result.text

    with quiet():
        run(main())


def test_results_beyond_the_limit(run: Run) -> None:
    """8 MiB are a result, wherever it comes from; a byte more is tool.failed, and so is what an error brings along."""

    async def main() -> None:
        async with lab() as a:

            async def large(call: Call) -> bytes:
                data = b'"%b"' % (b"x" * (call.arguments["size"] - 2))
                if "fail" not in call.arguments:
                    return data
                error = caxton.ToolError("tool.failed", "the tool's own words")
                error.payload = data
                raise error

            scripted(a, large)
            agent = await spawn(a)
            for more, number in ((0, RESULT_LIMIT), (1, -6)):
                arguments = f'{{"size": {RESULT_LIMIT + more}}}'
                found = await perform(agent, call("call_tool", "s.tool", arguments, read=False))
                assert number == found[0].number
            for more, said in ((0, '"xxx'), (1, "the tool's own words")):
                arguments = f'{{"size": {RESULT_LIMIT + more}, "fail": 1}}'
                found = await perform(
                    agent, call("call_tool", "s.tool", arguments, read=False), call("read_result", 20)
                )
                assert -6 == found[0].number
                assert found[1].text.startswith(said)

    run(main())


def test_progress_goes_to_the_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A hundred lines of a call, no more, with nothing in them that a terminal would obey."""
    caplog.set_level(logging.INFO, "caxton.tools")

    async def main() -> None:
        async with lab() as a:

            async def busy(call: Call) -> bytes:
                call.progress(1, 3, "one\x1b[31m\n" + "x" * 1_000)
                for number in range(1_000):
                    call.progress(number, None, None)
                return b"null"

            scripted(a, busy)
            agent = await spawn(a)
            assert (0, None) == await outcome(agent, "s.tool")

    run(main())
    lines = [record.getMessage() for record in caplog.records if record.name == "caxton.tools"]
    assert 100 == len(lines)
    assert lines[0].startswith("s.tool for agent: 1 of 3: one\\x1b[31m\\x0a")
    assert lines[1:3] == ["s.tool for agent: 0", "s.tool for agent: 1"]
    assert all(line.isprintable() and len(line) < 300 for line in lines)


# ---- time -----------------------------------------------------------------------------------------------------------


def test_a_rule_says_how_long_a_call_may_take(run: Run) -> None:
    """By the host's clock, the shortest of the rules; then it is cancelled, and -5, tool.timeout."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            rules = {"*": caxton.Rule(timeout="1h"), "g*": caxton.Rule(timeout=2.5)}
            agent = await spawn(a, rules=rules)
            waiting = asking(agent, call("call_tool", "gate", '{"label": "x"}'), call("result_info"))
            await a.elapse(2.4)
            assert (["x"], False) == (gate.running, waiting.done())
            await a.elapse(0.1)
            assert (["x"], []) == (gate.cancelled, gate.running)
            found = await waiting
            assert (-5, "tool.timeout") == (found[0].number, found[1].json["code"])
            assert "gate took more than 2.5 s" == found[0].text
            assert found[1].json["retryable"] is True
            assert 0 == a.clock.timers

    run(main())


def test_a_tool_may_end_in_its_own_way_when_its_time_is_over(run: Run) -> None:
    """One that answers all the same has answered; one that fails has failed."""

    async def main() -> None:
        async with lab() as a:

            async def stubborn(call: Call) -> bytes:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if call.arguments:
                        raise caxton.ToolError("tool.failed", "half way") from None
                return b'"all the same"'

            scripted(a, stubborn)
            agent = await spawn(a, rules={"*": caxton.Rule(timeout=1.0)})
            waiting = asking(agent, call("call_tool", "s.tool", "{}"), call("call_tool", "s.tool", '{"a": 1}'))
            await a.elapse(1)
            await a.elapse(1)
            found = await waiting
            assert ('"all the same"', "half way") == (found[0].text, found[1].text)

    run(main())


def test_the_time_of_a_turn_ends_its_calls(run: Run) -> None:
    """Shortly before the turn's deadline the guest gets -5, and the tool is cancelled."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, limits={"deadline": 2.0})
            waiting = asking(agent, call("call_tool", "gate", "{}"), call("result_info"))
            await a.elapse(1.89)
            assert [""] == gate.running
            await a.elapse(0.02)
            assert [""] == gate.cancelled
            found = await waiting
            assert (-5, "tool.timeout") == (found[0].number, found[1].json["code"])

    run(main())


# ---- cancellation ---------------------------------------------------------------------------------------------------

ENDS: dict[str, list[Any]] = {
    "returns": [],
    "traps": [act("trap")],
    "fails": [act("finish", 1)],
    "exits": [act("exit", 0)],
}


@pytest.mark.parametrize("how", ENDS)
def test_a_turn_takes_its_calls_with_it(run: Run, how: str) -> None:
    """However it ends: what still runs is cancelled, and gives back its place."""

    async def main() -> None:
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a, rules={"*": caxton.Rule(concurrency=2)})
            starts = [call("tool_start", "gate", f'{{"label": "{label}"}}', 60_000) for label in "ab"]
            waiting = asking(agent, *starts, call("sleep_ms", 10), *ENDS[how])
            await a.settle()
            assert ["a", "b"] == gate.running
            await a.elapse(0.01)
            assert ["a", "b"] == sorted(gate.cancelled)
            await asyncio.gather(waiting, return_exceptions=True)
            gate.open()
            assert [1, 2] == numbers(await perform(agent, *starts))

    run(main())


def test_a_call_that_is_given_up_before_it_has_begun(run: Run) -> None:
    """Its tool never hears of it, and its place is free again; so it is when the turn ends at once."""

    async def main() -> None:
        async with lab() as a:
            provider = scripted(a, nothing)
            agent = await spawn(a, rules={"*": caxton.Rule(concurrency=1)})
            start = call("tool_start", "s.tool", "{}", 60_000)
            steps = [start, call("cancel", 1), call("sleep_ms", 10), call("call_tool", "s.tool", "{}")]
            waiting = asking(agent, *steps)
            await a.elapse(0.01)
            assert [1, 0, 0, 4] == numbers(await waiting)
            assert 1 == len(provider.calls)
            await perform(agent, start)
            await a.settle()
            assert (0, None) == await outcome(agent, "s.tool")
            assert 2 == len(provider.calls)

    run(main())


@pytest.mark.parametrize("how", ["agent", "host"])
def test_an_agent_takes_its_calls_with_it(run: Run, how: str) -> None:
    """When it is stopped, and when its host closes; no task is left."""

    async def main() -> None:
        before = asyncio.all_tasks()
        async with lab() as a:
            gate = Gate(a)
            agent = await spawn(a)
            waiting = asking(agent, call("call_tool", "gate", "{}"))
            await a.settle()
            assert [""] == gate.running
            if how == "agent":
                await agent.stop()
                await a.settle()
                assert [""] == gate.cancelled
        assert [""] == gate.cancelled
        with pytest.raises(caxton.AgentError):
            await waiting
        assert before == asyncio.all_tasks()

    run(main())


def test_a_call_that_will_not_be_cancelled_keeps_nobody(run: Run) -> None:
    """The turn goes on at once; the call's place is taken until it ends."""

    async def main() -> None:
        async with lab() as a:
            go = asyncio.Event()

            async def deaf(call: Call) -> bytes:
                while not go.is_set():
                    try:
                        await go.wait()
                    except asyncio.CancelledError:
                        continue
                return b"null"

            scripted(a, deaf)
            agent = await spawn(a, rules={"*": caxton.Rule(concurrency=1)})
            start, pause = call("tool_start", "s.tool", "{}", 60_000), call("sleep_ms", 10)
            waiting = asking(agent, start, pause, call("cancel", 1), pause, start)
            await a.elapse(0.02)
            assert [1, 0, 0, 0, -4] == numbers(await waiting)
            go.set()
            await a.settle()
            assert (0, None) == await outcome(agent, "s.tool")

    run(main())
