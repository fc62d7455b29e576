"""One HTTP connection that can go to the checked addresses only, and carries only so much."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

import anyio
import httpcore2

from caxton.errors import ToolError
from caxton.tools.builtin.addresses import Address
from caxton.tools.builtin.locations import Target
from caxton.tools.builtin.network import Connect, first_connection

FAILURES: Final[tuple[type[Exception], ...]] = (
    httpcore2.ProtocolError,
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    OSError,  # and with it TLS's
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)
"""What a connection can fail with; the library lets some errors of the layer below through."""


class _Metered(httpcore2.AsyncNetworkStream):
    """A stream that gives up when more comes than an answer with its framing may have."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, limit: int) -> None:
        self._stream = stream
        self._left = limit

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._left -= len(data)
        if self._left < 0:
            raise ToolError("tool.failed", "the answer is too large")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Metered(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses of one target; whatever else the library might ask for is refused."""

    def __init__(self, connect: Connect, target: Target, addresses: Sequence[Address], limit: int) -> None:
        self._connect = connect
        self._target = target
        self._addresses = addresses
        self._limit = limit

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if (host, port) != (self._target.host, self._target.port):
            raise ToolError("grant.denied", "a connection that nobody has checked")
        return _Metered(await first_connection(self._connect, self._addresses, port), self._limit)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise ToolError("grant.denied", "a connection that nobody has checked")


def connection(
    connect: Connect, target: Target, addresses: Sequence[Address], tls: ssl.SSLContext | None, limit: int
) -> httpcore2.AsyncHTTPConnection:
    """A connection for one request to ``target``, over HTTP/1.1: ``limit`` bytes may come back, all told. Knows no
    proxies and no environment; TLS is for the target's name, whatever address it has."""
    host = target.host.encode("ascii")
    return httpcore2.AsyncHTTPConnection(
        origin=httpcore2.Origin(target.scheme.encode("ascii"), host, target.port),
        ssl_context=tls,
        http1=True,
        http2=False,
        retries=0,
        network_backend=_Pinned(connect, target, addresses, limit),
    )


def request(target: Target, method: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> httpcore2.Request:
    """The request, its URL in parts so that nobody takes it apart again."""
    url = httpcore2.URL(
        scheme=target.scheme.encode("ascii"),
        host=target.host.encode("ascii"),
        port=target.port,
        target=target.path.encode("ascii"),
    )
    return httpcore2.Request(method, url, headers=list(headers), content=body)
