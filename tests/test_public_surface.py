"""What `import caxton` gives is written down here: it changes on purpose, or not at all."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest

import caxton
import caxton.testing

NAMES: Final = """
    AgentError AgentFailed AgentRef AgentStatistics Autopsy CaxtonError DeadLetter Debug Envelope Frame
    FsSettings Grants Host HostCall HostError HostStatistics HttpSettings LimitError Limits LlmSettings
    MemorySettings MessagingError ModuleError Performative Profile ProtocolError Recorder Reply Restart Rule
    ToolError ToolSettings TrapError Usage __version__
""".split()
TESTING: Final = """
    DRIVER ECHO UPPER ManualClock ManualTimer Result ResultOf Step act call driver perform program results settle
""".split()

METHODS: Final = {
    "Host": "add_server agent agents approvals dead_letters from_config spawn statistics stub tool",
    "AgentRef": "ask name profile statistics stop stream tell trace",
    "CaxtonError": "as_json group retryable",
}


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """What a class of ours defines itself and shows."""
    for name, member in vars(kind).items():
        if not name.startswith("_") and (callable(member) or isinstance(member, property | classmethod | staticmethod)):
            yield name, member


def test_the_names() -> None:
    """Those of the contract, and no others."""
    assert NAMES == sorted(caxton.__all__)
    assert all(hasattr(caxton, name) for name in NAMES)


def test_the_names_for_testing() -> None:
    """Public as well."""
    assert sorted(TESTING) == sorted(caxton.testing.__all__)
    assert all(hasattr(caxton.testing, name) for name in TESTING)


def test_a_star_import_gives_those_names() -> None:
    """In a fresh process, with every warning an error."""
    code = "before = set(dir()); from caxton import *; print(' '.join(sorted(set(dir()) - before - {'before'})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert NAMES == done.stdout.split()


@pytest.mark.parametrize(("kind", "names"), METHODS.items())
def test_the_methods(kind: str, names: str) -> None:
    """Of the classes that programs call."""
    bases = [base for base in getattr(caxton, kind).__mro__ if base.__module__.startswith("caxton.")]
    shown = {name for base in bases for name in vars(base) if not name.startswith("_")}
    assert sorted(names.split()) == sorted(shown)


@pytest.mark.parametrize("module", [caxton, caxton.testing])
def test_everything_public_is_documented(module: Any) -> None:
    """Each class and function, and each method and property of it, has a docstring of its own."""
    missing = []
    for name in module.__all__:
        thing = getattr(module, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not thing.__dict__.get("__doc__", thing.__doc__):
            missing.append(name)
        if inspect.isclass(thing):
            missing += [f"{name}.{inner}" for inner, member in _members(thing) if not inspect.getdoc(member)]
    assert missing == []


def test_every_error_is_a_caxton_error() -> None:
    """So that one `except` catches what Caxton reports."""
    errors = [getattr(caxton, name) for name in NAMES if name.endswith("Error") or name == "AgentFailed"]
    assert len(errors) == 10
    assert all(issubclass(error, caxton.CaxtonError) for error in errors)


def test_what_is_awaited() -> None:
    """Whatever may take time is a coroutine; the rest answers at once. There are no synchronous twins."""
    assert ["spawn"] == [name for name, member in _members(caxton.Host) if inspect.iscoroutinefunction(member)]
    assert ["ask", "profile", "stop", "tell"] == sorted(
        name for name, member in _members(caxton.AgentRef) if inspect.iscoroutinefunction(member)
    )
    assert inspect.isasyncgenfunction(caxton.AgentRef.stream)
