"""A host's tools, put together: who has them, who may call them, what is kept secret, what is written down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from caxton.agents import globs
from caxton.agents.grants import matches
from caxton.agents.ports import Clock
from caxton.agents.spec import Spec
from caxton.agents.units import seconds
from caxton.errors import HostError
from caxton.host.clock import LoopClock
from caxton.messages import AgentName
from caxton.routing.router import Router
from caxton.text import safe_name
from caxton.tools.audit import Audit
from caxton.tools.calls import ToolCalls
from caxton.tools.log_filter import guard_logs
from caxton.tools.mail import ToolMail
from caxton.tools.mcp.pins import Pins
from caxton.tools.mcp.servers import McpServers
from caxton.tools.policy.approval import Approvals
from caxton.tools.registry import Registry
from caxton.tools.secrets import Secrets, references
from caxton.tools.settings import BUILT_IN, HttpServer, Server, Start, StdioServer, ToolSettings

_SERVER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Tooling:
    """All that a host has of tools.

    Without ``settings`` there are no built-in tools: only functions, stubs, and servers that are added.
    """

    def __init__(self, settings: ToolSettings | None) -> None:
        self._has_built_in = settings is not None
        self.registry = Registry()
        self.approvals = Approvals()
        self._settings = settings or ToolSettings()
        for server in self._settings.servers:
            self.registry.reserve(server.name)
        self._servers: McpServers | None = None
        self._unguard: Callable[[], None] | None = None
        self._audit: Audit | None = None
        self._calls: ToolCalls | None = None

    def add_server(self, server: Server) -> None:
        """Adds an MCP server.

        Raises:
            HostError: ``config.invalid``, the name is taken, also by a function's first part, or the host runs already.
        """
        if self._servers is not None:
            raise HostError("config.invalid", "servers are added before the host is entered")
        if any(server.name == known.name for known in self._settings.servers):
            raise HostError("config.invalid", f"there is a server {safe_name(server.name)} already")
        self.registry.reserve(server.name)
        self._settings = replace(self._settings, servers=(*self._settings.servers, server))

    def may_have(self, glob: str) -> bool:
        """Whether a glob matches a function or a stub, or may match a tool of a server."""
        servers = (server.name for server in self._settings.servers)
        return any(matches((glob,), name) for name in self.registry.added()) or any(
            globs.may_begin(glob, f"{name}.") for name in servers
        )

    async def open(self, clock: Clock, router: Router) -> ToolCalls:
        """Puts everything together, on the event loop; starts the servers that start with the host. Answers what agents
        use until ``close``.

        Raises:
            HostError: ``config.invalid``, a secret is missing; ``storage.failed``, the audit cannot be written.
        """
        try:
            return await self._open(clock, router)
        except BaseException:
            await self.close()
            raise

    async def _open(self, clock: Clock, router: Router) -> ToolCalls:
        settings = self._settings
        secrets = Secrets.from_environment_and_file(settings.secrets, os.environ)
        redactor = secrets.redactor
        self._look_up(secrets)
        if not redactor.empty or settings.servers or self._has_built_in:
            self._unguard = guard_logs(redactor)
        _make_places(settings)
        audit = Audit(settings.audit)
        await audit.open()
        self._audit = audit
        calls = self._calls = ToolCalls(self.registry, clock, audit, redactor, self.approvals)
        if self._has_built_in:
            from caxton.tools.builtin.provider import BuiltinTools

            own = [] if settings.llm is None else [settings.llm.key, settings.llm.base_url]
            redact = redactor.with_pieces(set(references(own))).data
            self.registry.add(BuiltinTools(settings, expand=secrets.put_in, redact=redact, clock=clock.time))
        self._servers = McpServers(
            settings.servers,
            clock=clock,
            pins=Pins(settings.pins),
            expand=secrets.put_in,
            redact=lambda server: redactor.with_pieces(set(references(_texts(server)))).data,
            redact_whole=redactor.data,
        )
        for server in settings.servers:
            self.registry.add(self._servers.server(server.name), f"{server.name}.", server.arguments)
        mail = ToolMail(calls, router, lambda agent: _spec(router, agent))
        router.on_tool = mail.take
        calls.on_forget = mail.forget
        self._servers.start()
        return calls

    def _look_up(self, secrets: Secrets) -> None:
        """Every secret that the settings name: one that is missing is found now, and all are known to the redactor."""
        llm = self._settings.llm
        for server in self._settings.servers:
            secrets.put_in(_texts(server))
        if llm is not None:
            secrets.put_in([llm.key, llm.base_url])

    @property
    def calls_under_way(self) -> int:
        """Calls that go on."""
        return 0 if self._calls is None else self._calls.under_way

    @property
    def servers(self) -> McpServers:
        """The MCP servers of a host that has been entered."""
        assert self._servers is not None
        return self._servers

    async def close(self) -> None:
        """Ends calls, servers and the audit, in this order."""
        if self._calls is not None:
            await self._calls.close()
        if self._servers is not None:
            await self._servers.close()  # all at once
        await self.registry.close()
        if self._audit is not None:
            await self._audit.close()
        if self._unguard is not None:
            self._unguard()


def _spec(router: Router, agent: AgentName) -> Spec | None:
    return router.get(agent).spec if router.knows(agent) else None


def _texts(server: Server) -> list[Any]:
    """Where secrets may stand in a server's settings."""
    if isinstance(server, StdioServer):
        return [server.arguments, *server.command, *server.env.values()]
    return [server.arguments, server.url, *server.headers.values()]


