"""A server that misbehaves costs its callers an error, at once or at their time limit, and nobody anything else."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from caxton.errors import ToolError
from caxton.tools.mcp import process
from caxton.tools.provider import RESULT_LIMIT
from tests.conftest import Run
from tests.tools.mcp.lab import call, eventually, hostile, is_alive, notes, noting, raw, refused, serving, text


async def still_well(servers: Any) -> None:
    """The server answers as if nothing had happened."""
    assert {"text": "x", "key": "y"} == json.loads(await text(servers, "h.echo", text="x", key="y"))["arguments"]


async def patience(servers: Any) -> None:
    """Until it may be started again."""
    backoff = servers.server("h")._keeper._backoff
    await eventually(lambda: backoff._failures and not backoff.left(time.monotonic()))


# ---- in the middle of a call


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ("die", "it ended with status 7: I have had enough"),
        ("kill", "it was ended by signal 9"),
        ("close_output", "it closed its output"),
    ],
)
def test_one_that_goes_away(run: Run, tmp_path: Path, tool: str, reason: str) -> None:
    """Every caller is told at once, and why; also by a server that only closes its output, which is then ended."""

    async def main() -> None:
        async with serving(hostile(env=noting(tmp_path / "notes"))) as servers:
            others = [asyncio.create_task(refused(servers, "h.hang")) for _ in range(5)]
            await eventually(lambda: sum("hanging" in note for note in notes(tmp_path / "notes")) == 5)
            errors = [await refused(servers, f"h.{tool}"), *await asyncio.gather(*others)]
            assert {"tool.failed"} == {error.code for error in errors}
            assert all(reason in error.message for error in errors), errors
            server = next(note["started"] for note in notes(tmp_path / "notes") if "started" in note)
            await eventually(lambda: not is_alive(server))

    run(main())


def test_one_that_hangs(run: Run) -> None:
    """The call ends at its time limit; others on the same connection go on."""

    async def main() -> None:
        async with serving(hostile(timeout=0.3)) as servers:
            hanging = asyncio.create_task(refused(servers, "h.hang"))
            await still_well(servers)
            assert "tool.timeout" == (await hanging).code
            await still_well(servers)

    run(main())


def test_one_that_reads_nothing(run: Run, tmp_path: Path) -> None:
    """What it does not read is kept up to a limit; then calls fail at once. It can be stopped all the same."""

    async def main() -> None:
        async with serving(hostile(env=noting(tmp_path / "notes"))) as servers:
            await still_well(servers)
            frozen = asyncio.create_task(refused(servers, "h.freeze", timeout=20))
            await eventually(lambda: any("frozen" in note for note in notes(tmp_path / "notes")))
            large = "x" * (1 << 20)
            waiting = [asyncio.create_task(refused(servers, "h.echo", text=large, timeout=20)) for _ in range(40)]
            done, waiting_still = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert "h does not read what it is sent" in done.pop().result().message
            assert 16 <= len(waiting_still) <= 20
        for task in (frozen, *waiting):
            assert "tool.failed" == (await task).code

    run(main())


def test_a_time_limit_holds_for_one_that_reads_nothing(run: Run, tmp_path: Path) -> None:
    """Also for a call that could not even be sent."""

    async def main() -> None:
        async with serving(hostile(env=noting(tmp_path / "notes"))) as servers:
            frozen = asyncio.create_task(refused(servers, "h.freeze", timeout=20))
            await eventually(lambda: any("frozen" in note for note in notes(tmp_path / "notes")))
            began = asyncio.get_running_loop().time()
            assert "tool.timeout" == (await refused(servers, "h.echo", text="x" * (1 << 20), timeout=0.2)).code
            assert asyncio.get_running_loop().time() - began < 19  # what holds the server up would end after 20
        await frozen

    run(main())


# ---- what it writes


def test_garbage_between_messages(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Is logged and passed over."""
    caplog.set_level(logging.INFO, "caxton.tools.mcp")

    async def main() -> None:
        async with serving(hostile("words")) as servers:
            assert "after the garbage" == await text(servers, "h.garbage")
            await still_well(servers)

    run(main())
    assert "h: no message: Welcome to the server!" in caplog.messages
    assert "h: no message: this is no JSON" in caplog.messages


