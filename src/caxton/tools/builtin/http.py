"""http.fetch: a request to a host that a rule names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from caxton.agents.rules import Rule
from caxton.errors import ToolError
from caxton.text import safe_name
from caxton.tools import results
from caxton.tools.builtin import bodies, hosts, locations
from caxton.tools.builtin.addresses import Reach, reach
from caxton.tools.builtin.network import Network, check_addresses
from caxton.tools.builtin.places import SHARE, Places, connections
from caxton.tools.provider import Call, setting
from caxton.tools.settings import HttpSettings

if TYPE_CHECKING:
    from httpcore2 import AsyncHTTPConnection

    from caxton.tools.builtin.arguments import Fetch

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_VALUE: Final = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?", re.ASCII)
_HEADERS_LIMIT: Final = 16 << 10
_REFUSED: Final = frozenset(
    (
        "accept-encoding connection content-length expect forwarded host keep-alive te trailer transfer-encoding "
        "upgrade via x-client-ip x-host x-http-method x-http-method-override x-method-override x-original-host "
        "x-original-uri x-original-url x-real-ip x-rewrite-url"
    ).split()
)
_REFUSED_STARTS: Final = ("proxy-", "x-forwarded-")
_ALIKE: Final = re.compile(r"[^a-z0-9]")
"""Servers that hand headers on as variables (CGI) see ``-`` in all of these."""

_TRAVELS: Final = frozenset("accept accept-language content-type user-agent".split())
"""Headers that go to another host, too: the others may be a credential, whatever their name."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FRAMING: Final = 512 << 10
_OURS: Final = ((b"accept-encoding", b"gzip"), (b"connection", b"close"))


@dataclass(frozen=True, slots=True)
class _Hop:
    """One request of a chain of redirects."""

    target: locations.Target
    method: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


def check_host(rules: Sequence[tuple[str, Rule]], target: locations.Target) -> None:
    """Refuses a host that no rule grants.

    Raises:
        ToolError: ``grant.denied``; its ``rule`` is the one that grants others, or that there is none.
    """
    glob, granted = setting(rules, "hosts")
    if not hosts.granted(granted or (), target):
        error = ToolError("grant.denied", f"no rule grants the host {safe_name(target.authority)}")
        error.rule = _rule(glob, "hosts")
        raise error


def _rule(glob: str, key: str) -> str:
    return f'rules."{glob}".{key}' if glob else f'rules."http.fetch".{key} (there is none)'


def check(call: Call, arguments: Fetch) -> None:
    """Refuses what can be refused without asking anybody: also a host that is an address which may not be connected to.

    Raises:
        ToolError: ``grant.denied``, ``tool.bad-arguments``.
    """
    target = _first(arguments).target
    check_host(call.rules, target)
    if target.address is None:
        return
    try:
        check_addresses(target, [target.address], _is_private(call, target))
    except ToolError as error:
        if reach(target.address) is Reach.PRIVATE:  # else no rule could grant it
            error.rule = _rule(setting(call.rules, "private")[0], "private")
        raise


def _is_private(call: Call, target: locations.Target) -> bool:
    """Whether a rule lets it lie in a private network."""
    return hosts.granted(call.setting("private") or (), target)


def _first(arguments: Fetch) -> _Hop:
    body = (arguments.body or "").encode()
    if body and arguments.method in ("GET", "HEAD", "OPTIONS"):
        raise ToolError("tool.bad-arguments", f"http.fetch: {arguments.method} has no body")
    return _Hop(locations.parse(arguments.url), arguments.method, _headers(arguments.headers), body)


