"""Names that a file gives to tools and agents in its grants and rules: which of them can mean anything.

What a built-in tool is called is known, so a name among theirs that none of them has is a mistake. Other names may be
those of Python functions, or of agents, which a program adds to the host: that nobody has them is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from caxton.agents import globs
from caxton.agents.grants import Grants, matches
from caxton.agents.rules import Rule
from caxton.config.problems import Where, nearest, quoted
from caxton.config.settings import AgentSettings, Configuration
from caxton.tools.settings import BUILT_IN, BUILT_IN_TOOLS

_COMPARED: Final = 200
"""Words that one is compared with, to find what was meant."""

_REGEX: Final = 20
"""Steps that a regular expression counts for."""


class Remark(NamedTuple):
    """Something to say of a place. ``glob``, ``idle`` and ``comes`` are those of ``Warned``."""

    where: Where
    message: str
    hint: str = ""
    glob: str = ""
    idle: bool = False
    comes: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a file knows of."""

    servers: Mapping[str, None]
    agents: Mapping[str, None]
    budget: globs.Budget

    @classmethod
    def of(cls, configuration: Configuration) -> Known:
        """The names in a configuration."""
        servers = dict.fromkeys(server.name for server in configuration.tools.servers)
        agents = dict.fromkeys(str(agent.name) for agent in configuration.agents)
        return cls(servers, agents, globs.Budget())

    def servers_of(self, glob: str) -> Iterator[str]:
        """The servers whose tools it may match: names of those are only known when they are asked."""
        first = globs.head(glob)
        family, dot, _ = first.partition(".")
        for server in (family,) if dot and family in self.servers else () if dot else self.servers:
            if self.budget.spent() or globs.may_begin(glob, f"{server}."):
                yield server

    def has_agent(self, glob: str) -> bool:
        """Whether it matches an agent."""
        if globs.is_name(glob):
            return glob in self.agents
        return any(self.budget.spent(_REGEX) or matches((glob,), name) for name in self.agents)

    def has(self, glob: str) -> bool:
        """Whether it may match a tool that is built in or a server's."""
        return any(True for _ in built_in(glob)) or any(True for _ in self.servers_of(glob))


def built_in(glob: str) -> Iterator[str]:
    """The built-in tools that it matches."""
    if globs.is_name(glob):
        yield from (name for name in BUILT_IN_TOOLS if name == glob)
    else:
        yield from (name for name in BUILT_IN_TOOLS if matches((glob,), name))


def is_for(glob: str, family: str) -> bool:
    """Whether it can match nothing but tools of a family."""
    return globs.head(glob).startswith(f"{family}.")


# ---- mistakes -------------------------------------------------------------------------------------------------------


def mistakes(configuration: Configuration) -> Iterator[Remark]:
    """Names among those of built-in tools that none of them has."""
    for agent in configuration.agents:
        for where, glob in _uses(agent):
            if _is_strange(glob) and not (where[2] == "rules" and _is_half(agent, glob)):
                told = "" if where[2] == "rules" else f"{quoted(glob)} "
                yield Remark(where, f"{told}names no built-in tool", _meant(glob, BUILT_IN_TOOLS))


def _uses(agent: AgentSettings) -> Iterator[tuple[Where, str]]:
    here = ("agents", str(agent.name))
    for key in ("tools", "deny"):
        for number, glob in enumerate(getattr(agent.grants, key)):
            yield (*here, key, number), glob
    for glob in agent.grants.rules:
        yield (*here, "rules", glob), glob


def _is_strange(glob: str) -> bool:
    family, dot, _ = globs.head(glob).partition(".")
    return family in BUILT_IN and (bool(dot) or globs.is_name(glob)) and not any(True for _ in built_in(glob))


def _is_half(agent: AgentSettings, glob: str) -> bool:
    """Whether it is what is left of a name without its quotes, of which the rest was an unknown key."""
    return glob in BUILT_IN and agent.grants.rules[glob] == Rule()


# ---- warnings -------------------------------------------------------------------------------------------------------


def doubts(agent: AgentSettings, known: Known) -> Iterator[Remark]:
    """Names in an agent's grants and rules that nobody has, or that name nothing which is granted."""
    strange = tuple(glob for glob in agent.grants.tools if not known.has(glob))
    for where, glob in _uses(agent):
        if where[2] == "tools":
            found = None if known.has(glob) else _unknown(where, glob, known)
        else:
            found = _idle(where, glob, agent.grants, strange, known)
        if found is not None:
            yield found
    for number, glob in enumerate(agent.grants.peers):
        if not known.has_agent(glob):
            where = ("agents", str(agent.name), "peers", number)
            hint = _did_you_mean(nearest(glob, list(known.agents)[:_COMPARED])) if globs.is_name(glob) else ""
            yield Remark(where, f"{quoted(glob)} names no agent of this file", hint, glob, True, "agent")


def _unknown(where: Where, glob: str, known: Known) -> Remark:
    message = f"{'' if where[2] == 'rules' else quoted(glob) + ' '}names no tool that this file knows of"
    return Remark(where, message, _meant(glob, BUILT_IN_TOOLS, known.servers), glob, True, "tool")


def _idle(where: Where, glob: str, grants: Grants, strange: tuple[str, ...], known: Known) -> Remark | None:
    """What is to be said of a rule, or of something that is denied, if it can hold for no tool that is granted.
    ``strange``: the granted ones that nobody in the file has."""
    denied = () if where[2] == "deny" else grants.deny
    names = [name for name in built_in(glob) if matches(grants.tools, name)]
    if any(not matches(denied, name) for name in names):
        return None
    if not (glob in denied or (globs.is_name(glob) and matches(denied, glob))):
        servers = [f"{name}." for name in known.servers_of(glob)]
        if any(globs.meets(glob, one, known.budget, server) for server in servers for one in grants.tools):
            return None
        is_known = known.has(glob)
        if any(globs.meets(glob, one, known.budget) for one in (strange if is_known else grants.tools)):
            return None if is_known else _unknown(where, glob, known)
    told = "" if where[2] == "rules" else f"{quoted(glob)} "
    able = [name for name in BUILT_IN_TOOLS if grants.may_call(name)]
    able += [one for one in grants.tools[:_COMPARED] if globs.is_name(one) and grants.may_call(one)]
    hint = "" if any(True for _ in built_in(glob)) else _meant(glob, [*able, *BUILT_IN_TOOLS], known.servers)
    return Remark(where, f"{told}matches no tool that the agent may call", hint, glob, True)


def _meant(glob: str, names: Iterable[str], servers: Iterable[str] = ()) -> str:
    """The nearest name; else the same with the family or the server that was perhaps meant."""
    words = list(dict.fromkeys(names))
    if globs.is_name(glob):
        found = nearest(glob, words)
        if found is not None:
            return _did_you_mean(found)
    family, dot, rest = glob.partition(".")
    prefix = nearest(family, [*BUILT_IN, *list(servers)[:_COMPARED]])
    if prefix is None or (prefix == family and dot):
        return _did_you_mean(f"{family}.*") if family in BUILT_IN else ""
    return _did_you_mean(f"{prefix}.{rest if dot else '*'}")


def _did_you_mean(word: str | None) -> str:
    return "" if word is None else f"did you mean {quoted(word)}?"
