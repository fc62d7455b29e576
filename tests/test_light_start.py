"""Starting takes no longer than it must: what only some need is not imported before they need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "pycparser",  # parsing C took a third of the whole start
    "importlib.metadata",
    "mcp",
    "mcp_types",
    "pydantic",
    "httpx",
    "openai",
    "rich",
    "caxton.sandbox.binary",  # reading modules is the business of the child that compiles them
    "caxton.sandbox.compiler",
    "caxton.sandbox.component_binary",
    "caxton.sandbox.freeze",
)


@pytest.mark.parametrize("what", ["import caxton", "from caxton.cli import main"])
def test_nothing_heavy_is_imported(what: str) -> None:
    """Neither by the package, nor by the command before it knows what is asked of it."""
    code = f"import sys; {what}; print(*sys.modules, sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(HEAVY) & set(done.stdout.split()) == set()
