"""A secret that goes to a server comes back in nothing: no result, error, log line, progress, list or file of pins."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from caxton.errors import ToolError
from caxton.tools.log_filter import guard_logs
from caxton.tools.mcp.pins import Pins
from caxton.tools.secrets import Secrets
from tests.conftest import Run
from tests.tools.mcp.lab import call, hostile, raw, refused, serving
from tests.tools.mcp.web import Request, web

CANARY = 'canary"with\\odd\ncharacters'


def test_a_process(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In its environment and its arguments; it writes it everywhere. Even with every library's log on."""
    caplog.set_level(logging.DEBUG)
    secrets = Secrets({"K": CANARY, "PLAIN": "canary-plain"}, {})
    secrets.get("PLAIN")
    settings = hostile(
        env={"CANARY": "${secret:PLAIN}", "ODD": "${secret:K}"}, arguments={"echo": {"key": "${secret:K}"}}
    )
    seen: list[object] = []

    async def main() -> None:
        redact, pins = secrets.redactor.data, Pins(tmp_path / "pins.json")
        async with serving(settings, expand=secrets.put_in, redact=redact, pins=pins) as servers:
            for info in await servers.tools():
                seen.append(info.as_json())
            await raw(servers, "h.progress", progress=lambda *told: seen.append(told))
            found = await call(servers, "h.leak")
            assert "here: [secret:PLAIN]" == found["content"][0]["text"]
            assert {"s": "[secret:PLAIN]"} == found["structured"]
            echoed = json.loads((await call(servers, "h.echo", text="x"))["content"][0]["text"])
            assert "[secret:K]" == echoed["arguments"]["key"]
            seen.extend((found, echoed))
            for how in ({"fail": True}, {"error": True}):
                error: ToolError = await refused(servers, "h.leak", **how)
                seen.extend((str(error), error.payload))
            seen.append(await call(servers, "h.environment"))
            await refused(servers, "h.die")

    unguard = guard_logs(secrets.redactor)
    try:
        run(main())
    finally:
        unguard()
    everything = repr(seen) + caplog.text + (tmp_path / "pins.json").read_text()
    assert "on standard error: [secret:PLAIN]" in caplog.text
    assert "canary" not in everything


def test_a_server_over_http(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """In its address and its headers."""
    caplog.set_level(logging.DEBUG)
    secrets = Secrets({"K": "canary-in-the-address"}, {})
    seen: list[str] = []

    async def echo(request: Request) -> bool:
        if request.tool == "bad":
            request.head(302, 0, location=f"http://localhost:1{request.path}")
            return True
        if request.tool == "echo":
            request.text(f"{request.path} {request.headers}")
            return True
        return False

    async def main() -> None:
        async with web(echo) as server:
            settings = server.settings(headers={"X-Key": "${secret:K}"})
            object.__setattr__(settings, "url", server.url + "/${secret:K}?key=${secret:K}")
            async with serving(settings, expand=secrets.put_in, redact=secrets.redactor.data) as servers:
                seen.append(repr(await call(servers, "w.echo")))
                seen.append(str(await refused(servers, "w.bad")))
                seen.append(str(await refused(servers, "w.nothing")))
            assert "canary-in-the-address" in server.seen[-1].path
            assert "canary-in-the-address" == server.seen[-1].headers["x-key"]
        async with serving(settings, expand=secrets.put_in, redact=secrets.redactor.data) as servers:
            seen.append(str(await refused(servers, "w.echo")))

    unguard = guard_logs(secrets.redactor)
    try:
        run(main())
    finally:
        unguard()
    assert "secret:K" in seen[0]
    assert "canary" not in repr(seen) + caplog.text


NAMED = "canary-0123456789"


def test_names_and_keys(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A tool whose name has a secret in it, or a key of its definition, is left out: a file of accepted tools, a list
    or a log has neither. What stands in a value is taken out, and the tool is there."""
    secrets = Secrets({"K": NAMED}, {})
    secrets.get("K")
    seen: list[str] = []

    async def listing(request: Request) -> bool:
        if request.wanted != "tools/list":
            return False
        plain = {"type": "object"}
        schema = {"type": "object", "properties": {"a": {"properties": {f"x{NAMED}": {}}}}}
        names = [NAMED, f"x{NAMED}y", NAMED.encode().hex(), "\n" + "z" * 250 + NAMED, "fine"]
        tools = [{"name": name, "inputSchema": plain, "description": f"says {NAMED}"} for name in names]
        request.answer({"tools": [*tools, {"name": "keyed", "inputSchema": schema}]})
        return True

    async def main() -> None:
        async with web(listing) as server:
            pins = Pins(tmp_path / "pins.json")
            settings = server.settings(pin=True)
            async with serving(settings, expand=secrets.put_in, redact=secrets.redactor.data, pins=pins) as servers:
                seen.extend(repr(info) for info in await servers.tools())

    run(main())
    stored = (tmp_path / "pins.json").read_text()
    assert ["fine"] == list(json.loads(stored)["servers"]["w"])
    assert "says [secret:K]" in stored
    assert 1 == len(seen)
    assert 4 == caplog.messages.count("w: a tool is left out: its name has a secret in it")
    assert "w: the tool 'keyed' is left out: a key of its definition has a secret in it" in caplog.messages
    everything = repr(seen) + stored + caplog.text
    assert not any(NAMED[at : at + 8] in everything for at in range(len(NAMED) - 7))
    assert NAMED.encode().hex() not in everything


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """The room itself costs next to nothing."""
    import subprocess

    program = (
        "import sys, caxton.tools.mcp.servers\n"
        "print([name for name in ('mcp', 'httpx2', 'jsonschema', 'pydantic') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == found.stdout.strip()
