"""Secrets go to servers, and nowhere else: not into what agents get, logs, files, errors or figures, whatever the
servers do to give them back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import caxton
from caxton.testing import DRIVER, call, perform
from tests.agents.lab import eventually, meta
from tests.conftest import Run
from tests.tools.builtin.lab import Request as ModelRequest
from tests.tools.builtin.lab import Server, response, serving
from tests.tools.canaries import Log, canary, everything_logged
from tests.tools.mcp.web import Request, Web, web

PARROT = Path(__file__).with_name("parrot.py")
ODD = 'kanari "{}" \\{}\\\n{}\t ü/+%'

LOUD = "import sys; print(sys.argv[1], flush=True); sys.exit(f'I was given {sys.argv[1]}')"
"""A program that is no server at all."""

Found = list[bytes]


class Aviary:
    """Some secrets, a host that has been given them, and all that has come out of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canaries = {
            one.name: one
            for one in (
                canary("ENV"),
                canary("ODD", ODD),
                canary("LINES", "-----BEGIN KEY-----\n{}{}\n{}{}\n-----END KEY-----\n"),
                canary("ARGUMENT", '{"a": "{}"}'),
                canary("COMMAND"),
                canary("HEADER", "token {}+{}/=="),
                canary("URL"),
                canary("KEY", "sk-{}"),
                canary("STORED"),
                canary("UNUSED"),
            )
        }
        self.found: Found = []
        self.logs: list[tuple[str, str, str]] = []

    def __getitem__(self, name: str) -> str:
        return self.canaries[name].value

    def forms(self, *names: str) -> list[str]:
        """Of some secrets."""
        return [form for name in names for form in self.canaries[name].forms()]

    def keep(self, *what: object) -> None:
        """Something that has come out."""
        self.found.extend(one if isinstance(one, bytes) else str(one).encode("utf-8", "replace") for one in what)

    def files(self) -> None:
        """Keeps all files of the host's as they are now."""
        for path in sorted((self.folder / ".caxton").rglob("*")):
            if path.is_file():
                self.found += [str(path).encode(), path.read_bytes()]

    def check(self, log: Log) -> None:
        """Nothing that was kept, and nothing of the log, has any of the secrets."""
        self.keep(*log.lines)
        self.keep(*map(repr, self.logs))
        everything = b"\n".join({line for one in self.found for line in one.split(b"\n")})
        told = [one.found_in(everything) for one in self.canaries.values()]
        assert "" == "\n".join(one for one in told if one)
        assert b"[secret:" in everything


@pytest.fixture
def aviary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aviary:
    """Most secrets are in the environment, one is in a file."""
    found = Aviary(tmp_path)
    for one in found.canaries.values():
        if one.name not in ("STORED", "UNUSED"):
            monkeypatch.setenv(f"CAXTON_SECRET_{one.name}", one.value)
    stored = tmp_path / "secrets.toml"
    stored.touch(0o600)
    stored.write_text("".join(f"{name} = {json.dumps(found[name])}\n" for name in ("STORED", "UNUSED")))
    (tmp_path / "driver.wat").write_text(DRIVER)
    return found


CONFIG = """
[secrets]
file = "secrets.toml"

[tools.parrot]
command = [{python}, {parrot}]
env = {{ FORMS = {forms}, A = "${{secret:ENV}}", B = "${{secret:ODD}}", C = "${{secret:LINES}}" }}

[tools.parrot.arguments.tell]
injected = "${{secret:ARGUMENT}} and ${{secret:STORED}}"

[tools.web]
url = "{web}/${{secret:URL}}"
headers = {{ X-Key = "${{secret:HEADER}}" }}

[tools.nowhere]
url = "http://127.0.0.1:1/${{secret:URL}}"

[tools.llm]
base_url = "http://127.0.0.1:{model}/v1"
model = "small"
key = "${{secret:KEY}}"

[agents.agent]
module = "driver.wat"
tools = ["*"]
params = {{ style = "short" }}
limits = {{ deadline = "50s" }}
"""


def _write(aviary: Aviary, web: Web, model: Server) -> Path:
    forms = aviary.folder / "forms.json"
    forms.write_text(json.dumps(aviary.forms("ENV", "ODD", "LINES", "ARGUMENT", "COMMAND", "STORED")))
    quoted = {"python": sys.executable, "parrot": str(PARROT), "forms": str(forms)}
    text = CONFIG.format(**{key: json.dumps(one) for key, one in quoted.items()}, web=web.url, model=model.port)
    path = aviary.folder / "caxton.toml"
    path.write_text(text)
    return path


