"""Which tools a host has, and whose they are."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from caxton import jsontext
from caxton.agents.grants import Grants
from caxton.errors import CaxtonError, HostError
from caxton.text import safe_name
from caxton.tools.functions import FunctionTools, Tool, check_name
from caxton.tools.provider import RESULT_LIMIT, Provider, ToolInfo
from caxton.tools.settings import BUILT_IN
from caxton.tools.stubs import Stubs

_KNOWN_OWNERS: Final = 1_024
_WILD: Final = re.compile(r"[*?\[]")
_log = logging.getLogger("caxton.tools")


def without(arguments: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The arguments that have other names; the very same where none is left out."""
    if not any(name in arguments for name in names):
        return arguments
    return {name: value for name, value in arguments.items() if name not in names}


class Registry:
    """The tools of one host. Where two providers could have a tool, the one that was added first has it."""

    def __init__(self) -> None:
        self._stubs = Stubs()
        self._functions = FunctionTools()
        self._providers: list[Provider] = [self._stubs, self._functions]
        self._prefixes = ["", ""]
        self._servers: set[str] = set()
        self._hidden: dict[str, frozenset[str]] = {}
        self._owners: dict[str, Provider] = {}  # whose tools those are that were asked for lately

    def add(self, provider: Provider, prefix: str = "", hidden: Mapping[str, Collection[str]] | None = None) -> None:
        """Adds a source of tools. ``prefix``: what the names of all of them begin with. ``hidden``: the arguments that
        the host gives, by tool, without the prefix."""
        self._hidden |= {f"{prefix}{name}": frozenset(given) for name, given in (hidden or {}).items()}
        self._providers.append(provider)
        self._prefixes.append(prefix)
        self._owners.clear()

    def reserve(self, server: str) -> None:
        """Keeps the names of a server's tools for it, which may be known only when it has started.

        Raises:
            HostError: ``config.invalid``, a Python function has one of them.
        """
        taken = next((name for name in self._functions.names() if name.startswith(f"{server}.")), None)
        if taken is not None:
            raise HostError("config.invalid", f"the tool {taken} is there already, and would be the server {server}'s")
        self._servers.add(server)

    def without_hidden(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """An agent's arguments without those that the host gives: what it says of them counts for nothing, so nobody
        should judge the call by it."""
        return without(arguments, self._hidden.get(tool, ())) if self._hidden else arguments

    def add_function(self, tool: Tool) -> None:
        """Makes a Python function known.

        Raises:
            HostError: ``config.invalid``, the name is taken, or would be a built-in tool's or a server's.
        """
        self._check_new(tool.name)
        first, dot, _ = tool.name.partition(".")
        if first in BUILT_IN:
            raise HostError("config.invalid", f"{safe_name(tool.name)} would be among the built-in tools")
        if dot and first in self._servers:
            raise HostError("config.invalid", f"{safe_name(tool.name)} would be among the tools of the server {first}")
        self._functions.add(tool)
        self._owners.clear()

    def add_stub(self, name: str, answer: bytes) -> None:
        """Makes a tool known that always gives the same JSON, also in the place of a built-in one or a server's.

        Raises:
            HostError: ``config.invalid``, the name is taken or will not do, or ``answer`` is no JSON.
        """
        self._check_new(check_name(name))
        self._stubs.add(name, answer)
        self._owners.clear()

    def added(self) -> tuple[str, ...]:
        """The names of functions and stubs."""
        return (*self._stubs.names(), *self._functions.names())

    def _check_new(self, name: str) -> None:
        if self._stubs.owns(name) or self._functions.owns(name):
            raise HostError("config.invalid", f"there is a tool {name} already")

    def owner(self, name: str) -> Provider | None:
        """Whose tool that is, or would be."""
        found = self._owners.get(name)
        if found is None:
            found = next((provider for provider in self._providers if provider.owns(name)), None)
            if found is not None:
                if len(self._owners) >= _KNOWN_OWNERS:  # a server's tools have any names that agents like
                    self._owners.clear()
                self._owners[name] = found
        return found

    def knows(self, name: str) -> bool:
        """Whether there is such a tool, as far as can be said without asking anybody."""
        return name in self._owners or self.owner(name) is not None

    async def tools(self, grants: Grants | None = None) -> Sequence[ToolInfo]:
        """Every tool, each once; with ``grants``, those that they allow. Asks servers, and starts those that have not
        been started yet, but none whose tools are not granted; one that cannot say has none."""
        asked = [
            provider.tools()
            for provider, prefix in zip(self._providers, self._prefixes, strict=True)
            if grants is None or _may_begin(grants.tools, prefix)
        ]
        found: dict[str, ToolInfo] = {}
        for tools in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(tools, CaxtonError):  # whose fault it is has been said where it happened
                _log.debug("tools that cannot be listed: %s", tools)
            elif isinstance(tools, Exception):
                _log.error("tools that cannot be listed", exc_info=tools)
            elif isinstance(tools, BaseException):
                raise tools
            else:
                for tool in tools:
                    if grants is None or grants.may_call(tool.name):
                        found.setdefault(tool.name, tool)
        return list(found.values())

    async def describe(self, grants: Grants) -> bytes:
        """The granted tools as JSON, in the order of their names; those that would make it too long are left out."""
        found, size = [], 2
        for tool in sorted(await self.tools(grants), key=lambda tool: tool.name):
            size += len(jsontext.dumps(tool.as_json())) + 1
            if size > RESULT_LIMIT:
                _log.warning("a list of tools is cut before %s", safe_name(tool.name))
                break
            found.append(tool.as_json())
        return jsontext.dumps(found)

    async def close(self) -> None:
        """Ends everything that the providers have started."""
        for provider in reversed(self._providers):
            try:
                await provider.close()
            except Exception:
                _log.exception("tools that cannot be closed")


def _may_begin(globs: Sequence[str], prefix: str) -> bool:
    """Whether any of the globs may match a name that begins with ``prefix``."""
    for glob in globs:
        head = _WILD.split(glob, maxsplit=1)[0]
        if head.startswith(prefix) or (head != glob and prefix.startswith(head)):
            return True
    return False
