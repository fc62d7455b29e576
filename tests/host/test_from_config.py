"""`Host.from_config`: what the file says is what runs, all of it or nothing; and what a host costs that needs none of
it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import caxton
from caxton.host.tooling import toolbox
from caxton.messages import AgentName
from caxton.testing import DRIVER, UPPER, act, call, driver, perform
from tests.agents.lab import eventually, numbers
from tests.conftest import Run
from tests.tools.mcp.lab import HOSTILE

AGENT = '[agents.one]\nmodule = "driver.wat"\n'


class Folder:
    """Where a configuration lies, with a driver beside it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.write("driver.wat", DRIVER)
        self.data = place / ".caxton"

    def write(self, name: str, text: str) -> Path:
        """A file."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def host(self, text: str = AGENT) -> caxton.Host:
        """A host, not entered yet."""
        return caxton.Host.from_config(self.write("caxton.toml", text))

    def mode(self, name: str = "") -> int:
        """Of something in the data directory."""
        return stat.S_IMODE((self.data / name).stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The process is somewhere else."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "here").mkdir()
    return Folder(tmp_path / "here")


TEAM = """
[host]
memory = "1 GiB"
seed = 7

[agents.planner]
module = "driver.wat"
params = { style = "short", depth = [1, { a = true }] }
limits = { message = "2 KiB", deadline = "7s", fuel = 5_000_000 }
mailbox = { capacity = 3 }
restart = { strategy = "temporary" }
tools = ["s.*", "stub"]
deny = ["s.no"]
peers = ["worker-*"]
topics = ["news.>"]

[agents.planner.rules."s.*"]
calls = 1
arguments = { maxProperties = 1 }

[agents.worker-1]
module = "driver.wat"
"""


def test_what_the_file_says_reaches_the_agents(run: Run, folder: Folder) -> None:
    """Parameters, limits, grants, rules and what follows a trap; the rest is as by default."""

    async def main() -> None:
        host = folder.host(TEAM)
        for name in ("s.yes", "s.no", "stub"):
            host.stub(name, b"1")
        async with host:
            assert ["planner", "worker-1"] == sorted(agent.name for agent in host.agents())
            assert 1 << 30 == host.statistics().memory_limit
            planner, worker = host.agent("planner"), host.agent("worker-1")
            (context,) = await perform(planner, call("context"))
            assert {"style": "short", "depth": [1, {"a": True}]} == context.json["params"]
            assert (True, True) == (6_000 < context.json["deadline_ms"] <= 7_000, context.json["fuel"] < 5_000_000)
            assert ["worker-*"] == context.json["grants"]["peers"]
            steps = [
                call("call_tool", "s.yes", '{"a": 1, "b": 2}'),
                call("call_tool", "s.yes", "{}"),
                call("call_tool", "s.yes", "{}"),
                call("call_tool", "s.no", "{}"),
                call("call_tool", "stub", "{}"),
                call("tell", "worker-1", "hello"),
                call("tell", "planner", "hello"),
                call("publish", "news.of.today", "x"),
                call("publish", "other", "x"),
                call("tell", "worker-1", "x" * 1_000),
            ]
            assert [-2, 1, -4, -2, 1, 0, -2, 0, -2, 0] == numbers(await perform(planner, *steps))
            with pytest.raises(caxton.LimitError, match="2048"):
                await planner.ask("x" * 2_049)
            assert [-2, -2] == numbers(await perform(worker, call("tell", "planner", "x"), steps[-1]))
            assert 3 == planner._agent.spec.limits.mailbox
            with pytest.raises(caxton.TrapError):
                await perform(planner, act("trap"))
            assert "failed" == planner.statistics().state
            with pytest.raises(caxton.TrapError):
                await perform(worker, act("trap"))
            assert b"again" == (await worker.ask("again")).payload
            first = (await perform(worker, call("random", 16)))[0].data
        async with folder.host(TEAM) as host:
            assert first == (await perform(host.agent("worker-1"), call("random", 16)))[0].data

    run(main())


STARTING = (
    UPPER.rstrip().removesuffix(")")
    + """
  (func (export "_initialize") (local $i i32)
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))))"""
)


@pytest.mark.parametrize(
    ("host", "agent", "warm"),
    [("", "", True), ("warm = false", "", False), ("warm = false", "warm = true", True), ("", "warm = false", False)],
)
def test_warm_starts(run: Run, folder: Folder, host: str, agent: str, warm: bool) -> None:
    """The host's switch is the agents', unless they have one of their own."""
    folder.write("starting.wat", STARTING)

    async def main() -> None:
        async with folder.host(f'[host]\n{host}\n[agents.one]\nmodule = "starting.wat"\n{agent}\n') as made:
            assert warm == (made.agent("one").statistics().fuel < 1_000)

    run(main())


def test_the_environment_has_the_last_word(run: Run, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere with the file."""
    monkeypatch.setenv("CAXTON_HOST_MEMORY", "128 MiB")
    monkeypatch.setenv("CAXTON_HOST_DATA", "other")

    async def main() -> None:
        async with folder.host() as host:
            assert 128 << 20 == host.statistics().memory_limit

    run(main())
    assert (Path.cwd() / "other" / "audit.db").exists()  # a path there is relative to where one is
    assert not folder.data.exists()


