"""Promise: ``caxton build`` writes ``NAME.wasm``, whole or not at all, the same every time, and no other module."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caxton.cli.usage import RESULTS
from caxton.errors import CaxtonError
from caxton.sandbox.binary import read_binary
from caxton.toolchain import build
from tests.cli.command import caxton, is_harmless
from tests.toolchain.projects import BROKEN, c_project


def test_it_says_what_it_built(tmp_path: Path) -> None:
    """In a line, with the sizes before and after; and as JSON."""
    folder = c_project(tmp_path)
    done = caxton("build", cwd=folder)
    size = (folder / "hello.wasm").stat().st_size
    assert (done.status, done.err) == (0, "")
    assert f"hello.wasm: {size:,} bytes compiled, now {size:,}; C" in done.out.decode()
    found = caxton("build", str(folder), "--json", cwd=tmp_path).object
    assert ["ok", *RESULTS["build"], "error"] == list(found)
    assert {"ok": True, "language": "c", "size": size, "size_before": size, "error": None}.items() <= found.items()
    assert ["hello/hello.wasm"] == [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.wasm")]


def test_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    """With debug information too: no path of this machine gets into it."""
    for debug in (False, True):
        found = {build(c_project(tmp_path / f"{where}{debug}"), debug=debug).module.read_bytes() for where in "ab"}
        (data,) = found
        assert os.fsencode(tmp_path) not in data


def test_debug_information(tmp_path: Path) -> None:
    """It is there when it is asked for, and not else; a mode like that of any new file."""
    folder = c_project(tmp_path)
    with_it = read_binary(build(folder, debug=True).module.read_bytes())
    without = read_binary(build(folder).module.read_bytes())
    assert (True, True) == (with_it.has_dwarf, with_it.has_names)
    assert (False, False) == (without.has_dwarf, without.has_names)
    assert (folder / "hello.wasm").stat().st_mode == (folder / "agent.toml").stat().st_mode


def test_a_failed_build(tmp_path: Path) -> None:
    """The compiler's words are on standard error, the line has the first of them, and the older module stays."""
    folder = c_project(tmp_path)
    before = build(folder).module.read_bytes()
    (folder / "src" / "broken.c").write_text(BROKEN + "// \x1b[31m\u202e evil" + BROKEN)
    done = caxton("build", str(folder), "--json")
    assert (6, "toolchain.failed") == (done.status, done.object["error"]["code"])
    assert {None} == {done.object[key] for key in RESULTS["build"]}
    assert "src/broken.c:1:" in done.object["error"]["output"]
    assert done.lines[-1].startswith("caxton: toolchain.failed: ")
    assert "src/broken.c:1:" in done.lines[-1]
    assert is_harmless(done.err.replace("\n", ""))
    assert before == (folder / "hello.wasm").read_bytes()
    assert ["agent.toml", "hello.wasm"] == sorted(
        path.name for path in folder.iterdir() if path.suffix in (".toml", ".wasm")
    )
    assert [".gitignore"] == [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_link_in_the_modules_place_is_replaced(tmp_path: Path) -> None:
    """Nothing is written to where it leads."""
    folder = c_project(tmp_path)
    (tmp_path / "precious").write_text("mine")
    (folder / "hello.wasm").symlink_to(tmp_path / "precious")
    build(folder)
    assert "mine" == (tmp_path / "precious").read_text()
    assert not (folder / "hello.wasm").is_symlink()


def test_nothing_to_build(tmp_path: Path) -> None:
    """A project without a source is told so."""
    folder = c_project(tmp_path)
    (folder / "src" / "agent.c").unlink()
    with pytest.raises(CaxtonError, match=r"no \.c file in src/") as caught:
        build(folder)
    assert "config.invalid" == caught.value.code
