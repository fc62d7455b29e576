"""The list is whole: every host call and every error number is in it, and each behaviour has a sentence."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import caxton.conformance
from caxton.conformance import BEHAVIOURS
from caxton.sandbox.hostcalls import CAXTON
from tests.conformance.agents import reference
from tests.docs.pages import DOCS

KINDS = "not-found denied bad-argument limit timeout failed cycle mailbox-full unknown stopped".split()
SOURCE = "".join(path.read_text() for path in Path(caxton.conformance.__file__).parent.glob("behaviours/*.py"))


def test_there_are_many() -> None:
    """With ids of their own, in groups that lie together."""
    ids = [each.id for each in BEHAVIOURS]
    assert len(ids) >= 100
    assert [] == [name for name, count in Counter(ids).items() if count > 1]
    assert all(re.fullmatch(r"[a-z]+/[a-z0-9-]+", name) for name in ids)


def test_each_has_a_sentence() -> None:
    """One line that a reader understands without the code."""
    for each in BEHAVIOURS:
        assert re.fullmatch(r"[A-Z0-9`].{15,150}[^.\s]", each.sentence), each.id
        assert "|" not in each.sentence


def test_every_error_number_is_in_it() -> None:
    """Each of the ten is provoked somewhere."""
    assert [] == [kind for kind in KINDS if f'"{kind}"' not in SOURCE]


def test_every_host_call_is_in_it() -> None:
    """The reference agent imports all of them, and the page has a command for each of its own."""
    missing = [row.name for row in CAXTON if row.name.encode() not in reference()]
    assert missing == []
    page = (DOCS / "reference" / "conformance.md").read_text()
    cells = re.findall(r"^\| (`[a-z].*?) \|", page.partition("## The list")[0], re.MULTILINE)
    commands = {name for cell in cells for name in re.findall(r"`([a-z-]+)", cell)}
    used = set(re.findall(r'(?:message|say|tell|_ends)\((?:one, )?f?"([a-z-]+)', SOURCE))
    assert len(commands) > 35
    assert used - commands == {"nothing", "dance"}  # which no agent knows
    assert commands - used == {"conformance", "then"}  # which asks what it is; which has a function of its own
