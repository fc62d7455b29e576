"""Of files outside of the project nothing is read, whatever debug information says: links, ``..``, URLs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.errors import Frame
from caxton.host.sources import MAX_SOURCE, excerpt
from caxton.sandbox.compiler import to_binary
from caxton.sandbox.project_files import NotReadable, Project
from tests.cli.command import caxton_each, is_harmless
from tests.debugging.sources import url
from tests.debugging.test_source_maps import MODULE, TRAP, WHOLE, source_map
from tests.sandbox.guests import Box, agent, imports, watched_box

SECRET = "SECRET = 'do not show this'"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a module in a folder below, a source, secrets outside, and links to them."""
    folder = tmp_path / "project"
    (folder / "out").mkdir(parents=True)
    (folder / "agent.toml").write_text("")
    (folder / "src").mkdir()
    (folder / "src" / "a.ts").write_text("\n".join(f"line {number}" for number in range(1, 20)))
    (folder / "out" / "beside.ts").write_text("the only line")
    (folder / ".env").write_text(SECRET)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "key.ts").write_text(SECRET)
    (folder / "key.pem").write_text(SECRET)
    (tmp_path / "secret.ts").write_text(SECRET)
    (tmp_path / "project-2").mkdir()
    (tmp_path / "project-2" / "secret.ts").write_text(SECRET)
    (folder / "link.ts").symlink_to(tmp_path / "secret.ts")
    (folder / "inner-link.ts").symlink_to("src/a.ts")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "directory.ts").mkdir()
    os.mkfifo(folder / "pipe.ts")
    (folder / "large.ts").write_bytes(b"x\n" * (MAX_SOURCE // 2 + 1))
    return folder


def shown(project: Path, file: str, line: int = 1) -> str | None:
    """What is shown for a frame in that file."""
    found = excerpt(project / "out" / "agent.wasm", [Frame("f", 0, 0, file, line, 1)])
    return None if found is None else str(found)


OUTSIDE = (
    "../../etc/passwd ../../../../../../../../etc/passwd /etc/passwd file:///etc/passwd file:/etc/passwd ../secret.ts"
    " ../../secret.ts ../../project-2/secret.ts ../link.ts ../folder/secret.ts ../inner-link.ts https://localhost/a.ts"
    " data:text/plain,a.ts C:\\a.ts ..\\..\\secret.ts ../.env ../.hidden/key.ts ../key.pem ../directory.ts ../pipe.ts"
    " ../large.ts . .. / ../src ~/a.ts src/a.ts/ ../src/a.ts/../../../secret.ts /dev/stdin /proc/self/environ"
).split()


@pytest.mark.parametrize("file", [*OUTSIDE, "", "\0", "a\0.ts", "x" * 5000 + ".ts", "a/" * 600 + "a.ts"])
def test_what_is_not_shown(project: Path, file: str) -> None:
    """Not what lies outside, is a link, no plain file, no source, hidden, or too large."""
    if file == "src/a.ts/":  # the same file, written strangely
        assert shown(project, file) is not None
        return
    assert shown(project, file) is None


def test_absolute_paths_outside(project: Path) -> None:
    """Also those of a neighbour whose name begins in the same way."""
    for name in ("secret.ts", "project-2/secret.ts", "project/../secret.ts", "project/link.ts", "project/.env"):
        assert shown(project, str(project.parent / name)) is None


INSIDE = ("../src/a.ts", "src/a.ts", "./src/a.ts", "../out/../src/./a.ts", "..//src//a.ts")


@pytest.mark.parametrize("file", INSIDE)
def test_what_is_shown(project: Path, file: str) -> None:
    """What lies in the project: relative to the module's folder or to the project's, or by its whole path."""
    expected = "  3 | line 3\n  4 | line 4\n> 5 | line 5\n  6 | line 6\n  7 | line 7"
    assert shown(project, file, 5) == expected
    assert shown(project, str(project / "src" / "a.ts"), 5) == expected
    assert shown(project, "beside.ts") == "> 1 | the only line"


def test_the_edges_of_a_file(project: Path) -> None:
    """The first and the last lines; a line that the file does not have shows nothing."""
    assert shown(project, "src/a.ts", 1) == "> 1 | line 1\n  2 | line 2\n  3 | line 3"
    assert shown(project, "src/a.ts", 19) == "  17 | line 17\n  18 | line 18\n> 19 | line 19"
    assert shown(project, "src/a.ts", 20) is None
    assert shown(project, "src/a.ts", 2**31) is None


def test_the_first_frame_inside_counts(project: Path) -> None:
    """A language's own library lies elsewhere: what is shown is the innermost place of the project's."""
    frames = [
        Frame("panic", 0, 0, "/lib/panicking.rs", 3),
        Frame("f", 1, 0, "src/a.ts", 2),
        Frame("g", 2, 0, "src/a.ts", 9),
    ]
    found = excerpt(project / "out" / "agent.wasm", frames)
    assert found is not None
    assert (found.file, found.line) == ("src/a.ts", 2)


def test_the_sdks_files_come_last(project: Path) -> None:
    """A panic's innermost frames are the SDK's: shown is where it came from; but better those than nothing."""
    (project / "caxton").mkdir()
    (project / "caxton" / "std.ts").write_text("of the SDK")
    sdk, mine = Frame("panic", 0, 0, "caxton/std.ts", 1), Frame("f", 1, 0, "src/a.ts", 9)
    found = excerpt(project / "out" / "agent.wasm", [sdk, mine])
    assert found is not None
    assert (found.file, found.line) == ("src/a.ts", 9)
    assert str(excerpt(project / "out" / "agent.wasm", [sdk])) == "> 1 | of the SDK"


def test_a_module_without_a_project(tmp_path: Path) -> None:
    """Its own folder is all there is."""
    (tmp_path / "below").mkdir()
    (tmp_path / "a.ts").write_text(SECRET)
    (tmp_path / "below" / "b.ts").write_text("fine")
    module = tmp_path / "below" / "agent.wasm"
    assert excerpt(module, [Frame("f", 0, 0, "../a.ts", 1)]) is None
    assert str(excerpt(module, [Frame("f", 0, 0, "b.ts", 1)])) == "> 1 | fine"


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.ts", "link", "é", " "]), max_size=12), st.booleans())
def test_no_name_leads_out(parts: list[str], absolute: bool) -> None:
    """Whatever a name is made of, what comes out lies below the root."""
    project = Project("/nowhere/at/all/agent.wasm")
    place = project.inside(("/" if absolute else "") + "/".join(parts))
    if place is not None:
        assert ".." not in place
        assert os.path.normpath(project.root.joinpath(*place)).startswith(f"{project.root}/")


@given(st.text(max_size=30))
def test_any_name(name: str) -> None:
    """Is a place below the root, or none; and where it is not there, that is what is said."""
    project = Project("/nowhere/at/all/agent.wasm")
    place = project.inside(name)
    if place is not None:
        with pytest.raises(NotReadable):
            project.read(place, 10)


COMPANIONS = (
    "../secret.map",
    "../../secret.map",
    "/etc/hostname",
    "file:///etc/hostname",
    "link.map",
    "pipe.map",
    "folder/secret.map",
)


@pytest.mark.parametrize("section", ["sourceMappingURL", "external_debug_info"])
@pytest.mark.parametrize("where", [*COMPANIONS, "https://localhost/a.map"])
def test_companions_outside_are_not_read(
    box: Box, tmp_path: Path, section: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A module that says that its debug information lies elsewhere starts, and has a plain stack."""
    folder = tmp_path / "module"
    folder.mkdir()
    (tmp_path / "secret.map").write_bytes(WHOLE)
    (folder / "link.map").symlink_to(tmp_path / "secret.map")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.map")
    (folder / "agent.wasm").write_bytes(MODULE + url(section, where))
    error = box.fails(box.spawn(folder / "agent.wasm"), "x")
    assert {frame.line for frame in error.frames} == {None}
    assert "debug information is not read" in caplog.text


def test_a_module_that_is_loaded_twice_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Warm, and then cold, since the random numbers that it saw are not those of this host."""
    text = agent(
        items='(func (export "_initialize") (call $random (i32.const 64) (i32.const 8)))', uses=imports("random")
    )
    module = to_binary(text.encode())
    (tmp_path / "outside.wasm").write_bytes(module + url("sourceMappingURL", "../secret.map"))
    (tmp_path / "broken.wasm").write_bytes(module + url("sourceMappingURL", "broken.map"))
    (tmp_path / "broken.map").write_text("no JSON")
    with watched_box(seed=1) as seeded:
        for name in ("outside", "broken"):
            caplog.clear()
            seeded.spawn(tmp_path / f"{name}.wasm")
            assert 1 == caplog.text.count("debug information is")
            seeded.spawn(tmp_path / f"{name}.wasm")
            assert 1 == caplog.text.count("debug information is")


def test_the_command_line_shows_no_such_file(project: Path) -> None:
    """A map may name what it likes: the stack has the names, safe to print, and nothing of those files is shown."""
    names = [*OUTSIDE[:12], str(project.parent / "secret.ts"), "\x1b[31m\u202eevil.ts"]
    lines = []
    for number, name in enumerate(names):
        module = project / "out" / f"agent-{number}.wasm"
        module.write_bytes(MODULE)
        module.with_name(f"{module.name}.map").write_bytes(source_map([(TRAP, 0, 0, 0)], [name]))
        lines.append(["run", str(module)])
    for done in caxton_each(lines):
        assert done.status == 4
        assert (" | " in done.err, "SECRET" in done.err, "root:" in done.err) == (False, False, False)
        assert is_harmless(done.err)


def test_the_lines_that_are_shown_harm_nobody(project: Path) -> None:
    """Control characters in a source are escaped, and long lines are cut."""
    (project / "src" / "evil.ts").write_bytes(b"\x1b[31m\xe2\x80\xae" + b"x" * 10_000 + b"\xff\r\n")
    text = shown(project, "src/evil.ts")
    assert text is not None
    assert is_harmless(text)
    assert len(text) < 400
