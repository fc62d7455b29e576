"""docs/benchmarks.md and its picture are written from a run's JSON, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import picture
from caxton.bench import page
from caxton.bench.catalogue import judge
from caxton.bench.figures import Result


def a_run() -> dict[str, Any]:
    """A small run, as the command writes it."""
    result = Result(notes=["a note"])
    result.add("ask", "AgentRef.ask, one at a time", "µs", [7.25, 6.5, 8.0])
    result.add("ask-plain", "bare call, plain wasmtime binding", "µs", [54.0], "other")
    result.add("ask-ratio", "a ratio", "times", [0.5], "ratio")
    section = {"name": "ask", "title": "Ask an agent", "seconds": 1.0, "problem": None, **result.as_json()}
    broken = {"name": "cores", "title": "Cores", "seconds": 1.0, "problem": "it broke", "notes": [], "figures": []}
    machine = {
        "processor": "A processor", "architecture": "x86_64", "cores": 2, "memory_gib": 4.0, "virtual": True,
        "system": "Linux 6", "python": "3.12.0", "caxton": "0.1.0", "packages": {"wasmtime": "50.0.1"},
        "load_before": 0.1, "load_after": 1.0, "date": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    sections = [section, broken]
    return {
        "schema": 1, "machine": machine, "settings": {"quick": False}, "seconds": 100.0, "bars": judge(sections),
        "sections": sections,
    }  # fmt: skip


def test_the_page_has_every_figure_and_says_how_to_repeat_it() -> None:
    """Figures, bars with their verdicts, notes, failures, the machine and the commands."""
    text = page.page(a_run())
    assert "| **AgentRef.ask, one at a time** | 7.25 | 6.50 | 8 | µs |" in text
    assert "| 0.50 times | at most 0.40 | **missed** |" in text
    assert "Not measured: it broke." in text
    assert "A note." in text
    assert "make bench ARGS=--json" in text
    assert "A processor, 2 cores" in text
    assert "images/benchmarks.svg" in text


def test_languages_have_a_part_of_their_own() -> None:
    """With the machine, the bars and the tables of their run."""
    text = page.page(a_run(), None, a_run())
    before, _, after = text.partition("## Agents in each language")
    assert before == page.page(a_run()) + "\n"
    assert "A processor, 2 cores" in after
    assert "### Ask an agent" in after
    assert "| **AgentRef.ask, one at a time** | 7.25 | 6.50 | 8 | µs |" in after


def test_the_picture_is_svg_with_the_figures_in_it() -> None:
    """Well-formed, and a figure that was not measured is left out."""
    drawn = picture.draw(a_run())
    texts = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]  # noqa: S314 - our own
    assert "7.25 µs" in texts
    assert "54.0 µs" in texts
    assert "Extism" not in texts


@pytest.mark.parametrize("main", [page.main, picture.main])
def test_a_file_that_is_no_run_is_refused_in_one_line(
    main: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, no JSON, other JSON: status 2 and one line."""
    (tmp_path / "other.json").write_text(json.dumps({"schema": 1}), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    for name in ("missing.json", "broken.json", "other.json"):
        assert main([str(tmp_path / name)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
