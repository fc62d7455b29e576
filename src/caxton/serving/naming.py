"""Which hosts a request may name, and which origins a browser may call from.

A page of somebody else's, open in a browser on this machine, must not reach the server by a name of its own (DNS
rebinding). Both headers are read by one narrow grammar: a host in any case, and a port of digits.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from caxton.text import safe_name

_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)
_ORIGIN: Final = re.compile(r"https?://(.+)", re.ASCII | re.IGNORECASE)
_log = logging.getLogger("caxton.serving")


class AllowedHosts:
    """The hosts of a list: ``localhost`` (with any port, or none), ``localhost:8080`` (with that one), ``[::1]``."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = {host.lower().removesuffix(":*") for host in hosts}

    def refusal(self, headers: Headers) -> Response | None:
        """What a request with these headers is answered; None: it may go on. A request without an origin is not a
        page's."""
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if not self.has(host):
            _log.warning("a request is refused that names the host %s", safe_name(repr(host)))
            return PlainTextResponse("Invalid Host header", 421)
        found = _ORIGIN.fullmatch(origin)
        if origin and not (found and self.has(found[1])):
            _log.warning("a request is refused from the origin %s", safe_name(repr(origin)))
            return PlainTextResponse("Invalid Origin header", 403)
        return None

    def has(self, text: str) -> bool:
        """Whether a host, with its port if it has one, is one of them."""
        found = _HOST.fullmatch(text)
        return found is not None and not self._hosts.isdisjoint({found[1].lower(), found[0].lower()})
