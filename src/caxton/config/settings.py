"""What a configuration file says, checked: plain data for the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caxton.agents.grants import Grants
from caxton.agents.spec import COMPACT_AFTER, Limits, Restart
from caxton.config.places import Places
from caxton.config.problems import Problem, Where
from caxton.messages import AgentName
from caxton.tools.settings import ToolSettings


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The host's own settings.

    Attributes:
        data: the directory for what outlives the host; it need not be there yet.
        memory: bytes that all agents may have in sum; None: as the host decides.
        workers: threads for turns that compute long; None: as the host decides.
        seed: makes the agents' random numbers repeatable.
        secrets: the file of secrets; None: there is none.
        warm: whether agents may have warm starts (docs/reference/warm-starts.md).
        compact_after: seconds without a turn after which an agent's memory is made small; 0: never.
    """

    data: Path
    memory: int | None = None
    workers: int | None = None
    seed: int | None = None
    secrets: Path | None = None
    warm: bool = True
    compact_after: float = COMPACT_AFTER


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One agent: what ``Host.spawn`` takes, and how it is shown to MCP clients.

    Attributes:
        module, sha256: one of both is there: a file, or the hash (lower case) of a module in the data directory.
        params: JSON that the agent reads with ``context``.
        features: WebAssembly proposals that the module needs.
        warm: whether it may have a warm start; None: as the host has it.
        expose: MCP clients of the host see the agent as a tool, with ``description`` and ``input_schema`` (a JSON
            Schema; None: it takes a text).
    """

    name: AgentName
    module: Path | None = None
    sha256: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    grants: Grants = field(default_factory=Grants)
    restart: Restart = field(default_factory=Restart)
    features: tuple[str, ...] = ()
    warm: bool | None = None
    description: str = ""
    input_schema: Mapping[str, Any] | None = None
    expose: bool = False


@dataclass(frozen=True, slots=True)
class Warned(Problem):
    """Something that a file says in vain.

    Attributes:
        agent: of whom it says so.
        glob: of the tools or the agents that it is about; "" where it is about none.
        idle: the glob matches nothing, so that it may have been meant for anything.
        comes: who may have a name that the file does not know and a Python program may add: ``tool``, ``agent`` or "".
    """

    agent: str = ""
    glob: str = ""
    idle: bool = False
    comes: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole configuration. ``path`` is the file's; all paths are absolute.

    Attributes:
        warnings: what it says in vain, in the order of the file; of very much the first thousand.
        secrets: the secrets that it names, each with the place.
        places: where its settings stand.
    """

    path: Path
    host: HostSettings
    tools: ToolSettings
    agents: tuple[AgentSettings, ...] = ()
    warnings: tuple[Warned, ...] = field(default=(), compare=False, repr=False)
    secrets: tuple[tuple[str, Where], ...] = field(default=(), compare=False, repr=False)
    places: Places = field(default_factory=Places, compare=False, repr=False)

    def module_of(self, agent: AgentSettings) -> Path:
        """The file of an agent's module. Of a stored one the hash is still to be checked."""
        if agent.module is not None:
            return agent.module
        return self.host.data / "modules" / f"{agent.sha256}.wasm"
