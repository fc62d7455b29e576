"""The behaviours, by what they are about. Each module puts its own on the list, in this order."""

from caxton.conformance.behaviours import (  # isort: skip - the order is the list's
    payloads,
    failures,
    state,
    identity,
    sending,
    asking,
    waiting,
    using_tools,
    timers,
    parts,
    limits,
    repeating,
)

__all__ = [
    "asking",
    "failures",
    "identity",
    "limits",
    "parts",
    "payloads",
    "repeating",
    "sending",
    "state",
    "timers",
    "using_tools",
    "waiting",
]
