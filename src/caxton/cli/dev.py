"""``caxton dev``: build, check and try a project's agent again at every save."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from caxton.cli import interrupts, output
from caxton.cli.build import Order, as_json, carry_out, explain, told
from caxton.cli.check import examine
from caxton.cli.check_points import FAILED
from caxton.cli.options import Job
from caxton.cli.run import run
from caxton.cli.usage import RESULTS
from caxton.errors import CaxtonError
from caxton.text import safe, safe_name
from caxton.toolchain import Built, load_project
from caxton.toolchain.watching import snapshot, wait_for_change

SHOWN: Final = 3
"""Names of changed files in a line."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is built, and the job for the module, whose path is not known yet. With ``job.json`` each step is a JSON
    object."""

    order: Order
    job: Job


def dev(watched: Watched) -> int:
    """Builds, checks and tries until it is interrupted, which is how it ends well: the exit status is 0.

    Raises:
        HostError: ``config.invalid``, there is no project in the folder.
    """
    folder = watched.order.folder
    load_project(folder)  # what is no project now will not become one by waiting
    output.say(f"caxton dev: watching {safe_name(str(folder))}; Ctrl-C ends it")
    try:
        before = snapshot(folder)
        _round(watched, [])
        while True:
            before, changed = wait_for_change(folder, before)
            _round(watched, changed)
    except (interrupts.Interrupted, asyncio.CancelledError):
        interrupts.forgive(interrupts.GRACE)
        output.say("caxton dev: ended")
        return 0


def _round(watched: Watched, changed: Sequence[str]) -> None:
    """Builds, checks and tries once; whatever goes wrong is said, and the next save is another chance."""
    _heading(changed)
    built = _build(watched, changed)
    if built is not None and _check(watched, built.module):
        run(replace(watched.job, module=built.module, event="message"))


def _build(watched: Watched, changed: Sequence[str]) -> Built | None:
    """What was built; None where there is nothing, which has been said."""
    try:
        built = carry_out(watched.order)
    except CaxtonError as error:
        found: dict[str, Any] = dict.fromkeys(RESULTS["build"])
        _tell(watched, "build", {"changed": list(changed)} | found, error)
        explain(error)
        output.complain(error, "dev")
        return None
    _tell(watched, "build", {"changed": list(changed)} | as_json(built))
    output.say(told(built))
    return built


def _tell(watched: Watched, event: str, found: dict[str, Any], error: CaxtonError | None = None) -> None:
    """An event as JSON, where that is wanted. What people read is on standard error either way."""
    if watched.job.json:
        shown = None if error is None else output.error_object(error)
        output.put_json({"event": event} | found | {"ok": error is None, "error": shown})


def _heading(changed: Sequence[str]) -> None:
    names = ", ".join(map(safe_name, changed[:SHOWN])) + (", ..." if len(changed) > SHOWN else "")
    output.say(f"\n--- {time.strftime('%H:%M:%S')} {names or 'first build'}")


def _check(watched: Watched, module: Path) -> bool:
    """Whether the agent keeps the ABI; what it does not keep is said."""
    try:
        points = examine(module)
    except CaxtonError as error:
        _tell(watched, "check", {"module": str(module), "points": None}, error)
        output.complain(error, "dev")
        return False
    _tell(watched, "check", {"module": str(module), "points": [asdict(point) for point in points]}, points.error)
    failures = [point for point in points if point.status == FAILED]
    for point in failures:
        output.say(safe(f"not so: {point.title}: {point.code}: {point.detail}"))
    if not failures:
        output.say("it keeps the ABI")
    return not failures
