"""A right file becomes settings: each key lands where it belongs, and what is not there has its default."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.agents.spec import Limits, Restart, Spec
from caxton.config import AgentSettings, Configuration, HostSettings, load
from caxton.tools.settings import (
    FsSettings,
    HttpServer,
    HttpSettings,
    LlmSettings,
    MemorySettings,
    StdioServer,
    ToolSettings,
)
from tests.config.files import NOTHING, Here, written

CONTRACT = """\
[host]
data = ".caxton"                          # state and journal; relative to this file

[tools.time]
command = ["mcp-server-time"]             # or url = "https://..."

[agents.planner]
module = "planner.wasm"
params = { style = "short" }
limits = { memory = "16 MiB", fuel = 50_000_000, deadline = "1s" }
restart = { strategy = "permanent", max_restarts = 3, within = "5s" }
mailbox = { capacity = 1000, overflow = "refuse" }
tools = ["time.*"]
peers = ["worker-*"]
topics = ["news.>"]
durable = false
"""

ALL = """\
[host]
data = "/var/lib/caxton"
memory = "2 GiB"
workers = 3
seed = 42
warm = false

[secrets]
file = "private/secrets.toml"

[tools.http]
max_bytes = "2MiB"
timeout = "10s"
redirects = 0
[tools.fs]
root = "agents"
quota = 1_000_000
max_bytes = "64 KiB"
[tools.llm]
base_url = "https://llm.example.org/v1"
model = "small"
key = "${secret:LLM_KEY}"
timeout = "2m"
max_tokens = 100
[tools.memory]
path = "notes.db"
max_bytes = "1 MiB"

[tools.files]
command = ["./server.py", "--root", ""]
env = { TOKEN = "${secret:TOKEN}", EMPTY = "" }
cwd = "servers"
start = "eager"
timeout = 2.5
pin = false
arguments.read = { token = "${secret:TOKEN}", deep = [{ x = 1 }] }

[tools.search-2]
url = "https://example.org/mcp?key=${secret:KEY}"
headers = { Authorization = "Bearer ${secret:SEARCH}" }
pin = true

