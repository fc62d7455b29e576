"""The MCP server whose tools are a host's agents. What it says on the wire is the SDK's; here is what it means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    NotificationParams,
    PaginatedRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    Tool,
)

from caxton.agents.ports import Timer
from caxton.errors import CaxtonError
from caxton.host.runtime import Host
from caxton.messages import AgentName
from caxton.serving import results
from caxton.serving.asking import Asking
from caxton.serving.exposed import Exposed, ExposedSource, table
from caxton.serving.settings import ServingSettings
from caxton.text import cut, safe_name

TIMEOUT_KEY: Final = "caxton.dev/timeout-ms"
"""The key in a request's ``_meta`` that says how many milliseconds its sender will wait."""

PROGRESS_LIMIT: Final = 4096
"""Bytes of a part that a progress notification has room for."""

LOOK: Final = 1.0
"""Seconds between two looks at which agents there are, while a client wants to be told."""

_TELL: Final = 5.0  # seconds after which a client that does not take a notification goes without it
_INSTRUCTIONS: Final = (
    "Each tool is an agent, which works in a sandbox and answers one message at a time. A call that finds the agent "
    f"busy waits its turn. Set {TIMEOUT_KEY} in _meta to the milliseconds that you will wait."
)
_Context = ServerRequestContext[dict[str, Any], Any]
_log = logging.getLogger("caxton.serving")