@contextlib.asynccontextmanager
async def _servers(aviary: Aviary) -> AsyncIterator[tuple[Web, Server]]:
    """A tool server over HTTP and a model's endpoint that give back what they are given."""

    async def misbehave(request: Request) -> bool:
        everything = " | ".join([*aviary.forms("HEADER", "URL"), request.path, str(request.headers)])
        if request.wanted == "tools/list":
            schema = {"type": "object", "description": everything}
            tools: list[dict[str, Any]] = [
                {"name": name, "description": everything, "inputSchema": schema} for name in ("tell", "fail")
            ]
            tools += [
                {"name": name, "inputSchema": {"type": "object"}} for name in (aviary["URL"], "x" + aviary["URL"])
            ]
            properties = {aviary["HEADER"]: {"type": "string"}}
            tools.append({"name": "keyed", "inputSchema": {"type": "object", "properties": properties}})
            request.answer({"tools": tools})
        elif request.tool == "fail":
            request.answer({"content": [{"type": "text", "text": everything}], "isError": True})
        elif request.tool == "lost":
            request.head(500, len(everything.encode()), content_type="text/plain", x_key=aviary["HEADER"])
            request.writer.write(everything.encode())
        elif request.tool:
            request.text(everything)
        else:
            return False
        return True

    async def model(request: ModelRequest, writer: asyncio.StreamWriter) -> None:
        everything = " | ".join([*aviary.forms("KEY"), str(request.headers)])
        status, prompt = "200 OK", json.loads(request.body)["messages"][-1]["content"]
        message: dict[str, Any] = {"role": "assistant", "content": everything}
        choice = {"message": message, "finish_reason": everything}
        body: dict[str, Any] = {"choices": [choice], "model": everything}
        if prompt.isdecimal():
            said = "z" * int(prompt[1:]) + everything
            status, body = f"{prompt[0]}{int(prompt[1:]) % 100:02} Wrong", {"error": {"message": said, "type": said}}
        headers = [("Content-Type", "application/json"), ("X-Request-Id", aviary["KEY"])]
        writer.write(response(json.dumps(body).encode(), status, headers))

    async with web(misbehave) as tools, serving(model) as endpoint:
        yield tools, endpoint


CALLS = [
    ("parrot.crash", "{}"),  # before its log has become so long that not all of it is kept
    ("ghost.tool", "{}"),
    ("loud.tool", "{}"),
    ("web.tell", "{}"),
    ("web.fail", "{}"),
    ("web.lost", "{}"),
    ("nowhere.tool", "{}"),
    ("parrot.tell", "{}"),
    ("parrot.structured", "{}"),
    *(("parrot.fail", json.dumps({"at": at})) for at in (0, 470, 490, 980, 995, 4_080)),
    ("parrot.none", "{}"),
    ("llm.complete", '{"prompt": "hi"}'),
    *(
        ("llm.complete", json.dumps({"prompt": status}))
        for status in ("400", "4401", "4487", "4480", "401", "429", "500")
    ),
    ("told", "{}"),
    *(("raised", json.dumps({"at": at})) for at in (0, 960, 985, 4_050, 4_080, 4_090)),
    ("slow", "{}"),
]


def _functions(host: caxton.Host, aviary: Aviary) -> None:
    """Tools of the program's own, which has the secrets too."""

    @host.tool
    def told() -> dict[str, Any]:
        return {"all": [one.forms() for one in aviary.canaries.values() if one.name != "UNUSED"]}

    @host.tool
    def raised(at: int) -> None:
        raise ValueError("z" * at + aviary["ODD"] + aviary["ENV"])

    @host.tool
    async def slow() -> None:
        raise caxton.ToolError("tool.timeout", "w" * 4_085 + aviary["ENV"])


async def _use(host: caxton.Host, aviary: Aviary) -> None:
    """Everything that an agent can do with its tools."""
    agent = host.agent("agent")
    for name, arguments in CALLS:
        steps = [call("call_tool", name, arguments), call("read_result", 100_000), call("result_info")]
        for result in await perform(agent, *steps, call("context"), call("envelope")):
            aviary.keep(result.data)
        if name in ("parrot.structured", "web.tell", "llm.complete", "told", "slow"):
            aviary.keep(_memory(agent))
    for result in await perform(agent, call("list_tools"), call("result_info")):
        aviary.keep(result.data)
    receivers = [f"tool:{name}" for name in ("parrot.tell", "parrot.fail", "web.fail", "told", "llm.complete")]
    await perform(agent, call("send_envelope", meta("request", receiver=receivers), "{}"))


def _memory(agent: caxton.AgentRef) -> bytes:
    """The agent's memory, byte for byte, but for what nobody has used."""
    guest: Any = agent._agent._guest
    return bytes(guest._memory[0 : guest.memory_bytes]).replace(b"\0" * 1024, b"")


async def _by_envelope(aviary: Aviary, count: int) -> list[str]:
    """What came by envelope, when all of it is there: the driver logs it."""
    await eventually(lambda: sum(level == "info" for _, level, _ in aviary.logs) >= count)
    return [line for _, _, line in aviary.logs]


def _figures(host: caxton.Host, aviary: Aviary) -> None:
    aviary.keep(host.statistics(), host.agent("agent").statistics(), *map(repr, host.dead_letters()))
    aviary.keep(repr(host.approvals.pending()), repr(host), repr(host.agent("agent")))


