"""Whoever holds the host wrongly is told so at once, with config.invalid, and nothing is left behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import caxton
from caxton.testing import ECHO, ManualClock
from tests.agents.lab import lab
from tests.conftest import Run


def _check(error: caxton.CaxtonError, *words: str) -> None:
    assert "config.invalid" == error.code
    for word in words:
        assert word in str(error)


USES: dict[str, Callable[[caxton.Host], Any]] = {
    "agent": lambda host: host.agent("a"),
    "agents": lambda host: host.agents(),
    "statistics": lambda host: host.statistics(),
    "dead letters": lambda host: host.dead_letters(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_host_that_has_not_been_entered(run: Run, use: Callable[[caxton.Host], Any]) -> None:
    """Has no agents, and says what to do."""
    with pytest.raises(caxton.HostError) as caught:
        use(caxton.Host())
    _check(caught.value, "async with")


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_host_that_has_been_left(run: Run, use: Callable[[caxton.Host], Any]) -> None:
    """Does nothing more."""

    async def main() -> None:
        async with caxton.Host() as host:
            pass
        with pytest.raises(caxton.HostError) as caught:
            use(host)
        _check(caught.value, "async with")

    run(main())


def test_no_spawn_before_and_after(run: Run) -> None:
    """Nor with a module that the host knows already."""

    async def main() -> None:
        host = caxton.Host()
        with pytest.raises(caxton.HostError) as caught:
            await host.spawn("a", ECHO)
        _check(caught.value)
        async with host:
            agent = await host.spawn("a", ECHO)
        with pytest.raises(caxton.HostError) as caught:
            await host.spawn("b", ECHO)
        _check(caught.value)
        for use in (agent.ask, agent.tell):
            with pytest.raises(caxton.AgentError) as ended:
                await use(b"hello")
            assert "agent.stopped" == ended.value.code
        with pytest.raises(caxton.AgentError) as ended:
            async for _ in agent.stream(b"hello"):
                pass
        assert "agent.stopped" == ended.value.code
        await agent.stop()
        assert "stopped" == agent.statistics().state

    run(main())


def test_a_host_is_entered_once(run: Run) -> None:
    """Neither again nor once more afterwards."""

    async def main() -> None:
        host = caxton.Host()
        async with host:
            with pytest.raises(caxton.HostError) as caught:
                await host.__aenter__()
            _check(caught.value, "once")
            assert 0 == host.statistics().agents
        with pytest.raises(caxton.HostError) as caught:
            await host.__aenter__()
        _check(caught.value, "once")

    run(main())


@pytest.mark.parametrize("value", [0, -1, 1025, 10**30, 1.5, "2", True, math.nan])
def test_workers_that_will_not_do(value: Any) -> None:
    """A whole number from 1 to 1024, checked before anything starts."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Host(workers=value)
    _check(caught.value, "workers")


@pytest.mark.parametrize("value", [-1, "lots", "16 mib", 1.5, b"1", True, []])
def test_memory_that_will_not_do(value: Any) -> None:
    """Bytes, or a size as people write it."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Host(memory=value)
    _check(caught.value, "memory")


@pytest.mark.parametrize("count", [1, 2, 1024])
def test_workers_that_will_do(run: Run, count: int) -> None:
    """Threads start when there is something for them to do."""

    async def main() -> None:
        async with caxton.Host(workers=count, clock=ManualClock()) as host:
            agent = await host.spawn("a", ECHO)
            assert b"hello" == (await agent.ask("hello")).payload

    run(main())


def test_a_configuration_file_is_refused_by_name() -> None:
    """What comes later is not ignored."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Host.from_config("caxton.toml")
    _check(caught.value)


SPAWNS: dict[str, dict[str, Any]] = {
    "limits": {"limits": {"fuel": 5}},
    "limits as a text": {"limits": "16 MiB"},
    "grants": {"grants": ["*"]},
    "grants as a dict": {"grants": {"tools": ["*"]}},
    "restart": {"restart": "permanent"},
    "params as a text": {"params": "style=short"},
    "params as a list": {"params": [1]},
    "params that are no JSON": {"params": {"a": object()}},
    "params with NaN": {"params": {"a": math.nan}},
    "params with a surrogate": {"params": {"a": "\ud800"}},
    "params with bytes": {"params": {"a": b"1"}},
    "features as a text": {"features": "gc"},
    "unknown features": {"features": ["threads"]},
    "features that are none": {"features": [1]},
    "no list of features": {"features": 5},
    "unhashable features": {"features": [["gc"]]},
    "a module that is a number": {"module": 5},
    "no module": {"module": None},
    "a module that is a list": {"module": [ECHO]},
}


@pytest.mark.parametrize("arguments", SPAWNS.values(), ids=SPAWNS)
def test_arguments_of_spawn(run: Run, arguments: dict[str, Any]) -> None:
    """Nothing is spawned, and the name stays free."""

    async def main() -> None:
        async with lab() as a:
            with pytest.raises(caxton.HostError) as caught:
                await a.host.spawn("a", **({"module": ECHO} | arguments))
            _check(caught.value, next(iter(arguments)) if "module" not in arguments else "WAT")
            assert [] == a.host.agents()
            agent = await a.host.spawn("a", ECHO)
            assert b"x" == (await agent.ask(b"x")).payload

    run(main())


