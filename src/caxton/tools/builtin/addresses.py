"""Which addresses http.fetch may connect to.

After the registries of special-purpose addresses (RFC 6890 and what IANA has added since). They are written out here,
not taken from Python's ``ipaddress``, whose answers differ between its releases. What is not listed as public is not.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address


class Reach(Enum):
    """Whom an address belongs to.

    ``PUBLIC``: anybody may be meant. ``PRIVATE``: the host itself or its own networks; a rule may grant it. ``NEVER``:
    nobody that a connection should go to, or another address in disguise; no rule grants it.
    """

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


_PRIVATE_4: Final = tuple(
    map(
        IPv4Network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by a provider's customers (RFC 6598)
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and the metadata services of clouds
            "172.16.0.0/12",
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks between devices (RFC 2544)
        ),
    )
)
_NEVER_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this network": on Linux 0.0.0.0 is the machine itself
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",  # with the broadcast address
        ),
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
_PRIVATE_6: Final = tuple(map(IPv6Network, ("::1/128", "fc00::/7", "fe80::/10")))
_NEVER_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, benchmarks: tunnels and identifiers
            "2001:db8::/32",
            "2002::/16",  # 6to4: an IPv4 address inside
            "3fff::/20",
        ),
    )
)


def reach(address: Address) -> Reach:
    """Whom ``address`` belongs to. IPv6 addresses that carry an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) are
    ``NEVER``: a connection to IPv4 is asked for as such."""
    if isinstance(address, IPv4Address):
        if any(address in network for network in _NEVER_4):
            return Reach.NEVER
        return Reach.PRIVATE if any(address in network for network in _PRIVATE_4) else Reach.PUBLIC
    if address.scope_id is not None or any(address in network for network in _NEVER_6):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE_6):
        return Reach.PRIVATE
    return Reach.PUBLIC if address in _PUBLIC_6 else Reach.NEVER