def test_wrong_and_double_answers(run: Run) -> None:
    """Answers that nobody waits for go nowhere, whatever their ids are."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            assert "right" == await text(servers, "h.wrong_ids")
            assert "first" == await text(servers, "h.twice")
            await still_well(servers)

    run(main())


def test_requests_of_the_server(run: Run) -> None:
    """Sampling, elicitation and roots are refused; only a ping is answered."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            answers = dict(json.loads(await text(servers, "h.ask")))
            assert {"mine-0": False, "mine-1": False, "mine-2": False, "mine-3": False, "mine-4": True} == answers

    run(main())


def test_a_line_without_end(run: Run) -> None:
    """Ends the connection, after a bounded number of bytes; the next one is as good as new."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            error = await refused(servers, "h.endless", timeout=50)
            assert "tool.failed" == error.code
            assert "a line without end" in error.message
            await patience(servers)
            await still_well(servers)

    run(main())


@pytest.mark.parametrize("tool", ["large", "large_last"])
def test_an_answer_that_is_too_large(run: Run, tool: str) -> None:
    """Fails its own call and no other: beyond the limit of results as beyond the limit of lines."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            other = asyncio.create_task(text(servers, "h.wait", seconds=0.5))
            for size, words in ((RESULT_LIMIT + 1, "bytes, more than"), (20 << 20, "the answer has more than")):
                error = await refused(servers, f"h.{tool}", bytes=size, timeout=50)
                assert "tool.failed" == error.code
                assert words in error.message
            assert RESULT_LIMIT - 1000 == len(await text(servers, f"h.{tool}", bytes=RESULT_LIMIT - 1000))
            assert "waited" == await other

    run(main())


def test_an_answer_of_too_many_values(run: Run) -> None:
    """Fails before it is read: it would cost a hundred times its bytes. The same characters in a text are a text."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            error = await refused(servers, "h.bomb")
            assert "tool.failed" == error.code
            assert "or 250000 values" in error.message
            assert 8_000_000 == len(await text(servers, "h.bomb", text=True))

    run(main())


@pytest.mark.parametrize(
    "result",
    [
        "42",
        "null",
        "[]",
        "{}",
        '{"content": 1}',
        '{"content": [{"type": "no-such"}]}',
        '{"content": [{"type": "text"}]}',
        '{"content": [{"type": "text", "text": "\\ud800"}]}',
        '{"content": [], "structuredContent": {"x": NaN}}',
        '{"content": [], "structuredContent": {"x": 1e999}}',
        '{"content": [], "structuredContent": {"x": "\\ud800"}}',
        '{"content": [], "structuredContent": ' + '{"x":' * 60 + "1" + "}" * 61,
        '{"content": [], "structuredContent": ' + "[" * 100_000,
        '{"content": [], "isError": "perhaps"}',
        '{"resultType": "input_required", "inputRequests": {}}',
    ],
    ids=lambda result: result[:50],
)
def test_results_that_are_none(run: Run, result: str) -> None:
    """Not the protocol's, or not acceptable JSON."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            assert "tool.failed" == (await refused(servers, "h.odd", result=result)).code
            await still_well(servers)

    run(main())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": -32602, "message": "no such argument"}, "tool.bad-arguments"),
        ({"code": -32603, "message": "x" * 100_000}, "tool.failed"),
        ({"code": -32001, "message": "timed out, perhaps"}, "tool.failed"),
        ({"code": 7, "message": "\x1b[2J\u202e", "data": {"more": [1, 2]}}, "tool.failed"),
        ({"code": -32042, "message": "open this", "data": {"elicitations": 3}}, "tool.failed"),
        ({"code": -32022, "message": "another version", "data": {"supported": ["1"]}}, "tool.failed"),
    ],
)
def test_errors_of_the_protocol(run: Run, error: dict[str, Any], code: str) -> None:
    """Have the contract's code; what the server said is in the payload, in the shape of a result."""

    async def main() -> ToolError:
        async with serving(hostile()) as servers:
            return await refused(servers, "h.error", error=error)

    found = run(main())
    assert code == found.code
    assert found.message.isprintable()
    assert len(found.message) <= 4096
    assert found.payload is not None
    assert json.loads(found.payload)["isError"] is True


