"""Promise: a build follows no link that leads out of the project, in any language; links that stay inside are fine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from caxton.errors import HostError
from caxton.toolchain import Machine, build, create_project, language, links
from tests.cli.command import caxton
from tests.toolchain.projects import LANDED, c_project

SOURCES: Final = {
    "assemblyscript": "assembly/more.ts",
    "c": "src/more.c",
    "cpp": "src/more.cpp",
    "go": "more.go",
    "javascript": "src/more.js",
    "python": "src/more.py",
    "rust": "src/more.rs",
    "typescript": "src/more.ts",
    "zig": "src/more.zig",
}
"""For each language a file that its compiler would take, or could be told to take."""


class _Untouched(Machine):
    """A machine on which nothing is looked for."""

    def program(self, *names: str) -> Path | None:
        raise AssertionError(names)

    def python_package(self, name: str) -> Path | None:
        raise AssertionError(name)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of every project."""
    file = tmp_path / "secret"
    file.write_text("password = 'swordfish'\n")
    return file


def _refused(folder: Path, machine: Machine | None = None) -> str:
    with pytest.raises(HostError) as caught:
        build(folder, machine=machine)
    assert "config.invalid" == caught.value.code
    return caught.value.message


@pytest.mark.parametrize("name", LANDED)
def test_no_language_follows_it(name: str, secret: Path, tmp_path: Path) -> None:
    """It is named, before anything of a compiler runs."""
    folder = create_project(language(name), tmp_path / "agent")
    (folder / SOURCES[name]).symlink_to(secret)
    said = f"{SOURCES[name]} is a link that leads out of the project's folder"
    assert said == _refused(folder, _Untouched())


def test_nothing_of_the_file_is_shown(secret: Path, tmp_path: Path) -> None:
    """A compiler would show the lines that it cannot read."""
    folder = c_project(tmp_path)
    (folder / "src" / "p.c").symlink_to(secret)
    done = caxton("build", str(folder))
    assert (2, b"") == (done.status, done.out)
    assert "src/p.c is a link that leads out" in done.err
    assert "swordfish" not in done.err


@pytest.mark.parametrize("target", ["../..", "/", "../../nowhere", "loop/../../..", "../../project-2"])
def test_wherever_it_leads(target: str, tmp_path: Path) -> None:
    """To a folder, to nothing, or beside the project's folder under a name that begins like it."""
    folder = c_project(tmp_path, "project")
    (tmp_path / "project-2").mkdir()
    (folder / "src" / "link").symlink_to(target)
    assert "src/link is a link that leads out of the project's folder" == _refused(folder)


def test_by_way_of_a_hidden_folder(secret: Path, tmp_path: Path) -> None:
    """A link that stays inside leads to where nobody else looks; what lies there is looked at too."""
    folder = c_project(tmp_path)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "p.c").symlink_to(secret)
    build(folder)
    (folder / "src" / "more").symlink_to("../.hidden")
    assert ".hidden/p.c is a link that leads out of the project's folder" == _refused(folder)


def test_links_inside_are_fine(tmp_path: Path) -> None:
    """To files, to folders, in circles; and the project's folder itself may be one."""
    folder = c_project(tmp_path)
    (folder / "lib").mkdir()
    (folder / "lib" / "seven.c").write_text("int seven(void) { return 7; }\n")
    (folder / "src" / "seven.c").symlink_to("../lib/seven.c")
    (folder / "src" / "everything").symlink_to("..")
    (folder / "src" / "absolute").symlink_to(folder / "lib")
    (folder / "src" / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to(folder)
    assert build(tmp_path / "link").module.is_file()


def test_what_other_programs_fill_is_theirs(secret: Path, tmp_path: Path) -> None:
    """Package managers and virtual environments are full of links to elsewhere."""
    folder = c_project(tmp_path)
    for place in ("node_modules", "src/node_modules", "target", "zig-out", "venv", ".venv", "env"):
        (folder / place).mkdir()
        (folder / place / "link.c").symlink_to(secret)
    assert build(folder).module.is_file()
    (folder / "src" / "target").mkdir()
    (folder / "src" / "target" / "link.c").symlink_to(secret)
    assert "src/target/link.c is a link" in _refused(folder)


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not looked through without end."""
    monkeypatch.setattr(links, "MOST", 9)
    folder = c_project(tmp_path)
    for number in range(10):
        (folder / "src" / f"{number}.txt").touch()
    assert "has more than 9 files" in _refused(folder)
