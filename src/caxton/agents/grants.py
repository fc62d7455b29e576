"""Grants: what an agent may reach. Deny by default; pure functions of names.

What a granted tool may be used *for* (arguments, rates, budgets, approval) is a ``Rule`` beside the grants; rules only
ever take away.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from caxton.agents.rules import Rule
from caxton.errors import HostError
from caxton.text import safe_name


@lru_cache(maxsize=1024)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs))


def matches(globs: tuple[str, ...], name: str) -> bool:
    """Whether any of the globs (``*``, ``?``, ``[...]``; as in fnmatch, case counts) matches ``name``."""
    pattern = _pattern(globs)
    return pattern is not None and pattern.fullmatch(name) is not None


def _tokens_cover(granted: list[str], wanted: list[str]) -> bool:
    for i, token in enumerate(granted):
        if token == ">":
            return i < len(wanted)
        if i >= len(wanted) or wanted[i] == ">":
            return False
        if token == "*":
            continue
        if wanted[i] == "*" or not fnmatch.fnmatchcase(wanted[i], token):
            return False
    return len(granted) == len(wanted)


def covers_topic(globs: tuple[str, ...], topic: str) -> bool:
    """Whether every topic that ``topic`` (a topic, or a subscription's pattern) stands for is granted.

    Topics have ``.``-separated tokens; ``*`` is one token and ``>`` the rest, in grants as in subscriptions. Inside a
    token a grant may use globs.
    """
    wanted = topic.split(".")
    return any(_tokens_cover(glob.split("."), wanted) for glob in globs)


_LISTS = ("tools", "peers", "topics", "services", "spawn", "deny")


@dataclass(frozen=True, slots=True)
class Grants:
    """What an agent may reach: each a list of globs, empty at first.

    ``tools`` by name (``time.*``), but for those that ``deny`` names, which wins; ``peers``: agents that it may
    address; ``topics`` that it may publish and subscribe to; ``services`` and ``spawn`` for features to come.
    ``rules`` say by glob how granted tools may be used: every rule whose glob matches a tool holds for it.

    Raises:
        HostError: ``config.invalid``, something is not a list of texts, or not a rule.
    """

    tools: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    spawn: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict, hash=False)

    def __init__(
        self,
        tools: Iterable[str] = (),
        peers: Iterable[str] = (),
        topics: Iterable[str] = (),
        services: Iterable[str] = (),
        spawn: Iterable[str] = (),
        deny: Iterable[str] = (),
        rules: Mapping[str, Rule] | None = None,
    ) -> None:
        for name, value in zip(_LISTS, (tools, peers, topics, services, spawn, deny), strict=True):
            object.__setattr__(self, name, _globs(name, value))
        found = {} if rules is None else dict(rules)
        for glob, rule in found.items():
            if not isinstance(glob, str) or len(glob) > 256 or not isinstance(rule, Rule):
                raise HostError("config.invalid", f"grants.rules: {safe_name(repr(glob))} is not a glob with a Rule")
        object.__setattr__(self, "rules", MappingProxyType(found))

    def may_call(self, tool: str) -> bool:
        """Whether the tool is granted."""
        return matches(self.tools, tool) and not matches(self.deny, tool)

    def rules_for(self, tool: str) -> tuple[tuple[str, Rule], ...]:
        """The rules that hold for a tool, with their globs, in the order in which they were given."""
        return tuple((glob, rule) for glob, rule in self.rules.items() if matches((glob,), tool))

    def may_address(self, agent: str) -> bool:
        """Whether messages to the agent are granted."""
        return matches(self.peers, agent)

    def may_use_topic(self, topic: str) -> bool:
        """Whether publishing or subscribing there is granted."""
        return covers_topic(self.topics, topic)

    def as_json(self) -> dict[str, list[str]]:
        """What an agent is told: the lists of what it may reach. The rest is between the host and its operator."""
        return {name: list(getattr(self, name)) for name in _LISTS if name != "deny"}


def _globs(name: str, value: Iterable[str]) -> tuple[str, ...]:
    try:
        found = tuple(value)
    except TypeError:  # no list of anything
        found = (value,)  # type: ignore[assignment]
    if isinstance(value, str) or not all(isinstance(glob, str) and len(glob) <= 256 for glob in found):
        raise HostError("config.invalid", f"grants.{name}: {safe_name(repr(value))} is not a list of globs")
    return found
