"""``caxton config check`` prints every mistake and ends with 2, or one line and 0; ``schema`` prints the schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caxton.cli import config
from caxton.config.schema import schema
from tests.cli.command import is_harmless
from tests.config.files import written

RIGHT = "[agents.a]\nmodule = 'x'\n[agents.b]\nmodule = 'x'\n[tools.t]\ncommand = ['sh']\n"
WRONG = "[host]\ndate = 1\n\n[agents.a]\nmodlue = 'x'\n"
Captured = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAXTON_HOST_DATA", raising=False)


def test_a_right_file(tmp_path: Path, capfdbinary: Captured) -> None:
    """One line."""
    (tmp_path / "x").touch()
    assert config.check(written(tmp_path, RIGHT), json=False) == 0
    assert capfdbinary.readouterr() == (b"ok: 2 agents, 1 tool server\n", b"")
    assert config.check(written(tmp_path, "[agents.a]\nmodule = 'x'"), json=False) == 0
    assert capfdbinary.readouterr().out == b"ok: 1 agent, 0 tool servers\n"


def test_what_is_not_there_yet(tmp_path: Path, capfdbinary: Captured) -> None:
    """A module or a program that this machine does not have is a warning with its key, and no mistake."""
    absent = (
        "[agents.a]\nmodule = 'x.wasm'\n[agents.'b.c']\nsha256 = '" + "0" * 64 + "'\n[tools.t]\ncommand = ['./no']\n"
    )
    path = written(tmp_path, absent)
    assert config.check(path, json=False) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"ok: 2 agents, 1 tool server\n"
    assert [line.split(": ")[1:4] for line in err.decode().splitlines()] == [
        ["warning", f"{path}:2", "agents.a.module"],
        ["warning", f"{path}:4", 'agents."b.c".sha256'],
        ["warning", f"{path}:6", "tools.t.command"],
    ]
    assert config.check(path, json=True) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert found["ok"]
    assert [one["key"] for one in found["warnings"]] == ["agents.a.module", 'agents."b.c".sha256', "tools.t.command"]


VAIN = """\
[tools.t]
command = ["sh"]
env = { A = "${secret:NOWHERE}" }
[agents.a]
module = "x"
tools = ["fs.read", "stokc.count"]
deny = ["fs.write"]
"""


def test_warnings(tmp_path: Path, capfdbinary: Captured) -> None:
    """They are lines on standard error and a list in JSON, in the order of the file, and no mistakes."""
    (tmp_path / "x").touch()
    path = written(tmp_path, VAIN)
    secret = "there is no secret NOWHERE: set CAXTON_SECRET_NOWHERE, or write it into the file of secrets"
    assert config.check(path, json=False) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"ok: 1 agent, 1 tool server\n"
    assert err.decode().splitlines() == [
        f"caxton config: warning: {path}:3: tools.t.env.A: {secret}",
        f'caxton config: warning: {path}:6: agents.a.tools[1]: "stokc.count" names no tool that this file knows of',
        f'caxton config: warning: {path}:7: agents.a.deny[0]: "fs.write" matches no tool that the agent may call',
    ]
    assert config.check(path, json=True) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["ok"], found["problems"], found["error"]) == (True, [], None)
    assert found["warnings"][0] == {"file": str(path), "line": 3, "key": "tools.t.env.A", "message": secret, "hint": ""}
    assert len(found["warnings"]) == 3


def test_strict(tmp_path: Path, capfdbinary: Captured) -> None:
    """Every warning is a mistake; a file without any is right."""
    (tmp_path / "x").touch()
    path = written(tmp_path, VAIN)
    assert config.check(path, strict=True, json=False) == 2
    out, err = capfdbinary.readouterr()
    assert [line.split(": ")[0] for line in out.decode().splitlines()] == [f"{path}:{line}" for line in (3, 6, 7)]
    assert err.decode() == f"caxton config: {path}: 3 mistakes\n"
    assert config.check(path, strict=True, json=True) == 2
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["ok"], len(found["problems"]), found["warnings"], found["agents"]) == (False, 3, [], None)
    assert found["error"]["code"] == "config.invalid"
    assert config.check(written(tmp_path, RIGHT), strict=True, json=False) == 0


def test_a_wrong_file(tmp_path: Path, capfdbinary: Captured) -> None:
    """A line for each mistake, and on standard error how many there are."""
    path = written(tmp_path, WRONG)
    assert config.check(path, json=False) == 2
    out, err = capfdbinary.readouterr()
    assert out.decode().splitlines() == [
        f"{path}:2: host.date: unknown key; did you mean data?",
        f"{path}:4: agents.a: wants a module or a sha256",
        f"{path}:5: agents.a.modlue: unknown key; did you mean module?",
    ]
    assert err.decode() == f"caxton config: {path}: 3 mistakes\n"


def test_json_of_a_right_file(tmp_path: Path, capfdbinary: Captured) -> None:
    """One object."""
    path = written(tmp_path, RIGHT)
    (tmp_path / "x").touch()
    assert config.check(path, json=True) == 0
    out, err = capfdbinary.readouterr()
    assert json.loads(out) == {
        "ok": True,
        "file": str(path),
        "problems": [],
        "warnings": [],
        "agents": 2,
        "servers": 1,
        "error": None,
    }
    assert (out.count(b"\n"), err) == (1, b"")


def test_json_of_a_wrong_file(tmp_path: Path, capfdbinary: Captured) -> None:
    """One object, with each mistake as one, and the contract's error."""
    path = written(tmp_path, WRONG)
    assert config.check(path, json=True) == 2
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["ok"], found["agents"], found["servers"]) == (False, None, None)
    assert [(one["line"], one["key"], one["hint"]) for one in found["problems"]] == [
        (2, "host.date", "did you mean data?"),
        (4, "agents.a", ""),
        (5, "agents.a.modlue", "did you mean module?"),
    ]
    assert found["error"] == {
        "code": "config.invalid",
        "message": f"{path}:2: host.date: unknown key; did you mean data? (and 2 more)",
        "frames": [],
    }


