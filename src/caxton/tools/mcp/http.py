"""The transport to a server over streamable HTTP: the SDK's, on a client that bounds what comes back.

The SDK follows redirects within the endpoint's origin only, so headers go nowhere else. What it leaves open is closed
here: the size and speed of answers, compressed ones, connections that fail (one would end all other calls), servers
that never answer a notification or ask for reconnecting without pause.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import httpx2

from caxton.text import safe
from caxton.tools.mcp.bounds import LINE_LIMIT, TOO_MUCH, EndlessLineError, Events, Meter, has_too_many_values, weight
from caxton.tools.mcp.clean import Redact, clean_text
from caxton.tools.mcp.traffic import UNASKED_RATE, Traffic
from caxton.tools.mcp.wire import Wire

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage

CONNECT: Final = 10.0
"""Seconds for a connection, and for the answer to a message that needs none."""

_CLOSE: Final = 3.0
_CONNECTIONS: Final = 1_024
_QUEUE: Final = 10_000
_BYTES: Final = 32 << 20  # a second
_COOKIES: Final = 50
_REQUEST: Final = re.compile(rb'\{"jsonrpc":"2\.0","id":[^,]{1,40},"method":')
_SESSION: Final = "mcp-session-id"


class HttpWire(Wire):
    """One connection: requests that the SDK makes of ``url``, each with ``headers`` (secrets are filled in already)."""

    def __init__(self, url: str, headers: Mapping[str, str], redact: Redact) -> None:
        super().__init__()
        self._url = url
        self._headers = dict(headers)
        self._redact = redact
        self._stack = AsyncExitStack()
        self.work = Meter(UNASKED_RATE, 8 * UNASKED_RATE)

    async def __aenter__(self) -> tuple[Reader, Outbox]:
        from mcp.client.streamable_http import streamable_http_client

        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(Client(self, self._headers))
            transport = streamable_http_client(self._url, http_client=client, max_sse_event_size=2 * LINE_LIMIT)
            incoming, outgoing = await stack.enter_async_context(transport)
            traffic = Traffic()
            outbox = Outbox(outgoing, traffic)
            stack.push_async_callback(outbox.stop)
            self._stack = stack.pop_all()
        return Reader(self, incoming, traffic), outbox

    async def __aexit__(self, *details: Any) -> bool | None:
        return await self._stack.__aexit__(*details)

    def note(self, error: Exception) -> str:
        """What went wrong with one request, for whoever made it."""
        self.trouble = safe(clean_text(self._redact, f"{type(error).__name__}: {error}".rstrip(": ")), 300)
        return self.trouble


class Client(httpx2.AsyncClient):
    """An HTTP client for one server: every answer is bounded, and a request that fails is answered as one that the
    server has refused, since the SDK gives up the whole connection for an exception."""

    def __init__(self, wire: HttpWire, headers: Mapping[str, str]) -> None:
        super().__init__(
            headers={"accept-encoding": "identity", "user-agent": "caxton", **headers},
            timeout=httpx2.Timeout(CONNECT, read=None, pool=None),
            limits=httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=20),
        )
        self._wire = wire
        self._streams_from = float("-inf")
        self._meter = Meter(_BYTES, 2 * _BYTES)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Sends a request; answers also what failed."""
        await self._prepare(request)
        try:
            response = await super().send(request, **options)
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as error:
            return _refusal(request, f"cannot be reached: {self._wire.note(error)}")
        if len(self.cookies.jar) > _COOKIES:
            self.cookies.clear()
        if response.status_code == 404 and _SESSION in request.headers:
            self._wire.expired = True
            self._wire.end("it has forgotten the session")
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            await response.aclose()
            return _refusal(request, "answered with compressed data, which it was not asked for")
        if response.status_code >= 400 and response.status_code != 404 and not _is_json(response):
            await response.aclose()
            return _refusal(request, f"answered with HTTP status {response.status_code}", response.status_code)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._meter, self._wire, stream=_is_stream(response))
        return response

    async def _prepare(self, request: httpx2.Request) -> None:
        """Bounds what the SDK would wait for without end."""
        timeouts = request.extensions.setdefault("timeout", {})
        if request.method == "GET":
            pause = self._streams_from + 1.0 - time.monotonic()
            self._streams_from = max(self._streams_from + 1.0, time.monotonic())
            await asyncio.sleep(max(0.0, pause))
        elif request.method == "DELETE":
            timeouts.update(connect=_CLOSE, read=_CLOSE, write=_CLOSE)
        elif not _REQUEST.match((await request.aread())[:256]):
            timeouts.update(read=CONNECT)


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, in whole messages: one that is too large ends it with an error."""

    def __init__(self, body: httpx2.AsyncByteStream, meter: Meter, wire: HttpWire, *, stream: bool) -> None:
        self._body = body
        self._meter = meter
        self._wire = wire
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._events() if self._stream else self._whole():
                yield part
        except httpx2.SSEError:  # which is a TransportError too
            raise
        except (httpx2.TransportError, OSError) as error:
            raise httpx2.StreamError(self._wire.note(error)) from None

    async def _chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            if (pause := self._meter.spend(len(chunk))) > 0:
                await asyncio.sleep(pause)
            yield chunk

    async def _whole(self) -> AsyncIterator[bytes]:
        chunks, size = [], 0
        async for chunk in self._chunks():
            chunks.append(chunk)
            size += len(chunk)
            if size > LINE_LIMIT:
                raise httpx2.StreamError(TOO_MUCH)
        data = b"".join(chunks)
        if has_too_many_values(data):
            raise httpx2.StreamError(TOO_MUCH)
        yield data

    async def _events(self) -> AsyncIterator[bytes]:
        events = Events()
        async for chunk in self._chunks():
            try:
                found = events.feed(chunk)
            except EndlessLineError:
                raise httpx2.SSEError(TOO_MUCH) from None
            for event in found:
                # Whoever sends nothing but brackets makes much work with few bytes.
                if (pause := self._wire.work.spend(weight(event) - 1)) > 0:
                    await asyncio.sleep(pause)
                yield event

    async def aclose(self) -> None:
        await self._body.aclose()


def _is_json(response: httpx2.Response) -> bool:
    return str(response.headers.get("content-type", "")).lower().startswith("application/json")


def _is_stream(response: httpx2.Response) -> bool:
    return str(response.headers.get("content-type", "")).lower().startswith("text/event-stream")


def _refusal(request: httpx2.Request, reason: str, status: int = 503) -> httpx2.Response:
    """An answer in the server's stead. The SDK makes an error of it for whoever made the request."""
    from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError

    error = JSONRPCError(jsonrpc="2.0", id=0, error=ErrorData(code=INTERNAL_ERROR, message=reason))
    content = error.model_dump_json(by_alias=True, exclude_unset=True)
    return httpx2.Response(status, request=request, content=content, headers={"content-type": "application/json"})


