"""The same again is the same: with equal seed, clock and messages."""

from __future__ import annotations

from typing import TypeAlias

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.stage import Stage, message, then
from caxton.errors import CaxtonError
from caxton.host.loading import Source

_Course: TypeAlias = list[tuple[bytes | str, int]]

_MESSAGES = (
    message("random 16"), message("count"), message("echo", "Grüße 🦊"), message("put key", "value"),
    message("context"), then(message("now"), message("monotonic")), message("call test.add", '{"a": 1, "b": 2}'),
    message("ask two 1000", message("random 8")), message("fail", "no"), message("panic", "x"), message("count"),
    message("random 16"), message("keys "), message("emit 3", "part"), message("get nothing"),
)  # fmt: skip


async def _course(module: Source, seed: int) -> _Course:
    """What becomes of the messages, and the fuel of each."""
    found: _Course = []
    async with Stage(module, seed=seed) as s:
        one, _ = await s.agents("one", "two")
        for text in _MESSAGES:
            try:
                reply = await one.reply(text)
                found.append((reply.payload, reply.usage.fuel))
            except CaxtonError as error:
                found.append((error.code, error.usage.fuel))
    return found


@behaviour(
    "repeat/same", "With the same seed and the same clock the same messages have the same answers, at the same fuel"
)
async def _same(s: Stage) -> None:
    first, second = await _course(s.module, 7), await _course(s.module, 7)
    for text, before, after in zip(_MESSAGES, first, second, strict=True):
        same(before[0], after[0], f"the answer to {text[:40]!r}")
        same(before[1], after[1], f"the fuel of {text[:40]!r}")


@behaviour("repeat/seed", "With another seed the random numbers are others")
async def _seed(s: Stage) -> None:
    first, second = await _course(s.module, 7), await _course(s.module, 8)
    holds(first[0][0] != second[0][0], "the random numbers are the same")
    same(first[2], second[2], "what has nothing to do with chance")
