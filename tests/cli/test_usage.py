"""Wrong usage ends with exit status 2 and one clear line on standard error; nothing is printed or run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.command import GUESTS, Done, caxton_each, is_harmless

# The command line, and what its one line has to name. In a folder with echo.wat and stub.json.
CASES: dict[str, str] = {
    "nonsense": "nonsense",
    "rn": "did you mean run?",
    "'\x1b[31m\u202e'": r"\x1b[31m\u202e",
    "--foo": "--foo",
    "run": "MODULE",
    "run ''": "MODULE",
    "run echo.wat more": "more",
    "run --foo echo.wat": "no such option --foo",
    "run --fule 3 echo.wat": "did you mean --fuel?",
    "run echo.wat -fuel 3": "did you mean --flamegraph or --fuel?",
    "run echo.wat --fu\x1b[31mel 3": r"--fu\x1b[31mel",
    "run echo.wat --fuel": "--fuel",
    "run echo.wat --fuel x": "--fuel",
    "run echo.wat --fuel 0": "--fuel",
    "run echo.wat --fuel -5": "--fuel",
    "run echo.wat --fuel 1e9": "--fuel",
    "run echo.wat --fuel 99999999999999999999999999999999": "--fuel",
    "run echo.wat --memory lots": "--memory",
    "run echo.wat --memory 16mib": "did you mean 16MiB?",
    "run echo.wat --memory 1": "--memory",
    "run echo.wat --memory 1__0": "--memory",
    "run echo.wat --memory 5GiB": "--memory",
    "run echo.wat --memory '16 MB '": "",
    "run echo.wat --deadline soon": "--deadline",
    "run echo.wat --deadline 0s": "--deadline",
    "run echo.wat --deadline -1s": "--deadline",
    "run echo.wat --deadline 99999h": "--deadline",
    "run echo.wat --seed 1.5": "--seed",
    "run echo.wat --clock yesterday": "--clock",
    "run echo.wat --clock 2026-02-30T00:00:00Z": "--clock",
    "run echo.wat --clock 2026-01-01": "--clock",
    "run echo.wat --clock 1960-01-01T00:00:00Z": "--clock",
    "run echo.wat --param x": "--param",
    "run echo.wat --param =x": "--param",
    "run echo.wat --param a=1 --param a=2": "--param: a",
    "run echo.wat --stub x": "--stub",
    "run echo.wat --stub x=nowhere": "nowhere",
    "run echo.wat --stub x=.": "Is a directory",
    "run echo.wat --stub x=/dev/zero": "8 MiB",
    "run echo.wat --stub 'a tool=stub.json'": "a tool",
    "run echo.wat --message": "--message",
    "run echo.wat --message-file nowhere": "nowhere",
    "run echo.wat --message-file .": "Is a directory",
    "run echo.wat --message-file - --message-file -": "standard input",
    "run echo.wat --config nowhere.toml": "nowhere.toml: No such file or directory",
    "run echo.wat --config ''": "--config is empty",
    "run echo.wat --json=yes": "--json",
    "new": "LANG",
    "new c": "NAME",
    "new rst x": "did you mean rust?",
    "new nonsense x": "typescript",
    "new '\x1b[31m\u202e' x": r"\x1b[31m\u202e",
    "new c ''": "NAME is empty",
    "new c stub.json": "is no folder",
    "new c x y": "y",
    "build nowhere": "nowhere: there is no such folder; caxton new makes a project",
    "build ''": "DIR is empty",
    "build . more": "more",
    "build --optimize": "--optimize",
    "build --optimize best": "--optimize: 'best' is not size or speed",
    "build --dbug": "did you mean --debug?",
    "build stub.json": "stub.json: is no folder",
    "build .": "agent.toml: is not there, so this folder is no project; caxton new makes one",
    "dev nowhere": "nowhere: there is no such folder",
    "dev --message": "--message",
    "dev --optimize best": "--optimize",
    "dev --stub x": "--stub",
    "inspect": "MODULE",
    "inspect --fuel 3 echo.wat": "--fuel",
    "check echo.wat echo.wat": "echo.wat",
    "demo --agents many": "--agents",
    "demo --agents 0": "--agents",
    "demo nowhere": "nowhere",
    "bench --nonsense": "--nonsense",
    "config chek": "did you mean check?",
    "config nonsense": "no such command nonsense",
    "config --": "missing command",
    "config check a.toml b.toml": "b.toml",
    "config check --jsn": "did you mean --json?",
    "config check ''": "FILE is empty",
    "config schema more": "more",
    "tools lst": "did you mean list?",
    "tools '\x1b[31m\u202e'": r"\x1b[31m\u202e",
    "tools --config x": "--config",
    "tools list --config ''": "--config is empty",
    "tools list --config nowhere.toml": "nowhere.toml",
    "tools explain": "AGENT",
    "tools accept": "SERVER[.TOOL]",
    "tools accept s --config nowhere.toml": "nowhere.toml",
    "tools audit --limit": "--limit",
    "up nowhere.toml": "nowhere.toml: No such file or directory",
    "up echo.wat": "echo.wat:1: ",
    "up .": "it is a directory",
    "up ''": "FILE is empty",
    "up --sned a b": "did you mean --send?",
    "up --send a": "--send",
    "mcp nowhere.toml": "nowhere.toml",
    "mcp a b": "b",
    "bench '\x1b[31m\u202e'": r"\x1b[31m\u202e",
}
FINE = {"run echo.wat --memory '16 MB '"}
JSON = [
    "new --json",
    "new nonsense x --json",
    "build nowhere --json",
    "build --json --optimize x",
    "run --json",
    "run echo.wat --json --fuel x",
    "inspect --json",
    "check --json --nonsense",
    "demo --json --agents many",
    "bench --json --nonsense",
    "bench --nonsense --json -",
    "bench --json=- --nonsense",
    "bench --json nowhere/at/all.json",
    "config --json",
    "config chek --json",
    "config check a b --json",
    "config schema --json",
    "tools --json",
    "tools lst --json",
    "tools list --json --config nowhere.toml",
    "tools explain --json",
    "tools accept --json",
    "tools audit --json --limit x",
    "up --json",
    "up nowhere.toml --json --send a b",
    "up --json --nonsense",
    "mcp --json",
]
LATER = "serve tell ask agents logs dead-letters top".split()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Done]:
    """What became of all the command lines."""
    folder = tmp_path_factory.mktemp("usage")
    Path(folder, "echo.wat").write_text(GUESTS["echo"])
    Path(folder, "stub.json").write_text("{}")
    lines = [*CASES, *JSON, *(f"{verb} --help" for verb in LATER)]
    return dict(zip(lines, caxton_each([shlex.split(line) for line in lines], cwd=folder), strict=True))


@pytest.mark.parametrize("line", [line for line in CASES if line not in FINE])
def test_one_line(outcomes: Mapping[str, Done], line: str) -> None:
    """The line names what is wrong, and is harmless whatever was typed."""
    done = outcomes[line]
    assert (done.status, done.out) == (2, b"")
    assert len(done.lines) == 1
    assert done.err.startswith("caxton")
    assert CASES[line] in done.err
    assert is_harmless(done.err)


@pytest.mark.parametrize("line", JSON)
def test_one_object(outcomes: Mapping[str, Done], line: str) -> None:
    """With --json standard output has one JSON object besides, whichever the verb."""
    done = outcomes[line]
    assert (done.status, len(done.lines)) == (2, 1)
    assert (done.object["ok"], done.object["error"]["code"]) == (False, "config.invalid")
    assert done.err.endswith(f"{done.object['error']['message']}\n")


@pytest.mark.parametrize("line", FINE)
def test_fine(outcomes: Mapping[str, Done], line: str) -> None:
    """What looks odd may be right."""
    assert (outcomes[line].status, outcomes[line].err) == (0, "")


@pytest.mark.parametrize("verb", LATER)
def test_later_verbs(outcomes: Mapping[str, Done], verb: str) -> None:
    """What a later version brings is refused by name, never ignored."""
    done = outcomes[f"{verb} --help"]
    assert (done.status, done.out) == (2, b"")
    assert done.lines == [f"caxton: 'caxton {verb}' comes with a later version"]
