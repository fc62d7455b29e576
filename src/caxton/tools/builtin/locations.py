"""URLs, read so that there is one reading only.

A name that is checked here and read otherwise by whoever connects is how an allow-list is got round. So a URL is taken
apart once, by a grammar that is narrower than RFC 3986's; what the connection uses is what was checked.
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from caxton.errors import ToolError
from caxton.text import quoted
from caxton.tools.builtin.addresses import Address
from caxton.tools.builtin.segments import goes_up

URL_LIMIT: Final = 8192
PORTS: Final = {"http": 80, "https": 443}

_URL: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
_BRACKETS: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::(\d{1,5}))?", re.ASCII)
_NAMED: Final = re.compile(r"([^\[\]:@%\\]{1,255})(?::(\d{1,5}))?", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
_KEPT: Final = "/?:@!$&'()*+,;=%-._~|{}[]^`"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. ``host`` is a name in lower case and punycode, or an address without brackets; ``path`` is
    what follows the authority, with the query; ``address`` is there when ``host`` is one."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """The host as the ``Host`` header has it: with brackets, and with a port that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole, as one URL."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what must stay the same for credentials to go along."""
        return self.scheme, self.host, self.port


def _bad(why: str) -> ToolError:
    return ToolError("tool.bad-arguments", f"url: {why}")


def parse(url: str) -> Target:
    """Takes a URL apart.

    Names are mapped as UTS 46 says and a dot at their end is dropped. Refused: other schemes, user information, percent
    signs and backslashes in the authority, control characters and spaces anywhere, IPv4 addresses in any form but four
    decimal numbers, zones of IPv6 addresses, ports outside 1 to 65535, and paths that have ``.`` or ``..`` for any
    server (``segments``).

    Raises:
        ToolError: ``tool.bad-arguments``.
    """
    if len(url) > URL_LIMIT:
        raise _bad(f"longer than {URL_LIMIT} characters")
    if "\\" in url or not url.isprintable() or any(character.isspace() for character in url):
        raise _bad("a space, a backslash or a control character")
    match = _URL.fullmatch(url)
    if match is None:
        raise _bad("not http:// or https://")
    scheme = match[1].lower()
    host, port, address = _authority(match[2], PORTS[scheme])
    if goes_up(match[3]):
        raise _bad("'.' or '..' in the path, or what a server may read so")
    path = urllib.parse.quote((match[3] or "/") + (match[4] or ""), safe=_KEPT)
    return Target(scheme, host, port, path, address)


def join(base: Target, location: str) -> Target:
    """The target of a redirect.

    Raises:
        ToolError: ``tool.bad-arguments``, as from ``parse``.
    """
    # The standard library quietly drops some characters: they are refused before it sees them.
    if len(location) > URL_LIMIT or "\\" in location or not location.isprintable():
        raise _bad("a backslash or a control character, or too long")
    try:
        return parse(urllib.parse.urljoin(base.url, location))
    except ValueError:
        raise _bad(f"{quoted(location)} is no URL") from None


def _authority(text: str, default: int) -> tuple[str, int, Address | None]:
    brackets = _BRACKETS.fullmatch(text)
    match = brackets or _NAMED.fullmatch(text)
    if match is None:
        raise _bad(f"{quoted(text)} is no host (user information is not taken)")
    port = default if match[2] is None else int(match[2])
    if not 0 < port < 65536:
        raise _bad(f"{port} is no port")
    if brackets:
        try:
            literal = IPv6Address(match[1])
        except ValueError:
            raise _bad(f"{quoted(text)} is no address") from None
        return str(literal), port, literal
    name = normal_name(match[1])
    return name, port, _address(name)


def normal_name(name: str) -> str:
    """A host's name in lower case and punycode, without a dot at its end.

    Raises:
        ToolError: ``tool.bad-arguments``, it is none.
    """
    found = name.lower() if name.isascii() else _punycode(name)
    found = found.removesuffix(".")
    labels = found.split(".")
    if len(found) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(f"{quoted(name)} is no host")
    if any(label.startswith("xn--") for label in labels) and _punycode(found) != found:
        raise _bad(f"{quoted(name)} is no host")
    return found


def _punycode(name: str) -> str:
    import idna  # comes with the HTTP library; not needed until a name asks for it

    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:  # idna's errors are of this kind
        raise _bad(f"{quoted(name)} is no host") from None


def _address(name: str) -> IPv4Address | None:
    """The address, if a name is one. Whatever ends in a number would be taken for an address by somebody: it is one, in
    four decimal numbers, or it is refused."""
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(name)
    except ValueError:
        raise _bad(f"{quoted(name)} is neither a name nor an address") from None