def test_a_failure_of_the_tool(run: Run) -> None:
    """Is told by its first text, cut; the payload has all of it."""

    async def main() -> ToolError:
        async with serving(hostile()) as servers:
            return await refused(servers, "h.failure", text="no ink \x07" + "x" * 5000)

    found = run(main())
    assert "tool.failed" == found.code
    assert found.message.startswith("h.failure: no ink \\x07xxx")
    assert len(found.message) < 600
    assert found.payload is not None
    expected = {"content": [{"type": "text", "text": "no ink \x07" + "x" * 5000}], "isError": True}
    assert expected == json.loads(found.payload)


def test_a_schema_that_takes_for_ever_to_check(run: Run) -> None:
    """A server's output schema is not run over its output: a pattern could hold up everybody."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            assert {"s": "a" * 40 + "!"} == (await call(servers, "h.output"))["structured"]

    run(main())


# ---- at its start


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("die", "it ended with status 1: cannot find my \\x1b[31mcat"),
        ("babble", "it does not speak MCP: it wrote 'Welcome to the server!'"),
        ("no-list", "no list today"),
    ],
)
def test_one_that_cannot_start(run: Run, mode: str, reason: str) -> None:
    """The first call fails as soon as that is known, with the reason; the next at once, as long as it backs off."""

    async def main() -> None:
        async with serving(hostile(mode)) as servers:
            error = await refused(servers, "h.echo")
            assert "tool.failed" == error.code
            assert f"h cannot start: {reason}" in error.message
            error = await refused(servers, "h.echo")
            assert "h is not running; next try in 0.1 s" in error.message
            assert [] == await servers.tools()

    run(main())


def test_one_that_is_no_server(run: Run) -> None:
    """Programs that are not there, cannot be run, or repeat what they are told."""

    async def main() -> None:
        from caxton.tools.settings import StdioServer

        for command, cwd, reason in (
            (("no-such-program-anywhere",), None, "there is no program 'no-such-program-anywhere'"),
            (("./no-such-program",), None, "there is no program './no-such-program'"),
            ((), None, "there is no program ''"),
            ((os.fspath(Path(__file__)),), None, "that can be run"),
            (("true",), Path("/no/such/place"), "there is no directory"),
            (("true",), None, "it ended with status 0"),
            (("tru\0e",), None, "cannot start"),
            (("cat",), None, "cannot start"),
        ):
            async with serving(StdioServer("h", command, cwd=cwd)) as servers:
                error = await refused(servers, "h.echo")
                assert "tool.failed" == error.code
                assert reason in error.message

    run(main())


def test_one_that_has_no_tools(run: Run) -> None:
    """Is not asked for them."""

    async def main() -> None:
        async with serving(hostile("no-tools")) as servers:
            assert [] == await servers.tools()
            assert "tool.unknown" == (await refused(servers, "h.echo")).code

    run(main())


def test_one_that_ignores_every_hint_to_end(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its input closes, then SIGTERM, then it is killed: closing takes a bounded time."""
    monkeypatch.setattr(process, "GRACE", 0.2)

    async def main() -> int:
        async with serving(hostile("stubborn", env=noting(tmp_path / "notes"))) as servers:
            await still_well(servers)
            pid: int = next(note["started"] for note in notes(tmp_path / "notes") if "started" in note)
        return pid

    pid = run(main())
    assert not is_alive(pid)
    assert any("end" in note for note in notes(tmp_path / "notes"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_call_that_comes_after_the_end(run: Run) -> None:
    """Is refused: nothing is started any more."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            await still_well(servers)
            hanging = asyncio.create_task(refused(servers, "h.hang"))
            await still_well(servers)
        assert "h.hang: the server has gone: it was stopped" in (await hanging).message
        assert "h is stopped" in (await refused(servers, "h.echo")).message
        with pytest.raises(ToolError):
            await raw(servers, "h.echo")

    run(main())
