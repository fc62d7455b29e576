"""The guide to Python names everything that the package exports, and the members that it names are there."""

from __future__ import annotations

import re
from typing import get_type_hints

import caxton
from tests.docs.pages import DOCS, read

PAGE = read(DOCS / "guide" / "python.md")
ROWS = PAGE.rows("Everything that `caxton` exports")


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_everything_exported_is_there() -> None:
    """The table has each public name once, and no other."""
    named = [name for row in ROWS for name in _names(row[0])]
    assert sorted(named) == sorted(set(caxton.__all__) - {"__version__"})


def test_the_members_are_there() -> None:
    """What the table says of a class, the class has."""
    for row in ROWS:
        kinds = [getattr(caxton, name) for name in _names(row[0])]
        for member in _names(row[1].partition(";")[2]):
            assert all(member in _members(kind) for kind in kinds), (row[0], member)


def _members(kind: type) -> set[str]:
    set_at_birth = vars(caxton.HostError("config.invalid", "said")) if kind is caxton.CaxtonError else {}
    return {*dir(kind), *get_type_hints(kind), *set_at_birth}
