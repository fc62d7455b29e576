"""Figures about a host and its agents: frozen snapshots."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from caxton.agents.agent import Agent


@dataclass(frozen=True, slots=True)
class AgentStatistics:
    """One agent.

    Attributes:
        state: ``starting``, ``idle``, ``running``, ``waiting``, ``stopped`` or ``failed``.
        mailbox, mailbox_bytes: envelopes that wait, and their payloads.
        turns: turns that ended; ``failures`` of them with a failure status, ``traps`` with a trap or at a limit.
        restarts: instances made after the first.
        fuel, wall, host_calls: sums over all turns; wall time in seconds, waiting included.
        memory, memory_peak: bytes of linear memory now, and the most it has been after a turn.
        held: bytes of state, timers and subscriptions.
        log_dropped: log lines beyond a turn's budget.
        failure: why it has ended, if it has.
        compact: whether its memory is small just now, since nobody has asked it anything for a while.
    """

    name: str
    state: str
    mailbox: int
    mailbox_bytes: int
    turns: int
    failures: int
    traps: int
    restarts: int
    fuel: int
    wall: float
    host_calls: int
    memory: int
    memory_peak: int
    held: int
    log_dropped: int
    failure: str | None
    compact: bool = False

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HostStatistics:
    """A host.

    Attributes:
        agents: how many there are; ``states``: how many in each state.
        memory, memory_limit: bytes of linear memory that all agents have, and may have; without the pages that the
            host added to pass messages through, which ``AgentStatistics.memory`` counts.
        turns, traps, restarts, fuel: sums over the agents that are there.
        dead_letters: envelopes that could not be delivered, since the host began.
        tool_calls: calls of tools that go on.
    """

    agents: int
    states: dict[str, int]
    memory: int
    memory_limit: int
    turns: int
    traps: int
    restarts: int
    fuel: int
    dead_letters: int
    tool_calls: int = 0

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON-ready data."""
        return asdict(self)


def agent_statistics(agent: Agent) -> AgentStatistics:
    """A snapshot of one agent."""
    counters = agent.counters
    return AgentStatistics(
        name=agent.name,
        state=agent.state.value,
        mailbox=0 if agent.mailbox is None else len(agent.mailbox),
        mailbox_bytes=0 if agent.mailbox is None else agent.mailbox.size,
        turns=counters.turns,
        failures=counters.failures,
        traps=counters.traps,
        restarts=counters.restarts,
        fuel=counters.fuel,
        wall=counters.wall,
        host_calls=counters.host_calls,
        memory=agent.memory,
        memory_peak=counters.memory_peak,
        held=agent.held.used,
        log_dropped=counters.log_dropped,
        failure=str(agent.failure) if agent.failure is not None else None,
        compact=agent.is_compact,
    )


def host_statistics(
    agents: list[Agent], memory: int, memory_limit: int, dead_letters: int, tool_calls: int
) -> HostStatistics:
    """A snapshot of a host."""
    states: dict[str, int] = {}
    for agent in agents:
        states[agent.state.value] = states.get(agent.state.value, 0) + 1
    return HostStatistics(
        agents=len(agents),
        states=states,
        memory=memory,
        memory_limit=memory_limit,
        turns=sum(agent.counters.turns for agent in agents),
        traps=sum(agent.counters.traps for agent in agents),
        restarts=sum(agent.counters.restarts for agent in agents),
        fuel=sum(agent.counters.fuel for agent in agents),
        dead_letters=dead_letters,
        tool_calls=tool_calls,
    )
