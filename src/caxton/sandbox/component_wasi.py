"""WASI 0.2 for components, deny by default: enough that the output of ordinary toolchains runs, and no more.

Standard output and error become lines of the agent's log; clocks and random numbers are the host's; arguments and the
environment are empty; ``exit`` ends the turn; there are no files to open and no sockets to make. These are host calls
like any other: counted, paid for, answered by the one table of services; who waits for a clock waits as in
``sleep-ms``. Types follow WASI 0.2.0 to 0.2.12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from caxton.agents.ports import Services
from caxton.agents.waiting import Pending
from caxton.errors import ProtocolError
from caxton.sandbox.component_calls import ComponentCall
from caxton.sandbox.component_values import Value
from caxton.sandbox.hostcalls import MAX_RANDOM
from caxton.sandbox.native import shim
from caxton.sandbox.wasi import Exit

VERSION: Final = "0.2.12"
"""What the interfaces are linked as; a component may ask for any 0.2."""

_MONOTONIC_BEGINS: Final = 1_000_000_000
_MAX_SLEEP: Final = 86_400_000  # milliseconds: no turn lasts longer
_MAX_WRITE: Final = 64 * 1024
_MAX_POLL: Final = 1_024
_LOG_INFO, _LOG_WARNING = 2, 3
_STDOUT, _STDERR = 1, 2

# The numbers of resource types; pollables are 1 in the shim too.
RESOURCES: Final[dict[str, int]] = {
    name: number
    for number, name in enumerate(
        (
            "pollable",
            "error",
            "input-stream",
            "output-stream",
            "terminal-input",
            "terminal-output",
            "descriptor",
            "directory-entry-stream",
            "network",
            "udp-socket",
            "incoming-datagram-stream",
            "outgoing-datagram-stream",
            "tcp-socket",
            "resolve-address-stream",
        ),
        1,
    )
}

NEVER: Final[dict[str, tuple[str, ...]]] = {
    "wasi:filesystem/types": ("descriptor", "directory-entry-stream"),
    "wasi:sockets/udp": ("udp-socket", "incoming-datagram-stream", "outgoing-datagram-stream"),
    "wasi:sockets/tcp": ("tcp-socket",),
    "wasi:sockets/ip-name-lookup": ("resolve-address-stream",),
}
"""Resources that no guest ever gets, by their interface: their methods need names only, for nobody can call them."""


class Waiting:
    """A call that waits, and what to answer when it has waited."""

    def __init__(self, pending: Pending, then: Callable[[], Value | None]) -> None:
        self.pending = pending
        self.then = then


Outcome = Value | Waiting | None


class Guest(Protocol):
    """The slot of the guest that asks."""

    slot: Any


# -- what each function does: `g` is the guest's side, `s` what the turn does for it


def _number(resource: int) -> int:
    return resource & 0xFFFFFFFF


def _empty(g: Guest, s: Services) -> Outcome:
    return ("list", [])


def _none(g: Guest, s: Services, *arguments: Any) -> Outcome:
    return ("option", None)


def _exit(g: Guest, s: Services, well: bool) -> Outcome:
    raise Exit(0 if well else 1)


def _exit_with(g: Guest, s: Services, status: int) -> Outcome:
    raise Exit(status)


def _stream(kind: str, number: int) -> Callable[[Guest, Services], Outcome]:
    return lambda g, s: ("own", RESOURCES[kind], number)


def _check_write(g: Guest, s: Services, stream: int) -> Outcome:
    return ("ok", ("u64", _MAX_WRITE))


def _write(g: Guest, s: Services, stream: int, data: bytes | list[Any]) -> Outcome:
    if _number(stream) in (_STDOUT, _STDERR):
        s.output(_LOG_INFO if _number(stream) == _STDOUT else _LOG_WARNING, bytes(data[:_MAX_WRITE]))
    return ("ok", None)


def _well(g: Guest, s: Services, *arguments: Any) -> Outcome:
    return ("ok", None)


def _closed(g: Guest, s: Services, *arguments: Any) -> Outcome:
    return ("err", ("variant", "closed", None))


def _wait_until(g: Guest, when: int) -> Outcome:
    number = shim.cx_new_wait(g.slot, max(1, min(when, (1 << 64) - 1)))
    if number < 0:
        raise ProtocolError("abi.protocol", "the guest has too many pollables")
    return ("own", RESOURCES["pollable"], number)


def _now(s: Services) -> int:
    return _MONOTONIC_BEGINS + s.monotonic_ns()


def _ready(g: Guest, s: Services, *stream: int) -> Outcome:
    return _wait_until(g, 1)


def _subscribe_instant(g: Guest, s: Services, when: int) -> Outcome:
    return _wait_until(g, when)


def _subscribe_duration(g: Guest, s: Services, duration: int) -> Outcome:
    return _wait_until(g, _now(s) + duration)


def _pollable_ready(g: Guest, s: Services, pollable: int) -> Outcome:
    return ("bool", shim.cx_wait_at(g.slot, _number(pollable)) <= _now(s))


def _slept(s: Services, nanoseconds: int, then: Callable[[], Value | None]) -> Outcome:
    pending = s.sleep(min(-(-nanoseconds // 1_000_000), _MAX_SLEEP))
    return Waiting(pending, then) if isinstance(pending, Pending) else then()


def _block(g: Guest, s: Services, pollable: int) -> Outcome:
    left = shim.cx_wait_at(g.slot, _number(pollable)) - _now(s)
    return None if left <= 0 else _slept(s, left, lambda: None)


def _poll(g: Guest, s: Services, pollables: list[int]) -> Outcome:
    """The places of those that are ready; where none is, of the earliest, once that has been waited for."""
    if not 1 <= len(pollables) <= _MAX_POLL:
        raise ProtocolError("abi.protocol", f"poll takes 1 to {_MAX_POLL} pollables")
    times = [int(shim.cx_wait_at(g.slot, _number(pollable))) for pollable in pollables]
    now = _now(s)
    first = min(times)

    def ready(until: int) -> Value:
        return ("list", [("u32", place) for place, when in enumerate(times) if when <= until])

    return ready(now) if first <= now else _slept(s, first - now, lambda: ready(max(first, _now(s))))


def _monotonic_now(g: Guest, s: Services) -> Outcome:
    return ("u64", _now(s))


def _one(g: Guest, s: Services) -> Outcome:
    return ("u64", 1)


def _datetime(milliseconds: int) -> Value:
    seconds, rest = divmod(milliseconds, 1000)
    return ("record", [("seconds", ("u64", seconds)), ("nanoseconds", ("u32", rest * 1_000_000))])


def _wall_now(g: Guest, s: Services) -> Outcome:
    return _datetime(max(0, s.now_ms()))


def _wall_resolution(g: Guest, s: Services) -> Outcome:
    return _datetime(1)


def _random_bytes(g: Guest, s: Services, length: int) -> Outcome:
    if length > MAX_RANDOM:
        raise ProtocolError("abi.protocol", f"random gives at most {MAX_RANDOM} bytes at once")
    return ("bytes", s.random(length))


def _u64(s: Services) -> Value:
    return ("u64", int.from_bytes(s.random(8), "little"))


def _random_u64(g: Guest, s: Services) -> Outcome:
    return _u64(s)


def _seed(g: Guest, s: Services) -> Outcome:
    return ("tuple", [_u64(s), _u64(s)])


def _debug_string(g: Guest, s: Services, error: int) -> Outcome:
    return ("string", b"not permitted")


def _network(g: Guest, s: Services) -> Outcome:
    return ("own", RESOURCES["network"], 0)


def _denied(g: Guest, s: Services, *arguments: Any) -> Outcome:
    return ("err", ("enum", "access-denied"))


def never(g: Guest, s: Services, *arguments: Any) -> Outcome:
    """A method of a resource that no guest has."""
    raise ProtocolError("abi.protocol", "a method of nothing")


# -- the table: interface, then function, its parameters and result, what answers it

_STREAM_ERROR: Final = "variant { last-operation-failed(own<error>), closed }"
_DATETIME: Final = "record { seconds: u64, nanoseconds: u32 }"
_FAMILY: Final = "address-family: enum { ipv4, ipv6 }"
_NETWORK_ERROR: Final = (
    "enum { unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict, "
    "not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use, "
    "remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large, "
    "name-unresolvable, temporary-resolver-failure, permanent-resolver-failure }"
)
_FILE_ERROR: Final = (
    "enum { access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, "
    "illegal-byte-sequence, in-progress, interrupted, invalid, io, is-directory, loop, too-many-links, message-size, "
    "name-too-long, no-device, no-entry, no-lock, insufficient-memory, insufficient-space, not-directory, not-empty, "
    "not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted, pipe, read-only, invalid-seek, "
    "text-file-busy, cross-device }"
)
_SELF_OUT: Final = "self: borrow<output-stream>"
_SELF_IN: Final = "self: borrow<input-stream>"
_WRITES: Final = f"result<_, {_STREAM_ERROR}>"
_READS: Final = f"result<list<u8>, {_STREAM_ERROR}>"
_COUNTS: Final = f"result<u64, {_STREAM_ERROR}>"
_SOURCE: Final = f"{_SELF_OUT}, src: borrow<input-stream>, len: u64"

Row = tuple[str, str, str, Callable[..., Outcome]]
_TABLE: Final[dict[str, tuple[Row, ...]]] = {
    "wasi:cli/environment": (
        ("get-environment", "", "list<tuple<string, string>>", _empty),
        ("get-arguments", "", "list<string>", _empty),
        ("initial-cwd", "", "option<string>", _none),
    ),
    "wasi:cli/exit": (
        ("exit", "status: result", "", _exit),
        ("exit-with-code", "status-code: u8", "", _exit_with),
    ),
    "wasi:cli/stdin": (("get-stdin", "", "own<input-stream>", _stream("input-stream", 0)),),
    "wasi:cli/stdout": (("get-stdout", "", "own<output-stream>", _stream("output-stream", _STDOUT)),),
    "wasi:cli/stderr": (("get-stderr", "", "own<output-stream>", _stream("output-stream", _STDERR)),),
    "wasi:cli/terminal-input": (),
    "wasi:cli/terminal-output": (),
    "wasi:cli/terminal-stdin": (("get-terminal-stdin", "", "option<own<terminal-input>>", _none),),
    "wasi:cli/terminal-stdout": (("get-terminal-stdout", "", "option<own<terminal-output>>", _none),),
    "wasi:cli/terminal-stderr": (("get-terminal-stderr", "", "option<own<terminal-output>>", _none),),
    "wasi:clocks/monotonic-clock": (
        ("now", "", "u64", _monotonic_now),
        ("resolution", "", "u64", _one),
        ("subscribe-instant", "when: u64", "own<pollable>", _subscribe_instant),
        ("subscribe-duration", "when: u64", "own<pollable>", _subscribe_duration),
    ),
    "wasi:clocks/wall-clock": (
        ("now", "", _DATETIME, _wall_now),
        ("resolution", "", _DATETIME, _wall_resolution),
    ),
    "wasi:io/error": (("[method]error.to-debug-string", "self: borrow<error>", "string", _debug_string),),
    "wasi:io/poll": (
        ("[method]pollable.ready", "self: borrow<pollable>", "bool", _pollable_ready),
        ("[method]pollable.block", "self: borrow<pollable>", "", _block),
        ("poll", "in: list<borrow<pollable>>", "list<u32>", _poll),
    ),
    "wasi:io/streams": (
        ("[method]input-stream.read", f"{_SELF_IN}, len: u64", _READS, _closed),
        ("[method]input-stream.blocking-read", f"{_SELF_IN}, len: u64", _READS, _closed),
        ("[method]input-stream.skip", f"{_SELF_IN}, len: u64", _COUNTS, _closed),
        ("[method]input-stream.blocking-skip", f"{_SELF_IN}, len: u64", _COUNTS, _closed),
        ("[method]input-stream.subscribe", _SELF_IN, "own<pollable>", _ready),
        ("[method]output-stream.check-write", _SELF_OUT, _COUNTS, _check_write),
        ("[method]output-stream.write", f"{_SELF_OUT}, contents: list<u8>", _WRITES, _write),
        ("[method]output-stream.blocking-write-and-flush", f"{_SELF_OUT}, contents: list<u8>", _WRITES, _write),
        ("[method]output-stream.flush", _SELF_OUT, _WRITES, _well),
        ("[method]output-stream.blocking-flush", _SELF_OUT, _WRITES, _well),
        ("[method]output-stream.subscribe", _SELF_OUT, "own<pollable>", _ready),
        ("[method]output-stream.write-zeroes", f"{_SELF_OUT}, len: u64", _WRITES, _well),
        ("[method]output-stream.blocking-write-zeroes-and-flush", f"{_SELF_OUT}, len: u64", _WRITES, _well),
        ("[method]output-stream.splice", _SOURCE, _COUNTS, _closed),
        ("[method]output-stream.blocking-splice", _SOURCE, _COUNTS, _closed),
    ),
    "wasi:filesystem/types": (("filesystem-error-code", "err: borrow<error>", f"option<{_FILE_ERROR}>", _none),),
    "wasi:filesystem/preopens": (("get-directories", "", "list<tuple<own<descriptor>, string>>", _empty),),
    "wasi:random/random": (
        ("get-random-bytes", "len: u64", "list<u8>", _random_bytes),
        ("get-random-u64", "", "u64", _random_u64),
    ),
    "wasi:random/insecure": (
        ("get-insecure-random-bytes", "len: u64", "list<u8>", _random_bytes),
        ("get-insecure-random-u64", "", "u64", _random_u64),
    ),
    "wasi:random/insecure-seed": (("insecure-seed", "", "tuple<u64, u64>", _seed),),
    "wasi:sockets/network": (("network-error-code", "err: borrow<error>", f"option<{_NETWORK_ERROR}>", _none),),
    "wasi:sockets/instance-network": (("instance-network", "", "own<network>", _network),),
    "wasi:sockets/udp": (),
    "wasi:sockets/udp-create-socket": (
        ("create-udp-socket", _FAMILY, f"result<own<udp-socket>, {_NETWORK_ERROR}>", _denied),
    ),
    "wasi:sockets/tcp": (),
    "wasi:sockets/tcp-create-socket": (
        ("create-tcp-socket", _FAMILY, f"result<own<tcp-socket>, {_NETWORK_ERROR}>", _denied),
    ),
    "wasi:sockets/ip-name-lookup": (
        (
            "resolve-addresses",
            "network: borrow<network>, name: string",
            f"result<own<resolve-address-stream>, {_NETWORK_ERROR}>",
            _denied,
        ),
    ),
}

_METHODS: Final[dict[str, str]] = {
    "descriptor": "read-via-stream write-via-stream append-via-stream advise sync-data get-flags get-type set-size "
    "set-times read write read-directory sync create-directory-at stat stat-at set-times-at link-at open-at "
    "readlink-at remove-directory-at rename-at symlink-at unlink-file-at is-same-object metadata-hash metadata-hash-at",
    "directory-entry-stream": "read-directory-entry",
    "udp-socket": "start-bind finish-bind stream local-address remote-address address-family unicast-hop-limit "
    "set-unicast-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size set-send-buffer-size subscribe",
    "incoming-datagram-stream": "receive subscribe",
    "outgoing-datagram-stream": "check-send send subscribe",
    "tcp-socket": "start-bind finish-bind start-connect finish-connect start-listen finish-listen accept local-address "
    "remote-address is-listening address-family set-listen-backlog-size keep-alive-enabled set-keep-alive-enabled "
    "keep-alive-idle-time set-keep-alive-idle-time keep-alive-interval set-keep-alive-interval keep-alive-count "
    "set-keep-alive-count hop-limit set-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size "
    "set-send-buffer-size subscribe shutdown",
    "resolve-address-stream": "resolve-next-address subscribe",
}

USES: Final[dict[str, tuple[str, ...]]] = {
    "wasi:io/error": ("error",),
    "wasi:io/poll": ("pollable",),
    "wasi:io/streams": ("error", "pollable", "input-stream", "output-stream"),
    "wasi:cli/stdin": ("input-stream",),
    "wasi:cli/stdout": ("output-stream",),
    "wasi:cli/stderr": ("output-stream",),
    "wasi:cli/terminal-input": ("terminal-input",),
    "wasi:cli/terminal-output": ("terminal-output",),
    "wasi:cli/terminal-stdin": ("terminal-input",),
    "wasi:cli/terminal-stdout": ("terminal-output",),
    "wasi:cli/terminal-stderr": ("terminal-output",),
    "wasi:clocks/monotonic-clock": ("pollable",),
    "wasi:filesystem/types": ("descriptor", "directory-entry-stream", "input-stream", "output-stream", "error"),
    "wasi:filesystem/preopens": ("descriptor",),
    "wasi:sockets/network": ("network", "error"),
    "wasi:sockets/instance-network": ("network",),
    "wasi:sockets/udp": (
        "udp-socket",
        "incoming-datagram-stream",
        "outgoing-datagram-stream",
        "network",
        "pollable",
    ),
    "wasi:sockets/udp-create-socket": ("udp-socket", "network"),
    "wasi:sockets/tcp": ("tcp-socket", "network", "input-stream", "output-stream", "pollable"),
    "wasi:sockets/tcp-create-socket": ("tcp-socket", "network"),
    "wasi:sockets/ip-name-lookup": ("resolve-address-stream", "pollable", "network"),
}
"""The resources that an interface names, its own and those of others."""


def _calls() -> tuple[ComponentCall, ...]:
    found: list[ComponentCall] = []
    for interface, rows in _TABLE.items():
        for name, parameters, result, handler in rows:
            arrow = f" -> {result}" if result else ""
            shape = "v" * parameters.count(": ")
            local = handler not in (_block, _poll)
            found.append(ComponentCall(interface, name, f"func({parameters}){arrow}", shape, "v", handler, local))
        for resource in NEVER.get(interface, ()):
            for method in _METHODS[resource].split():
                found.append(ComponentCall(interface, f"[method]{resource}.{method}", "", "", "v", never, True))
    return tuple(found)


WASI_CALLS: Final[tuple[ComponentCall, ...]] = _calls()
"""Every function of WASI that there is here. An empty signature: it is never called, so its type does not matter."""