[agents."team.writer"]
sha256 = "ABCDEF0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789"
features = ["gc"]
warm = true
description = "Writes."
input = { type = "object", properties = { about = { type = "string", format = "uri" } } }
expose = true
tools = ["*"]
deny = ["fs.write"]
services = ["s"]
spawn = ["w-*"]
[agents."team.writer".mailbox]
capacity = 7
[agents."team.writer".rules."http.fetch"]
hosts = ["*.example.org", "[::1]:8080"]
private = ["[::1]:8080"]
rate = "10/s"
burst = 20
concurrency = 2
calls = 1000
bytes = "10 MiB"
timeout = "5s"
approve = "ask"
arguments = { properties = { url = { type = "string" } } }
[agents."team.writer".rules."fs.*"]
root = "shared"
quota = "1 MiB"
arguments = true
[agents."team.writer".rules."l*"]
tokens = 5
namespace = "team"
"""


def test_the_contract(here: Here) -> None:
    """The example that everybody has been told of."""
    found = here.load(CONTRACT)
    folder, data = here.folder, here.folder / ".caxton"
    planner = AgentSettings(
        "planner",  # type: ignore[arg-type]
        module=folder / "planner.wasm",
        params={"style": "short"},
        limits=Limits(memory="16 MiB", fuel=50_000_000, deadline=1.0, mailbox=1000),
        grants=Grants(tools=["time.*"], peers=["worker-*"], topics=["news.>"]),
        restart=Restart("permanent", 3, 5.0),
    )
    time = StdioServer("time", ("mcp-server-time",), cwd=folder)
    tools = ToolSettings(
        servers=(time,),
        fs=FsSettings(root=data / "files"),
        memory=MemorySettings(path=data / "memory.db"),
        pins=data / "pins.json",
        audit=data / "audit.db",
    )
    assert found == Configuration(folder / "caxton.toml", HostSettings(data), tools, (planner,))


def test_an_empty_file(here: Here) -> None:
    """Nothing but defaults."""
    data = here.folder / ".caxton"
    found = here.load("")
    assert (found.host, found.agents) == (HostSettings(data), ())
    assert (found.tools.servers, found.tools.llm, found.tools.http) == ((), None, HttpSettings())


@pytest.fixture
def everything(here: Here) -> Configuration:
    """The configuration with every key."""
    here.secrets("private/secrets.toml")
    return here.load(ALL)


def test_the_host(here: Here, everything: Configuration) -> None:
    """An absolute path stays; a relative one begins at the file."""
    secrets = here.folder / "private/secrets.toml"
    assert everything.host == HostSettings(Path("/var/lib/caxton"), 2 << 30, 3, 42, secrets, warm=False)
    assert everything.tools.secrets == secrets


def test_built_in_tools(here: Here, everything: Configuration) -> None:
    """Their four tables."""
    tools = everything.tools
    assert tools.http == HttpSettings(2 << 20, 10.0, 0)
    assert tools.fs == FsSettings(here.folder / "agents", 1_000_000, 64 << 10)
    assert tools.llm == LlmSettings("https://llm.example.org/v1", "small", "${secret:LLM_KEY}", 120.0, 100)
    assert tools.memory == MemorySettings(here.folder / "notes.db", 1 << 20)
    assert (tools.pins, tools.audit) == (Path("/var/lib/caxton/pins.json"), Path("/var/lib/caxton/audit.db"))


def test_servers(here: Here, everything: Configuration) -> None:
    """One that is started, one that is called; secrets stay what they are called."""
    started, called = everything.tools.servers
    assert started == StdioServer(
        "files",
        ("./server.py", "--root", ""),
        {"TOKEN": "${secret:TOKEN}", "EMPTY": ""},
        here.folder / "servers",
        "eager",
        2.5,
        pin=False,
        arguments={"read": {"token": "${secret:TOKEN}", "deep": [{"x": 1}]}},
    )
    headers = {"Authorization": "Bearer ${secret:SEARCH}"}
    assert called == HttpServer("search-2", "https://example.org/mcp?key=${secret:KEY}", headers, pin=True)


def test_an_agent(here: Here, everything: Configuration) -> None:
    """Everything that one may have."""
    (agent,) = everything.agents
    digest = "abcdef0123456789" * 4
    assert (agent.name, agent.module, agent.sha256) == ("team.writer", None, digest)
    assert everything.module_of(agent) == Path(f"/var/lib/caxton/modules/{digest}.wasm")
    assert (agent.features, agent.expose, agent.description) == (("gc",), True, "Writes.")
    assert agent.warm is True
    assert agent.input_schema == tomllib.loads(ALL)["agents"]["team.writer"]["input"]
    assert agent.limits == Limits(mailbox=7)
    rules = {
        "http.fetch": Rule(
            arguments={"properties": {"url": {"type": "string"}}},
            rate="10/s",
            burst=20,
            concurrency=2,
            calls=1000,
            bytes=10 << 20,
            timeout=5.0,
            approve="ask",
            hosts=("*.example.org", "[::1]:8080"),
            private=("[::1]:8080",),
        ),
        "fs.*": Rule(root=str(here.folder / "shared"), quota=1 << 20, arguments=True),
        "l*": Rule(tokens=5, namespace="team"),
    }
    assert agent.grants == Grants(tools=["*"], deny=["fs.write"], services=["s"], spawn=["w-*"], rules=rules)
    assert list(agent.grants.rules) == list(rules)


def test_a_module_by_its_path(here: Here) -> None:
    """A module's file, relative to the configuration."""
    found = here.load("[agents.a]\nmodule = 'm/a.wat'")
    assert found.module_of(found.agents[0]) == here.folder / "m/a.wat"


def test_it_is_what_the_host_takes(everything: Configuration) -> None:
    """Parameters and the rest make a spec."""
    (agent,) = everything.agents
    spec = Spec(agent.limits, agent.grants, agent.restart, agent.params)
    assert spec.limits is agent.limits


def test_paths_do_not_move_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named by a relative path gives absolute ones."""
    written(tmp_path, "[agents.a]\nmodule = 'a.wasm'")
    monkeypatch.chdir(tmp_path)
    found = load("caxton.toml", NOTHING)
    assert (found.path, found.agents[0].module) == (tmp_path / "caxton.toml", tmp_path / "a.wasm")


def _frozen(value: Any) -> list[Any]:
    fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
    nested = [item for field in fields for item in (field if isinstance(field, tuple) else (field,))]
    return [value] + [one for item in nested if dataclasses.is_dataclass(item) for one in _frozen(item)]


def test_settings_are_frozen(everything: Configuration) -> None:
    """Nobody changes what has been checked."""
    parts = _frozen(everything)
    assert {AgentSettings, HostSettings, StdioServer, HttpServer, Limits} <= {type(part) for part in parts}
    for part in parts:
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            setattr(part, dataclasses.fields(part)[0].name, None)
    for mapping in (everything.agents[0].params, everything.tools.servers[0].arguments):
        with pytest.raises(TypeError):
            mapping["more"] = 1  # type: ignore[index]