def test_no_file(tmp_path: Path, capfdbinary: Captured) -> None:
    """It is a mistake like others."""
    path = tmp_path / "caxton.toml"
    assert config.check(path, json=False) == 2
    out, err = capfdbinary.readouterr()
    assert out.decode() == f"{path}: No such file or directory\n"
    assert err.decode() == f"caxton config: {path}: 1 mistake\n"


def test_a_variable_is_looked_at(tmp_path: Path, capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would be by the host."""
    monkeypatch.setenv("CAXTON_HOST_DATE", "x")
    assert config.check(written(tmp_path, RIGHT), json=False) == 2
    told = b"environment: CAXTON_HOST_DATE: unknown variable; did you mean CAXTON_HOST_DATA?\n"
    assert capfdbinary.readouterr().out == told


def test_hostile_texts_are_harmless(tmp_path: Path, capfdbinary: Captured) -> None:
    """Keys, values and the file's own name cannot control the terminal."""
    folder = tmp_path / "\x1b[31m\u202e"
    folder.mkdir()
    path = written(folder, '"\\u001b[31m\\u202e" = 1\n[host]\nworkers = "\\u001b]0;x\\u0007"')
    for json_ in (False, True):
        assert config.check(path, json=json_) == 2
        out, err = capfdbinary.readouterr()
        assert is_harmless(out.decode())
        assert is_harmless(err.decode())


def test_schema(capfdbinary: Captured) -> None:
    """The schema itself."""
    assert config.schema() == 0
    assert json.loads(capfdbinary.readouterr().out) == schema()


def test_keys(capfdbinary: Captured) -> None:
    """Every key with its meaning."""
    assert config.keys() == 0
    assert b"[agents.AGENT.limits]\n" in capfdbinary.readouterr().out
