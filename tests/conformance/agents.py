"""The agents that the suite is tried on: each language's, and the reference with a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from caxton.conformance import BEHAVIOURS, Behaviour, Verdict, prove
from caxton.conformance.languages import build_agent, languages
from tests.sandbox.guests import zig_cc

REFERENCE: Final = "reference"
PROVEN: Final = tuple(languages())
ALL: Final = (REFERENCE, *PROVEN)
_FLAGS: Final = ("-O2", "-nostdlib", "-fno-builtin-memcpy", "-fno-builtin-memset", "-Wl,--no-entry", "-Wall", "-s")
_MARK: Final = b"fault number: \0"
_NONE: Final = b"\xff"


@cache
def reference() -> bytes:
    """An agent against the bare ABI, without fault."""
    return zig_cc((Path(__file__).parent / "reference.c").read_text(), *_FLAGS)


def faulty(number: int) -> bytes:
    """The same with one of its faults."""
    before, mark, after = reference().partition(_MARK)
    assert mark
    assert after.startswith(_NONE)
    return before + mark + bytes([number]) + after[1:]


@cache
def module(name: str) -> bytes:
    """A language's agent, built from source."""
    return reference() if name == REFERENCE else build_agent(name)


@cache
def verdicts(name: str) -> tuple[Verdict, ...]:
    """What becomes of the whole list in a language."""
    return tuple(played(module(name), BEHAVIOURS))


def played(module: bytes, behaviours: Iterable[Behaviour], patience: float = 300.0) -> list[Verdict]:
    """Plays behaviours. Which of them are kept must not depend on how fast the machine is: there is much time."""
    return asyncio.run(prove(module, behaviours, patience=patience, in_all=3_000.0))


def unkept(found: Iterable[Verdict]) -> list[str]:
    """What was not kept, and why not."""
    return [f"{each.behaviour.id}: {each.detail}" for each in found if not each.kept]
