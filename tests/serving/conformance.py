"""The MCP project's own conformance suite, as it is published, and a server whose tools have the names that it wants.

It is installed once per machine, with the runtime that it needs where there is none, into a directory for tests:
``$XDG_CACHE_HOME/caxton-tests``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import caxton
from caxton.serving import Exposed
from caxton.testing import ECHO

VERSION: Final = "0.1.16"
NODE: Final = "22.23.3"
MINUTES: Final = 10
"""How many of them an installation may take."""

PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c63f8cfc0f01f0005000180a57b8f5c0000000049454e44ae426082"
)
WAV: Final = b"RIFF\x25\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x01\0\0\0\x80"
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}},
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}
NOTHING: Final[dict[str, Any]] = {"type": "object"}
"""The schema of a tool that is called without arguments."""


def saying(data: bytes, *, status: int = 0, parts: int = 0) -> str:
    """An agent that emits some parts, with pauses between them, and answers with these bytes."""
    text = "".join(f"\\{byte:02x}" for byte in data)
    emit = "(drop (call $emit (i32.const 16) (i32.const 4))) (drop (call $sleep (i64.const 20)))" * parts
    return f"""(module
  (import "caxton" "emit" (func $emit (param i32 i32) (result i32)))
  (import "caxton" "sleep_ms" (func $sleep (param i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "part")
  (data (i32.const 64) "{text}")
  (func (export "handle_message") (param i32 i32) (result i32) {emit} (i32.const {status}))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (memory.copy (local.get $ptr) (i32.const 64) (i32.const {len(data)}))
    (i32.const {len(data)})))"""


AGENTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "test_simple_text": (saying(b"This is a simple text response for testing."), NOTHING),
    "test_image_content": (saying(PNG), NOTHING),
    "test_audio_content": (saying(WAV), NOTHING),
    "test_embedded_resource": (saying(b"\xff\xfebytes that are no text"), NOTHING),
    "test_error_handling": (saying(b"This tool intentionally returns an error for testing", status=1), NOTHING),
    "test_tool_with_progress": (saying(b"done", parts=3), NOTHING),
    "test_reconnection": (saying(b"done", parts=1), NOTHING),
    "json_schema_2020_12_tool": (ECHO, SCHEMA),
}
"""Agents under the names of the tools that the suite calls, with their schemas."""

EXPOSED: Final = [Exposed(name, f"For the suite: {name}.", schema) for name, (_, schema) in AGENTS.items()]


async def spawn_all(host: caxton.Host) -> None:
    """Starts the agents."""
    for name, (module, _) in AGENTS.items():
        await host.spawn(name, module)


@dataclass(frozen=True, slots=True)
class Suite:
    """The installed suite."""

    node: Path
    script: Path

    def scenarios(self) -> list[str]:
        """The names of its scenarios for servers."""
        listed = self._run("list", "--server").stdout
        return re.findall(r"^ +- ([\w.-]+)", listed, re.MULTILINE)

    def check(self, url: str, folder: Path) -> dict[str, set[str]]:
        """Runs all of them against a server; answers the outcomes of each one's checks."""
        self._run("server", "--url", url, "--suite", "all", "--output-dir", str(folder), check=False)
        found: dict[str, set[str]] = {}
        for path in folder.glob("server-*/checks.json"):
            name = re.sub(r"-\d{4}-\d\d-\d\dT.*$", "", path.parent.name).removeprefix("server-")
            found[name] = {one["status"] for one in json.loads(path.read_text(encoding="utf-8"))}
        return found

    def _run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.node, self.script, *arguments],
            capture_output=True,
            text=True,
            timeout=60 * MINUTES,
            check=check,
            env={**os.environ, "NO_PROXY": "127.0.0.1,localhost"},
        )


def installed() -> Suite:
    """The suite, which is installed if it is not there yet."""
    script = _installed("@modelcontextprotocol/conformance", VERSION, "dist/index.js")
    return Suite(_node(), script)


def _node() -> Path:
    """A Node.js that is new enough for the suite: the machine's own, or one from the same registry."""
    own = shutil.which("node")
    if own is not None:
        said = subprocess.run([own, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
        if int(said.removeprefix("v").partition(".")[0]) >= 22:
            return Path(own)
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return _installed(f"node-{platform.system().lower()}-{machine}", NODE, "bin/node")


def _installed(package: str, version: str, file: str) -> Path:
    """A file of a package in a directory of its own; the installation appears there complete, or not at all."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caxton-tests"
    folder = cache / f"{package.replace('/', '-').lstrip('@')}-{version}"
    if not folder.is_dir():
        beginning = cache / f"{folder.name}.{os.getpid()}"
        beginning.mkdir(parents=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(beginning), f"{package}@{version}"]
        subprocess.run(command, check=True, capture_output=True, timeout=60 * MINUTES)
        try:
            beginning.rename(folder)
        except OSError:  # somebody else was faster
            shutil.rmtree(beginning)
    return folder / "node_modules" / package / file
