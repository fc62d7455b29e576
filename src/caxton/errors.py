"""Every failure that Caxton reports, with its code.

One code for one thing: the same in Python (``error.code``), in the JSON of the command line, in HTTP problem details
and in logs. The tree, by who broke what::

    CaxtonError
    ├── ModuleError      module.*    a module that cannot be an agent
    ├── ProtocolError    abi.*       a guest that broke the binary interface
    ├── TrapError        trap.*      a guest that trapped
    ├── LimitError       limit.*     a guest, a message or a host that reached a limit
    ├── AgentError       agent.*     an agent that is not there, or refuses
    │   └── AgentFailed  agent.failed  it answered with a failure; ``reply`` has it
    ├── MessagingError   mailbox.*, ask.*, envelope.*
    ├── ToolError        grant.*, tool.*, rate.*
    └── HostError        config.*, storage.*, cluster.*, toolchain.*
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from caxton.text import safe

CODES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "module": frozenset(
            "invalid missing-export unknown-import no-message-buffer too-large too-complex not-found".split()
        ),
        "abi": frozenset({"protocol"}),
        "trap": frozenset(
            "unreachable out-of-bounds stack-overflow divide-by-zero integer-overflow indirect-call other".split()
        ),
        "limit": frozenset(
            ("fuel deadline memory table message-size response-size host-calls outbox held pending host budget").split()
        ),
        "agent": frozenset("unknown exists stopped failed bad-name refused-start".split()),
        "mailbox": frozenset({"full"}),
        "ask": frozenset({"timeout", "cycle"}),
        "envelope": frozenset({"invalid"}),
        "grant": frozenset({"denied"}),
        "tool": frozenset("unknown failed timeout bad-arguments changed".split()),
        "rate": frozenset({"exceeded"}),
        "config": frozenset({"invalid"}),
        "storage": frozenset({"failed"}),
        "cluster": frozenset({"unavailable"}),
        "toolchain": frozenset({"missing", "failed"}),
    }
)

_NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "grant.denied": -2,
        "envelope.invalid": -3,
        "tool.bad-arguments": -3,
        "agent.bad-name": -3,
        "config.invalid": -3,
        "ask.timeout": -5,
        "tool.timeout": -5,
        "limit.deadline": -5,
        "ask.cycle": -7,
        "mailbox.full": -8,
        "agent.unknown": -9,
        "tool.unknown": -9,
        "agent.stopped": -10,
        "rate.exceeded": -4,
    }
)

NOT_FOUND: Final = -1
DENIED: Final = -2
BAD_ARGUMENT: Final = -3
LIMIT: Final = -4
TIMEOUT: Final = -5
FAILED: Final = -6
CYCLE: Final = -7
MAILBOX_FULL: Final = -8
UNKNOWN: Final = -9
STOPPED: Final = -10

_EXITS: Final[Mapping[str, int]] = MappingProxyType(
    {"agent": 1, "config": 2, "module": 3, "trap": 4, "abi": 4, "limit": 5}
)
_RETRYABLE: Final = frozenset(
    {"mailbox.full", "rate.exceeded", "limit.host", "ask.timeout", "tool.timeout", "cluster.unavailable"}
)


def host_call_number(code: str) -> int:
    """The negative number by which a host call tells a guest of this error."""
    number = _NUMBERS.get(code)
    if number is not None:
        return number
    return LIMIT if code.startswith("limit.") else FAILED


def exit_status(code: str) -> int:
    """The exit status of the command line for this error; 6 for whatever has none of its own."""
    return _EXITS.get(code.partition(".")[0], 6)


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a guest's stack.

    ``function`` is its name in the name section, if there is one; ``offset`` counts bytes from the module's beginning,
    and is 0 where it is not known, as when the stack overflows while the function begins; ``file``, ``line`` and
    ``column`` are there when the module has DWARF. A function that the compiler has put inside another one has a frame
    of its own, with the name that DWARF has, and that one's ``index`` and ``offset``.
    """

    function: str | None
    index: int
    offset: int
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        name = self.function or f"function {self.index}"
        if self.file is None:
            return f"{name} (at 0x{self.offset:x})" if self.offset else name
        column = f":{self.column}" if self.column else ""
        return f"{name} ({self.file}:{self.line}{column})"

    def as_json(self) -> dict[str, Any]:
        """The frame as JSON-ready data; without what is not known."""
        found = {
            "function": self.function,
            "index": self.index,
            "offset": self.offset,
            "file": self.file,
            "line": self.line,
            "column": self.column,
        }
        return {key: value for key, value in found.items() if value is not None}


