"""The languages that have a conformance agent, and how it is built: from ``sdk/LANG/conformance``, as any project."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from caxton.errors import HostError
from caxton.toolchain import NAMES, Machine, build, create_project, language
from caxton.toolchain.places import sdk_folder

AGENT: Final = "conformance"


def languages() -> list[str]:
    """Those whose SDK has such an agent, in the toolchain's order.

    Raises:
        ToolchainError: ``toolchain.missing``, there are no SDKs in this installation.
    """
    return [name for name in NAMES if (sdk_folder() / name / AGENT / "agent.toml").is_file() and _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        language(name)
    except HostError:  # it comes with a later version
        return False
    return True


def build_agent(name: str) -> bytes:
    """A language's conformance agent, built from source; blocks while its compiler runs, or is installed from npm.

    Raises:
        CaxtonError: ``toolchain.missing``, ``toolchain.failed``.
    """
    with tempfile.TemporaryDirectory(prefix="caxton-conformance-") as where:
        folder = create_project(language(name), Path(where, AGENT), template=AGENT)
        return build(folder, machine=Machine(install=True)).module.read_bytes()
