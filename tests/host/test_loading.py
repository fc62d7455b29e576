"""A module is read and compiled once, however often and by however many it is asked for at once."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pytest

import caxton
from caxton.sandbox.module import load
from caxton.testing import ECHO, UPPER
from tests.conftest import Run


class Loads:
    """Counts what is really read and compiled, or taken from the cache."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.begun = threading.Event()

        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            self.begun.set()
            return load(*arguments, **options)

        monkeypatch.setattr("caxton.host.loading.load", counted)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    """How many loads there were."""
    return Loads(monkeypatch)


def _padded(text: str, size: int) -> str:
    return text + " " * (size - len(text))


SIZE: Final = max(len(ECHO), len(UPPER))


async def _answer(host: caxton.Host, name: str, module: Any, **options: Any) -> str:
    agent = await host.spawn(name, module, **options)
    return (await agent.ask("hello")).text


def test_a_file_is_read_again_when_its_time_stamp_changes(run: Run, tmp_path: Path) -> None:
    """And not before: with equal path, size and time stamp it is the module that it was."""

    async def main() -> None:
        path = tmp_path / "agent.wat"
        path.write_text(_padded(ECHO, SIZE))
        stamp = path.stat().st_mtime_ns
        async with caxton.Host() as host:
            assert "hello" == await _answer(host, "one", path)
            with path.open("r+") as file:  # the same file still
                file.write(_padded(UPPER, SIZE))
            os.utime(path, ns=(stamp, stamp))
            assert "hello" == await _answer(host, "two", path)
            os.utime(path, ns=(stamp, stamp + 1))
            assert "HELLO" == await _answer(host, "three", path)
            assert "HELLO" == await _answer(host, "four", str(path))
            assert "hello" == (await host.agent("one").ask("hello")).text
        async with caxton.Host() as host:
            assert "HELLO" == await _answer(host, "one", path)

    run(main())


def test_a_file_that_was_replaced_is_read(run: Run, tmp_path: Path) -> None:
    """Even when the new one has the old one's time stamp."""

    async def main() -> None:
        path, other = tmp_path / "agent.wat", tmp_path / "new.wat"
        path.write_text(_padded(ECHO, SIZE))
        stamp = path.stat().st_mtime_ns
        other.write_text(_padded(UPPER, SIZE))
        os.utime(other, ns=(stamp, stamp))
        async with caxton.Host() as host:
            assert "hello" == await _answer(host, "one", path)
            other.replace(path)
            assert "HELLO" == await _answer(host, "two", path)
            path.unlink()
            with pytest.raises(caxton.ModuleError) as caught:
                await host.spawn("three", path)
            assert "module.not-found" == caught.value.code

    run(main())


def test_what_is_given_again_is_not_loaded_again(run: Run, tmp_path: Path, loads: Loads) -> None:
    """Paths, bytes and text, each by itself; a path as text and as Path are the same."""

    async def main() -> None:
        path = tmp_path / "agent.wat"
        path.write_text(ECHO)
        async with caxton.Host() as host:
            for n, module in enumerate([path, str(path), ECHO, ECHO.encode(), bytearray(ECHO.encode())] * 3):
                assert "hello" == await _answer(host, f"agent-{n}", module)
        assert 3 == loads.count

    run(main())


def test_loads_at_the_same_time_are_one(run: Run, loads: Loads) -> None:
    """Fifty agents that want a new module get it from one compilation."""

    async def main() -> None:
        text = f"{ECHO} ;; {secrets.token_hex(8)}"
        async with caxton.Host() as host:
            answers = await asyncio.gather(*(_answer(host, f"agent-{n}", text) for n in range(50)))
            assert ["hello"] * 50 == answers
        assert 1 == loads.count

    run(main())


