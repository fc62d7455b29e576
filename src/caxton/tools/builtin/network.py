"""How http.fetch gets from a name to a connection: names are resolved once, addresses are checked, and nothing else is
connected to."""

from __future__ import annotations

import asyncio
import importlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from caxton.errors import ToolError
from caxton.text import safe_name
from caxton.tools.builtin.addresses import Address, Reach, reach
from caxton.tools.builtin.locations import Target

if TYPE_CHECKING:
    from httpcore2 import AsyncNetworkStream

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, for a port. Raises ``OSError`` when there are none."""

Connect = Callable[[str, int], Awaitable["AsyncNetworkStream"]]
"""A TCP connection to an address and a port."""

_THREADS: Final = 8
_MAX_ADDRESSES: Final = 16
_RESOLVE_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 10.0


def check_addresses(target: Target, addresses: Iterable[Address], private: bool) -> None:
    """Returns if a target with these addresses may be connected to.

    Raises:
        ToolError: ``grant.denied``.
    """
    allowed = {Reach.PUBLIC, Reach.PRIVATE} if private else {Reach.PUBLIC}
    if not all(reach(address) in allowed for address in addresses):
        raise ToolError("grant.denied", f"{target.host} leads to an address that is not public")


class Network:
    """The machine's resolver, its sockets and the authorities that it trusts; tests bring their own of each."""

    def __init__(
        self, *, resolve: Resolve | None = None, connect: Connect | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._resolve = resolve or self._system_resolve
        self.connect = connect or _connect
        self._tls = tls
        self._loading = asyncio.Lock()
        self._loaded = False
        self._threads: ThreadPoolExecutor | None = None

    async def _system_resolve(self, host: str, port: int) -> list[str]:
        # Not the event loop's own threads: a resolver that hangs keeps its thread, and would starve everybody else.
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="caxton-names")
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host, port)
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    async def addresses(self, target: Target, private: bool) -> list[Address]:
        """Where a target may be found: one answer of the resolver, in its order. One address that may not be connected
        to spoils them all: an honest name has none.

        Raises:
            ToolError: ``grant.denied``, it leads to an address that is not public, and ``private`` is not set, or to
                one that is nobody's; ``tool.failed``, there is no such name; ``tool.timeout``.
        """
        found = [target.address] if target.address is not None else await self._looked_up(target)
        check_addresses(target, found, private)
        return found[:_MAX_ADDRESSES]

    async def _looked_up(self, target: Target) -> list[Address]:
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                texts = await self._resolve(target.host, target.port)
            found = [ip_address(text) for text in texts]
        except TimeoutError:
            raise ToolError("tool.timeout", f"no answer as to where {target.host} is") from None
        except (OSError, ValueError):  # ValueError: with it, a name that cannot be looked up
            found = []
        if not found:
            raise ToolError("tool.failed", f"there is no host {safe_name(target.host)}")
        return found

    async def tls(self, scheme: str) -> ssl.SSLContext | None:
        """What certificates are checked with; None where ``scheme`` needs none and none is loaded."""
        async with self._loading:
            if not self._loaded:
                # On a thread, as the certificates: each takes a tenth of a second, or what the disk takes.
                await asyncio.to_thread(importlib.import_module, "httpcore2")
                self._loaded = True
            if self._tls is None and scheme == "https":
                self._tls = await asyncio.to_thread(_default_tls)
        return self._tls

    async def close(self) -> None:
        """Lets its threads go."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _default_tls() -> ssl.SSLContext:
    import httpcore2

    return httpcore2.default_ssl_context()


def _getaddrinfo(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connect(address: str, port: int) -> AsyncNetworkStream:
    import httpcore2

    nagle: Iterable[tuple[int, int, int]] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    return await httpcore2.AnyIOBackend().connect_tcp(address, port, socket_options=nagle)


async def first_connection(connect: Connect, addresses: Sequence[Address], port: int) -> AsyncNetworkStream:
    """A connection to the first of ``addresses`` that takes one.

    Raises:
        ToolError: ``tool.failed``, none does.
    """
    import httpcore2

    for address in addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await connect(str(address), port)
        except (OSError, httpcore2.NetworkError, httpcore2.TimeoutException):  # OSError: with it, TimeoutError
            continue
    raise ToolError("tool.failed", "no connection to the host")
