"""V8 isolates through the npm package isolated-vm: the model of the JavaScript edge clouds, in one Node process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache, partial
from pathlib import Path

from .figures import MESSAGE
from .foreign import foreign_memory, foreign_speed
from .peer import Peer

HERE = Path(__file__).parent
DRIVER = HERE / "v8_driver.js"
INSTALL = "benchmarks/peers/install.sh"


def modules() -> Path:
    """Where install.sh puts Node packages: $CAXTON_PEERS_NODE, or `.node` beside this file."""
    return Path(os.environ.get("CAXTON_PEERS_NODE") or HERE / ".node") / "node_modules"


def _command() -> list[str]:
    # Since Node 20 isolated-vm crashes unless the startup snapshot is off.
    flags = ["--no-node-snapshot"] if _node_major() >= 20 else []
    return ["node", *flags, str(DRIVER), str(modules() / "isolated-vm"), MESSAGE.decode("ascii")]


@cache
def _node_major() -> int:
    outcome = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True, timeout=10)
    return int(outcome.stdout.lstrip("v").partition(".")[0])


def _missing() -> str | None:
    if not shutil.which("node"):
        return f"apt-get install nodejs npm, then {INSTALL}"
    if not (modules() / "isolated-vm" / "out" / "isolated_vm.node").exists():
        return f"npm package isolated-vm: {INSTALL}"
    return None


def _version() -> str:
    package: dict[str, str] = json.loads((modules() / "isolated-vm" / "package.json").read_text())
    return package["version"]


PEERS = (
    Peer(
        name="v8-isolate",
        title="V8 isolate, isolated-vm",
        contained="V8 isolate; memory, time",
        missing=_missing,
        version=_version,
        speed=partial(foreign_speed, _command),
        memory=partial(foreign_memory, _command, full=25),
        timed_by="Node",
        note="the message crosses as a string",
    ),
)
