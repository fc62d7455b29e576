"""The page about errors is the list of codes: each once, with its class, exit status, number, and if it may pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caxton import errors
from tests.docs.pages import REFERENCE, Page, pages, plain, read

PAGE = read(REFERENCE / "errors.md")
CODES = {f"{group}.{name}" for group, names in errors.CODES.items() for name in names}
_HEADING = re.compile(r".*: `(\w+)`")
_CODE = re.compile(rf"({'|'.join(errors.CODES)})\.([a-z-]+|\*)")
FILES = {"agent.toml"}
"""What looks like a code and is the name of a file."""
SOURCE = Path(errors.__file__).parent


def _tables() -> dict[str, list[list[str]]]:
    """The rows of each table of codes, by the class that its heading names."""
    return {match[1]: PAGE.rows(heading) for heading in PAGE.headings() if (match := _HEADING.fullmatch(heading))}


ROWS = [(kind, row) for kind, rows in _tables().items() for row in rows]


def test_every_code_is_there_once() -> None:
    """The tables have each code of the contract, and no other."""
    assert sorted(plain(row[0]) for _, row in ROWS) == sorted(CODES)


@pytest.mark.parametrize(("kind", "row"), ROWS, ids=lambda value: plain(value[0]) if isinstance(value, list) else "")
def test_a_row_tells_the_truth(kind: str, row: list[str]) -> None:
    """Exit status, host-call number, class and the mark for what may be tried again are the code's own."""
    code, exit_status, number, when, _ = row
    error = errors.error_for(plain(code), "said")
    found = (plain(exit_status), plain(number), "↻" in when)
    assert found == (str(errors.exit_status(error.code)), str(errors.host_call_number(error.code)), error.retryable)
    assert isinstance(error, getattr(errors, kind))


def test_later_means_that_nothing_raises_it() -> None:
    """A code is marked *later* if, and only if, it stands nowhere in the source but in the list of codes."""
    sources = "".join(path.read_text() for path in SOURCE.rglob("*.py") if path.name != "errors.py")
    later = {plain(row[0]) for _, row in ROWS if "*later*" in row[3]}
    assert later == {code for code in CODES if f'"{code}"' not in sources}


def test_host_call_numbers() -> None:
    """The page about host calls explains each number that a host call can answer."""
    rows = read(REFERENCE / "host-calls.md").rows("What holds for all of them")
    numbers = {errors.host_call_number(code) for code in CODES} | {errors.NOT_FOUND}
    assert sorted(int(row[0]) for row in rows) == sorted(numbers)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_page_invents_a_code(page: Page) -> None:
    """Wherever a page names a code, there is such a code."""
    named = [(line, match) for line, text in page.codes() if (match := _CODE.fullmatch(text)) and text not in FILES]
    assert [f"{line}: {match[0]}" for line, match in named if match[2] != "*" and match[0] not in CODES] == []
