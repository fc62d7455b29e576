"""``caxton check``: whether a module keeps the ABI, point by point; and the whole list, if it is made to prove that."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from caxton.cli import interrupts, output
from caxton.cli.check_points import FAILED, OK, SKIPPED, Points
from caxton.cli.check_trial import Trial
from caxton.errors import CaxtonError, exit_status
from caxton.host.inspection import Inspection, inspect_module
from caxton.host.runtime import Host
from caxton.text import safe

if TYPE_CHECKING:
    from caxton.cli.check_list import Proven

_STYLES: Final = {OK: "green", FAILED: "bold red", SKIPPED: "dim"}


def check(module: Path, *, json: bool) -> int:
    """Checks the module and prints the points; answers the exit status, which is that of the first one that failed.

    Raises:
        LimitError: ``limit.host``, this machine has no room to look at it.
    """
    points = Points()
    proven = interrupts.run(_check(module, points))
    error = points.error or (None if proven is None else proven.error)
    if json:
        found: dict[str, Any] = {"ok": error is None, "module": str(module), "points": [asdict(p) for p in points]}
        found["conformance"] = None if proven is None else proven.as_json()
        output.put_json(found | {"error": None if error is None else output.error_object(error)})
    else:
        output.put_table(_page(points, proven))
    if error is None:
        return 0
    output.complain(error, "check")
    return exit_status(error.code)


def examine(module: Path) -> Points:
    """The points of a module, without the list that a conformance agent proves.

    Raises:
        LimitError: ``limit.host``, this machine has no room to look at it.
    """
    points = Points()
    interrupts.run(_examine(module, points))
    return points


async def _check(module: Path, points: Points) -> Proven | None:
    language = await _examine(module, points)
    if language is None:
        return None
    from caxton.cli.check_list import prove_list

    return await prove_list(module, language)


async def _examine(module: Path, points: Points) -> str | None:
    """Notes the points; answers the language for which the agent can prove the whole list, if it can."""
    try:
        found = await inspect_module(module)
    except CaxtonError as error:
        if error.code == "limit.host":  # which tells nothing of the module
            raise
        readable = error.code in ("module.invalid", "module.too-complex")
        if readable:
            points.ok("file")
        points.fail("valid" if readable else "file", error)
        return None
    points.ok("file", f"{found.contents['size']:,} bytes")
    if not _check_shape(found, points):
        return None
    return await _try(module, points)


async def _try(module: Path, points: Points) -> str | None:
    """Tries an agent; answers the language for which it can prove the whole list."""
    async with Host(log=_ignore) as host:
        try:
            agent = await host.spawn("checked", module)
        except CaxtonError as error:
            points.fail("start", error)
            return None
        points.ok("start", f"{agent.statistics().fuel:,} units of fuel")
        trial = Trial(host, agent, module, points)
        await trial.run()
        return await trial.language() if points.error is None else None


def _ignore(agent: str, level: str, line: str) -> None:
    """What the agent logs is of no interest here."""


def _check_shape(found: Inspection, points: Points) -> bool:
    details = {
        "imports": f"{len(found.contents['imports'])} of them",
        "buffer": {"window": "in pages that the host adds"}.get(found.allocator or "", f"from {found.allocator}"),
    }
    for name, error in found.checks.items():
        if error is None:
            points.ok(name, details.get(name, ""))
        else:
            points.fail(name, error)
    return found.error is None


def _page(points: Points, proven: Proven | None) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "point", "code", "detail"):
        table.add_column(column, overflow="fold", no_wrap=column in ("", "code"))
    for point in points:
        mark = Text(point.status, _STYLES[point.status])
        table.add_row(mark, point.title, point.code or "", Text(safe(point.detail)))
    kept = all(point.status != FAILED for point in points)
    verdict = Text("it keeps the ABI", "bold green") if kept else Text("it does not keep the ABI", "bold red")
    return Group(table, verdict) if proven is None else Group(table, verdict, Text(), *proven.lines())
