"""One MCP server as a provider of tools: started when it is needed, restarted with backoff when it has died."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from caxton.agents.ports import Clock
from caxton.errors import ToolError
from caxton.text import quoted, safe, safe_name
from caxton.tools.mcp.bounds import Bounded
from caxton.tools.mcp.clean import Redact, clean_start
from caxton.tools.mcp.deadline import Deadline, DeadlinePassedError
from caxton.tools.mcp.errors import tool_error
from caxton.tools.mcp.hidden import KEPT_BACK, Hidden
from caxton.tools.mcp.keeper import Keeper
from caxton.tools.mcp.link import Link
from caxton.tools.mcp.listing import Listed
from caxton.tools.mcp.pins import UNTRUSTED, Change, Pins
from caxton.tools.mcp.results import KeptBackError, answer
from caxton.tools.mcp.wire import Wire
from caxton.tools.provider import Call, ToolInfo
from caxton.tools.results import encode
from caxton.tools.settings import Server, StdioServer

KEY: Final = "dev.caxton/idempotency-key"
"""Under this name a call's idempotency key goes to the server, in the request's ``_meta``."""

_log = logging.getLogger("caxton.tools.mcp")


def _same(text: str) -> str:
    return text


def _same_bytes(data: bytes) -> bytes:
    return data


_NOTHING_HIDDEN: Final = Hidden({}, _same)


class ServerProvider:
    """The tools of one server.

    Args:
        settings: what it is and how it is reached.
        clock: by which calls time out and restarts wait.
        pins: what was accepted of its tools; asked only where ``settings.pin`` is set.
        expand: fills secrets in, in what goes to the server.
        redact: takes secrets out of what comes from it, with long pieces of them.
        redact_whole: the same without pieces, which is cheaper; where there is none, ``redact`` is used.
    """

    is_prompt = True

    def __init__(
        self,
        settings: Server,
        *,
        clock: Clock,
        pins: Pins,
        expand: Callable[[str], str] = _same,
        redact: Redact = _same_bytes,
        redact_whole: Redact | None = None,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._prefix = f"{settings.name}."
        self._clock = clock
        self._pins = pins
        self._expand = expand
        self._redact = redact
        self._redact_whole = redact_whole or redact
        self._said = Bounded(functools.partial(_log.info, "%s: %s", settings.name))
        self._keeper = Keeper(settings.name, self._new_link, clock)
        self._kept = Bounded(functools.partial(_log.warning, "%s: %s", settings.name))
        self._hidden: dict[str, Hidden] = {}
        given = {name: value for arguments in settings.arguments.values() for name, value in arguments.items()}
        self._any_hidden = Hidden(given, expand)
        self._judged: tuple[int, ...] = ()

    def owns(self, name: str) -> bool:
        """Whether a tool of that name would be this server's: by the name's first part."""
        return name.startswith(self._prefix)

    def start(self) -> None:
        """Starts the server now, and again whenever it has ended, by itself."""
        self._keeper.start()

    def _new_link(self) -> Link:
        return Link(
            self.name,
            self._wire,
            clock=self._clock,
            redact=self._redact,
            hidden=self._settings.arguments,
            judge=self._judge,
            log=self._said,
        )

    def _wire(self) -> Wire:
        """A transport for one connection. Heavy imports happen here, at the first use.

        Raises:
            Exception: a secret is not there, or the URL is none.
        """
        settings = self._settings
        if isinstance(settings, StdioServer):
            from caxton.tools.mcp.process import Program
            from caxton.tools.mcp.stdio import StdioWire

            command = tuple(self._expand(part) for part in settings.command)
            env = {name: self._expand(value) for name, value in settings.env.items()}
            return StdioWire(
                Program(settings.name, command, env, settings.cwd, self._redact_whole, self._redact), self._said
            )
        from caxton.tools.mcp.http import HttpWire

        headers = {name: self._expand(value) for name, value in settings.headers.items()}
        return HttpWire(self._expand(settings.url), headers, self._redact)

    async def close(self) -> None:
        """Ends the server and everything that it has started. Calls that still run fail."""
        await self._keeper.close()

    # ---- pins -------------------------------------------------------------------------------------------------------

    async def _judge(self, tools: Mapping[str, Listed]) -> dict[str, str]:
        if not self._settings.pin:
            return {}
        now = {name: tool.definition for name, tool in tools.items()}
        self._judged = self._pins.stamp()
        found = await asyncio.to_thread(self._pins.check, self.name, now)
        for name, why in found.items():
            if why == UNTRUSTED:  # which is said of all at once
                break
            _log.warning("%s: the tool %s is not called: %s", self.name, safe_name(name), why)
        return found

    async def changes(self, tool: str | None = None) -> list[Change]:
        """How its tools, or one of them, differ from what was accepted. Starts it if need be.

        Raises:
            ToolError: ``tool.failed``, it cannot start; ``tool.unknown``, there is no such tool.
            HostError: ``storage.failed``, what was accepted cannot be read.
        """
        link = await self._keeper.up()
        now = {name: listed.definition for name, listed in link.tools.items()}
        found = await asyncio.to_thread(self._pins.changes, self.name, now)
        if tool is None:
            return found
        if tool not in now and not any(change.tool == tool for change in found):
            raise ToolError("tool.unknown", f"{self.name} has no tool {quoted(tool)}")
        return [change for change in found if change.tool == tool]

    async def accept(self, changes: list[Change]) -> None:
        """Accepts what ``changes`` has answered.

        Raises:
            HostError: ``storage.failed``.
        """
        await asyncio.to_thread(self._pins.accept, self.name, changes)
        if self._keeper.link is not None:
            await self._keeper.link.judge_again()

    # ---- tools ------------------------------------------------------------------------------------------------------

    async def tools(self) -> Sequence[ToolInfo]:
        """Its tools, without those that have changed since they were accepted. Starts it if need be.

        Raises:
            ToolError: ``tool.failed``, it cannot start.
        """
        link = await self._keeper.up()
        return [listed.info for name, listed in link.tools.items() if name not in link.objections]

    async def call(self, call: Call) -> bytes:
        """Makes a call; answers the result as ``tools/results.py`` has it.

        Raises:
            ToolError: ``tool.unknown``, ``tool.changed``, ``tool.timeout``; ``tool.bad-arguments``, says the server;
                ``tool.failed``: the tool calls it a failure (``payload`` has its result), its server has gone or
                cannot start, or the result is too large.
        """
        limit = self._settings.timeout if call.timeout is None else min(call.timeout, self._settings.timeout)
        if call.until <= self._clock.monotonic() + limit:  # whoever waits for it looks at the clock anyway
            return await self._call(call)
        try:
            with Deadline(self._clock, limit):
                return await self._call(call)
        except DeadlinePassedError:
            raise ToolError("tool.timeout", f"{call.tool} did not answer within {limit:g} s") from None

    async def _call(self, call: Call) -> bytes:
        name = call.tool.removeprefix(self._prefix)
        link = await self._up(call)
        try:
            return await self._once(link, name, call)
        except _ExpiredError:
            # The server has forgotten the session, so it has not made the call: with a new one it may.
            link = await self._up(call)
            try:
                return await self._once(link, name, call)
            except _ExpiredError:
                raise ToolError("tool.failed", f"{call.tool}: the server forgets its sessions") from None

    async def _up(self, call: Call) -> Link:
        try:
            return await self._keeper.up()
        except ToolError as error:  # which may have its last words, about a call before
            raise self._not_shown(call, error) if self._any_hidden.may_be_in(_said(call, error)) else error from None

    async def _once(self, link: Link, name: str, call: Call) -> bytes:
        from caxton.tools.mcp.request import ask  # and with it the SDK, which is there since the link is

        client, wire = link.client, link.wire
        if client is None or wire is None:
            gone = ToolError("tool.failed", f"{call.tool}: the server has gone: {link.why}")
            raise self._not_shown(call, gone) if self._any_hidden.may_be_in(link.why) else gone
        await self._check(link, name)
        if wire.stuck:
            raise ToolError("tool.failed", f"{self.name} does not read what it is sent")
        hidden = self._hidden_from(name)
        arguments = hidden.added_to(call.arguments)
        await hidden.check(call.tool, _input_schema(link.tools[name]), arguments)
        meta: Any = {KEY: call.key} if call.key else None
        try:
            result = await ask(client, name, arguments, functools.partial(_progress, call, self._redact), meta)
        except Exception as error:
            if wire.expired:
                raise _ExpiredError from None
            failed = tool_error(call.tool, error, self._redact, closed=None if link.is_up else link.why)
            raise self._not_shown(call, failed) if hidden.may_be_in(_said(call, failed)) else failed from None
        try:
            return await answer(call.tool, result, self._redact, hidden.may_be_in)
        except KeptBackError as error:
            raise self._not_shown(call, ToolError("tool.failed", str(error))) from None

    def _hidden_from(self, name: str) -> Hidden:
        found = self._hidden.get(name)
        if found is None:
            given = self._settings.arguments.get(name)
            if not given:
                return _NOTHING_HIDDEN
            found = self._hidden[name] = Hidden(given, self._expand)
        return found

    def _not_shown(self, call: Call, error: ToolError) -> ToolError:
        """The error for an agent; what it says goes to the operator."""
        self._kept(lambda: f"what {safe_name(call.tool)} said was kept from {call.agent}: {safe(_said(call, error))}")
        told = ToolError(error.code, f"{call.tool}: {KEPT_BACK}")
        told.payload = encode([{"type": "text", "text": KEPT_BACK}], is_error=True)
        return told

    async def _check(self, link: Link, name: str) -> None:
        """Whether the tool is there, and is what was accepted."""
        if name not in link.tools:
            raise ToolError("tool.unknown", f"{self.name} has no tool {quoted(name)}")
        if name in link.objections and self._pins.stamp() != self._judged:
            await link.judge_again()  # somebody has changed the file: perhaps they have accepted it
        if link.objections.get(name) == UNTRUSTED:
            raise ToolError("tool.changed", f"{self._prefix}{name}: {UNTRUSTED}")
        if name in link.objections:
            accept = f"caxton tools accept {self._prefix}{name}"
            raise ToolError("tool.changed", f"{self._prefix}{name}: {link.objections[name]} ({accept})")


def _said(call: Call, error: ToolError) -> str:
    """What an error says beside the tool's name, which may be an argument's too."""
    return error.message.removeprefix(f"{call.tool}: ")


class _ExpiredError(Exception):
    """The server has forgotten the session."""


async def _progress(call: Call, redact: Redact, done: float, total: float | None, text: str | None) -> None:
    if math.isfinite(done) and (total is None or math.isfinite(total)):
        call.progress(done, total, None if text is None else safe(clean_start(redact, text)))


def _input_schema(tool: Listed) -> Mapping[str, Any]:
    found = tool.definition.get("inputSchema")
    return found if isinstance(found, Mapping) else {}
