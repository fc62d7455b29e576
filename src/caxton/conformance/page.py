"""The table of docs/reference/conformance.md: the list, and which language keeps what.

``python -m caxton.conformance`` proves it and prints what is not kept; with ``--write FILE`` it puts the table there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from caxton.conformance.behaviour import Behaviour
from caxton.conformance.trial import Verdict

BEGIN: Final = "<!-- Written by `make conformance`: change the list, or prove it again; do not edit what follows. -->"
END: Final = "<!-- The end of what is written by `make conformance`. -->"
UNTRIED: Final = "-"
_MARKS: Final = {True: "✓", False: "**no**", None: UNTRIED}


def table(behaviours: Sequence[Behaviour], results: Mapping[str, Iterable[Verdict]]) -> str:
    """The table in Markdown: a row for each behaviour, a column for each language in ``results``."""
    names = list(results)
    marks = {name: {each.behaviour.id: _MARKS[each.kept] for each in found} for name, found in results.items()}
    lines = [
        f"{len(behaviours)} behaviours, proven for {len(names)} languages.",
        "",
        "| behaviour | what every agent does |" + "".join(f" {name} |" for name in names),
        "|---|---|" + ":-:|" * len(names),
    ]
    for each in behaviours:
        row = "".join(f" {marks[name].get(each.id, UNTRIED)} |" for name in names)
        lines.append(f"| `{each.id}` | {each.sentence} |{row}")
    return "\n".join(lines)


def with_table(page: str, found: str) -> str:
    """The page with the table in its place.

    Raises:
        ValueError: it has none.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the table")
    return f"{before}{BEGIN}\n\n{found}\n\n{END}{after}"
