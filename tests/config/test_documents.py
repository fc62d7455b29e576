"""The page about the configuration is true: its tables come from the table of settings, its examples work."""

from __future__ import annotations

import pytest

from caxton.config.pages import help_lines, markdown, replaced
from caxton.config.publish import PAGE, main
from caxton.config.table import SETTINGS, VARIABLES
from tests.config.files import Here
from tests.docs.pages import ROOT, read

TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
BLOCKS = {block.language: block for block in read(ROOT / PAGE).blocks}


def test_the_tables() -> None:
    """Run ``python -m caxton.config.publish`` after changing the table."""
    assert markdown() in TEXT
    assert replaced(TEXT) == TEXT


def test_every_key_has_a_row() -> None:
    """With its default, its variable and its meaning."""
    rows = [row for row in read(ROOT / PAGE).rows() if row[0].startswith("`")]
    assert [row[0] for row in rows] == [f"`{setting.keys[-1]}`" for setting in SETTINGS]
    assert [row[-1] for row in rows] == [setting.help for setting in SETTINGS]
    assert {row[3] for row in rows if len(row) == 5} - {""} == {f"`{name}`" for name in VARIABLES}


def test_the_example(here: Here) -> None:
    """The whole file at the top is one."""
    here.secrets()
    found = here.load(BLOCKS["toml"].text)
    assert [agent.name for agent in found.agents] == ["planner", "fetcher"]
    assert [server.name for server in found.tools.servers] == ["time", "search"]
    planner, fetcher = found.agents
    assert (planner.expose, fetcher.expose) == (True, False)
    assert list(fetcher.grants.rules) == ["http.fetch", "search.*"]
    assert not fetcher.grants.may_call("fs.write")


def test_the_example_of_a_mistake(here: Here) -> None:
    """It looks like that."""
    wrong = "\n" * 10 + "[agents.planner]\nlimits.memroy = 1\nmodule = 'x'"
    assert here.told(wrong) == BLOCKS["text"].text.splitlines()


def test_what_stands_in_the_text_is_a_key() -> None:
    """Each table that the text names is in the table of settings."""
    for setting in SETTINGS:
        if setting.path.count(".") == 2 and setting.path.startswith("tools.*"):
            assert f"`{setting.keys[-1]}`" in TEXT


def test_the_help_has_every_key() -> None:
    """And every variable."""
    text = "\n".join(help_lines())
    for setting in SETTINGS:
        assert f"  {setting.keys[-1]} " in text
        assert setting.help in text
    assert [line.strip() for line in help_lines() if line.startswith("  CAXTON_")] == list(VARIABLES)


def test_publishing(here: Here) -> None:
    """It writes the page and both schemas, and refuses a page that has lost its marks."""
    for name in ("docs", "src/caxton/config"):
        (here.folder / name).mkdir(parents=True)
    page = here.folder / PAGE
    page.write_text(TEXT.replace("| `data` |", "| `date` |"))
    main(here.folder)
    assert page.read_text() == TEXT
    assert (here.folder / "docs/caxton.schema.json").read_text() == (ROOT / "docs/caxton.schema.json").read_text()
    page.write_text("# Nothing\n")
    with pytest.raises(ValueError, match="marks"):
        main(here.folder)