def test_a_load_that_fails_fails_for_all_who_wait(run: Run, tmp_path: Path, loads: Loads) -> None:
    """Each is told; it is not remembered, so that a mended file can be tried again."""

    async def main() -> None:
        path = tmp_path / "agent.wat"
        path.write_text("(module")
        async with caxton.Host() as host:
            outcomes = await asyncio.gather(
                *(host.spawn(f"agent-{n}", path) for n in range(10)), return_exceptions=True
            )
            assert ["module.invalid"] * 10 == [
                outcome.code for outcome in outcomes if isinstance(outcome, caxton.CaxtonError)
            ]
            assert [] == host.agents()
            assert 1 == loads.count
            path.write_text(ECHO)
            assert "hello" == await _answer(host, "agent-0", path)

    run(main())


def test_loads_that_are_given_up(run: Run, loads: Loads) -> None:
    """When everybody who waited was cancelled, the work on it ends; the next to ask for the module begins anew."""

    async def main() -> None:
        text = f"{ECHO} ;; {secrets.token_hex(8)}"
        async with caxton.Host() as host:
            waiting = [asyncio.create_task(host.spawn(f"agent-{n}", text)) for n in range(3)]
            assert await asyncio.to_thread(loads.begun.wait, 30)
            for task in waiting:
                task.cancel()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert "hello" == await _answer(host, "agent-0", text)
            assert ["agent-0"] == [agent.name for agent in host.agents()]
        assert 2 == loads.count

    run(main())


def test_a_buffer_is_taken_as_it_was(run: Run) -> None:
    """Its owner may use it for something else while the module is being loaded."""

    async def main() -> None:
        buffer = bytearray(f"{ECHO} ;; {secrets.token_hex(8)}".encode())
        async with caxton.Host() as host:
            waiting = asyncio.create_task(host.spawn("agent", buffer))
            await asyncio.sleep(0)
            buffer[:] = bytes(len(buffer))
            agent = await waiting
            assert "hello" == (await agent.ask("hello")).text

    run(main())


def test_limits_of_the_agent_are_not_the_modules(run: Run, loads: Loads) -> None:
    """Agents with limits of their own share a module; one with more memory than a slot has takes another engine."""

    async def main() -> None:
        async with caxton.Host() as host:
            for n, arguments in enumerate(({"fuel": 1_000_000}, {"memory": "1 MiB"}, {"deadline": 2.0}, {})):
                limits = caxton.Limits(**arguments)  # type: ignore[arg-type]
                assert "hello" == await _answer(host, f"agent-{n}", ECHO, limits=limits)
            assert 1 == loads.count
            assert "hello" == await _answer(host, "big", ECHO, limits=caxton.Limits(memory="256 MiB"))
            assert 2 == loads.count

    run(main())


def test_a_module_size_of_its_own(run: Run) -> None:
    """What one agent may load, another may not; being known already changes nothing."""

    async def main() -> None:
        async with caxton.Host() as host:
            assert "hello" == await _answer(host, "one", ECHO)
            with pytest.raises(caxton.ModuleError) as caught:
                await host.spawn("two", ECHO, limits=caxton.Limits(module_size=len(ECHO) - 1))
            assert "module.too-large" == caught.value.code
            assert "hello" == await _answer(host, "two", ECHO, limits=caxton.Limits(module_size=len(ECHO)))

    run(main())


MANY: Final = """
import asyncio, caxton
from caxton.testing import DRIVER, call, perform

async def main():
    async with caxton.Host() as host:
        names = [f"agent-{n}" for n in range(12)]
        agents = await asyncio.gather(*(host.spawn(name, f"{DRIVER} ;; {name}") for name in names))
        found = await asyncio.gather(*(perform(agent, call("context"), call("now_ms")) for agent in agents))
        print(*(results[0].json["agent"] for results in found))

asyncio.run(main())
"""


def test_many_modules_at_once_in_a_fresh_process(tmp_path: Path) -> None:
    """Compiled side by side at first, then read from the cache side by side, with nothing linked yet."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state")}
    wanted = [f"agent-{n}" for n in range(12)]
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", MANY], env=environment, capture_output=True, text=True, timeout=60
        )
        assert (0, wanted, "") == (done.returncode, done.stdout.split(), done.stderr)
