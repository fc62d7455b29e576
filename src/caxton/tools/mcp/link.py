"""One connection to a server, from its start to its end."""

from __future__ import annotations

import asyncio
import importlib
import logging
import reprlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from caxton.agents.ports import Clock
from caxton.text import safe
from caxton.tools.mcp.bounds import Bounded
from caxton.tools.mcp.clean import Redact, clean_start, clean_text, clean_value
from caxton.tools.mcp.errors import describe
from caxton.tools.mcp.listing import Listed, fetch
from caxton.tools.mcp.wire import Wire

if TYPE_CHECKING:
    from mcp import Client

START: Final = 30.0
"""Seconds that a server may take until it has told its tools."""

_CALM: Final = 0.5
_RELISTEN: Final = 5.0
_log = logging.getLogger("caxton.tools.mcp")

_BRIEF: Final = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 500
_BRIEF.maxdict = _BRIEF.maxlist = 20

Judge = Callable[[Mapping[str, Listed]], Awaitable[dict[str, str]]]
"""Says of tools which may not be called, and why."""


class Link:
    """A connection with a task of its own, which enters the SDK's client and leaves it: the SDK wants both done by one
    task. Callers share it.

    Attributes:
        ready: becomes True when tools can be called, False when the start has failed.
        down: set when tools can be called no more; ``reason`` then says why.
        over: set when nothing is left of it.
        tools: by name without the server's.
        objections: which of them may not be called, and why.
        counted: whether its end has been counted as a failure.
    """

    def __init__(
        self,
        name: str,
        wire: Callable[[], Wire],
        *,
        clock: Clock,
        redact: Redact,
        hidden: Mapping[str, Mapping[str, Any]],
        judge: Judge,
        log: Bounded,
    ) -> None:
        self.name = name
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.down = asyncio.Event()
        self.over = asyncio.Event()
        self.reason = ""
        self.wire: Wire | None = None
        self.client: Client | None = None
        self.tools: dict[str, Listed] = {}
        self.objections: dict[str, str] = {}
        self.began = clock.monotonic()
        self.counted = False
        self._open = wire
        self._clock = clock
        self._redact = redact
        self._hidden = hidden
        self._judge = judge
        self._log = log
        self._changed = asyncio.Event()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._own())

    @property
    def is_up(self) -> bool:
        """Whether a call may be tried."""
        return self.client is not None and not self._is_leaving

    @property
    def _is_leaving(self) -> bool:
        return self._leave.is_set() or (self.wire is not None and self.wire.over.is_set())

    @property
    def why(self) -> str:
        """Why it has ended, as far as that is known yet."""
        return self.reason or (self.wire.reason if self.wire else "")

    async def stop(self) -> None:
        """Ends it, and returns when nothing is left of it."""
        self.reason = self.reason or "it was stopped"
        self._leave.set()
        if not self.ready.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _own(self) -> None:
        timer = self._clock.call_at(self.began + START, self._too_late)
        self.ready.add_done_callback(lambda _: timer.cancel())
        try:
            await self._live()
        except asyncio.CancelledError:
            if not self.reason:
                self.reason = "it was stopped"
        except BaseException as error:  # whatever the SDK or its foundations raise is this server's end
            self.reason = self.reason or self._why(error)
            if not isinstance(error, Exception | BaseExceptionGroup):
                raise
        finally:
            self._go_down()
            self.reason = self.reason or "the connection has ended"
            self.over.set()
            if not self.ready.done():
                self.ready.set_result(False)

    def _go_down(self) -> None:
        self.reason = self.why
        self.client = None
        self.down.set()

    def _why(self, error: BaseException) -> str:
        """The reason of a failure: what became of the process says more than that the connection has closed."""
        wire = self.wire
        told = describe(error, self._redact)
        if wire is None:
            return told
        return wire.reason or (f"{told} ({wire.trouble})" if wire.trouble and wire.trouble not in told else told)

    def _too_late(self) -> None:
        if not self.ready.done():
            trouble = f" ({self.wire.trouble})" if self.wire and self.wire.trouble else ""
            self.reason = f"it did not start within {START:g} s{trouble}"
            self._task.cancel()

    async def _live(self) -> None:
        await asyncio.to_thread(importlib.import_module, "mcp")  # which takes half a second, the first time
        self.wire = wire = self._open()
        from mcp import Client, Implementation

        async with Client(
            wire,  # type: ignore[arg-type]
            client_info=Implementation(name="caxton", version="1"),
            message_handler=self._heard,
            logging_callback=self._logged,
            cache=None,
        ) as client:
            # The SDK would hold results to the server's own schema, whose patterns (regular expressions of the server's
            # choosing, on text of the server's choosing) could hold up the whole host.
            client.session.validate_tool_result = _take_as_it_is  # type: ignore[method-assign]
            await self._list(client)
            self.client = client
            self.ready.set_result(True)
            await self._stay(client)

    async def _stay(self, client: Client) -> None:
        """Until it is told to leave, or nothing more can come."""
        assert self.wire is not None
        helpers = [asyncio.create_task(self._refresh(client))]
        if _must_be_asked(client):
            helpers.append(asyncio.create_task(self._listen(client)))
        ends = [asyncio.create_task(self._leave.wait()), asyncio.create_task(self.wire.over.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._go_down()
            for task in (*helpers, *ends):
                task.cancel()
            await asyncio.gather(*helpers, *ends, return_exceptions=True)

    # ---- the list of tools ------------------------------------------------------------------------------------------

    async def _list(self, client: Client) -> None:
        tools: dict[str, Listed] = {}
        if client.server_capabilities.tools is not None:
            tools, remarks = await fetch(client, self.name, self._hidden, self._redact)
            for remark in remarks:
                _log.warning("%s: %s", self.name, clean_text(self._redact, remark))
        self.objections = await self._judge(tools)
        self.tools = tools

    async def judge_again(self) -> None:
        """Asks again what may not be called: a person may have accepted it since."""
        self.objections = await self._judge(self.tools)

    async def _refresh(self, client: Client) -> None:
        """Lists the tools again whenever the server says that they have changed, but not more often than it makes
        sense."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with asyncio.timeout(START):
                    await self._list(client)
            except Exception as error:  # the list stays as it was
                _log.warning("%s: its tools cannot be listed again: %s", self.name, self._why(error))
            await asyncio.sleep(_CALM)

    async def _listen(self, client: Client) -> None:
        """Asks to be told of changes, of a server that only tells those who ask (MCP 2026-07-28)."""
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    self._changed.set()  # what happened before it listened
                    async for _ in changes:
                        self._changed.set()
            except Exception as error:  # it goes on without
                _log.debug("%s: cannot be listened to: %s", self.name, self._why(error))
            await asyncio.sleep(_RELISTEN)

    # ---- what the server says by itself -----------------------------------------------------------------------------

    async def _heard(self, message: Any) -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._changed.set()

    async def _logged(self, params: Any) -> None:
        if isinstance(params.data, str):
            self._log(lambda: f"({params.level}) {safe(clean_start(self._redact, params.data))}")
            return
        told = await asyncio.to_thread(self._told, params.data)  # it may be as large as a message
        self._log(lambda: f"({params.level}) {told}")

    def _told(self, data: Any) -> str:
        """A remark of the server's that is no text but any data, of which a part is shown."""
        return safe(_BRIEF.repr(clean_value(self._redact, data)))  # half a secret would not be known as one


async def _take_as_it_is(name: str, result: Any) -> None:
    """In place of the SDK's check."""


def _must_be_asked(client: Client) -> bool:
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    tools = client.server_capabilities.tools
    return client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools is not None and bool(tools.list_changed)