class AgentServer(Server[dict[str, Any]]):
    """The exposed agents of a host as tools, for any of the SDK's transports.

    Args:
        host: a running host. The server belongs to its event loop.
        exposed: which agents, or a function that tells.

    Raises:
        HostError: ``config.invalid``, an agent is exposed twice.
    """

    def __init__(self, host: Host, exposed: ExposedSource, settings: ServingSettings | None = None) -> None:
        self.settings = settings or ServingSettings()
        self._host = host
        self._source = exposed
        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus, max_subscriptions=self.settings.max_sessions)
        self._listening = 0
        self._connections: set[Connection] = set()
        self._seen = self._tools()
        self._timer: Timer | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        super().__init__(
            "caxton",
            version=_version(),
            title="Caxton",
            instructions=_INSTRUCTIONS,
            get_tool_input_schema=self._schema,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_subscriptions_listen=self._serve_listener,
        )
        self.add_notification_handler("notifications/initialized", NotificationParams, self._initialized)

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """What clients are told of the server, by default also that it tells when its tools change."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)

    # ---- requests -------------------------------------------------------------------------------------------------

    async def _list_tools(self, ctx: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        if params is not None and params.cursor is not None:
            raise MCPError(INVALID_PARAMS, "there is no such cursor: the list has one page")
        with _guarded("the list of tools"):
            tools = self._tools()
        return ListToolsResult(
            tools=[Tool(name=one.agent, description=one.description, input_schema=one.schema) for one in tools]
        )

    def _schema(self, name: str) -> Mapping[str, Any] | None:
        exposed = table(self._source).get(name)
        return None if exposed is None else exposed.schema

    async def _call_tool(self, ctx: _Context, params: CallToolRequestParams) -> CallToolResult:
        with _guarded("the list of tools"):
            exposed = table(self._source).get(params.name)
        if exposed is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {safe_name(params.name)}")
        timeout = self._timeout(ctx.meta or {})
        with self._counted(), _guarded(f"a call of {exposed.agent}"):
            try:
                payload = exposed.payload(params.arguments)
                return await self._ask(ctx, exposed, payload, timeout)
            except CaxtonError as error:
                return results.failed(exposed.agent, error)

    async def _ask(self, ctx: _Context, exposed: Exposed, payload: bytes, timeout: float) -> CallToolResult:
        asking = Asking(
            self._host,
            exposed.agent,
            payload,
            timeout=timeout,
            content_type="text/plain" if exposed.input_schema is None else "application/json",
            parts="progress_token" in (ctx.meta or {}),
        )
        try:
            number = 0
            async for part in asking.parts():
                number += 1
                text = cut(part.decode("utf-8", "replace"), PROGRESS_LIMIT)
                await ctx.session.report_progress(number, message=text)
            return results.answered(exposed.agent, asking.reply().payload)
        finally:
            asking.withdraw()  # also when the client has cancelled the request, or is gone

    def _timeout(self, meta: Mapping[str, Any]) -> float:
        given = meta.get(TIMEOUT_KEY)
        if given is None:
            return self.settings.timeout
        if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
            raise MCPError(INVALID_PARAMS, f"_meta: {TIMEOUT_KEY} is a number of milliseconds, more than 0")
        return min(given / 1000, self.settings.max_timeout)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    async def drain(self) -> None:
        """Waits until no call runs, as long as the settings say at most."""
        try:
            await asyncio.wait_for(self._idle.wait(), self.settings.drain)
        except TimeoutError:
            _log.warning("%d calls have not ended in time", self._calls)

    def end_streams(self) -> None:
        """Ends the streams of clients that listen for changes."""
        self._listen.close()

    # ---- which tools there are ------------------------------------------------------------------------------------

    def _tools(self) -> list[Exposed]:
        return [one for one in table(self._source).values() if self._is_there(one.agent)]

    def _is_there(self, name: str) -> bool:
        router = self._host.router
        return router.knows(AgentName(name)) and not router.get(AgentName(name)).ended

    def refresh(self) -> None:
        """Looks which tools there are, and tells the clients if they have changed. It looks by itself, too, every
        second; this is for who will not wait so long."""
        try:
            tools = self._tools()
        except Exception:  # a program's function that fails costs one look
            _log.exception("which agents are exposed could not be told")
            return
        if tools != self._seen:
            self._seen = tools
            task = asyncio.get_running_loop().create_task(self._tell())
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self) -> None:
        async def tell(connection: Connection) -> None:
            try:
                await asyncio.wait_for(connection.send_tool_list_changed(), _TELL)
            except Exception as error:  # one that does not listen is no reason not to tell the others
                _log.debug("a client could not be told that the tools have changed: %r", error)

        await self._bus.publish(ToolsListChanged())
        await asyncio.gather(*map(tell, self._connections))

    async def _initialized(self, ctx: _Context, params: NotificationParams | None) -> None:
        # The SDK has no public way from a request to its connection, which is what outlives the request.
        connection = ctx.session._connection
        if connection not in self._connections:
            self._connections.add(connection)
            connection.exit_stack.callback(self._gone, connection)
            self._watch()

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._watch()

    async def _serve_listener(
        self, ctx: _Context, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        self._listening += 1
        self._watch()
        try:
            return await self._listen(ctx, params)
        finally:
            self._listening -= 1
            self._watch()

    def _watch(self) -> None:
        """Looks now and then as long as anybody would be told."""
        wanted = bool(self._connections or self._listening)
        if wanted and self._timer is None:
            self._seen = self._tools()
            self._timer = self._look_later()
        elif not wanted and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> Timer:
        clock = self._host.clock
        return clock.call_at(clock.monotonic() + LOOK, self._look)

    def _look(self) -> None:
        self._timer = self._look_later()
        self.refresh()


def agent_server(host: Host, exposed: ExposedSource, *, settings: ServingSettings | None = None) -> AgentServer:
    """An MCP server whose tools are the exposed agents of a running host.

    Raises:
        HostError: ``config.invalid``, an agent is exposed twice.
    """
    return AgentServer(host, exposed, settings)


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """A mistake of ours, or of the program's function that tells what is exposed, is logged; the client hears no more
    than that there was one."""
    try:
        yield
    except MCPError:
        raise
    except Exception:
        _log.exception("%s: it could not be answered", what)
        raise MCPError(INTERNAL_ERROR, "the host could not answer") from None


def _version() -> str:
    try:
        return version("caxton")
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"
