"""What a file without mistakes says in vain: its warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from caxton.agents.grants import Grants, matches
from caxton.config import names
from caxton.config.names import Known, Remark, built_in, is_for
from caxton.config.problems import MOST, Where, by_line
from caxton.config.settings import AgentSettings, Configuration, Warned
from caxton.tools.provider import setting

MEANT_FOR: Final[Mapping[str, str]] = {
    "hosts": "http.fetch",
    "private": "http.fetch",
    "root": "fs.*",
    "quota": "fs.*",
    "namespace": "memory.*",
    "tokens": "llm.complete",
}
"""Keys of rules that mean something to some tools only."""


def warnings(configuration: Configuration) -> tuple[Warned, ...]:
    """Every warning, in the order of the lines; of very many the first thousand."""
    found: list[Warned] = []
    known = Known.of(configuration)
    for agent in configuration.agents:
        for one in _of_agent(agent, configuration, known):
            if len(found) == MOST:
                break
            problem = configuration.places.problem(one.message, one.hint, *one.where)
            said = (problem.file, problem.line, problem.key, problem.message, problem.hint)
            found.append(Warned(*said, agent=agent.name, glob=one.glob, idle=one.idle, comes=one.comes))
    return tuple(by_line(found))


def _of_agent(agent: AgentSettings, configuration: Configuration, known: Known) -> Iterator[Remark]:
    here = ("agents", str(agent.name))
    idle = set[Where]()
    for one in names.doubts(agent, known):
        idle.add(one.where)
        yield one
    yield from _rules(agent.grants, here, idle)
    yield from _granted(agent.grants, here, configuration)
    for key, value in (("description", agent.description), ("input", agent.input_schema)):
        if value and not agent.expose:
            yield Remark((*here, key), "is for MCP clients, which do not see the agent without expose = true")


def _rules(grants: Grants, here: tuple[str, str], idle: set[Where]) -> Iterator[Remark]:
    """Keys of rules that hold for nothing."""
    hosts = setting(grants.rules_for("http.fetch"), "hosts")[1]
    for glob, rule in grants.rules.items():
        where = (*here, "rules", glob)
        if where in idle:
            continue
        tools = tuple(built_in(glob))
        for key, meant in MEANT_FOR.items():
            if getattr(rule, key) is not None and not any(matches((meant,), name) for name in tools):
                yield Remark((*where, key), f"is for {meant}, which the rule does not match", "", glob)
        if rule.private and hosts is None and "http.fetch" in tools:
            yield Remark((*where, "private"), "lets nothing through: no rule for http.fetch has hosts", "", glob)


def _granted(grants: Grants, here: tuple[str, str], configuration: Configuration) -> Iterator[Remark]:
    """Tools that are granted by name or family, and cannot do anything, unless a program puts a stub in their place."""
    hosts = setting(grants.rules_for("http.fetch"), "hosts")[1]
    for number, glob in enumerate(grants.tools):
        where = (*here, "tools", number)
        if is_for(glob, "http") and hosts is None and grants.may_call("http.fetch"):
            yield Remark(where, "http.fetch can fetch nothing: no rule for it has hosts", "", glob, comes="tool")
        if is_for(glob, "llm") and configuration.tools.llm is None and grants.may_call("llm.complete"):
            yield Remark(where, "there is no llm.complete without [tools.llm]", "", glob, comes="tool")