def _make_places(settings: ToolSettings) -> None:
    """The directories of what outlives the host, where they are not there yet: closed to everybody else."""
    for file in (settings.audit, settings.pins, settings.memory.path):
        if file is not None:
            try:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise HostError("storage.failed", f"{safe_name(str(file.parent))}: {error.strerror or error}") from None


def server_settings(
    name: str,
    command: Sequence[str] | None,
    url: str | None,
    *,
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    headers: Mapping[str, str] | None,
    start: Start,
    timeout: float | str,
    pin: bool | None,
    arguments: Mapping[str, Mapping[str, Any]] | None,
) -> Server:
    """What a Python program says of an MCP server, checked.

    Raises:
        HostError: ``config.invalid``.
    """
    where = f"server {safe_name(name)}"
    if not _SERVER_NAME.fullmatch(name) or name in BUILT_IN:
        raise HostError("config.invalid", f"{where}: 1 to 64 of a-z 0-9 _ -, and not {', '.join(BUILT_IN)}")
    if (command is None) == (url is None):
        raise HostError("config.invalid", f"{where}: a command or a url")
    if start not in ("lazy", "eager"):
        raise HostError("config.invalid", f"{where}: start is lazy or eager")
    limit = seconds(timeout, f"{where}: timeout")
    given = dict(arguments or {})
    if url is not None:
        if not url.startswith(("http://", "https://")) or env or cwd is not None:
            raise HostError("config.invalid", f"{where}: a http or https url, without env and cwd")
        return HttpServer(name, url, dict(headers or {}), start, limit, bool(pin), given)
    assert command is not None
    if isinstance(command, str) or not command or not all(isinstance(part, str) and part for part in command):
        raise HostError("config.invalid", f"{where}: command is a list of texts")
    if headers:
        raise HostError("config.invalid", f"{where}: a command has no headers")
    place = None if cwd is None else Path(cwd)
    return StdioServer(name, tuple(command), dict(env or {}), place, start, limit, pin is not False, given)


@contextlib.asynccontextmanager
async def toolbox(settings: ToolSettings) -> AsyncIterator[Tooling]:
    """The tools of a configuration without any agents, to look at them.

    Raises:
        HostError: as ``Tooling.open``.
    """
    clock = LoopClock(asyncio.get_running_loop())
    tooling = Tooling(replace(settings, audit=None))
    await tooling.open(clock, Router(clock))
    try:
        yield tooling
    finally:
        await tooling.close()
