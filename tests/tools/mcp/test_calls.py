"""What goes with a call: its arguments, its key, its time limit, its cancellation, its progress."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import pytest

from caxton.errors import HostError
from caxton.testing import ManualClock
from caxton.tools.mcp.server import KEY
from tests.conftest import Run
from tests.tools.mcp.lab import eventually, hostile, notes, noting, raw, refused, serving, text


def heard(path: Path, method: str) -> list[dict[str, Any]]:
    """The parameters of the messages of one kind that the server got."""
    return [note["got"]["params"] for note in notes(path) if note.get("got", {}).get("method") == method]


def test_the_idempotency_key(run: Run) -> None:
    """Goes in the request's ``_meta``, under a name of ours."""

    async def main() -> Any:
        async with serving(hostile()) as servers:
            result = await raw(servers, "h.echo", {"text": "x"}, key="turn-7/1")
            return json.loads(json.loads(result)["content"][0]["text"])

    found = run(main())
    assert {"text": "x"} == found["arguments"]
    assert "turn-7/1" == found["meta"][KEY]
    assert "dev.caxton/idempotency-key" == KEY


def test_the_hosts_arguments(run: Run) -> None:
    """Are added with their secrets, win over the agent's, and are not in the schema that agents see."""
    given = {"echo": {"key": "${secret:K}", "more": {"list": ["${secret:K}", 1]}}}

    async def main() -> None:
        expand = lambda text: text.replace("${secret:K}", "the key")  # noqa: E731
        async with serving(hostile(arguments=given), expand=expand) as servers:
            found = json.loads(await text(servers, "h.echo", text="${secret:K}", key="mine"))["arguments"]
            # What an agent writes is not filled in.
            expected = {"text": "${secret:K}", "key": "the key", "more": {"list": ["the key", 1]}}
            assert expected == found
            (schema,) = [info.input_schema for info in await servers.tools() if info.name == "h.echo"]
            assert {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]} == schema

    run(main())


def test_a_secret_that_is_not_there(run: Run) -> None:
    """The call fails, or the server does not start; both say so."""

    def expand(value: str) -> str:
        if "${" in value:
            raise HostError("config.invalid", "there is no secret K")
        return value

    async def main() -> None:
        one, other = hostile(arguments={"echo": {"key": "${secret:K}"}}), hostile(name="i", env={"K": "${secret:K}"})
        async with serving(one, other, expand=expand) as servers:
            assert "there is no secret K" in (await refused(servers, "h.echo")).message
            assert "i cannot start: there is no secret K" in (await refused(servers, "i.echo")).message

    run(main())


def test_a_time_limit(run: Run, tmp_path: Path) -> None:
    """The smaller of the call's and the server's, by the host's clock; the server is told to stop."""
    path = tmp_path / "notes"

    def more(than: int) -> bool:
        return len(heard(path, "tools/call")) > than

    async def main() -> None:
        clock = ManualClock()
        async with serving(hostile(timeout=60, env=noting(path)), clock=clock) as servers:
            await text(servers, "h.echo")
            for limit, seconds in ((None, 60), (5.0, 5), (500.0, 60)):
                before = len(heard(path, "tools/call"))
                task = asyncio.create_task(refused(servers, "h.hang", timeout=limit))
                await eventually(functools.partial(more, before))
                clock.advance(seconds - 0.1)
                await text(servers, "h.echo")
                assert not task.done()
                clock.advance(0.2)
                error = await task
                assert "tool.timeout" == error.code
                assert f"h.hang did not answer within {seconds} s" in error.message
            hung = [note["hanging"] for note in notes(path) if "hanging" in note]
            await eventually(lambda: hung == [one["requestId"] for one in heard(path, "notifications/cancelled")])
            assert 0 == clock.timers

    run(main())


def test_a_call_that_is_cancelled(run: Run, tmp_path: Path) -> None:
    """Is cancelled at the server too, and at once for who cancels it."""
    path = tmp_path / "notes"

    async def main() -> None:
        async with serving(hostile(env=noting(path))) as servers:
            task = asyncio.create_task(raw(servers, "h.hang"))
            await eventually(lambda: any("hanging" in note for note in notes(path)))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await eventually(lambda: heard(path, "notifications/cancelled"))
            (hung,) = [note["hanging"] for note in notes(path) if "hanging" in note]
            assert hung == heard(path, "notifications/cancelled")[0]["requestId"]
            await text(servers, "h.echo")

    run(main())


def test_a_caller_that_leaves_while_the_server_starts(run: Run) -> None:
    """The start goes on for the others."""

    async def main() -> None:
        async with serving(hostile()) as servers:
            first = asyncio.create_task(text(servers, "h.echo"))
            second = asyncio.create_task(text(servers, "h.echo"))
            await asyncio.sleep(0)
            first.cancel()
            assert json.loads(await second)["arguments"] == {}
            assert first.cancelled()

    run(main())


def test_progress(run: Run) -> None:
    """Is told in order, escaped and without secrets; what is no number is not."""
    told: list[tuple[float, float | None, str | None]] = []

    async def main() -> None:
        redact = lambda data: data.replace(b"canary-1", b"[secret]")  # noqa: E731
        async with serving(hostile(env={"CANARY": "canary-1"}), redact=redact) as servers:
            await raw(servers, "h.progress", progress=lambda *all_of_it: told.append(all_of_it))

    run(main())
    assert [(n, 3, f"step {n} with \\x1b[31m [secret]") for n in (1, 2, 3)] == told


def test_a_listener_that_fails(run: Run) -> None:
    """What goes wrong in who is told of progress is not the call's."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        async with serving(hostile()) as servers:
            await raw(servers, "h.progress", progress=fail)

    run(main())


def test_a_thousand_calls_of_a_second(run: Run) -> None:
    """Wait at the same time, over one connection, without a thread each. One after the other, this would take longer
    than any test may."""

    async def main() -> float:
        async with serving(hostile()) as servers:
            await text(servers, "h.echo")
            began = asyncio.get_running_loop().time()
            found = await asyncio.gather(*(text(servers, "h.wait", seconds=1) for _ in range(1_000)))
            assert {"waited"} == set(found)
            return asyncio.get_running_loop().time() - began

    seconds = run(main())
    print(f"{seconds:.2f} s")
    assert seconds > 1
