"""Globs of names of tools: what is none, and whether two of them can mean the same tool."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.agents.globs import Budget, fault, head, is_name, may_begin, meets
from caxton.agents.grants import matches

NAMES = ["".join(letters) for size in range(5) for letters in itertools.product("ab.", repeat=size)]
"""Every name of at most four of three characters; globs of as many places need no longer ones to meet."""

PARTS = st.sampled_from(["a", "b", ".", "*", "?", "[a]", "[!a]", "[!a.]", "[a-b]"])
GLOBS = st.lists(PARTS, max_size=4).map("".join)


@pytest.mark.parametrize("glob", ["", "a", "*", "?", "[a]", "[!a]", "[]]", "[!]]", "[]-a]", "a]", "[a-b]*", "[-]"])
def test_what_is_a_glob(glob: str) -> None:
    """As ``fnmatch`` has it."""
    assert fault(glob) == ""


@pytest.mark.parametrize("glob", ["[", "a[b", "[]", "[!]", "[!", "[a]["])
def test_what_has_an_open_bracket(glob: str) -> None:
    """It would be compared with names as it stands, which none of them has."""
    assert fault(glob) == "has a [ without its ]"


def test_what_matches_no_character() -> None:
    """A range from its end to its beginning."""
    assert fault("x[z-a]y") == "has [z-a], which is no character"


@settings(deadline=None, max_examples=500)
@given(GLOBS, GLOBS, st.sampled_from(["", "a", "a.", "b."]))
def test_meeting(one: str, other: str, prefix: str) -> None:
    """Two globs meet where there is a name that both match, and only there."""
    # Names may be of other characters, too, which all negated sets and question marks here take alike.
    letters = "ab.Z" if "!" in one + other or "?" in one + other else "ab."
    names = (prefix + "".join(name) for size in range(5) for name in itertools.product(letters, repeat=size))
    assert meets(one, other, Budget(), prefix) == any(
        matches((one,), name) and matches((other,), name) for name in names
    )


@settings(deadline=None, max_examples=300)
@given(GLOBS, st.sampled_from(["a", "a.", "ab."]))
def test_beginning(glob: str, prefix: str) -> None:
    """A glob may go on behind a prefix where it matches such a name."""
    found = any(matches((glob,), prefix + name) for name in NAMES if name)
    assert found == may_begin(glob, prefix)


def test_names_and_heads() -> None:
    """What is literal in a glob."""
    assert [is_name(glob) for glob in ("fs.read", "fs.*", "fs.[r]ead", "f?")] == [True, False, False, False]
    assert [head(glob) for glob in ("fs.read", "fs.*", "fs.[r]ead", "f?")] == ["fs.read", "fs.", "fs.", "f"]


def test_a_budget() -> None:
    """When it is spent, globs count as alike: nothing is said of them."""
    long = "*a" * 100
    budget = Budget(1_000)
    assert meets(f"{long}b", f"{long}c", budget)
    assert not meets(f"{long}b", f"{long}c", Budget())
    assert meets("a", "b", budget)
