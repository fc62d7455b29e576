"""A client that has started ``caxton mcp``: a real process, real pipes, the official client, and lines by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pytest

from caxton.testing import call
from tests.conftest import Run
from tests.serving.agents import EXPOSED, LONG, answer, log, told
from tests.serving.clients import ROOT, child, code_of, eras, names, text_of
from tests.serving.test_progress import Heard

SECONDS: Final = 120
INITIALIZE: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def request(number: int, method: str, params: dict[str, Any]) -> bytes:
    """A request as a line."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


def called(number: int, tool: str, arguments: dict[str, Any]) -> bytes:
    """A call of a tool as a line."""
    return request(number, "tools/call", {"name": tool, "arguments": arguments})


HELLO: Final = request(0, "initialize", INITIALIZE) + b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'


class Child:
    """The server's process, spoken to by hand."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr

    def send(self, data: bytes) -> None:
        """Writes to its standard input."""
        self.stdin.write(data)
        self.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next line of its standard output."""
        line = self.stdout.readline()
        assert line, self.stderr.read().decode()
        found: dict[str, Any] = json.loads(line)
        return found

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def status(self) -> int:
        """Waits for its end, and answers its exit status."""
        return self._process.wait(SECONDS)

    def ended(self) -> tuple[int, list[Any], str]:
        """Closes its standard input and waits for its end: its exit status, the answers that are left, its stderr."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        out, err = self.stdout.read(), self.stderr.read().decode()
        assert "Traceback" not in err
        return self.status(), [json.loads(line) for line in out.splitlines()], err


Start = Callable[[], AbstractContextManager[Child]]
"""Starts a server that has been greeted."""


@contextlib.contextmanager
def started(arguments: Sequence[str]) -> Iterator[Child]:
    """A server's process, which has been greeted."""
    with subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            found = Child(process)
            found.send(HELLO)
            assert "caxton" == found.answer()["result"]["serverInfo"]["name"]
            yield found
        finally:
            process.kill()


@eras
def test_a_session(run: Run, config: Path, era: str) -> None:
    """Tools are listed and called, fail, and tell of their progress; what the process prints is not in the way."""

    async def main() -> None:
        async with child(config, era) as client:
            assert names(EXPOSED) == [tool.name for tool in (await client.list_tools()).tools]
            assert "HELLO" == text_of(await client.call_tool("upper", {"message": "hello"}))
            assert "tool.bad-arguments" == code_of(await client.call_tool("weather", {}))
            heard = Heard()
            steps = told(call("emit", "half"), call("sleep_ms", 10), answer("done"))
            assert "done" == text_of(await client.call_tool("driver", steps, progress_callback=heard))
            await heard.until(1)
            assert [(1.0, None, "half")] == heard.found

    run(main())


@eras
def test_cancelling(run: Run, config: Path, era: str) -> None:
    """A call that was cancelled while it waited is never delivered."""

    async def main() -> None:
        async with child(config, era) as client:
            heard = Heard()
            steps = told(call("emit", "began"), call("sleep_ms", 100), answer("first"))
            first = asyncio.ensure_future(client.call_tool("driver", steps, progress_callback=heard))
            await heard.until(1)
            second = asyncio.ensure_future(client.call_tool("driver", told(call("state_put", "key", "x"))))
            await client.call_tool("upper", {"message": ""})  # by now the server has the second call
            second.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await second
            third = told(call("state_get", "key"), answer("third"))
            result = await client.call_tool("driver", third)
            assert ["first", "third"] == [text_of(await first), text_of(result)]
            found = await client.call_tool("driver", told(call("state_keys", "")))
            assert "key" not in str(found)

    run(main())


def test_many_calls_at_once(run: Run, config: Path) -> None:
    """A hundred calls, of large messages too, are all answered, each with its own."""

    async def main() -> None:
        async with child(config, "legacy") as client:
            sizes = [number * 5_000 for number in range(100)]
            calls = [client.call_tool("upper", {"message": "x" * size}) for size in sizes[1:]]
            assert ["X" * size for size in sizes[1:]] == [text_of(one) for one in await asyncio.gather(*calls)]

    run(main())


def test_the_end_of_input(start: Start) -> None:
    """Ends the server with status 0, once the calls that run have been answered."""
    with start() as server:
        server.send(called(1, "upper", {"message": "last"}))
        server.send(called(2, "driver", told(call("sleep_ms", 100), answer("words"))))
        status, answers, err = server.ended()
        assert 0 == status
        assert ["LAST", "words"] == [one["result"]["content"][0]["text"] for one in answers]
        assert "" == err


def test_nobody_reads(start: Start) -> None:
    """A client that is gone ends the server with status 0, without a word."""
    with start() as server:
        server.stdout.close()
        server.send(called(1, "upper", {"message": "x"}) * 3)
        assert (0, "") == (server.status(), server.stderr.read().decode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(start: Start, number: signal.Signals) -> None:
    """Calls that run are answered; then the process ends, with status 0."""
    with start() as server:
        server.send(called(1, "driver", told(log("began"), call("sleep_ms", 100), answer("in time"))))
        assert b"caxton: info: driver: began\n" == server.stderr.readline()
        server.signal(number)
        assert "in time" == server.answer()["result"]["content"][0]["text"]
        assert (0, [], "") == server.ended()


def test_a_second_signal(start: Start) -> None:
    """Ends the process at once."""
    with start() as server:
        server.send(called(1, "driver", told(log("began"), call("sleep_ms", LONG))))
        assert b"caxton: info: driver: began\n" == server.stderr.readline()
        server.signal(signal.SIGINT)
        server.signal(signal.SIGTERM)
        assert server.ended()[0] in (128 + signal.SIGTERM, 128 + signal.SIGINT)


PRINTING = """
import asyncio, caxton
from caxton.serving import Exposed, run_stdio
from caxton.testing import UPPER

async def main():
    async with caxton.Host() as host:
        await host.spawn("upper", UPPER)
        asyncio.get_running_loop().call_soon(print, "from inside")
        await run_stdio(host, [Exposed("upper", "Upper case.")])
    print("afterwards")

asyncio.run(main())
"""


def test_a_program_that_prints() -> None:
    """What a program prints while it serves goes to standard error; afterwards standard output is its own again."""
    with started([sys.executable, "-c", PRINTING]) as server:
        server.send(called(1, "upper", {"message": "x"}))
        assert "X" == server.answer()["result"]["content"][0]["text"]
        server.stdin.close()
        assert (b"from inside\n", b"afterwards\n") == (server.stderr.read(), server.stdout.read())
        assert 0 == server.status()


def test_a_client_that_writes_much_before_it_reads(start: Start) -> None:
    """All of it is answered, though neither side's pipe holds a hundredth of it."""
    with start() as server:
        numbers = range(1, 25)
        data = b"".join(called(number, "upper", {"message": "x" * 1_000_000}) for number in numbers)
        writing = threading.Thread(target=server.send, args=(data,))
        writing.start()
        answers = [server.answer() for _ in numbers]
        writing.join()
        assert list(numbers) == sorted(one["id"] for one in answers)
        assert {1_000_000} == {len(one["result"]["content"][0]["text"]) for one in answers}
        assert 0 == server.ended()[0]