class CaxtonError(Exception):
    """What went wrong, with its ``code``.

    Attributes:
        code: the contract's code, such as ``trap.unreachable``.
        message: one clear sentence, safe to print.
        frames: the guest's stack, innermost first, where there is one.
        memory_used, memory_limit: bytes of linear memory, where a guest was running.
        usage: what the turn cost (a ``caxton.Usage``), where it was a turn that failed.
    """

    group: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        code: str,
        message: str,
        *,
        frames: tuple[Frame, ...] = (),
        memory_used: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        group, _, rest = code.partition(".")
        if rest not in CODES.get(group, ()) or (self.group and group not in self.group):
            raise ValueError(f"{code!r} is no code of {type(self).__name__}")
        super().__init__(message)
        self.code = code
        self.message = safe(message)
        self.frames = frames
        self.memory_used = memory_used
        self.memory_limit = memory_limit
        self.usage: Any = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def retryable(self) -> bool:
        """Whether the same thing may work later."""
        return self.code in _RETRYABLE

    def as_json(self) -> dict[str, Any]:
        """``{"code", "message", "frames"}`` and, where known, the memory: JSON-ready."""
        found: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "frames": [frame.as_json() for frame in self.frames],
        }
        if self.memory_used is not None:
            found["memory_used"] = self.memory_used
            found["memory_limit"] = self.memory_limit
        return found


class ModuleError(CaxtonError):
    """A module that cannot be an agent."""

    group = frozenset({"module"})


class ProtocolError(CaxtonError):
    """A guest broke the binary interface: a pointer or a length outside its memory, say."""

    group = frozenset({"abi"})


class TrapError(CaxtonError):
    """A guest trapped."""

    group = frozenset({"trap"})


class LimitError(CaxtonError):
    """A limit was reached: by a guest, a message, or the host.

    ``rule``: which rule of a grant set the limit, where one did; for the audit.
    """

    group = frozenset({"limit"})
    rule: str | None = None


class AgentError(CaxtonError):
    """An agent that is not there, may not be made, or refuses."""

    group = frozenset({"agent"})


class AgentFailed(AgentError):
    """An agent answered with a failure, a refusal, or that it did not understand.

    ``reply`` is that answer (a ``caxton.Reply``), or None where the agent has ended for good.
    """

    def __init__(self, message: str, reply: Any = None) -> None:
        super().__init__("agent.failed", message)
        self.reply = reply


class MessagingError(CaxtonError):
    """A message that cannot be taken, or an answer that did not come."""

    group = frozenset({"mailbox", "ask", "envelope"})


class ToolError(CaxtonError):
    """A tool that is not granted, not there, or failed.

    ``payload``: what it said of that, as JSON. ``rule``: which rule did not allow it, where one did not; for the audit.
    """

    group = frozenset({"grant", "tool", "rate"})
    payload: bytes | None = None
    rule: str | None = None


class HostError(CaxtonError):
    """The host's own matters: its configuration, its storage, its cluster, the compilers of its machine."""

    group = frozenset({"config", "storage", "cluster", "toolchain"})


_BY_GROUP: Final[Mapping[str, type[CaxtonError]]] = MappingProxyType(
    {
        group: kind
        for kind in (
            ModuleError,
            ProtocolError,
            TrapError,
            LimitError,
            AgentError,
            MessagingError,
            ToolError,
            HostError,
        )
        for group in kind.group
    }
)


def error_for(code: str, message: str, **details: Any) -> CaxtonError:
    """The error of the class that ``code`` belongs to.

    Raises:
        ValueError: ``code`` is not one of the contract's.
    """
    if code == "agent.failed":
        return AgentFailed(message)
    return _BY_GROUP.get(code.partition(".")[0], CaxtonError)(code, message, **details)
