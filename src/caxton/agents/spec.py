"""What an agent is made from: its limits, its restart policy, its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from caxton import jsontext
from caxton.agents.grants import Grants
from caxton.agents.units import count, seconds, size
from caxton.errors import HostError
from caxton.text import safe_name

KIB: Final = 1024
MIB: Final = 1024 * KIB
_MAX_MEMORY: Final = 4 << 30
_MAX_COUNT: Final = 1_000_000_000
_MAX_TRANSFER: Final = (1 << 30) - 1
_DAY: Final = 86_400.0
COMPACT_AFTER: Final = 5.0
"""Seconds without a turn, by default, after which a large agent's memory is made small."""

STRATEGIES: Final = ("permanent", "transient", "temporary")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an agent may use; the defaults are the contract's (section 6).

    Sizes are bytes, or a text such as ``"16 MiB"``; ``deadline`` is seconds, or a text such as ``"300ms"``.

    Attributes:
        memory: linear memory of an instance.
        table_elements: elements of a table, of which a module may have four.
        fuel: what one turn may compute (about one per WebAssembly instruction).
        deadline: wall time of one turn, waiting included.
        message, response: size of one payload.
        host_calls: host calls of one turn.
        outbox, outbox_bytes: envelopes that one turn may queue (each receiver counts), and their payloads.
        pending: handles that may be open at once.
        log: bytes that one turn may log.
        mailbox, mailbox_bytes: envelopes that may wait, and their payloads.
        held: state, timers and subscriptions, each its bytes and 256.
        module_size: size of the module.

    Raises:
        HostError: ``config.invalid``, a value is none of these.
    """

    memory: int | str = 64 * MIB
    fuel: int = 10_000_000_000
    deadline: float | str = 30.0
    message: int | str = MIB
    response: int | str = MIB
    host_calls: int = 10_000
    outbox: int = 1_000
    outbox_bytes: int | str = 8 * MIB
    pending: int = 64
    log: int | str = 64 * KIB
    mailbox: int = 1_000
    mailbox_bytes: int | str = 16 * MIB
    held: int | str = 32 * MIB
    table_elements: int = 20_000
    module_size: int | str = 64 * MIB

    def __post_init__(self) -> None:
        def put(name: str, value: float) -> None:
            object.__setattr__(self, name, value)

        for name, low, high in _SIZES:
            put(name, count(size(getattr(self, name), f"limits.{name}"), f"limits.{name}", low, high))
        for name, low, high in _COUNTS:
            put(name, count(getattr(self, name), f"limits.{name}", low, high))
        time = seconds(self.deadline, "limits.deadline")
        if not 0 < time <= _DAY:
            raise HostError("config.invalid", "limits.deadline: more than 0 and at most a day")
        put("deadline", time)


_SIZES: Final = (
    ("memory", 64 * KIB, _MAX_MEMORY),
    ("message", 0, _MAX_TRANSFER),
    ("response", 0, _MAX_TRANSFER),
    ("outbox_bytes", 0, _MAX_TRANSFER),
    ("log", 0, _MAX_TRANSFER),
    ("mailbox_bytes", 1, 1 << 40),
    ("held", 0, 1 << 40),
    ("module_size", 8, 1 << 30),
)
_COUNTS: Final = (
    ("fuel", 1, (1 << 62)),
    ("host_calls", 0, _MAX_COUNT),
    ("outbox", 0, 1_000_000),
    ("pending", 0, 10_000),
    ("mailbox", 1, 10_000_000),
    ("table_elements", 0, 20_000),
)


@dataclass(frozen=True, slots=True)
class Restart:
    """When a new instance follows one that ended (the words are OTP's).

    ``permanent``: always; ``transient``: unless it ended by its own will; ``temporary``: never. More than
    ``max_restarts`` within ``within`` seconds, and the agent has failed for good.

    Raises:
        HostError: ``config.invalid``.
    """

    strategy: str = "permanent"
    max_restarts: int = 100
    within: float | str = 60.0

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise HostError(
                "config.invalid",
                f"restart.strategy: {safe_name(repr(self.strategy))} is not one of {', '.join(STRATEGIES)}",
            )
        count(self.max_restarts, "restart.max_restarts", 0, _MAX_COUNT)
        object.__setattr__(self, "within", seconds(self.within, "restart.within"))


@dataclass(frozen=True, slots=True)
class Spec:
    """An agent's limits, grants, restart policy and parameters (what ``context`` tells the guest)."""

    limits: Limits = field(default_factory=Limits)
    grants: Grants = field(default_factory=Grants)
    restart: Restart = field(default_factory=Restart)
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.params, dict) and not self.params:
            return
        try:
            # A copy: what its owner does with it later is not the agent's.
            object.__setattr__(self, "params", jsontext.loads(jsontext.dumps(dict(self.params))))
        except (TypeError, ValueError, RecursionError) as error:
            raise HostError("config.invalid", f"params: {error}") from None


Cost: TypeAlias = tuple[int, float, int, int]
"""The figures of a ``Usage``. Every reply carries some, and few are looked at: a plain tuple of numbers is nothing that
the garbage collector would go through."""


class Usage(NamedTuple):
    """What one turn cost: fuel, wall time in seconds, bytes of linear memory at its end, host calls."""

    fuel: int = 0
    wall: float = 0.0
    memory: int = 0
    host_calls: int = 0
