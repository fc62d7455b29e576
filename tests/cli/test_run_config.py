"""``caxton run --config FILE``: the tools of a configuration file for one agent, as far as ``--grant`` goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.cli.command import SECONDS, Done, Guests, caxton, caxton_each, environment
from tests.cli.running import caller, hostile, project

PRELOAD: Final = ("caxton.cli.run", "caxton.config", "caxton.tools.builtin.provider", "mcp")
# An agent of the file, with grants of its own, that shall count for nothing here.
OTHERS: Final = '[agents.a]\nmodule = "nowhere.wasm"\ntools = ["*"]\n'
ECHO: Final = 'h.echo {"text": "x", "key": "y"}'
# The arguments; the exit status, and what is in the answer, or in what is said.
CASES: Final[dict[tuple[str, ...], tuple[int, str]]] = {
    ("--grant", "h.*", "--message", ECHO): (0, '"isError":false'),
    ("--grant", "*", "--message", "fs.list {}"): (0, "entries"),
    ("--message", ECHO): (1, "the tool h.echo is not granted"),
    ("--grant", "fs.*", "--message", ECHO): (1, "the tool h.echo is not granted"),
    ("--grant", "h.*", "--message", "fs.list {}"): (1, "the tool fs.list is not granted"),
    ("--grant", "*", "--message", "h.nothing {}"): (1, "h has no tool"),
    ("--grant", "*", "--message", "time.now {}"): (1, "there is no tool time.now"),
    ("--grant", "broken.*", "--message", "broken.x {}"): (1, "broken cannot start: there is no program"),
    ("--stub", "h.echo=stub.json", "--message", ECHO): (0, '{"stub":1}'),
}
WRONG: Final[dict[str, str]] = {
    "": "--config is empty",
    "nowhere.toml": "nowhere.toml: No such file or directory",
    ".": "it is a directory",
    "broken.toml": "broken.toml:2: host.date: unknown key; did you mean data?",
    "secret.toml": "secret.toml:3: tools.t.env.K: there is no secret NOWHERE_TO_BE_FOUND: set ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two servers, one of which does not start."""
    folder = tmp_path_factory.mktemp("run-config")
    project(folder, hostile() + "[tools.broken]\ncommand = ['nowhere-at-all']\n" + OTHERS, caller=caller())
    (folder / "stub.json").write_text('{"stub":1}')
    (folder / "broken.toml").write_text("[host]\ndate = 1\n")
    (folder / "secret.toml").write_text("[tools.t]\ncommand = ['x']\nenv = { K = '${secret:NOWHERE_TO_BE_FOUND}' }\n")
    return folder


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> Mapping[tuple[str, ...], Done]:
    """What became of all the cases."""
    lines = {case: ("run", "caller.wat", "--config", "caxton.toml", *case) for case in CASES}
    lines |= {(name,): ("run", "caller.wat", "--config", name) for name in WRONG}
    lines |= {(name, "--json"): ("run", "caller.wat", "--config", name, "--json") for name in WRONG}
    return dict(zip(lines, caxton_each(list(lines.values()), folder, PRELOAD), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_run(outcomes: Mapping[tuple[str, ...], Done], case: tuple[str, ...]) -> None:
    """The file has the tools, ``--grant`` gives them, and a stub goes before a server. Agents of the file are none of
    this one's business."""
    status, told = CASES[case]
    done = outcomes[case]
    assert done.status == status, done.err
    assert told in (done.err if status == 2 else done.out.decode())


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_will_not_do(outcomes: Mapping[tuple[str, ...], Done], name: str) -> None:
    """One line that says where, and one object."""
    plain, as_json = outcomes[name,], outcomes[name, "--json"]
    assert (plain.status, plain.out, len(plain.lines)) == (2, b"", 1)
    assert plain.err.startswith("caxton run: ")
    assert WRONG[name] in plain.err
    assert (as_json.status, as_json.object["error"]["code"]) == (2, "config.invalid")


def test_json(folder: Path) -> None:
    """One object for each message."""
    messages = [part for text in ("h.die {}", ECHO) for part in ("--message", text)]
    done = caxton("run", "caller.wat", "--config", "caxton.toml", "--grant", "h.*", "--json", *messages, cwd=folder)
    assert (done.status, [one["ok"] for one in done.objects]) == (1, [False, False])
    assert all("h" in one["payload"] for one in done.objects)


HEAVY: Final = (
    "mcp",
    "jsonschema",
    "httpx2",
    "openai",
    "sqlite3",
    "pydantic",
    "rich",
    "caxton.config",
    "caxton.serving",
)


def test_what_a_run_without_it_imports(guest: Guests) -> None:
    """Nothing that only tools need: that is how it begins quickly."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "caxton", "run", guest("echo"), "--message", "x"],
        capture_output=True,
        timeout=SECONDS,
        check=True,
        env=environment(),
        cwd=os.path.dirname(guest("echo")),
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert (done.stdout, imported & set(HEAVY)) == (b"x", set())
    assert "caxton.cli.run" in imported