class Reader:
    """The stream of messages from a server: the SDK's, metered."""

    def __init__(self, wire: HttpWire, inner: Any, traffic: Traffic) -> None:
        self._wire = wire
        self._inner = inner
        self._traffic = traffic

    @property
    def last_context(self) -> Any:
        """The context of whoever sent the last message, which the SDK goes on in."""
        return getattr(self._inner, "last_context", None)

    def __aiter__(self) -> Reader:
        return self

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        message: SessionMessage | Exception = await self._inner.receive()
        pause = self._traffic.delay(getattr(message, "message", None), lambda: 1.0)
        if pause > 0:
            await asyncio.sleep(pause)
        return message

    async def __anext__(self) -> SessionMessage | Exception:
        from anyio import EndOfStream

        try:
            return await self.receive()
        except EndOfStream:
            self._wire.end(self._wire.trouble)
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Closes the SDK's."""
        await self._inner.aclose()

    async def __aenter__(self) -> Reader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Outbox:
    """The stream of messages to a server: nobody waits in it for a message of somebody else's."""

    def __init__(self, inner: Any, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic
        self._queue: asyncio.Queue[SessionMessage] = asyncio.Queue(_QUEUE)
        self._task = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        from anyio import BrokenResourceError, ClosedResourceError

        try:
            while True:
                await self._inner.send(await self._queue.get())
        except (BrokenResourceError, ClosedResourceError):
            return

    async def send(self, item: SessionMessage, /) -> None:
        """Sends a message.

        Raises:
            anyio.BrokenResourceError: the connection has ended, or too much waits for it.
        """
        from anyio import BrokenResourceError

        if self._task.done() or self._queue.full():
            raise BrokenResourceError
        self._traffic.sent(item.message)
        self._queue.put_nowait(item)

    async def stop(self) -> None:
        """Gives up what has not been sent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def aclose(self) -> None:
        """The connection closes the SDK's."""

    async def __aenter__(self) -> Outbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
