"""What a component may import and must export: the package ``caxton:agent`` (agent.wit), row by row.

A row is a function of the interface ``host``. Its parameters reach the same handlers as those of core modules
(hostcalls.py): the shim has made numbers and addresses of them. Its type is compared when a component is loaded, so
nothing is asked at a call but how large things are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caxton.agents.ports import Answer, Services
from caxton.errors import ProtocolError
from caxton.messages import Performative
from caxton.sandbox.hostcalls import CAXTON, MAX_RANDOM, Handler, HostCalls

PACKAGE: Final = "caxton:agent"
VERSION: Final = "0.1.0"
HOST: Final = f"{PACKAGE}/host"
TYPES: Final = f"{PACKAGE}/types"
DIRECT: Final = "caxton-direct-"
"""How the names begin of what is added to a component when it is compiled (component_direct.py)."""

DIRECT_HANDLE, DIRECT_REALLOC, DIRECT_FREE = f"{DIRECT}handle", f"{DIRECT}realloc", f"{DIRECT}free"

_WIT: Final = Path(__file__).with_name("agent.wit")


def wit() -> str:
    """The WIT package that components are written against."""
    return _WIT.read_text("utf-8")


# -- types, in the way that component_types.py writes them

_ACT: Final = f"enum {{ {', '.join(act.value for act in Performative)} }}"
_LEVEL: Final = "enum { trace, debug, info, warning, error }"
_PAYLOAD: Final = "variant { text(string), bytes(list<u8>) }"
_HEADERS: Final = "list<tuple<string, string>>"
_KIND: Final = "enum { not-found, denied, bad-argument, limit, timeout, failed, cycle, mailbox-full, unknown, stopped }"
_ERROR: Final = (
    f"record {{ kind: {_KIND}, code: option<string>, data: {_PAYLOAD}, performative: option<{_ACT}>, retryable: bool, "
    f"headers: {_HEADERS} }}"
)
_ANSWER: Final = f"record {{ performative: {_ACT}, payload: {_PAYLOAD}, headers: {_HEADERS} }}"
_FINISHED: Final = f"record {{ index: u32, outcome: result<{_ANSWER}, {_ERROR}> }}"
_OPTIONAL: Final = ("conversation-id", "reply-with", "in-reply-to", "reply-by", "ontology", "language", "content-type")
_ENVELOPE: Final = (
    f"record {{ performative: {_ACT}, sender: string, receivers: list<string>, "
    + "".join(f"{name}: option<string>, " for name in _OPTIONAL)
    + f"id: string, headers: {_HEADERS}, payload: {_PAYLOAD} }}"
)
_WRAPPED: Final = f"record {{ payload: {_PAYLOAD} }}"

_ALIASES: Final = {"payload": _PAYLOAD, "level": _LEVEL}
_RESULTS: Final = {
    "": "",
    "s": " -> string",
    "b": " -> list<u8>",
    "U": " -> u64",
    "r-": f" -> result<_, {_ERROR}>",
    "ru": f" -> result<u32, {_ERROR}>",
    "rs": f" -> result<string, {_ERROR}>",
    "rp": f" -> result<{_PAYLOAD}, {_ERROR}>",
    "ra": f" -> result<{_ANSWER}, {_ERROR}>",
    "rf": f" -> result<{_FINISHED}, {_ERROR}>",
}
_SHAPES: Final = {"string": "s", "payload": "p", "list<u32>": "h", "u32": "u", "u64": "U", "level": "e"}

HANDLE: Final = "handle"
HANDLE_TEXT: Final = "handle-text"
EXPORTS: Final = {
    HANDLE: f"func(message: {_ENVELOPE}) -> result<{_WRAPPED}, {_WRAPPED}>",
    HANDLE_TEXT: "func(text: string) -> result<string, string>",
}
"""The functions of which a component exports one; where it has both, the first counts."""


@dataclass(frozen=True, slots=True)
class ComponentCall:
    """One function that a component may import.

    ``signature``: its type (component_types.py). ``shape`` and ``result``: how its arguments and its answer cross
    (shim.h). ``local``: as in hostcalls.py.
    """

    interface: str
    name: str
    signature: str
    shape: str
    result: str
    handler: Any
    local: bool = False


def _random(g: HostCalls, s: Services, length: int) -> bytes:
    if length > MAX_RANDOM:
        raise ProtocolError("abi.protocol", f"random gives at most {MAX_RANDOM} bytes at once")
    return s.random(length)


def _envelope(g: HostCalls, s: Services) -> Answer:
    found = s.envelope()
    return found if isinstance(found, bytes) else b"null"  # there is none while the instance is made


_OWN: Final[dict[str, Handler]] = {"random": _random, "envelope": _envelope}
_CORE: Final = {row.name: row for row in CAXTON}


def _row(name: str, parameters: str, result: str) -> ComponentCall:
    pairs = [part.split(": ") for part in parameters.split(", ") if part]
    types = ", ".join(f"{key}: {_ALIASES.get(kind, kind)}" for key, kind in pairs)
    core = _CORE[name.replace("-", "_")]
    return ComponentCall(
        HOST,
        name,
        f"func({types}){_RESULTS[result]}",
        "".join(_SHAPES[kind] for _, kind in pairs),
        result,
        _OWN.get(name, core.handler),
        core.local,
    )


CALLS: Final[tuple[ComponentCall, ...]] = (
    _row("log", "level: level, message: string", ""),
    _row("context", "", "s"),
    _row("envelope", "", "s"),
    _row("tell", "to: string, message: payload", "r-"),
    _row("send-envelope", "meta: string, message: payload", "r-"),
    _row("publish", "topic: string, message: payload", "r-"),
    _row("subscribe", "topic: string", "r-"),
    _row("unsubscribe", "topic: string", "r-"),
    _row("ask", "to: string, message: payload, timeout: u64", "ra"),
    _row("call-tool", "name: string, arguments: string", "rs"),
    _row("ask-start", "to: string, message: payload, timeout: u64", "ru"),
    _row("tool-start", "name: string, arguments: string, timeout: u64", "ru"),
    _row("wait", "handles: list<u32>, timeout: u64", "rf"),
    _row("cancel", "handle: u32", "r-"),
    _row("list-tools", "", "rs"),
    _row("emit", "part: payload", "r-"),
    _row("defer", "", "rs"),
    _row("state-get", "key: string", "rp"),
    _row("state-put", "key: string, value: payload", "r-"),
    _row("state-delete", "key: string", "r-"),
    _row("state-keys", "prefix: string", "rs"),
    _row("set-timer", "delay: u64, period: u64, message: payload", "ru"),
    _row("cancel-timer", "id: u32", "r-"),
    _row("now-ms", "", "U"),
    _row("monotonic-ns", "", "U"),
    _row("random", "length: u32", "b"),
    _row("sleep-ms", "time: u64", "r-"),
)
"""The interface ``host``, in the order of agent.wit."""

_LETTERS: Final = {"s": "ii", "p": "iii", "h": "ii", "u": "i", "U": "I", "e": "i"}
FLAT: Final[dict[str, str]] = {
    row.name: "".join(_LETTERS[letter] for letter in row.shape) + ("i" if row.result else "")
    for row in CALLS
    if row.result != "U"
}
"""What the functions of the host take: ``i``, a number of 32 bits, ``I``, one of 64. Those that are not here take and
answer nothing but numbers as it is."""
