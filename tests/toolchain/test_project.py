"""Promise: every mistake in ``agent.toml`` is named, with its line; whatever the file holds, there is no traceback."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.config import ConfigProblems
from caxton.errors import AgentError
from caxton.toolchain import load_project
from tests.cli.command import caxton


def _mistakes(text: str | bytes) -> list[str]:
    with TemporaryDirectory() as place:
        Path(place, "agent.toml").write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            load_project(Path(place))
        except AgentError as error:
            return [error.message.removeprefix(f"{place}/")]
        except ConfigProblems as error:
            return [str(problem).removeprefix(f"{place}/") for problem in error.problems]
        return []


def test_a_project(tmp_path: Path) -> None:
    """Options that are not given have their defaults."""
    (tmp_path / "agent.toml").write_text('name = "a.b"\nlanguage = "c"\n[options]\nlibc = true\n')
    project = load_project(tmp_path)
    assert (project.name, project.language.name, project.options["libc"]) == ("a.b", "c", True)
    assert tmp_path.resolve() / "a.b.wasm" == project.module
    assert project.options.keys() == project.language.options.keys()


def test_every_mistake_is_named() -> None:
    """With line, key, and what was perhaps meant."""
    text = 'nme = "x"\nlanguage = "c"\n[options]\nlibcc = true\nlibc = 1\n'
    assert [
        "agent.toml: name: is missing",
        "agent.toml:1: nme: unknown key; did you mean name?",
        "agent.toml:4: options.libcc: C has no such option; did you mean libc?",
        "agent.toml:5: options.libc: wants true or false, not 1",
    ] == _mistakes(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "A"\nlanguage = "c"', "agent.toml:1: name: 'A' is no agent name"),
        ('name = "a"\nlanguage = "rst"', "did you mean rust?"),
        ('name = "a"\nlanguage = "\\u001b[31m"', r"\x1b[31m"),
        ('name = 1\nlanguage = ["c"]', "agent.toml:1: name: wants a text"),
        ('name = "a"\nlanguage = "c"\noptions = 1', "options: wants a table, not 1"),
        ('name = "a"\nname = "b"', "not TOML"),
        (f'name = "a"\nlanguage = "c"\n[options]\nlibc = {"9" * 5_000}', "agent.toml:4: a number of more than 1,000"),
        ('name = "a\\u001bb"\nlanguage = "c"', r"agent.toml:1: name: 'a\x1bb' is no agent name"),
        ("\udcff".encode("utf-8", "surrogateescape"), "not UTF-8"),
    ],
)
def test_mistakes(text: str | bytes, says: str) -> None:
    """Each in words."""
    assert any(says in line for line in _mistakes(text)), _mistakes(text)


def test_a_name_that_is_none_has_its_code(tmp_path: Path) -> None:
    """The code and the exit status that it has in ``caxton new``; among other mistakes it is one of the file's."""
    (tmp_path / "agent.toml").write_text('name = "A"\nlanguage = "c"\n')
    done = caxton("build", str(tmp_path), "--json")
    assert (1, "agent.bad-name") == (done.status, done.object["error"]["code"])
    assert "agent.toml:1: name: 'A' is no agent name" in done.object["error"]["message"]
    (tmp_path / "agent.toml").write_text('name = "A"\nlanguage = "c"\nx = 1\n')
    done = caxton("build", str(tmp_path), "--json")
    assert (2, "config.invalid") == (done.status, done.object["error"]["code"])


def test_a_link_out_of_the_project(tmp_path: Path) -> None:
    """It is not followed, and nothing of what it leads to is told; one inside the folder is."""
    (tmp_path / "secret").write_text("password = 'swordfish'\n")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "agent.toml").symlink_to("../secret")
    with pytest.raises(ConfigProblems) as caught:
        load_project(folder)
    assert ["is a link that leads out of the project's folder"] == [one.message for one in caught.value.problems]
    (folder / "agent.toml").unlink()
    (folder / "real.toml").write_text('name = "a"\nlanguage = "c"\n')
    (folder / "agent.toml").symlink_to("real.toml")
    (tmp_path / "link").symlink_to(folder)
    assert load_project(tmp_path / "link").folder == folder.resolve()


def test_no_project(tmp_path: Path) -> None:
    """It is said what is not there, and what makes one."""
    (tmp_path / "file").write_text("")
    for folder, says in {
        tmp_path / "nowhere": "nowhere: there is no such folder; caxton new makes a project",
        tmp_path / "file": "file: is no folder; caxton new makes a project",
        tmp_path: "agent.toml: is not there, so this folder is no project; caxton new makes one",
    }.items():
        with pytest.raises(ConfigProblems) as caught:
            load_project(folder)
        assert str(caught.value.problems[0]).endswith(says)


def test_all_of_them_are_printed(tmp_path: Path) -> None:
    """By the command, above its own line."""
    (tmp_path / "agent.toml").write_text("a = 1\nb = 2\n")
    done = caxton("build", str(tmp_path))
    assert (2, 5) == (done.status, len(done.lines))


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: f'name = "a"\n{text}'.encode("utf-8", "replace")),
    )
)
def test_any_file(data: bytes) -> None:
    """It is a project, or has mistakes."""
    assert isinstance(_mistakes(data), list)