def test_nothing_comes_back(run: Run, aviary: Aviary) -> None:
    """Results, errors, progress, definitions, standard error, last words, answers by envelope; with all logs on and the
    event loop's own, and the files looked at while they are written and afterwards."""

    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        async with _servers(aviary) as (tools, endpoint):
            host = caxton.Host.from_config(_write(aviary, tools, endpoint))
            host._sink = lambda *line: aviary.logs.append(line)
            _functions(host, aviary)
            host.add_server("ghost", ["${secret:COMMAND}"])  # there is no such program, and the error names it
            host.add_server("loud", [sys.executable, "-c", LOUD, "${secret:COMMAND}"])
            async with host:
                await _use(host, aviary)
                aviary.keep(*await _by_envelope(aviary, 5))
                _figures(host, aviary)
                aviary.files()
            aviary.files()
            assert aviary["HEADER"] == tools.called("tell")[0].headers["x-key"]  # they have been there
            assert f"Bearer {aviary['KEY']}" == endpoint.requests[0].headers["authorization"]

    with everything_logged() as log:
        run(main())
    everything = b"".join(aviary.found)
    for sign in (b"pins.json", b"audit.db-wal", b"parrot.structured", b"says it: [secret:ENV]"):
        assert sign in everything
    assert any("parrot: the end: [secret:ENV]" in line for line in log.lines)
    assert any("[secret:ENV]" in line for _, _, line in aviary.logs)
    aviary.check(log)


BAD_STARTS: dict[str, str] = {
    "no such secret": '[tools.x]\ncommand = ["x", "${secret:ENV}", "${secret:NONE}"]',
    "no reference": '[tools.x]\ncommand = ["x"]\nenv = { A = "${secret:ENV}${secret:}" }',
    "an agent": '[tools.x]\ncommand = ["x"]\nenv = { A = "${secret:ENV}" }\n[agents.a]\nmodule = "none.wasm"',
    "an open file": '[secrets]\nfile = "open.toml"',
    "no TOML": '[secrets]\nfile = "bad.toml"',
    "no texts": '[secrets]\nfile = "numbers.toml"',
}


@pytest.mark.parametrize("what", BAD_STARTS)
def test_a_host_that_does_not_start(run: Run, aviary: Aviary, what: str) -> None:
    """Says why, without what it has read."""
    for name, mode, text in (
        ("open.toml", 0o644, f'A = "{aviary["UNUSED"]}"'),
        ("bad.toml", 0o600, f'A = "{aviary["UNUSED"]}" B'),
        ("numbers.toml", 0o600, f'A = {{ "{aviary["UNUSED"]}" = 1 }}'),
    ):
        path = aviary.folder / name
        path.touch(mode)
        path.write_text(text)
        path.chmod(mode)
    config = aviary.folder / "caxton.toml"
    config.write_text(BAD_STARTS[what])

    async def main() -> None:
        with pytest.raises(caxton.CaxtonError) as caught:
            async with caxton.Host.from_config(config):
                pass
        aviary.keep(*traceback.format_exception(caught.value), repr(caught.value), caught.value.as_json())

    with everything_logged() as log:
        run(main())
    aviary.files()
    aviary.keep("[secret:")
    aviary.check(log)


def test_a_person_who_is_asked_sees_what_the_agent_wrote(run: Run, aviary: Aviary) -> None:
    """And not what the host adds to it on the way."""
    config = aviary.folder / "caxton.toml"
    arguments = '[tools.x.arguments.tell]\na = "${secret:ENV}"'
    rules = '[agents.agent.rules."*"]\napprove = "ask"'
    agent = '[agents.agent]\nmodule = "driver.wat"\ntools = ["*"]'
    config.write_text("\n".join(['[tools.x]\ncommand = ["none"]', arguments, agent, rules]))

    async def main() -> None:
        async with caxton.Host.from_config(config) as host:
            asked = asyncio.Event()
            host.approvals.on_request = lambda request: asked.set()
            steps = [call("call_tool", "x.tell", '{"mine": 1}'), call("result_info")]
            task = asyncio.create_task(perform(host.agent("agent"), *steps))
            await asked.wait()
            (request,) = host.approvals.pending()
            assert '{"mine": 1}' == request.arguments
            aviary.keep(request, request.as_json())
            host.approvals.approve(request.id)
            aviary.keep(*(result.data for result in await task))

    with everything_logged() as log:
        run(main())
    aviary.files()
    aviary.keep("[secret:")
    aviary.check(log)


def test_the_search_finds_what_it_is_for(aviary: Aviary) -> None:
    """Every form of every secret, also inside of something else, and no more than a part of it."""
    for one in aviary.canaries.values():
        for form in one.forms():
            assert one.found_in(b"something " + form.encode() + b" else"), form
            assert one.found_in(json.dumps({"a": form}).encode()), form
        assert one.found_in(f"... {one.value[: len(one.value) * 4 // 5]}".encode())
        assert one.found_in(b"[secret:ENV] 0123456789abcdef") is None
