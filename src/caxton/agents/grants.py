"""Grants: what an agent may reach. Deny by default; pure functions of names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache

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


@dataclass(frozen=True, slots=True)
class Grants:
    """What an agent may reach: each a list of globs, empty at first.

    ``tools`` by name (``time.*``); ``peers``: agents that it may address; ``topics`` that it may publish and subscribe
    to; ``services`` and ``spawn`` for features to come.

    Raises:
        HostError: ``config.invalid``, something is not a list of texts.
    """

    tools: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    spawn: tuple[str, ...] = ()

    def __init__(
        self,
        tools: Iterable[str] = (),
        peers: Iterable[str] = (),
        topics: Iterable[str] = (),
        services: Iterable[str] = (),
        spawn: Iterable[str] = (),
    ) -> None:
        for field, value in zip(fields(self), (tools, peers, topics, services, spawn), strict=True):
            try:
                found = tuple(value)
            except TypeError:  # no list of anything
                found = (value,)  # type: ignore[assignment]
            if isinstance(value, str) or not all(isinstance(glob, str) and len(glob) <= 256 for glob in found):
                raise HostError(
                    "config.invalid", f"grants.{field.name}: {safe_name(repr(value))} is not a list of globs"
                )
            object.__setattr__(self, field.name, found)

    def may_call(self, tool: str) -> bool:
        """Whether the tool is granted."""
        return matches(self.tools, tool)

    def may_address(self, agent: str) -> bool:
        """Whether messages to the agent are granted."""
        return matches(self.peers, agent)

    def may_use_topic(self, topic: str) -> bool:
        """Whether publishing or subscribing there is granted."""
        return covers_topic(self.topics, topic)

    def as_json(self) -> dict[str, list[str]]:
        """The grants as JSON-ready data."""
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}
