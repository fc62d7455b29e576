"""The page about host calls is the table of host calls: every import, with its type, and nothing else."""

from __future__ import annotations

import re

from caxton.sandbox.hostcalls import CAXTON
from caxton.sandbox.limits import CALL_COST
from caxton.sandbox.wasi import WASI, _denied
from tests.docs.pages import DOCS, REFERENCE, Page, plain, read

PAGE = read(REFERENCE / "host-calls.md")
_SIGNATURE = re.compile(r"`\(([^)]*)\)(?: -> (i32|i64))?`")
_GROUPS = ("Log, results, identity", "Messages", "Asking and tools", "State", "Time and chance")


def _type(text: str) -> tuple[str, str]:
    """Parameters and result as the table writes them: ``i32`` where the page says nothing else."""
    match = _SIGNATURE.fullmatch(text)
    assert match is not None, text
    parameters = [part.split()[1] if " " in part else "i32" for part in match[1].split(", ") if part]
    return " ".join(parameters), match[2] or ""


def _documented(page: Page) -> dict[str, tuple[str, str]]:
    rows = [row for group in _GROUPS for row in page.rows(group)]
    names = [plain(row[0]) for row in rows]
    assert len(names) == len(set(names))
    return {name: _type(row[1]) for name, row in zip(names, rows, strict=True)}


def test_every_import_is_there_with_its_type() -> None:
    """The import module ``caxton``: the page has each row of the table with its type, and no other."""
    assert _documented(PAGE) == {row.name: (row.parameters, row.result) for row in CAXTON}


def test_every_import_of_wasi_is_there() -> None:
    """WASI: the page has each name once, among those that do something or among those that are not permitted."""
    names = {row.name for row in WASI}
    lines = PAGE.section("WASI preview 1")
    listed = [name for row in PAGE.rows("WASI preview 1") for name in re.findall(r"`(\w+)`", row[0])]
    beginning = lines.index("Not permitted (63):")
    refused = re.findall(r"`(\w+)`", " ".join(lines[beginning : lines.index("", beginning)]))
    assert sorted(listed + refused) == sorted(names)
    assert sorted(refused) == sorted(row.name for row in WASI if row.handler is _denied)


def test_the_cost_is_the_one_that_is_charged() -> None:
    """The page names the fuel that each host call costs."""
    assert f"costs {CALL_COST:,} fuel" in " ".join(PAGE.section("What holds for all of them"))


def test_both_pages_say_the_same_of_when() -> None:
    """What acts at once, and what is queued until the turn commits, is the same here and among the concepts."""
    paragraph = " ".join(PAGE.section("What holds for all of them")).split("**When.**")[1].split("are queued")[0]
    here = [re.findall(r"`(\w+)`", part) for part in paragraph.split("act at once.")]
    there = [re.findall(r"`(\w+)`", row[1]) for row in read(DOCS / "concepts.md").rows("When things happen")]
    assert here == there
    assert {name for names in here for name in names} <= {row.name for row in CAXTON}
