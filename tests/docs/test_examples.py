"""What the documents show works: programs run and print what stands beside them, modules load, commands answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import examples
from tests.docs.pages import Block, Page, pages

RUN = {"python", "wat", "console", "json", "toml"} | examples.COMPILED
NOT_RUN = {"sh", "text", "toml"}

WITH_EXAMPLES = [page for page in pages() if any(block.language in RUN for block in page.blocks)]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_examples_work(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of a page works as it stands, in the order of the page."""
    monkeypatch.chdir(tmp_path)
    examples.run(page)


def test_there_are_examples() -> None:
    """The pages that teach have examples, so that this file does not pass by finding nothing."""
    assert {"README.md", "docs/guide/first-agent.md", "docs/guide/python.md"} <= {page.name for page in WITH_EXAMPLES}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Page) -> None:
    """A block has a language, and a source file has a name: nothing escapes the tests unseen."""
    strange = [block.line for block in page.blocks if block.language not in RUN | NOT_RUN]
    unnamed = [
        block.line
        for block in page.blocks
        if block.language in {"wat"} | examples.COMPILED and "file" not in block.options
    ]
    assert (strange, unnamed) == ([], [])


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_sources_are_built(page: Page) -> None:
    """Each named source of a compiled language is compiled by a command of its page."""
    assert examples.sources_without_a_build(page) == []


@pytest.mark.parametrize(
    ("printed", "passes"),
    [("one", True), ("two", False), (None, False)],
    ids=["what the comment says", "something else", "nothing"],
)
def test_a_wrong_comment_is_seen(printed: str | None, passes: bool) -> None:
    """The check of what is printed fails where it should."""
    block = Block("python", {}, "print(word)  # one\n" if printed else "if word: print(word)  # one\n", 1)
    printer = examples.Printer(block)
    exec(compile(block.text, "page", "exec"), {"word": printed, "print": printer})  # noqa: S102 - a line of our own
    if passes:
        printer.check("page")
    else:
        with pytest.raises(AssertionError):
            printer.check("page")
