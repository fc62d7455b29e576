"""``caxton config`` as a command: its sub-verbs, what they print, and what is no sub-verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Done, caxton_each, is_harmless
from tests.cli.running import project

WRONG = "[host]\ndate = 1\n\n[agents.a]\nmodlue = 'x'\ndurable = true\n"
LINES = {
    "bare": (),
    "help": ("--help",),
    "check": ("check",),
    "check --json": ("check", "--json"),
    "strict": ("check", "--strict"),
    "wrong": ("check", "wrong.toml"),
    "wrong --json": ("check", "wrong.toml", "--json"),
    "none": ("check", "nowhere.toml"),
    "none --json": ("check", "nowhere.toml", "--json"),
    "evil": ("check", "\x1b[31m\u202e.toml"),
    "schema": ("schema",),
    "keys": ("keys",),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """What became of all of them."""
    folder: Path = tmp_path_factory.mktemp("config")
    project(folder, "[agents.a]\nmodule = 'x'\n[tools.t]\ncommand = ['x']\n")
    (folder / "wrong.toml").write_text(WRONG)
    lines = [("config", *line) for line in LINES.values()]
    return dict(zip(LINES, caxton_each(lines, folder, ["caxton.cli.config"]), strict=True))


def test_without_a_sub_verb(outcomes: dict[str, Done]) -> None:
    """It prints its help, as ``caxton`` does."""
    bare = outcomes["bare"]
    assert (bare.status, bare.err, bare.out) == (0, "", outcomes["help"].out)
    assert bare.out.startswith(b"Usage: caxton config ")


def test_a_right_file(outcomes: dict[str, Done]) -> None:
    """One line, or one object; the file is ``caxton.toml`` where none is named."""
    assert (outcomes["check"].status, outcomes["check"].out) == (0, b"ok: 1 agent, 1 tool server\n")
    found = outcomes["check --json"]
    assert (found.status, found.object["ok"], found.object["error"]) == (0, True, None)


def test_strict(outcomes: dict[str, Done]) -> None:
    """What would be a warning (a module and a program that are not there) is a mistake."""
    strict = outcomes["strict"]
    assert (strict.status, strict.lines) == (2, ["caxton config: caxton.toml: 2 mistakes"])
    assert len(strict.out.splitlines()) == len(outcomes["check"].lines) == 2


def test_a_wrong_file(outcomes: dict[str, Done]) -> None:
    """A line for each mistake; the exit status of wrong configuration."""
    done = outcomes["wrong"]
    assert (done.status, done.lines) == (2, ["caxton config: wrong.toml: 4 mistakes"])
    assert [line.split(": ")[0] for line in done.out.decode().splitlines()] == [
        "wrong.toml:2",
        "wrong.toml:4",
        "wrong.toml:5",
        "wrong.toml:6",
    ]
    found = outcomes["wrong --json"]
    assert (found.status, found.object["error"]["code"], len(found.object["problems"])) == (2, "config.invalid", 4)


def test_no_file(outcomes: dict[str, Done]) -> None:
    """Is a mistake like others."""
    done, found = outcomes["none"], outcomes["none --json"]
    assert (done.status, done.out) == (2, b"nowhere.toml: No such file or directory\n")
    assert (found.status, found.object["ok"], len(found.objects)) == (2, False, 1)


def test_a_hostile_name(outcomes: dict[str, Done]) -> None:
    """Cannot control the terminal."""
    done = outcomes["evil"]
    assert done.status == 2
    assert is_harmless(done.out.decode() + done.err)


def test_schema_and_keys(outcomes: dict[str, Done]) -> None:
    """The JSON Schema, and every key."""
    schema = json.loads(outcomes["schema"].out)
    assert {"host", "tools", "agents"} <= set(schema["properties"])
    assert b"[agents.AGENT]" in outcomes["keys"].out
    assert (outcomes["schema"].status, outcomes["keys"].status) == (0, 0)
