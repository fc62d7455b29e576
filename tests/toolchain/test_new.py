"""Promise: ``caxton new`` makes a whole project or none, and never touches what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caxton.errors import CaxtonError
from caxton.toolchain import create_project, language
from caxton.toolchain.create import identifier
from tests.cli.command import caxton
from tests.toolchain.projects import LANDED, everything


def test_it_says_what_it_made(tmp_path: Path) -> None:
    """As text, and as JSON; the name may be a path's last part."""
    done = caxton("new", "c", "agents/counter", cwd=tmp_path)
    assert (done.status, done.err) == (0, "")
    assert b"caxton build agents/counter" in done.out
    found = caxton("new", "c", "other", "--json", cwd=tmp_path).object
    assert (found["ok"], found["name"], found["language"]) == (True, "other", "c")
    assert sorted(found["files"]) == sorted(everything(tmp_path / "other"))


@pytest.mark.parametrize("name", LANDED)
def test_every_language_has_the_same_beginnings(name: str, tmp_path: Path) -> None:
    """A page that says how to go on, with names that are there, and for git what is made and not written."""
    folder = create_project(language(name), tmp_path / "counter")
    page = (folder / "README.md").read_text()
    assert page.startswith("# counter\n")
    assert "caxton run counter.wasm" in page
    named = re.search(r"Its source is `(\S+)`; `(\S+)` is the SDK", page)
    assert named is not None
    assert all((folder / place).exists() for place in named.groups())
    assert {"/counter.wasm", "/counter.wasm.map"} <= set((folder / ".gitignore").read_text().split())


def test_the_json_of_an_error(tmp_path: Path) -> None:
    """It has the keys of a success, null, and ``error``."""
    good = caxton("new", "c", "other", "--json", cwd=tmp_path).object
    for arguments in (("c", "Other"), ("c", "other"), ("c",), ("basic", "x")):
        bad = caxton("new", *arguments, "--json", cwd=tmp_path).object
        assert good.keys() <= bad.keys()
        assert {None} == {bad[key] for key in good.keys() - {"ok", "error"}}
        assert (False, True) == (bad["ok"], bool(bad["error"]["code"]))


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    """It may be there already."""
    (tmp_path / "hello").mkdir()
    create_project(language("c"), tmp_path / "hello")
    assert (tmp_path / "hello" / "agent.toml").is_file()


@pytest.mark.parametrize("name", ["Hello", "-x", "..", "a b", "x" * 65, "größe", ".hidden"])
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    """It is refused, and nothing is made."""
    with pytest.raises(CaxtonError) as caught:
        create_project(language("c"), tmp_path / name)
    assert "agent.bad-name" == caught.value.code
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".", "..", "/", "agents/.."])
def test_a_path_without_a_name(name: str, tmp_path: Path) -> None:
    """It is said what NAME is, and what to write."""
    done = caxton("new", "c", name, cwd=tmp_path)
    assert (done.status, len(done.lines)) == (1, 1)
    assert "agent.bad-name: NAME is the agent's name" in done.err
    assert "caxton new c myagent" in done.err
    assert [] == list(tmp_path.iterdir())


def test_a_folder_with_content(tmp_path: Path) -> None:
    """It is refused, and left as it was; so are a file and a link."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("full", "file", "link"):
        done = caxton("new", "c", name, cwd=tmp_path)
        assert (done.status, len(done.lines)) == (2, 1)
    assert {"full/mine": b"mine", "file": b"mine"} == everything(tmp_path)


def test_nothing_is_left_half_made(tmp_path: Path) -> None:
    """Where a file of the SDK cannot be read, there is no project, and no trace of one."""
    sdk = tmp_path / "sdk"
    (sdk / "c" / "template").mkdir(parents=True)
    (sdk / "c" / "template" / "agent.toml").write_text('name = "{{name}}"')
    (tmp_path / "out").mkdir()
    with pytest.raises(CaxtonError) as caught:
        create_project(language("c"), tmp_path / "out" / "hello", sdk=sdk)  # without caxton.h
    assert "storage.failed" == caught.value.code
    assert [] == list((tmp_path / "out").iterdir())


def test_placeholders(tmp_path: Path) -> None:
    """In names and in text they become the agent's name, or it as an identifier."""
    sdk = tmp_path / "sdk"
    (sdk / "c" / "template" / "{{identifier}}").mkdir(parents=True)
    (sdk / "c" / "caxton.h").write_text("{{name}}")
    (sdk / "c" / "template" / "{{identifier}}" / "a.txt").write_text("{{name}} {{identifier}} {{other}}")
    create_project(language("c"), tmp_path / "a-b.c", sdk=sdk)
    found = everything(tmp_path / "a-b.c")
    assert b"/a-b.c.wasm\n" in found.pop(".gitignore")
    assert {"a_b_c/a.txt": b"a-b.c a_b_c {{other}}", "caxton/caxton.h": b"{{name}}"} == found


def test_identifiers() -> None:
    """They begin with a letter."""
    assert ["a", "agent_1a", "a_b_c"] == [identifier("a"), identifier("1a"), identifier("a-b.c")]
