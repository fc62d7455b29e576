"""Lists of hosts, as rules have them: ``docs.python.org``, ``*.example.org``, ``localhost:8080``, ``[::1]:*``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from caxton.agents.grants import matches
from caxton.errors import ToolError
from caxton.tools.builtin.locations import PORTS, Target, normal_name

_PATTERN: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d{1,5}|\*))?", re.ASCII)


class _Pattern(NamedTuple):
    host: str
    ports: frozenset[int] | None
    """None: any."""


def granted(patterns: Iterable[str], target: Target) -> bool:
    """Whether one of ``patterns`` names the target.

    A pattern is a glob for a name (``*`` crosses dots) or an IPv6 address in brackets, and a port, ``*`` for any;
    without one it means ports 80 and 443. A pattern that cannot be read names nothing.
    """
    for text in patterns:
        pattern = _read(text)
        if pattern is None or (pattern.ports is not None and target.port not in pattern.ports):
            continue
        if matches((pattern.host,), target.host):
            return True
    return False


@lru_cache(maxsize=1024)
def _read(text: str) -> _Pattern | None:
    match = _PATTERN.fullmatch(text)
    if match is None or not match[1]:
        return None
    ports = frozenset(PORTS.values()) if match[2] is None else None if match[2] == "*" else frozenset({int(match[2])})
    try:
        if match[1].startswith("["):
            return _Pattern(str(IPv6Address(match[1][1:-1])), ports)
        return _Pattern(".".join(map(_label, match[1].lower().removesuffix(".").split("."))), ports)
    except (ValueError, ToolError):
        return None


def _label(label: str) -> str:
    """One label of a glob; what is not ASCII is compared in punycode, as names are."""
    return label if label.isascii() else normal_name(label)
