"""Serving over streamable HTTP (specification 2025-11-25, basic/transports, "Streamable HTTP")."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from caxton.errors import HostError
from caxton.host.runtime import Host
from caxton.serving.exposed import ExposedSource
from caxton.serving.naming import AllowedHosts
from caxton.serving.server import AgentServer, agent_server
from caxton.serving.settings import ServingSettings

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
"""The hosts that a request may name when nothing else is said."""

_CONNECTIONS: Final = 1_024


class HttpApp:
    """An ASGI application that answers MCP requests at one path. Served as it is, or mounted in another one, whose
    lifespan then has to enter ``running()``.

    Attributes:
        server: the MCP server behind it.
    """

    def __init__(self, server: AgentServer, path: str, allowed_hosts: Sequence[str] | None, token: str | None) -> None:
        self.server = server
        self._token = _checked(token)
        self._closing = asyncio.Event()
        if allowed_hosts is None and self._token is None:
            raise HostError("config.invalid", "whoever may name any host has to know a token")
        settings = server.settings
        hosts = None if allowed_hosts is None else AllowedHosts(allowed_hosts)
        self._manager = StreamableHTTPSessionManager(
            server,
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # ours is stricter
            max_request_body_size=settings.max_message,
            max_sessions=settings.max_sessions,
            session_idle_timeout=settings.idle,
        )
        self._app = Starlette(
            routes=[Route(path, _Endpoint(self._manager, hosts, self._token, self._closing))], lifespan=self._lifespan
        )
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What its requests need to be answered; can be entered once."""
        async with self._manager.run():
            try:
                yield
            finally:
                self.close()

    def _lifespan(self, app: Starlette) -> contextlib.AbstractAsyncContextManager[None]:
        return self.running()

    def close(self) -> None:
        """Ends the streams that only wait for notifications, so that the server they run in can end."""
        self._closing.set()
        self.server.end_streams()


class _Endpoint:
    """Who gets through to the SDK."""

    def __init__(
        self,
        manager: StreamableHTTPSessionManager,
        hosts: AllowedHosts | None,
        token: bytes | None,
        closing: asyncio.Event,
    ) -> None:
        self._manager = manager
        self._hosts = hosts
        self._token = token
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["method"] != "GET":
            await self._manager.handle_request(scope, receive, send)
            return
        # A stream that nothing but the client would ever end.
        response = _Response(send)
        await self._manager.handle_request(scope, _until(self._closing, receive), response)
        await response.complete()

    def _refusal(self, headers: Headers) -> Response | None:
        if not self._admits(headers):
            return PlainTextResponse("a token is required", 401, {"WWW-Authenticate": "Bearer"})
        return None if self._hosts is None else self._hosts.refusal(headers)

    def _admits(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Compared in a time that does not tell how much of it was right.
        right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        return right and scheme.lower() == "bearer"


class _Response:
    """Passes a response on, and can bring it to its end."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._open = False

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        self._open = message["type"] == "http.response.start" or bool(message.get("more_body"))

    async def complete(self) -> None:
        """Ends what was begun, unless the client has gone."""
        if self._open:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _until(closing: asyncio.Event, receive: Receive) -> Receive:
    """The same messages; and when it is time, that the client is gone."""

    async def either() -> Message:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(receive()), asyncio.ensure_future(closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return waits[0].result() if waits[0].done() else {"type": "http.disconnect"}
        finally:
            for one in waits:
                one.cancel()

    return either


def _checked(token: str | None) -> bytes | None:
    if token is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise HostError("config.invalid", "the token is empty, or has characters that no header may have")
    return token.encode("ascii")


def http_app(
    host: Host,
    exposed: ExposedSource,
    *,
    path: str = "/mcp",
    allowed_hosts: Sequence[str] | None = LOOPBACK,
    token: str | None = None,
    settings: ServingSettings | None = None,
) -> HttpApp:
    """An ASGI application whose tools are the exposed agents of a running host, in the host's event loop.

    Args:
        path: where it answers.
        allowed_hosts: what the Host header may name, with or without a port, and which origins a browser may call
            from; None: any, which needs a token.
        token: what a request must bring as ``Authorization: Bearer ...``; None: nothing.

    Raises:
        HostError: ``config.invalid``, an agent is exposed twice, or the token is missing or unusable.
    """
    return HttpApp(agent_server(host, exposed, settings=settings), path, allowed_hosts, token)


class _Uvicorn(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Captures none."""
        yield


async def serve_http(app: HttpApp, listener: socket.socket, *, stop: asyncio.Event) -> None:
    """Serves an application on a listening socket until ``stop`` is set; calls that then still run have
    ``settings.drain`` seconds to end."""
    config = uvicorn.Config(
        app,
        loop="none",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=max(1, round(app.server.settings.drain)),
    )
    server = _Uvicorn(config)

    async def end() -> None:
        await stop.wait()
        app.close()
        server.should_exit = True

    ending = asyncio.ensure_future(end())
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()
