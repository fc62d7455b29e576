"""``make bench-languages``: every language beside the agent in text, in the same contest; bars beside the figures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from caxton.bench import agents
from caxton.bench.catalogue import find
from caxton.bench.effort import Effort
from caxton.bench.figures import Result
from caxton.bench.languages import BARS, SECTIONS, run
from caxton.conformance.languages import build_agent
from caxton.toolchain import NAMES

TINY = Effort(rounds=1, seconds=0.005, agents=60)


@pytest.fixture(scope="module", autouse=True)
def built(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A folder of built agents, with C's and no other."""
    folder = tmp_path_factory.mktemp("agents")
    Path(folder, "c.wasm").write_bytes(build_agent("c"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(agents.FOLDER, str(folder))
        agents.modules.cache_clear()
        yield
    agents.modules.cache_clear()


def measure(part: str) -> set[str]:
    """The names of the figures that a part finds, in this process."""
    result: Result = asyncio.run(find(part)(TINY))  # type: ignore[arg-type]
    assert all(figure.runs[0] > 0 for figure in result.figures if figure.unit == "µs")
    return {figure.name for figure in result.figures}


def test_each_language_has_its_part() -> None:
    """No section names a function that does not exist, and none of the toolchain's languages is forgotten."""
    assert {*agents.TITLES} == {*NAMES}
    parts = [part for section in SECTIONS for part in section.parts]
    assert all(callable(find(part)) for part in parts)
    assert {f"agents.idle_{name}" for name in NAMES} <= {*parts}


def test_what_was_built_is_measured() -> None:
    """Spawn (warm and cold), turn, large messages, memory; each with its ratio to the agent in text."""
    names = ("wat", "component", "component-ratio", "c", "c-ratio")
    assert measure("agents.spawn") == {f"spawn-{name}" for name in (*names, "c-cold")}
    assert measure("agents.start") == {f"start-{name}" for name in names}
    assert measure("agents.turn") == {f"turn-{name}" for name in names}
    assert measure("agents.large") == {f"large{kind}-{name}" for kind in ("", "-bytes") for name in names}
    assert measure("agents.idle_c") == {
        f"memory-c{state}{what}" for state in ("-new", "") for what in ("", "-own", "-tables")
    }
    assert measure("agents.idle_go") == set()


def test_bars_are_about_figures_that_there_are() -> None:
    """Each bar's figure would be measured, were its language built."""
    for bar in BARS:
        figure = bar.figure.replace("large-bytes", "large")
        for suffix in ("-ratio", "-new", "-rested"):
            figure = figure.removesuffix(suffix)
        section, _, language = figure.partition("-")
        assert section in {each.name for each in SECTIONS}
        assert language in {*NAMES, "component"}


def test_help_needs_no_building(capsys: pytest.CaptureFixture[str]) -> None:
    """It is there at once, with examples."""
    assert run(["--help"]) == 0
    assert "make bench-languages ARGS=--quick" in capsys.readouterr().out
    assert run(["--only", "nothing"]) == 2
