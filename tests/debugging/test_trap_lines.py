"""A trap shows the exact file and line of the failing statement, for each toolchain that writes debug information."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import caxton
from tests.debugging.sources import COMMANDS, build, debug_only, failing_line, url, without_debug
from tests.sandbox.guests import Box

LANGUAGES = list(COMMANDS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The modules, by language, each in its own folder."""
    return {language: build(language, tmp_path_factory.mktemp("built")) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_failing_statement(box: Box, built: dict[str, Path], language: str) -> None:
    """The top frame has its file and line, the one below the line of the call; both have columns and names."""
    file, source, _ = COMMANDS[language]
    error = box.fails(box.spawn(built[language]), "x")
    assert error.code.startswith("trap.")
    top, caller = error.frames[0], error.frames[-1]
    assert top.file is not None
    assert Path(top.file).name == file
    assert (top.line, bool(top.column), bool(top.function)) == (failing_line(source), True, True)
    assert source.split("\n")[(caller.line or 0) - 1].lstrip().startswith("return ")
    assert caller.function is not None
    assert "handle_message" in caller.function


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_source_around_it(built: dict[str, Path], language: str) -> None:
    """The command line shows it, and marks the line; the JSON has file, line, column and function."""
    file, source, _ = COMMANDS[language]
    line = failing_line(source)
    done = caxton("run", built[language].name, "--message", "x", cwd=built[language].parent)
    assert done.status == 4
    assert any(one.rstrip(")").endswith(f"{file}:{line}:{one.rpartition(':')[2].rstrip(')')}") for one in done.lines)
    marked = [one for one in done.lines if one.startswith("    > ")]
    assert marked == [f"    > {line:{len(str(line + 2))}} | {source.split(chr(10))[line - 1].rstrip()}"]
    shown = [one.partition(" | ")[2] for one in done.lines if " | " in one]
    assert shown == [one.rstrip() for one in source.split("\n")[line - 3 : line + 2]]
    found = caxton("run", str(built[language]), "--message", "x", "--json").object["error"]["frames"][0]
    assert (Path(found["file"]).name, found["line"]) == (file, line)
    assert {"column", "function"} <= set(found)


SEPARATE = {
    "beside it": (False, False),
    "beside it, without code": (False, True),
    "named": (True, False),
    "named, without code": (True, True),
}


@pytest.mark.parametrize(("is_named", "bare"), SEPARATE.values(), ids=SEPARATE.keys())
@pytest.mark.parametrize("language", LANGUAGES)
def test_debug_information_in_a_file_of_its_own(
    box: Box, built: dict[str, Path], tmp_path: Path, language: str, is_named: bool, bare: bool
) -> None:
    """``NAME.debug.wasm``, or what ``external_debug_info`` names: lines and names are those of the whole module."""
    whole = built[language].read_bytes()
    expected = box.fails(box.spawn(whole), "x").frames
    module, (where, place) = (
        tmp_path / "agent.wasm",
        (("external_debug_info", "symbols/agent.dwarf") if is_named else ("", "agent.debug.wasm")),
    )
    module.write_bytes(without_debug(whole) + (url(where, place) if is_named else b""))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(debug_only(whole) if bare else whole)
    found = box.fails(box.spawn(module), "x").frames
    assert [(one.file, one.line, one.column, one.function) for one in found] == [
        (one.file, one.line, one.column, one.function) for one in expected
    ]


def test_debug_information_of_another_module(
    box: Box, built: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No line is better than a wrong one; the log says why there is none."""
    (tmp_path / "agent.wasm").write_bytes(without_debug(built["c"].read_bytes()))
    (tmp_path / "agent.debug.wasm").write_bytes(built["zig"].read_bytes())
    error = box.fails(box.spawn(tmp_path / "agent.wasm"), "x")
    assert {(frame.file, frame.line) for frame in error.frames} == {(None, None)}
    assert "it is of another module" in caplog.text