def test_params_are_copied(run: Run) -> None:
    """What a program changes afterwards, the agent does not see; nested parts neither."""

    async def main() -> None:
        async with lab() as a:
            inner = {"deep": [1]}
            params: dict[str, Any] = {"a": inner}
            circle: dict[str, Any] = {}
            circle["self"] = circle
            with pytest.raises(caxton.HostError) as caught:
                await a.host.spawn("circle", ECHO, params=circle)
            _check(caught.value, "params")
            await a.host.spawn("a", ECHO, params=params)
            params["b"] = 1
            assert {"a"} == a.host.agent("a")._agent.spec.params.keys()

    run(main())


@pytest.mark.parametrize(
    "arguments",
    [{name: value} for name in ("tools", "peers", "topics", "services", "spawn") for value in ("*", 5, [5], [b"a"])]
    + [{"tools": ["x" * 257]}, {"tools": None}],
)
def test_arguments_of_grants(arguments: dict[str, Any]) -> None:
    """Each is a list of globs; a lone text would be a list of its letters."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Grants(**arguments)
    _check(caught.value, next(iter(arguments)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"strategy": "always"},
        {"strategy": None},
        {"strategy": ["permanent"]},
        {"max_restarts": -1},
        {"max_restarts": 1.5},
        {"max_restarts": True},
        {"within": -1},
        {"within": "soon"},
        {"within": math.inf},
    ],
)
def test_arguments_of_restart(arguments: dict[str, Any]) -> None:
    """The words are OTP's, the numbers make sense."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Restart(**arguments)
    _check(caught.value, next(iter(arguments)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"memory": 0},
        {"memory": "5 GiB"},
        {"memory": "64"},
        {"fuel": 0},
        {"fuel": 1 << 63},
        {"fuel": "many"},
        {"deadline": 0},
        {"deadline": "25h"},
        {"deadline": math.nan},
        {"message": "1 GiB"},
        {"mailbox": 0},
        {"host_calls": -1},
        {"pending": 10_001},
        {"table_elements": 20_001},
        {"module_size": 0},
    ],
)
def test_arguments_of_limits(arguments: dict[str, Any]) -> None:
    """Zero where it would make no sense, and more than the host can hold, are refused by name."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Limits(**arguments)
    _check(caught.value, f"limits.{next(iter(arguments))}")


@pytest.mark.parametrize("how", [str, lambda path: path])
def test_paths_that_lead_nowhere(run: Run, tmp_path: Path, how: Callable[[Path], Any]) -> None:
    """module.not-found, which names the path."""

    async def main() -> None:
        async with lab() as a:
            for path in (tmp_path / "missing.wasm", tmp_path, tmp_path / "missing" / "a.wasm", tmp_path / ("x" * 300)):
                with pytest.raises(caxton.ModuleError) as caught:
                    await a.host.spawn("a", how(path))
                assert "module.not-found" == caught.value.code
                assert path.name[:100] in str(caught.value)
            assert [] == a.host.agents()

    run(main())


@pytest.mark.parametrize("path", ["", "a\0b", "missing.wasm\n\x1b[31m", "\udcff.wasm", " ", "\ud800"])
def test_strange_paths(run: Run, path: str) -> None:
    """module.not-found too, in one line that is safe to print."""

    async def main() -> None:
        async with lab() as a:
            with pytest.raises(caxton.ModuleError) as caught:
                await a.host.spawn("a", path)
            assert "module.not-found" == caught.value.code
            assert "\n" not in str(caught.value)
            assert "\x1b" not in str(caught.value)
            str(caught.value).encode("utf-8")

    run(main())


def test_what_is_found_but_no_module(run: Run, tmp_path: Path) -> None:
    """module.invalid, whether it is a file or bytes."""

    async def main() -> None:
        async with lab() as a:
            path = tmp_path / "text.wasm"
            path.write_text("hello")
            for module in (path, str(path), b"hello", b"", "(module", "(modul)", bytearray(b"\0asm"), memoryview(b"x")):
                with pytest.raises(caxton.ModuleError) as caught:
                    await a.host.spawn("a", module)
                assert "module.invalid" == caught.value.code

    run(main())


@pytest.mark.parametrize("message", [None, 5, 1.5, ["a"], {"a": 1}, object()])
def test_messages_that_are_none(run: Run, message: Any) -> None:
    """Are a mistake in the program, told as Python tells such."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.host.spawn("a", ECHO)
            for use in (agent.ask, agent.tell):
                with pytest.raises(TypeError, match="bytes or str"):
                    await use(message)
            assert b"x" == (await agent.ask(b"x")).payload
            assert 1 == agent.statistics().turns

    run(main())


def test_messages_of_every_kind(run: Run) -> None:
    """Text is sent as UTF-8; buffers are copied."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.host.spawn("a", ECHO)
            buffer: Any = bytearray(b"buffer")
            assert b"buffer" == (await agent.ask(buffer)).payload
            assert b"buffer" == (await agent.ask(memoryview(buffer)[:])).payload  # type: ignore[arg-type]
            assert "räder" == (await agent.ask("räder")).text
            assert b"" == (await agent.ask(b"")).payload

    run(main())


def test_text_that_is_no_utf_8(run: Run) -> None:
    """A lone surrogate cannot be sent, and nobody waits for the reply."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.host.spawn("a", ECHO)
            with pytest.raises(UnicodeEncodeError):
                await agent.ask("\ud800")
            assert 0 == agent.statistics().turns

    run(main())
