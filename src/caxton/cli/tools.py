"""``caxton tools``: what was called, and why a call would be allowed or denied."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from caxton.agents.units import seconds
from caxton.cli import options, output
from caxton.cli.config import warn
from caxton.config.problems import Problem
from caxton.errors import HostError
from caxton.text import safe, safe_name
from caxton.tools.audit import BEGUN, OK, UNKNOWN, Entry
from caxton.tools.audit_file import MOST_ROWS, query
from caxton.tools.policy.explain import NOTED, PASSED, REFUSED, SKIPPED, Explanation

_STYLES: Final = {PASSED: "green", REFUSED: "bold red", SKIPPED: "dim", NOTED: "yellow"}
_OUTCOMES: Final = {OK: "green", BEGUN: "yellow"}


def audit(
    path: Path,
    *,
    agent: str | None = None,
    tool: str | None = None,
    outcome: str | None = None,
    since: int | None = None,
    limit: int = 100,
    json: bool,
) -> int:
    """Prints entries of the audit at ``path``, newest first; answers the exit status, 0. See ``audit_file.query``.

    Raises:
        HostError: ``storage.failed``.
    """
    names = {"agent": agent, "tool": tool, "outcome": outcome}
    wanted = {key: None if name is None else _sound(name) for key, name in names.items()}
    found = query(path, **wanted, since=since, limit=limit)
    if json:
        output.put_json({"ok": True, "entries": [entry.as_json() for entry in found]})
    else:
        output.put_table(_audit_page(found))
    return 0


def _sound(name: str) -> str:
    """An argument that is no UTF-8 is nobody's name, but one that can be looked for."""
    return os.fsencode(name).decode("utf-8", "replace")


def moment_since(text: str, now: float | None = None) -> int:
    """``--since``: a time before now such as ``10m`` or ``24h``, or an RFC 3339 time; as Unix time in milliseconds.

    Raises:
        HostError: ``config.invalid``.
    """
    try:
        ago = seconds(text, "--since")
    except HostError:
        try:
            return int(options.moment(text) * 1000)
        except HostError:
            shown = safe_name(repr(text))
            wanted = "neither a time such as 2h nor one such as 2026-01-31T12:00:00Z"
            raise options.invalid(f"--since: {shown} is {wanted}") from None
    return int(((time.time() if now is None else now) - ago) * 1000)


def row_limit(text: str) -> int:
    """``--limit``: how many entries.

    Raises:
        HostError: ``config.invalid``.
    """
    found = options.whole(text, "--limit")
    if not 1 <= found <= MOST_ROWS:
        raise options.invalid(f"--limit: {found} is not from 1 to {MOST_ROWS:,}")
    return found


def explanation(found: Explanation, warnings: Sequence[Problem] = (), *, agent: str, json: bool) -> int:
    """Prints why a call is allowed or denied, and what the file says in vain of it; answers the exit status: 0, or 6
    where it is denied."""
    decision = found.decision
    if json:
        error: Mapping[str, Any] | None = None
        if decision.code is not None:
            error = {"code": decision.code, "message": decision.reason, "frames": []}
        warned = [one.as_json() for one in warnings]
        output.put_json({"ok": decision.allowed, "agent": agent, **found.as_json(), "warnings": warned, "error": error})
    else:
        output.put_table(_explanation_page(found, agent))
        warn(warnings, "tools")
    return 0 if decision.allowed else 6


def _audit_page(entries: list[Entry]) -> Table | Text:
    if not entries:
        return Text("no such entry")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("time", "agent", "tool", "outcome", "ms", "bytes", "rule", "arguments"):
        right = column in ("ms", "bytes")
        # Names are never broken: on a narrow terminal the rule gives way, and then lines are longer than it.
        table.add_column(column, overflow="fold", justify="right" if right else "left", no_wrap=column != "rule")
    for entry in entries:
        endless = entry.outcome in (BEGUN, UNKNOWN)
        style = _OUTCOMES.get(entry.outcome, "red")
        table.add_row(
            _clock(entry.time),
            Text(entry.agent),
            Text(entry.tool),
            Text(entry.outcome, style),
            "-" if endless else f"{entry.duration:.1f}",
            "-" if endless else f"{entry.result:,}",
            Text(entry.rule),
            Text(entry.arguments[:12]),
        )
    return table


def _clock(milliseconds: int) -> str:
    try:
        found = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return found.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + "Z"


def _explanation_page(found: Explanation, agent: str) -> Group:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "rule", "detail"):
        table.add_column(column, overflow="fold", no_wrap=column == "")
    for step in found.steps:
        table.add_row(Text(step.outcome, _STYLES[step.outcome]), Text(safe(step.rule)), Text(safe(step.detail)))
    decision = found.decision
    who = f"{safe_name(agent)} may call {safe_name(found.tool)}"
    if decision.allowed:
        verdict = Text(f"allowed: {who}, by {safe(decision.rule)}", "bold green")
    else:
        verdict = Text(f"denied ({decision.code}), by {safe(decision.rule)}: {decision.reason}", "bold red")
    return Group(table, verdict)
