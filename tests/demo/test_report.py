"""What the demo prints is true to its result, and safe on a terminal."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from json import dumps, loads

import pytest
from rich.console import Console

from caxton.demo.report import render
from caxton.demo.results import FRESH, SAME, Attack, Cost, DocumentCount, Result, TermCount

ATTACK = Attack(
    "crasher",
    ("trap.unreachable",),
    "trap.unreachable",
    "it trapped",
    ("inner", "outer"),
    3,
    12_345,
    0.25,
    65_536,
    FRESH,
)
RESULT = Result(
    documents=tuple(DocumentCount(f"doc-{number}", 10, 2, 5, 3, 255) for number in range(20)),
    top=(TermCount("agent", 40), TermCount("turn", 2)),
    words=60,
    distinct=7,
    chunks=9,
    left_out=0,
    differences=(),
    costs=(Cost("counter", "C", 300, 900, 1_000_000, 0.5, 3_000_000),),
    attacks=(ATTACK,),
    spawned=299,
    spawn_seconds=0.01,
    work_seconds=0.1,
    seconds=0.2,
)


def shown(result: Result, width: int = 200) -> str:
    """What a user sees, without colours."""
    console = Console(file=StringIO(), width=width)
    console.print(render(result))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_tables_hold_what_was_found() -> None:
    """Terms, documents, costs, and what became of the hostile agents are all there."""
    text = shown(RESULT)
    for expected in ("agent", "doc-14", "5 more", "1,000,000", "trap.unreachable", FRESH, "outer", "agrees", "29,900"):
        assert expected in text
    assert "doc-15" not in text


def test_a_wrong_total_is_said() -> None:
    """A difference to the plain count is shown, and the result is not ok."""
    wrong = replace(RESULT, differences=("the top terms differ",))
    assert not wrong.ok
    assert "the top terms differ" in shown(wrong)
    assert "agrees" not in shown(wrong)


@pytest.mark.parametrize(
    "escaped", [replace(ATTACK, code=None), replace(ATTACK, code="limit.fuel"), replace(ATTACK, afterwards=SAME)]
)
def test_an_attacker_that_got_away_is_said(escaped: Attack) -> None:
    """An attack without an error, with the wrong one, or one whose instance lives on, is not contained."""
    result = replace(RESULT, attacks=(escaped,))
    assert not result.ok
    assert "was not contained" in shown(result)


def test_a_refused_message_after_an_attack_is_contained() -> None:
    """An agent that is refused any further message is contained too."""
    assert replace(RESULT, attacks=(replace(ATTACK, afterwards="refused: agent.stopped"),)).ok


def test_names_cannot_write_to_the_terminal() -> None:
    """A file's name with control characters, or with rich's markup, is shown, not obeyed."""
    named = replace(RESULT.documents[0], name="\x1b[2J[bold]x[/bold]\u202e")
    text = shown(replace(RESULT, documents=(named,)))
    assert "\\x1b[2J[bold]x[/bold]\\u202e" in text
    assert "\x1b" not in text


def test_left_out_text_is_said() -> None:
    """What was not read for its size is said with its size."""
    assert "2.0 MiB of text beyond" in shown(replace(RESULT, left_out=2 << 20))


def test_the_json_is_one_object_with_everything() -> None:
    """The JSON holds the verdicts and every field of the result."""
    found = loads(dumps(RESULT.as_json()))
    assert (found["ok"], found["correct"], found["contained"]) == (True, True, True)
    assert found["attacks"][0]["contained"]
    assert set(RESULT.__slots__) <= found.keys()


def test_a_narrow_terminal_is_no_problem() -> None:
    """The report fits whatever width it gets."""
    assert "trap" in shown(RESULT, width=40)
