"""Proving the list on one module."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from caxton.conformance.behaviour import Behaviour, Unkept
from caxton.conformance.stage import Stage
from caxton.errors import CaxtonError
from caxton.host.loading import Source

PATIENCE: Final = 60.0
"""Real seconds that one behaviour may take; the longest takes two or three."""

IN_ALL: Final = 600.0
"""Real seconds after which no further one is begun."""

MOST_LATE: Final = 3
"""Behaviours that may use up their time before the rest is left alone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one behaviour: ``kept`` is None where it was not tried; ``detail`` says what was wrong."""

    behaviour: Behaviour
    kept: bool | None
    detail: str
    seconds: float


def _nothing(verdict: Verdict) -> None:
    """Nobody wants to know yet."""


async def prove(
    module: Source,
    behaviours: Iterable[Behaviour],
    *,
    told: Callable[[Verdict], None] = _nothing,
    patience: float = PATIENCE,
    in_all: float = IN_ALL,
) -> list[Verdict]:
    """Plays each behaviour with agents of a module, one after another on one host.

    Args:
        module: the agent's file, its bytes, or its text.
        behaviours: those to try.
        told: is told of each verdict.
        patience: seconds for one.
        in_all: seconds after which the others are not tried.

    Raises:
        CaxtonError: the host itself cannot run.
    """
    found: list[Verdict] = []
    late, until = 0, time.monotonic() + in_all
    async with Stage(module) as stage:
        await _load(stage)
        for each in behaviours:
            if late >= MOST_LATE or time.monotonic() > until:
                verdict = Verdict(each, None, "not tried: others have used up the time", 0.0)
            else:
                verdict = await _one(stage, each, patience)
                late += verdict.seconds >= patience
            found.append(verdict)
            told(verdict)
    return found


async def _load(stage: Stage) -> None:
    """Has the module compiled, which no behaviour should have to wait for. What is wrong with it they all will tell."""
    with contextlib.suppress(Unkept):
        await stage.agent("first")
    await stage.clear()


async def _one(stage: Stage, each: Behaviour, patience: float) -> Verdict:
    began = time.monotonic()
    kept, detail = False, ""
    try:
        await asyncio.wait_for(each.proof(stage), patience)
        kept = True
    except Unkept as unkept:
        detail = str(unkept)
    except CaxtonError as error:
        detail = str(error)
    except TimeoutError:
        detail = f"it is not over after {patience:g} s"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        # An answer that is not what it should be: no number, no JSON, JSON of another shape.
        detail = Unkept(f"an answer makes no sense: {type(error).__name__}: {error}").args[0]
        _log.debug("%s", each.id, exc_info=True)
    await stage.clear()
    return Verdict(each, kept, detail, time.monotonic() - began)
