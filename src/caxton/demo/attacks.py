"""The hostile agents: what they try, and what the host makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import caxton
from caxton.demo.results import FRESH, SAME, Attack

ROUNDS: Final = 3
"""Attacks of each hostile agent, so that each fresh instance is seen to be contained like the first."""

EXPECTED: Final[Mapping[str, tuple[str, ...]]] = {
    "spinner": ("limit.fuel", "limit.deadline"),
    "eater": ("limit.memory",),
    "crasher": ("trap.unreachable",),
}
"""The hostile agents, and the codes in which their attacks are to end."""

# Fuel enough to spin for as long as the others work, and longer.
_LIMITS: Final = caxton.Limits(memory="16 MiB", fuel=1_000_000_000, deadline=5.0)

_PATIENCE: Final = 30.0


async def spawn_hostile(host: caxton.Host, modules: Mapping[str, Path]) -> list[caxton.AgentRef]:
    """Starts the hostile agents; they behave until they are told to attack, and may address nobody."""
    return await asyncio.gather(*(host.spawn(name, modules[name], limits=_LIMITS) for name in EXPECTED))


async def attack(agent: caxton.AgentRef) -> Attack:
    """Has ``agent`` attack ``ROUNDS`` times, and after each attack sends it one harmless message."""
    attacks, error, afterwards = 0, await _attack_once(agent), await _who_answers(agent)
    while (attacks := attacks + 1) < ROUNDS and error is not None and afterwards == FRESH:
        error, afterwards = await _attack_once(agent), await _who_answers(agent)
    cost = agent.statistics()
    return Attack(
        agent=agent.name,
        expected=EXPECTED[agent.name],
        code=error.code if error else None,
        message=error.message if error else "",
        frames=tuple(str(frame) for frame in error.frames) if error else (),
        attacks=attacks,
        fuel=cost.fuel,
        wall=cost.wall,
        memory=error.memory_used if error else None,
        afterwards=afterwards,
    )


async def _attack_once(agent: caxton.AgentRef) -> caxton.CaxtonError | None:
    try:
        await agent.ask(b"attack", timeout=_PATIENCE)
    except caxton.CaxtonError as error:
        return error
    return None


async def _who_answers(agent: caxton.AgentRef) -> str:
    """Hostile agents answer with the number of messages that their instance has had."""
    try:
        reply = await agent.ask(b"who is there?", timeout=_PATIENCE)
    except caxton.CaxtonError as error:
        return f"refused: {error.code}"
    return FRESH if reply.text == "1" else SAME
