"""``caxton mcp``: what it serves, where it listens, and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mcp.client import Client
from mcp_types import EmbeddedResource

import caxton
from caxton.cli.mcp import Address, address, listen
from caxton.testing import call
from tests.cli.command import caxton as run_caxton
from tests.cli.command import command, environment
from tests.conftest import Run
from tests.serving.agents import EXPOSED, answer, log, told
from tests.serving.clients import ROOT, child, eras, names, text_of
from tests.serving.test_http import HEADERS, HELLO, TOKEN, http

SECONDS = 60


@contextlib.contextmanager
def listening(*arguments: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``caxton mcp --http``, and the address that it says it serves at."""
    with subprocess.Popen(
        command("mcp", *arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.fullmatch(r"caxton: serving MCP at (http://\S+/mcp)\n", line)
            assert found, line + process.stderr.read()
            yield found[1], process
        finally:
            process.kill()


@eras
def test_http(run: Run, config: Path, era: str) -> None:
    """The agents that the file exposes are tools; a signal lets a call end, and then the command, with status 0."""

    async def main(url: str, process: subprocess.Popen[str]) -> None:
        async with Client(url, mode=era, cache=None) as client:
            assert names(EXPOSED) == [tool.name for tool in (await client.list_tools()).tools]
            steps = told(log("began"), call("sleep_ms", 100), answer("in time"))
            calling = asyncio.ensure_future(client.call_tool("driver", steps))
            assert process.stderr is not None
            line = await asyncio.to_thread(process.stderr.readline)
            assert "caxton: info: driver: began\n" == line
            process.send_signal(signal.SIGTERM)
            assert "in time" == text_of(await calling)

    with listening(str(config), "--http", "127.0.0.1:0") as (url, process):
        run(main(url, process))
        assert ("", "") == process.communicate(timeout=SECONDS)
        assert 0 == process.returncode


def test_a_token(run: Run, config: Path) -> None:
    """Is taken from the environment, and then every request has to bring it."""

    async def main(url: str) -> None:
        async with http() as client:
            assert 401 == (await client.post(url, json=HELLO)).status_code
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert 200 == (await client.post(url, json=HELLO, headers=headers)).status_code

    arguments = (str(config), "--http", "localhost:0", "--token-env", "MY_TOKEN")
    with listening(*arguments, MY_TOKEN=TOKEN) as (url, process):
        run(main(url))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        assert TOKEN not in out + err


def test_everywhere_with_a_token(config: Path) -> None:
    """An address that others reach is served to whoever has the token, by whatever name they know it."""
    arguments = (str(config), "--http", "0.0.0.0:0", "--token-env", "MY_TOKEN")
    with listening(*arguments, MY_TOKEN=TOKEN) as (url, _):
        port = url.removesuffix("/mcp").rpartition(":")[2]
        for given, status in (({}, 401), ({"Authorization": f"Bearer {TOKEN}"}, 200)):
            headers = {**HEADERS, "Host": "agents.example", **given}
            found = httpx2.post(f"http://127.0.0.1:{port}/mcp", json=HELLO, headers=headers, trust_env=False)
            assert status == found.status_code


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--http", "0.0.0.0:0"], "--http 0.0.0.0:0 is not this machine alone: it takes --token-env"),
        (["--http", "[::]:0"], "--http [::]:0 is not this machine alone: it takes --token-env"),
        (["--http", "example.org:80"], "--http example.org:80 is not this machine alone: it takes --token-env"),
        (["--http", "localhost"], "--http: 'localhost' is not HOST:PORT, such as 127.0.0.1:8000"),
        (["--http", "::1:80"], "--http: '::1:80' is not HOST:PORT, such as 127.0.0.1:8000"),
        (["--http", "x:70000"], "--http: 'x:70000' is not HOST:PORT, such as 127.0.0.1:8000"),
        (["--token-env", "PATH"], "--token-env goes with --http"),
        (["--http", "127.0.0.1:0", "--token-env", "NO_SUCH"], "--token-env: there is no NO_SUCH in the environment"),
        (
            ["--http", "127.0.0.1:0", "--token-env", "BAD"],
            "the token is empty, or has characters that no header may have",
        ),
    ],
)
def test_wrong_usage(config: Path, arguments: list[str], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is one line on standard error, and status 2; nothing was served."""
    monkeypatch.setenv("BAD", "two words")
    done = run_caxton("mcp", str(config), *arguments)
    assert (2, b"", [f"caxton mcp: {why}"]) == (done.status, done.out, done.lines)


def test_a_port_that_is_taken(config: Path) -> None:
    """Is told as wrong usage."""
    with contextlib.closing(listen(Address("127.0.0.1", 0))) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_caxton("mcp", str(config), "--http", where)
        assert (2, [f"caxton mcp: --http {where}: Address already in use"]) == (done.status, done.lines)


def test_nothing_to_serve(tmp_path: Path) -> None:
    """A file that exposes no agent, and one that is not there."""
    (tmp_path / "echo.wat").write_text(caxton.testing.ECHO)
    path = tmp_path / "caxton.toml"
    path.write_text('[agents.echo]\nmodule = "echo.wat"\n')
    done = run_caxton("mcp", str(path))
    assert (2, [f"caxton mcp: {path}: no agent there has expose = true"]) == (done.status, done.lines)
    done = run_caxton("mcp", str(tmp_path / "none.toml"))
    assert (2, b"", 1) == (done.status, done.out, len(done.lines))


def test_an_agent_that_does_not_start(tmp_path: Path) -> None:
    """Ends the command with the agent's own status."""
    (tmp_path / "bad.wat").write_text('(module (memory (export "memory") 1))')
    path = tmp_path / "caxton.toml"
    path.write_text('[agents.bad]\nmodule = "bad.wat"\nexpose = true\n')
    done = run_caxton("mcp", str(path))
    assert (3, b"") == (done.status, done.out)
    assert "module.missing-export" in done.err


def test_nobody_is_asked(run: Run, config: Path) -> None:
    """Standard input is the client's: a call of an agent's that wants a person's consent is refused at once."""

    async def main() -> None:
        path = config.with_name("asking.toml")
        rule = 'tools = ["memory.*"]\n[agents.driver.rules."memory.*"]\napprove = "ask"\n'
        path.write_text(f'[agents.driver]\nmodule = "driver.wat"\nexpose = true\n{rule}')
        async with child(path, "legacy") as client:
            steps = told(call("call_tool", "memory.put", '{"text": "y"}'), call("result_info"), log("over"))
            result = (await client.call_tool("driver", steps)).content[0]
            assert isinstance(result, EmbeddedResource)
            assert b"grant.denied" in base64.b64decode(result.model_dump()["resource"]["blob"])

    run(main())


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000, True),
        ("127.9.9.9:0", "127.9.9.9", 0, True),
        ("localhost:80", "localhost", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),  # noqa: S104 - it is not listened to
        ("[::]:80", "::", 80, False),
        ("192.168.0.1:80", "192.168.0.1", 80, False),
        ("localhost.evil.example:80", "localhost.evil.example", 80, False),
    ],
)
def test_addresses(text: str, host: str, port: int, loopback: bool) -> None:
    """Are read as they are meant, and only what is surely this machine counts as that."""
    found = address(text)
    assert (host, port, loopback, text) == (found.host, found.port, found.is_loopback, str(found))


@pytest.mark.parametrize(
    "text",
    ["", ":", ":80", "x", "x:", "x:-1", "x:+1", "x:65536", "x:000080", "x:0x50", "x:٨٠", "[x:80", "x]:80", "[]:80"],
)
def test_no_addresses(text: str) -> None:
    """Are told from those that are, and none is read as another one."""
    with pytest.raises(caxton.HostError, match="is not HOST:PORT"):
        address(text)


def test_localhost_is_this_machine() -> None:
    """Whatever a resolver says: a name counts as this machine only if what is listened to is."""
    with contextlib.closing(listen(address("localhost:0"))) as listener:
        assert listener.family in (socket.AF_INET, socket.AF_INET6)
        assert Address(listener.getsockname()[0], 0).is_loopback
