"""``caxton bench`` on the command line: what it prints and writes, and how it refuses what makes no sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from caxton.bench import main
from caxton.bench.catalogue import SECTIONS
from caxton.errors import HostError

SECTION_KEYS = {"name", "title", "seconds", "problem", "notes", "figures"}
FIGURE_KEYS = {"name", "title", "unit", "subject", "value", "low", "high", "runs"}
BAR_KEYS = {"name", "title", "value", "unit", "relation", "bar", "met"}


def measured(capsys: pytest.CaptureFixture[str], *only: str) -> dict[str, Any]:
    """What a quick run of some sections writes."""
    arguments = ["--quick", "--json", "-"]
    for name in only:
        arguments += ["--only", name]
    assert main(arguments) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def figures(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All figures of a run by name."""
    return {figure["name"]: figure for section in run["sections"] for figure in section["figures"]}


def test_turn_and_ask_stand_beside_the_plain_binding(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of Caxton's figures has its comparison, each bar its figure and its verdict, in one JSON object."""
    run = measured(capsys, "turn", "ask")
    assert {"schema", "machine", "settings", "seconds", "bars", "sections"} == run.keys()
    assert run["settings"]["quick"] is True
    assert [section["name"] for section in run["sections"]] == ["turn", "ask"]
    assert all(section.keys() == SECTION_KEYS for section in run["sections"])
    found = figures(run)
    assert all(figure.keys() == FIGURE_KEYS for figure in found.values())
    assert {"turn", "turn-plain", "turn-ratio"} <= found.keys()
    assert {"ask", "ask-many", "ask-plain", "ask-task", "ask-task-many"} <= found.keys()
    assert {bar["name"] for bar in run["bars"]} == {"turn-ratio", "ask-ratio", "ask-many-ratio"}
    assert all(bar.keys() == BAR_KEYS for bar in run["bars"])


def test_a_figure_is_the_median_of_its_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Every round is written down; lowest, median and highest are theirs."""
    run = measured(capsys, "spawn", "host-call")
    for figure in figures(run).values():
        runs = sorted(figure["runs"])
        assert len(runs) == run["settings"]["rounds"]
        assert figure["low"] == runs[0]
        assert figure["value"] == runs[len(runs) // 2]
        assert figure["high"] == runs[-1]


def test_the_json_file_is_written_beside_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tables go to standard output when the JSON goes to a file, and name every figure's section."""
    target = tmp_path / "run.json"
    assert main(["--quick", "--only", "startup", "--json", str(target)]) == 0
    run = json.loads(target.read_text(encoding="utf-8"))
    assert {"startup", "startup-plain", "startup-python"} <= figures(run).keys()
    assert "A fresh process (startup)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "nothing"], "invalid choice"),
        (["--rounds", "3"], "unrecognized arguments"),
        (["--quick", "--json", "no/such/directory/run.json"], "cannot write"),
        (["--json", "."], "cannot write"),
        (["turn"], "unrecognized arguments"),
        (["\x1b[31m\n\u202e"], r"\\x1b\[31m\\x0a\\u202e"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is config.invalid before anything is measured, in words that are safe to print."""
    with pytest.raises(HostError, match=complaint) as caught:
        main(arguments)
    assert caught.value.code == "config.invalid"
    assert caught.value.message.isprintable()
    assert capsys.readouterr() == ("", "")


def test_help_shows_an_example_and_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` is no error."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "caxton bench --only ask --only spawn" in text
    for section in SECTIONS:
        assert section.name in text
