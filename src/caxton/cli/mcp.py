"""``caxton mcp``: the agents of a configuration file as tools for an MCP client."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caxton.cli import interrupts, output
from caxton.errors import HostError
from caxton.text import safe, safe_name

if TYPE_CHECKING:
    from caxton.host.runtime import Host
    from caxton.serving import Exposed

DRAIN: Final = 10.0
"""Seconds that calls may take to end, after the first signal and at the end of input."""

_BACKLOG: Final = 128


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. ``host`` is a name or an IP address without brackets."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine gets there."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address:
    """``HOST:PORT``; an IPv6 address is in brackets; port 0 is any free one.

    Raises:
        HostError: ``config.invalid``.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    name = host[1:-1] if bracketed else host
    right = colon and name and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not right or (":" in name) != bracketed or "[" in name or "]" in name:
        raise HostError("config.invalid", f"--http: {safe_name(repr(text))} is not HOST:PORT, such as 127.0.0.1:8000")
    return Address(name, int(port))


def serve(path: Path, *, http: str | None = None, token_env: str | None = None) -> int:
    """Serves the agents of a configuration file that it exposes; answers the exit status.

    Args:
        path: the configuration file.
        http: where to listen, ``HOST:PORT``; None: the client is at standard input and output.
        token_env: the environment variable that holds the token which requests must bring.

    Raises:
        CaxtonError: ``config.invalid``, the file, the address or the token; whatever an agent came to as it started.
    """
    where = None if http is None else address(http)
    token = _token(where, token_env)
    exposed = _exposed(path)
    # Agents' logs go to standard error, like everything that is not the protocol's.
    logging.getLogger("caxton.agent").setLevel(logging.INFO)
    return interrupts.run(_serve(path, exposed, where, token))


def _token(where: Address | None, token_env: str | None) -> str | None:
    if token_env is None:
        if where is not None and not where.is_loopback:
            raise HostError("config.invalid", f"--http {where} is not this machine alone: it takes --token-env")
        return None
    if where is None:
        raise HostError("config.invalid", "--token-env goes with --http")
    token = os.environ.get(token_env)
    if not token:
        raise HostError("config.invalid", f"--token-env: there is no {safe_name(token_env)} in the environment")
    return token


def _exposed(path: Path) -> Sequence[Exposed]:
    from caxton.config import load
    from caxton.serving import Exposed

    found = [Exposed(one.name, one.description, one.input_schema) for one in load(path).agents if one.expose]
    if not found:
        raise HostError("config.invalid", f"{safe(str(path))}: no agent there has expose = true")
    return found


async def _serve(path: Path, exposed: Sequence[Exposed], where: Address | None, token: str | None) -> int:
    from caxton.cli.consent import Consent
    from caxton.cli.up import configured

    listener = None if where is None else listen(where)
    try:
        async with configured(path, "mcp") as host:
            consent = Consent(host.approvals)
            try:
                if listener is None:
                    consent.close()  # standard input is the client's: nobody there can be asked
                    await until_interrupted(lambda stop: _stdio(host, exposed, stop))
                else:
                    assert where is not None
                    await until_interrupted(lambda stop: _http(host, exposed, listener, where, token, stop))
            finally:
                consent.close()
    finally:
        if listener is not None:
            listener.close()
    return 0


async def until_interrupted(serving: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Runs ``serving`` to its end. When a signal comes, sets its event instead, and lets it end well; another signal
    ends the process at once."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(serving(stop))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        interrupts.forgive(DRAIN + interrupts.GRACE)
        stop.set()
        await task


async def _stdio(host: Host, exposed: Sequence[Exposed], stop: asyncio.Event) -> None:
    from caxton.serving import ServingSettings, run_stdio

    await run_stdio(host, exposed, settings=ServingSettings(drain=DRAIN), stop=stop)


async def _http(
    host: Host,
    exposed: Sequence[Exposed],
    listener: socket.socket,
    where: Address,
    token: str | None,
    stop: asyncio.Event,
) -> None:
    from caxton.serving import ServingSettings, http_app, serve_http
    from caxton.serving.http import LOOPBACK

    settings = ServingSettings(drain=DRAIN)
    hosts = LOOPBACK if where.is_loopback else None
    app = http_app(host, exposed, token=token, allowed_hosts=hosts, settings=settings)
    port = listener.getsockname()[1]
    output.say(f"caxton: serving MCP at http://{Address(where.host, port)}/mcp")
    await serve_http(app, listener, stop=stop)


def listen(where: Address) -> socket.socket:
    """A socket that listens there.

    Raises:
        HostError: ``config.invalid``, it cannot.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _deaf(where, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _deaf(where, error) from None
    return listener


def _deaf(where: Address, error: OSError) -> HostError:
    return HostError("config.invalid", f"--http {safe_name(str(where))}: {error.strerror or error}")