class Http:
    """The tool, for all agents of one host."""

    def __init__(self, settings: HttpSettings, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._places = Places(connections(), SHARE)

    async def fetch(self, call: Call, arguments: Fetch) -> bytes:
        """Makes the request and follows redirects, each of which is checked like the first.

        Raises:
            ToolError: ``grant.denied``, ``tool.bad-arguments``, ``tool.failed``.
        """
        limit = min(arguments.max_bytes or self._settings.max_bytes, self._settings.max_bytes)
        hop = _first(arguments)
        for _ in range(self._settings.redirects + 1):
            answer = await self._ask(call, hop, limit)
            location = bodies.header(answer.headers, "location")
            if answer.status not in _REDIRECTS or not location:
                return _told(hop, answer)
            hop = _next(hop, answer.status, location)
            _check(call, hop)
        raise ToolError("tool.failed", f"more than {self._settings.redirects} redirects")

    async def _ask(self, call: Call, hop: _Hop, limit: int) -> _Answer:
        # Grants first: a name that is not granted is not even looked up.
        check_host(call.rules, hop.target)
        addresses = await self._network.addresses(hop.target, _is_private(call, hop.target))
        tls = await self._network.tls(hop.target.scheme)
        from caxton.tools.builtin import pinned

        connection = pinned.connection(self._network.connect, hop.target, addresses, tls, 2 * limit + _FRAMING)
        async with self._places.place(call.agent):
            return await self._exchange(connection, hop, limit)

    async def _exchange(self, connection: AsyncHTTPConnection, hop: _Hop, limit: int) -> _Answer:
        from caxton.tools.builtin import pinned

        try:
            request = pinned.request(hop.target, hop.method, _sent(hop), hop.body)
            response = await connection.handle_async_request(request)
            if response.status in _REDIRECTS or hop.method == "HEAD" or response.status in (204, 304):
                return _Answer(response.status, response.headers, b"")
            async with aclosing(response.aiter_stream()) as chunks:
                body = await bodies.read(chunks, response.headers, limit)
            return _Answer(response.status, response.headers, body)
        except pinned.FAILURES as error:
            raise ToolError("tool.failed", f"{safe_name(hop.target.authority)}: {_said(error)}") from None
        finally:
            with suppress(*pinned.FAILURES):
                await connection.aclose()


def _said(error: Exception) -> str:
    """What went wrong, in a word: the details would tell an agent of networks that it cannot see."""
    reason = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return "its certificate is not trusted, or is another host's"
    return "the connection failed" if isinstance(error, OSError) else f"no proper answer ({type(error).__name__})"


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in given.items():
        key = name.lower()
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ToolError("tool.bad-arguments", f"headers: {safe_name(repr(name))} is no header, or has no value")
        alike = _ALIKE.sub("-", key)
        if alike in _REFUSED or alike.startswith(_REFUSED_STARTS):
            raise ToolError("tool.bad-arguments", f"headers: {safe_name(name)} is not for agents to set")
        if key in found:
            raise ToolError("tool.bad-arguments", f"headers: {safe_name(name)} stands twice")
        found[key] = value
    if sum(len(name) + len(value) for name, value in found.items()) > _HEADERS_LIMIT:
        raise ToolError("tool.bad-arguments", f"headers: more than {_HEADERS_LIMIT} bytes")
    return found


def _sent(hop: _Hop) -> list[tuple[bytes, bytes]]:
    headers = {"accept": "*/*", "user-agent": "caxton", **hop.headers}
    found = [(b"host", hop.target.authority.encode("ascii"))]
    found += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    found += _OURS
    if hop.body or hop.method in ("POST", "PUT", "PATCH"):
        found.append((b"content-length", str(len(hop.body)).encode("ascii")))
    return found


def _next(hop: _Hop, status: int, location: str) -> _Hop:
    """The request that a redirect asks for (RFC 9110, section 15.4).

    Raises:
        ToolError: ``grant.denied``, it leaves TLS; ``tool.failed``, it leads nowhere.
    """
    try:
        target = locations.join(hop.target, location)
    except ToolError as error:
        raise ToolError("tool.failed", f"a redirect that cannot be followed: {error.message}") from None
    if hop.target.scheme == "https" and target.scheme != "https":
        raise ToolError("grant.denied", "a redirect from https to http")
    headers = dict(hop.headers)
    if target.origin != hop.target.origin:
        headers = {name: value for name, value in headers.items() if name in _TRAVELS}
    hop = replace(hop, target=target, headers=headers)
    if (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST"):
        headers.pop("content-type", None)
        return replace(hop, method="GET", headers=headers, body=b"")
    return hop


def _check(call: Call, hop: _Hop) -> None:
    """Asks the rules of what a redirect makes of the call: its arguments, as if the agent had asked for that.

    Raises:
        ToolError: ``grant.denied``.
    """
    asked = {**call.arguments, "url": hop.target.url}
    if hop.method != call.arguments.get("method", "GET"):
        asked["method"] = hop.method
    if not hop.body:
        asked.pop("body", None)
    if "headers" in asked:
        asked["headers"] = {name: value for name, value in asked["headers"].items() if name.lower() in hop.headers}
    try:
        call.check(asked)
    except ToolError as error:
        told = ToolError(error.code, f"a redirect: {error.message}")
        told.rule = error.rule
        raise told from None


def _told(hop: _Hop, answer: _Answer) -> bytes:
    structured: dict[str, Any] = {
        "status": answer.status,
        "url": hop.target.url,
        "headers": bodies.told(answer.headers),
        **bodies.described(answer.body, bodies.header(answer.headers, "content-type")),
    }
    return results.result(structured, structured.get("text") or f"{answer.status}, {len(answer.body)} bytes")