def test_the_tools_of_the_file(run: Run, folder: Folder) -> None:
    """Built-in ones and servers, behind the agent's grants; what they keep is in the data directory."""
    command = ", ".join(f"'{part}'" for part in HOSTILE)
    grants = 'tools = ["fs.*", "memory.*", "h.echo"]\nlimits = { deadline = "50s" }'

    async def main() -> None:
        async with folder.host(f"[tools.h]\ncommand = [{command}]\n{AGENT}{grants}") as host:
            found = await perform(
                host.agent("one"),
                call("call_tool", "fs.write", '{"path": "a.txt", "text": "kept"}'),
                call("call_tool", "memory.put", '{"text": "kept"}'),
                call("call_tool", "h.echo", '{"text": "a", "key": "b"}'),
                call("call_tool", "h.hang", "{}"),
                call("list_tools"),
            )
            assert [True, True, True, False, True] == [result.number > 0 for result in found], found
            listed = {tool["name"] for tool in found[-1].json}
            assert {"fs.write", "memory.search", "h.echo"} <= listed
            assert not {"http.fetch", "h.hang"} & listed
        assert "kept" == (folder.data / "files" / "one" / "a.txt").read_text()
        assert {"audit.db", "files", "memory.db", "pins.json"} <= {path.name for path in folder.data.iterdir()}

    run(main())


# ---- all or nothing -------------------------------------------------------------------------------------------------

