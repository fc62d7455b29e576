"""The part of ``caxton check`` that is about conformance agents: the whole list of behaviours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from caxton.cli.check_points import FAILED, OK, SKIPPED
from caxton.conformance import BEHAVIOURS, Verdict, prove
from caxton.errors import AgentFailed, CaxtonError

PATIENCE: Final = 30.0
"""Seconds that one behaviour may take."""

IN_ALL: Final = 180.0
"""Seconds after which no further one is begun."""

_STATUS: Final = {True: OK, False: FAILED, None: SKIPPED}
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Proven:
    """What became of the list."""

    language: str
    verdicts: list[Verdict]

    @property
    def kept(self) -> int:
        """How many were kept."""
        return sum(verdict.kept is True for verdict in self.verdicts)

    @property
    def error(self) -> CaxtonError | None:
        """``agent.failed`` where not all were: the agent is not what it says."""
        wrong = [verdict.behaviour.id for verdict in self.verdicts if not verdict.kept]
        if not wrong:
            return None
        more = f" and {len(wrong) - _NAMED} others" if len(wrong) > _NAMED else ""
        of = len(self.verdicts)
        return AgentFailed(f"{len(wrong)} of {of} behaviours are not kept: {', '.join(wrong[:_NAMED])}{more}")

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        behaviours = [
            {
                "id": verdict.behaviour.id,
                "title": verdict.behaviour.sentence,
                "status": _STATUS[verdict.kept],
                "detail": verdict.detail,
            }
            for verdict in self.verdicts
        ]
        return {"language": self.language, "kept": self.kept, "of": len(self.verdicts), "behaviours": behaviours}

    def lines(self) -> Iterator[Text]:
        """For people: a line for each group, and one for each that was not kept."""
        for group, members in groupby(self.verdicts, lambda verdict: verdict.behaviour.group):
            verdicts = list(members)
            kept = sum(verdict.kept is True for verdict in verdicts)
            style = "green" if kept == len(verdicts) else "bold red"
            yield Text(f"{kept:>3} of {len(verdicts):>2}  {group}", style)
            for verdict in verdicts:
                if not verdict.kept:
                    yield Text(f"    {verdict.behaviour.id}: {verdict.behaviour.sentence}. But {verdict.detail}")
        all_kept = self.error is None
        said = f"it keeps {self.kept} of {len(self.verdicts)} behaviours, as an agent in {self.language}"
        yield Text(said, "bold green" if all_kept else "bold red")


async def prove_list(module: Path, language: str) -> Proven:
    """Plays the whole list, in bounded time."""
    return Proven(language, await prove(module, BEHAVIOURS, patience=PATIENCE, in_all=IN_ALL))
