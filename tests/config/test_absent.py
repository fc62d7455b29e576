"""What a file names and this machine does not have: secrets, modules, programs, directories, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.config import ConfigProblems, Configuration
from caxton.config.absent import (
    absent_directories,
    absent_modules,
    absent_programs,
    absent_secrets,
    check_secrets,
)
from caxton.errors import HostError
from tests.config.files import NOTHING, Here

STDIO = "[tools.t]\ncommand = ['sh']\n"
MISSING = "there is no secret N: set CAXTON_SECRET_N, or write it into the file of secrets"
SHORT = "the secret N has less than 6 bytes: it could not be kept out of logs"

PLACES = {
    f"{STDIO}env = {{ A = 'x', B = 'x ${{secret:N}} y' }}": "3: tools.t.env.B",
    "[tools.t]\nurl = 'http://x/'\nheaders.A = 'Bearer ${secret:N}'": "3: tools.t.headers.A",
    "[tools.t]\nurl = 'https://${secret:N}@x/'": "2: tools.t.url",
    f"{STDIO}[tools.t.arguments.read]\ndeep = [1,\n{{ x = '${{secret:N}}' }}]": "5: tools.t.arguments.read.deep[1].x",
    "[tools.llm]\nbase_url = 'http://x/'\nmodel = 'x'\nkey = '${secret:N}'": "4: tools.llm.key",
}


def _told(here: Here, configuration: Configuration, **variables: str) -> list[str]:
    found = absent_secrets(configuration, variables)
    return [str(one).removeprefix(f"{here.folder}/caxton.toml:").removeprefix("environment: ") for one in found]


@pytest.mark.parametrize(("text", "place"), PLACES.items(), ids=list(PLACES.values()))
def test_a_secret(here: Here, text: str, place: str) -> None:
    """Where it can stand, that is the place which is told."""
    configuration = here.load(text)
    assert _told(here, configuration) == [f"{place}: {MISSING}"]
    assert _told(here, configuration, N="short") == [f"{place}: {SHORT}"]
    assert _told(here, configuration, N="swordfish") == []
    assert _told(here, configuration, CAXTON_SECRET_N="swordfish") == []  # noqa: S106


def test_a_secret_in_a_variable(here: Here) -> None:
    """The variable is the place."""
    text = "[tools.llm]\nbase_url = 'http://x/'\nmodel = 'x'\nkey = 'x'"
    configuration = here.load(text, {"CAXTON_TOOLS_LLM_KEY": "${secret:N}"})
    assert _told(here, configuration) == [f"CAXTON_TOOLS_LLM_KEY: {MISSING}"]


def test_secrets_of_a_file(here: Here) -> None:
    """The file is looked at; one that others could read by now is told of, and not what stands there."""
    here.secrets().write_text("N = 'swordfish'\nS = 'fish'\n")
    configuration = here.load(
        f"[secrets]\nfile = 'secrets.toml'\n{STDIO}env = {{ A = '${{secret:N}}', B = '${{secret:S}}' }}"
    )
    (line,) = _told(here, configuration)
    assert line == f"5: tools.t.env.B: {SHORT.replace(' N ', ' S ')}"
    (here.folder / "secrets.toml").chmod(0o644)
    with pytest.raises(HostError, match="others can use"):
        absent_secrets(configuration, NOTHING)


def test_every_place_is_told(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the file; as an error it is the first, with the others."""
    monkeypatch.delenv("N", raising=False)
    configuration = here.load(
        f"{STDIO}arguments.x.a = '${{secret:N}}'\nenv.A = '${{secret:N}}'\n[tools.u]\ncommand = ['sh']"
    )
    assert [one.key for one in absent_secrets(configuration, NOTHING)] == ["tools.t.arguments.x.a", "tools.t.env.A"]
    with pytest.raises(ConfigProblems) as caught:
        check_secrets(configuration)
    first = f"{here.folder}/caxton.toml:3: tools.t.arguments.x.a: {MISSING} (and 1 more)"
    assert (caught.value.code, caught.value.message) == ("config.invalid", first)
    monkeypatch.setenv("N", "swordfish")
    check_secrets(configuration)


def test_a_secret_is_no_name(here: Here) -> None:
    """Names of variables and arguments are nobody's secrets."""
    for text in ("env.'${secret:N}' = 'x'", "arguments.x.'${secret:N}' = 'x'", "arguments.'${secret:N}'.x = 'x'"):
        (problem,) = here.check(f"{STDIO}{text}")
        assert problem.message.startswith("a secret may not stand here")


def test_things(here: Here) -> None:
    """Modules, programs and directories, with what lies there in their place."""
    (here.folder / "file").touch()
    (here.folder / "folder").mkdir()
    text = (
        "[host]\ndata = 'file'\n"
        "[tools.t]\ncommand = ['./nowhere']\n"
        "[tools.u]\ncommand = ['sh']\ncwd = 'none'\n"
        "[agents.a]\nmodule = 'none.wasm'\ntools = ['fs.*']\n"
        "rules.'fs.*' = { root = 'none' }\nrules.'fs.read' = { root = 'file' }\nrules.'fs.list' = { root = 'folder' }\n"
        "[agents.b]\nmodule = 'folder'\n[agents.c]\nmodule = '/dev/null'\n[agents.d]\nmodule = 'file'\n"
    )
    configuration = here.load(text)
    found = [*absent_modules(configuration), *absent_programs(configuration), *absent_directories(configuration)]
    assert sorted(str(one).replace(f"{here.folder}/", "").removeprefix("caxton.toml:") for one in found) == [
        '11: agents.a.rules."fs.*".root: there is no directory none',
        '12: agents.a.rules."fs.read".root: file is no directory',
        "15: agents.b.module: folder is no regular file",
        "17: agents.c.module: /dev/null is no regular file",
        "2: host.data: file is no directory",
        "4: tools.t.command: there is no program './nowhere' that can be run",
        "6: tools.u.command: there is no directory none",
        "9: agents.a.module: there is no file none.wasm",
    ]


def test_data_of_the_environment(here: Here, tmp_path: Path) -> None:
    """It is told of with the variable."""
    (tmp_path / "file").touch()
    (problem,) = absent_directories(here.load("", {"CAXTON_HOST_DATA": str(tmp_path / "file")}))
    assert (problem.file, problem.line, problem.key) == ("environment", None, "CAXTON_HOST_DATA")