TROUBLE: dict[str, tuple[str, str]] = {
    'module = "none.wasm"': ("module.not-found", "none.wasm"),
    'module = "empty.wat"': ("module.invalid", ""),
    'module = "traps.wat"': ("trap.unreachable", ""),
    'module = "exits.wat"': ("agent.refused-start", "status 3"),
    'module = "spins.wat"\nlimits = { fuel = 1_000_000 }': ("limit.fuel", ""),
    'module = "driver.wat"\nlimits = { memory = "64 KiB" }': ("limit.memory", ""),
    'module = "driver.wat"\nlimits = { module_size = "1 KiB" }': ("module.too-large", ""),
    f'sha256 = "{"0" * 64}"': ("module.not-found", "0000.wasm"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_an_agent_that_does_not_start(run: Run, folder: Folder, trouble: str) -> None:
    """Names itself, and ends the start: agents before it, servers, threads and tasks are gone, and nothing can be done
    with the host."""
    folder.write("empty.wat", "(module")
    folder.write("traps.wat", driver(act("trap")))
    folder.write("exits.wat", driver(act("exit", 3)))
    folder.write("spins.wat", driver(act("spin")))
    notes = folder.place / "notes"
    command = ", ".join(f"'{part}'" for part in HOSTILE)
    server = f"[tools.h]\ncommand = [{command}]\nstart = \"eager\"\nenv = {{ NOTES = '{notes}' }}\n"
    code, said = TROUBLE[trouble]

    async def main() -> None:
        tasks = asyncio.all_tasks()
        host = folder.host(f"{server}{AGENT}[agents.bad-one]\n{trouble}\n[agents.two]\nmodule = 'driver.wat'")
        with pytest.raises(caxton.CaxtonError) as caught:
            await host.__aenter__()
        assert code == caught.value.code
        assert caught.value.message.startswith("agents.bad-one: ")
        assert said in caught.value.message
        assert f"{code}: agents.bad-one: " in str(caught.value)
        assert tasks == asyncio.all_tasks()
        for action in (host.agents, host.statistics, lambda: host.agent("one")):
            with pytest.raises(caxton.HostError, match="does not run"):
                action()
        with pytest.raises(caxton.HostError, match="does not run"):
            await host.spawn("late", UPPER)

    before = _threads()
    run(main())
    assert before == _threads()
    for line in notes.read_text().splitlines() if notes.exists() else ():
        with pytest.raises(ProcessLookupError):
            os.kill(json.loads(line).get("started", 1 << 22), 0)


def _threads() -> set[str]:
    """The threads of hosts; those that compile modules live as long as the process may want them."""
    return {one.name for one in threading.enumerate() if one.name.startswith(("caxton-audit", "caxton-worker"))}


def test_a_start_that_is_given_up(run: Run, folder: Folder) -> None:
    """Cancelled while an agent spins in its first turn: nothing is left."""
    folder.write("spins.wat", driver(act("spin")))

    async def main() -> None:
        tasks = asyncio.all_tasks()
        host = folder.host(f"{AGENT}[agents.spins]\nmodule = 'spins.wat'\n")
        entering = asyncio.create_task(host.__aenter__())
        await eventually(lambda: hasattr(host, "router") and host.router.knows(AgentName("spins")))
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert tasks == asyncio.all_tasks()

    before = _threads()
    run(main())
    assert before == _threads()


VAIN = f"""{AGENT}tools = ["fs.read", "stock.price", "llm.complete", "late.*", "nobody.*"]
deny = ["fs.write"]
peers = ["two"]
[agents.one.rules."stock.*"]
calls = 1
[agents.one.rules."fs.read"]
root = "none"
"""


def test_what_the_file_says_in_vain(run: Run, folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """Is logged when the host is entered. By then it is known what a program has added, but for its agents: that one is
    not there yet is no warning."""
    host = folder.host(VAIN)

    @host.tool(name="stock.price")
    def price(item: str) -> float:
        return len(item)

    host.stub("llm.complete", b"{}")
    host.add_server("late", ["late"])
    assert not caplog.records

    async def main() -> None:
        async with host:
            pass

    caplog.set_level(logging.INFO, "caxton.config")
    run(main())
    place = f"{folder.place}/caxton.toml:"
    assert [
        (one.levelname, one.getMessage().removeprefix(place)) for one in caplog.records if "config" in one.name
    ] == [
        ("WARNING", '3: agents.one.tools[4]: "nobody.*" names no tool that this file knows of'),
        ("WARNING", '4: agents.one.deny[0]: "fs.write" matches no tool that the agent may call'),
        ("INFO", '5: agents.one.peers[0]: "two" names no agent of this file'),
        ("WARNING", f'9: agents.one.rules."fs.read".root: there is no directory {folder.place}/none'),
    ]


def test_a_secret_that_is_not_there(run: Run, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told with its place when the host is entered: until then a program may set it."""
    text = f"{AGENT}[tools.x]\ncommand = ['x']\nenv.A = '${{secret:NOT_THERE}}'\n"

    async def main() -> None:
        with pytest.raises(caxton.HostError, match=r"caxton.toml:5: tools.x.env.A: there is no secret NOT_THERE"):
            await folder.host(text).__aenter__()
        host = folder.host(text)
        monkeypatch.setenv("NOT_THERE", "a canary in a mine")
        async with host:
            pass

    run(main())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[tools.x]\ncommand = ["x"]\nenv = { A = "${secret:NOT_THERE}" }\n', "config.invalid"),
        ('[host]\ndata = "driver.wat"\n', "storage.failed"),
        ('[host]\ndata = "driver.wat"\n[tools.x]\ncommand = ["x"]\nenv = { A = "${secret:S}" }\n', "storage.failed"),
        ('[host]\ndata = "driver.wat/below"\n', "storage.failed"),
        ('[secrets]\nfile = "secrets.toml"\n', "config.invalid"),
        ("", "storage.failed"),
    ],
)
def test_tools_that_cannot_be_opened(
    run: Run, folder: Folder, monkeypatch: pytest.MonkeyPatch, text: str, code: str
) -> None:
    """No agent starts; what was begun (the audit's thread, the log's guard) is taken back."""
    monkeypatch.setenv("CAXTON_SECRET_S", "canary-of-the-guard")
    if not text:  # somebody else's database lies there
        folder.data.mkdir()
        (folder.data / "audit.db").write_bytes(b"not a database" * 100)

    async def main() -> None:
        tasks = asyncio.all_tasks()
        secrets = folder.write("secrets.toml", "")
        secrets.chmod(0o600)
        host = folder.host(text + AGENT)
        secrets.unlink()  # it was there when the configuration was read
        with pytest.raises(caxton.HostError) as caught:
            await host.__aenter__()
        assert code == caught.value.code
        assert tasks == asyncio.all_tasks()
        with pytest.raises(caxton.HostError, match="does not run"):
            await host.spawn("late", UPPER)

    before, factory = _threads(), logging.getLogRecordFactory()
    run(main())
    assert before == _threads()
    assert factory is logging.getLogRecordFactory()


def test_the_logs_guard_ends_with_the_host(run: Run, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an agent does not start."""
    monkeypatch.setenv("CAXTON_SECRET_S", "canary-of-the-guard")
    guarded = '[tools.x]\ncommand = ["x"]\nenv = { A = "${secret:S}" }\n'
    factory = logging.getLogRecordFactory()

    async def main() -> None:
        async with folder.host(guarded + AGENT):
            assert factory is not logging.getLogRecordFactory()
        assert factory is logging.getLogRecordFactory()
        with pytest.raises(caxton.ModuleError):
            async with folder.host(guarded + '[agents.a]\nmodule = "none"'):
                pass
        assert factory is logging.getLogRecordFactory()

    run(main())


# ---- stored modules -------------------------------------------------------------------------------------------------


def _stored(folder: Folder, text: str, name: str | None = None) -> str:
    """Stores a module, as what it is or as what it is not; answers its key."""
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest() if name is None else name
    folder.write(f".caxton/modules/{digest}.wasm", text)
    return digest


def test_a_stored_module(run: Run, folder: Folder) -> None:
    """By its hash, however that is written; its file is looked at every time."""
    digest = _stored(folder, UPPER)

    async def main() -> None:
        text = f'[agents.a]\nsha256 = "{digest}"\n[agents.b]\nsha256 = "{digest.upper()}"'
        async with folder.host(text) as host:
            for name in "ab":
                assert b"HELLO" == (await host.agent(name).ask("hello")).payload
        _stored(folder, DRIVER, digest)
        with pytest.raises(caxton.ModuleError, match="not the module of that hash") as caught:
            async with folder.host(text):
                pass
        assert "module.invalid" == caught.value.code

    run(main())


def test_a_stored_module_is_bounded(run: Run, folder: Folder) -> None:
    """As any other; and a pipe in its place keeps nobody waiting."""
    digest = _stored(folder, UPPER)
    pipe = "1" * 64
    os.mkfifo(folder.data / "modules" / f"{pipe}.wasm")

    async def main() -> None:
        for key, limits, code in ((digest, "100", "module.too-large"), (pipe, "1 MiB", "module.invalid")):
            with pytest.raises(caxton.ModuleError) as caught:
                async with folder.host(f'[agents.a]\nsha256 = "{key}"\nlimits = {{ module_size = "{limits}" }}'):
                    pass
            assert code == caught.value.code

    run(main())


# ---- places ---------------------------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_file(run: Run, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process is, and goes while the host is being made; a relative path to the file will do too."""
    folder.write("deep/er/driver.wat", UPPER)
    folder.write("sub/caxton.toml", '[host]\ndata = "../state"\n[agents.one]\nmodule = "../deep/er/driver.wat"')
    monkeypatch.chdir(folder.place)

    async def main() -> None:
        for path in ("sub/caxton.toml", Path("sub/../sub/caxton.toml"), folder.place / "sub" / "caxton.toml"):
            host = caxton.Host.from_config(path)
            os.chdir("/")
            async with host:
                assert b"HI" == (await host.agent("one").ask("hi")).payload
            os.chdir(folder.place)

    run(main())
    assert (folder.place / "state" / "audit.db").exists()
    assert ["deep", "driver.wat", "state", "sub"] == sorted(path.name for path in folder.place.iterdir())


def test_the_data_directory_is_closed_to_others(run: Run, folder: Folder) -> None:
    """0700, and what is in it 0600, whatever the umask; also where it is the command line that makes it first."""
    before = os.umask(0)

    async def main() -> None:
        async with folder.host() as host:
            assert 0o700 == folder.mode()
            assert 0o600 == folder.mode("audit.db")
            settings = host._tooling._settings
        for path in folder.data.iterdir():
            path.unlink()
        folder.data.rmdir()
        async with toolbox(settings):
            assert 0o700 == folder.mode()
        async with folder.host():
            assert [] == [path.name for path in folder.data.iterdir() if folder.mode(path.name) & 0o077]

    try:
        run(main())
    finally:
        os.umask(before)


def test_two_hosts_of_one_file(run: Run, folder: Folder) -> None:
    """May run at once, and write to the same audit."""

    async def main() -> None:
        async with folder.host() as one, folder.host() as two:
            assert b"1" == (await one.agent("one").ask("1")).payload
            assert b"2" == (await two.agent("one").ask("2")).payload

    run(main())


# ---- misuse ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("durable = true", "durable"),
        ('mailbox = { overflow = "drop-oldest" }', "overflow"),
        ('mailbox = { overflow = "wait" }', "overflow"),
        ("modul = 5", "module"),
        ("", ""),
    ],
)
def test_what_is_not_there_yet_is_refused(folder: Folder, text: str, said: str) -> None:
    """With file and line, never ignored; and before anything has begun."""
    with pytest.raises(caxton.HostError) as caught:
        folder.host(f"{AGENT}{text}" if text else "agents = 1")
    assert "config.invalid" == caught.value.code
    assert "caxton.toml:" in caught.value.message
    assert said in caught.value.message
    assert not folder.data.exists()


def test_a_host_is_entered_once(run: Run, folder: Folder) -> None:
    """Not again while it runs, nor afterwards, nor when it could not be; and not used before."""

    async def main() -> None:
        host = folder.host()
        with pytest.raises(caxton.HostError, match="does not run"):
            host.agents()
        async with host:
            with pytest.raises(caxton.HostError, match="once"):
                await host.__aenter__()
            assert 1 == len(host.agents())
            with pytest.raises(caxton.AgentError, match="already"):
                await host.spawn("one", UPPER)
            with pytest.raises(caxton.HostError, match="before the host is entered"):
                host.add_server("late", ["x"])
        bad = folder.host('[agents.a]\nmodule = "none"')
        with pytest.raises(caxton.ModuleError):
            await bad.__aenter__()
        for again in (host, bad):
            with pytest.raises(caxton.HostError, match="once"):
                await again.__aenter__()

    run(main())


def test_no_file(tmp_path: Path) -> None:
    """config.invalid."""
    for path in (tmp_path / "none.toml", tmp_path, "", "a\0b"):
        with pytest.raises(caxton.HostError) as caught:
            caxton.Host.from_config(path)
        assert "config.invalid" == caught.value.code


# ---- a host without all that ----------------------------------------------------------------------------------------


def test_a_host_has_no_tools_of_its_own(run: Run) -> None:
    """Unless it is given settings: then the built-in ones are there, for whoever is granted them."""

    async def main() -> None:
        grants = caxton.Grants(tools=["*"])
        write = call("call_tool", "memory.put", '{"text": "a"}')
        async with caxton.Host() as host:
            agent = await host.spawn("agent", DRIVER, grants=grants)
            found = await perform(agent, call("list_tools"), write)
            assert ([], -9) == (found[0].json, found[1].number)
        async with caxton.Host(tools=caxton.ToolSettings()) as host:
            agent = await host.spawn("agent", DRIVER, grants=grants)
            found = await perform(agent, call("list_tools"), write)
            assert "memory.put" in {tool["name"] for tool in found[0].json}
            assert found[1].number > 0

    run(main())


PROGRAM = """
import asyncio, sys
import caxton

async def main():
    async with caxton.Host() as host:
        agent = await host.spawn("agent", caxton.testing.UPPER, grants=caxton.Grants(tools=["*"]))
        assert b"HI" == (await agent.ask("hi")).payload

import caxton.testing
asyncio.run(main())
heavy = "mcp mcp_types httpx2 httpx openai jsonschema sqlite3 pydantic pydantic_core anyio starlette uvicorn typer rich"
print(*sorted(set(heavy.split()) & set(sys.modules)))
print(len(sys.modules))
"""


def test_a_host_without_tools_imports_nothing_heavy() -> None:
    """What tools need is imported by those who use them."""
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    heavy, count = found.stdout.splitlines()
    assert "" == heavy
    assert int(count) < 500
