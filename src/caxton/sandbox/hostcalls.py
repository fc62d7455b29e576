"""Every import that a guest may have, in one table.

What a guest learns from outside (clocks, random numbers, messages, results of tools) reaches it through a row of this
table, and every answer passes one place (``CoreGuest._give``), where it can be recorded and replayed.

A row names the import, its type, which of its parameters are a pointer and a length, and what answers it. The shim
holds the pairs against the memory, counts the call and charges its fuel before anything here runs; what a row's
function raises (a ``CaxtonError``) the guest sees as its number, but for a ``ProtocolError``, which ends the turn.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from caxton import jsontext
from caxton.agents.ports import Answer, Services
from caxton.agents.waiting import Answered, Pending
from caxton.errors import (
    FAILED,
    NOT_FOUND,
    CaxtonError,
    LimitError,
    MessagingError,
    ProtocolError,
    ToolError,
    host_call_number,
)
from caxton.messages import META_LIMIT
from caxton.sandbox.native import ffi, shim
from caxton.sandbox.signature import function

READ: Final = 0x10
WRITE: Final = 0x00
WORDS: Final = 0x20
DOUBLES: Final = 0x40

MAX_RANDOM: Final = 64 * 1024
MAX_HANDLES: Final = 64
MAX_NAME: Final = 4_096
"""Bytes of a name, a topic or a key."""

MAX_LINE: Final = 16_384
"""Bytes of a log line that are looked at: more than are kept, since what is replaced or escaped comes after."""


class HostCalls:
    """The host's side of one instance's imports: its memory, and the last result that a call left.

    ``memory`` is a buffer over all of a core module's memory, where there is one: cutting a piece out of it is cheaper
    than making a buffer for each.
    """

    __slots__ = ("_info", "_last", "_message_limit", "memory", "slot")

    def __init__(self, slot: Any, memory: Any = None) -> None:
        self.slot = slot
        self.memory = memory
        self._message_limit = int(slot.program.message_limit)
        self._last: bytes = b""
        self._info: dict[str, Any] = {}

    # -- the guest's memory; the shim has checked pointer and length of every pair

    def read(self, pointer: int, length: int) -> bytes:
        """Bytes of the guest's memory that are inside it."""
        if not length:
            return b""
        if self.memory is not None:
            found: bytes = self.memory[pointer : pointer + length]
            return found
        return bytes(ffi.buffer(self.slot.base + pointer, length))

    def text(self, pointer: int, length: int) -> str:
        """UTF-8 from the guest's memory: a name, a topic or a key.

        Raises:
            MessagingError: ``envelope.invalid``, it is none, or longer than ``MAX_NAME``.
        """
        if length > MAX_NAME:
            raise MessagingError("envelope.invalid", f"a name of more than {MAX_NAME} bytes")
        try:
            return self.read(pointer, length).decode("utf-8")
        except UnicodeDecodeError:
            raise MessagingError("envelope.invalid", "text that is not UTF-8") from None

    def payload(self, pointer: int, length: int) -> bytes:
        """A message, or a tool's arguments. What is larger than a message may be is not copied.

        Raises:
            LimitError: ``limit.message-size``.
        """
        if length > self._message_limit:
            raise LimitError("limit.message-size", "the message is too large")
        return self.read(pointer, length)

    def write(self, pointer: int, data: bytes) -> None:
        """Writes where the caller has checked that there is room, and charges for it."""
        if data:
            ffi.memmove(self.slot.base + pointer, data, len(data))
            shim.cx_charge(self.slot, len(data))

    def charge(self, count: int) -> None:
        """Takes fuel for bytes that crossed without ``write``."""
        shim.cx_charge(self.slot, count)

    def check(self, pointer: int, length: int) -> None:
        """Holds a pointer that was itself in memory against the memory.

        Raises:
            ProtocolError: ``abi.protocol``.
        """
        if pointer + length > self.slot.size:
            raise ProtocolError("abi.protocol", "a pointer outside the memory")

    # -- answers

    def settle(self, outcome: int | bytes | Answered | CaxtonError) -> int:
        """Turns an answer into the number that the guest gets; keeps what it can read afterwards."""
        if isinstance(outcome, int):
            if outcome < 0:
                self._keep(b"not found" if outcome == NOT_FOUND else b"", number=outcome, code=None)
            return outcome
        if isinstance(outcome, bytes):
            length = len(outcome)
            self._last = outcome
            self._info = {"length": length, "number": 0, "code": None}
            return length
        if isinstance(outcome, Answered):
            headers = dict(outcome.headers or {})
            self._keep(outcome.payload, number=0, code=None, performative=outcome.performative.value, headers=headers)
            return len(outcome.payload)
        number = host_call_number(outcome.code)
        reply = getattr(outcome, "reply", None)
        if number == FAILED and reply is not None:
            headers = dict(reply.headers or {})
            code = headers.get("caxton-code", outcome.code)
            performative = str(reply.performative)
            self._keep(reply.payload, number=number, code=code, performative=performative, headers=headers)
        else:
            said = outcome.payload if isinstance(outcome, ToolError) else None
            data = outcome.message.encode() if said is None else said
            self._keep(data, number=number, code=outcome.code, retryable=outcome.retryable)
        return number

    def _keep(self, data: bytes, **info: Any) -> None:
        self._last = data
        self._info = {"length": len(data), **info}

    @property
    def kept(self) -> tuple[bytes, dict[str, Any]]:
        """The last result and what is known of it: other objects, once another has taken its place."""
        return self._last, self._info

    @property
    def last(self) -> bytes:
        """The last result."""
        return self._last

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the last result besides."""
        return self._info

    def info(self) -> bytes:
        """What ``result_info`` tells of the last result."""
        info: dict[str, Any] = {
            "length": 0,
            "number": 0,
            "code": None,
            "performative": None,
            "retryable": False,
            "headers": {},
        }
        return jsontext.dumps(info | self._info)

    def keep_info(self, data: bytes) -> int:
        """Makes the JSON of ``info`` the last result, without becoming what it tells of."""
        self._last = data
        return len(data)

    def forget(self) -> None:
        """A new turn: nothing is left to read from the one before."""
        self._last = b""
        self._info = {}


Handler = Callable[..., Answer | None]


@dataclass(frozen=True, slots=True)
class Import:
    """One row. ``local``: it may be answered on any thread, for it touches nothing but its own turn."""

    module: str
    name: str
    parameters: str
    result: str
    pairs: tuple[int, ...]
    handler: Handler
    local: bool = False

    @property
    def signature(self) -> str:
        """Its type, as signature.py writes it."""
        return function(self.parameters, self.result)


# -- caxton: what each import does. `g` is the guest's side, `s` what the turn does for it.


def _log(g: HostCalls, s: Services, level: int, ptr: int, length: int) -> None:
    s.log(level, g.read(ptr, min(length, MAX_LINE)), length)


def _read_result(g: HostCalls, s: Services, ptr: int, length: int) -> int:
    data = g.last[:length]
    g.write(ptr, data)
    return len(data)


def _result_info(g: HostCalls, s: Services) -> int:
    return g.keep_info(g.info())


def _context(g: HostCalls, s: Services) -> Answer:
    return s.context(shim.cx_fuel_left(g.slot))


def _envelope(g: HostCalls, s: Services) -> Answer:
    return s.envelope()


def _tell(g: HostCalls, s: Services, to: int, to_len: int, ptr: int, length: int) -> Answer:
    return s.tell(g.text(to, to_len), g.payload(ptr, length))


def _send_envelope(g: HostCalls, s: Services, meta: int, meta_len: int, ptr: int, length: int) -> Answer:
    if meta_len > META_LIMIT:
        raise MessagingError("envelope.invalid", f"an envelope without its payload has at most {META_LIMIT} bytes")
    return s.send_envelope(g.read(meta, meta_len), g.payload(ptr, length))


def _publish(g: HostCalls, s: Services, topic: int, topic_len: int, ptr: int, length: int) -> Answer:
    return s.publish(g.text(topic, topic_len), g.payload(ptr, length))


def _subscribe(g: HostCalls, s: Services, topic: int, topic_len: int) -> Answer:
    return s.subscribe(g.text(topic, topic_len))


def _unsubscribe(g: HostCalls, s: Services, topic: int, topic_len: int) -> Answer:
    return s.unsubscribe(g.text(topic, topic_len))


def _ask(g: HostCalls, s: Services, to: int, to_len: int, ptr: int, length: int, timeout: int) -> Answer:
    return s.ask(g.text(to, to_len), g.payload(ptr, length), timeout)


def _ask_start(g: HostCalls, s: Services, to: int, to_len: int, ptr: int, length: int, timeout: int) -> Answer:
    return s.ask_start(g.text(to, to_len), g.payload(ptr, length), timeout)


def _call_tool(g: HostCalls, s: Services, name: int, name_len: int, ptr: int, length: int) -> Answer:
    tool = g.text(name, name_len)
    return s.call_tool(tool, _arguments(g, s, tool, ptr, length))


def _tool_start(g: HostCalls, s: Services, name: int, name_len: int, ptr: int, length: int, timeout: int) -> Answer:
    tool = g.text(name, name_len)
    return s.tool_start(tool, _arguments(g, s, tool, ptr, length), timeout)


def _arguments(g: HostCalls, s: Services, tool: str, ptr: int, length: int) -> bytes:
    try:
        return g.payload(ptr, length)
    except LimitError as error:
        s.tool_refused(tool, error)
        raise


def _wait(g: HostCalls, s: Services, ptr: int, count: int, timeout: int) -> Answer:
    if count > MAX_HANDLES:
        raise MessagingError("envelope.invalid", f"a wait for more than {MAX_HANDLES} handles")
    return s.wait(struct.unpack(f"<{count}i", g.read(ptr, count * 4)), timeout)


def _cancel(g: HostCalls, s: Services, handle: int) -> Answer:
    return s.cancel(_signed(handle))


def _list_tools(g: HostCalls, s: Services) -> Answer:
    return s.list_tools()


def _emit(g: HostCalls, s: Services, ptr: int, length: int) -> Answer:
    return s.emit(g.payload(ptr, length))


def _defer(g: HostCalls, s: Services) -> Answer:
    return s.defer()


def _state_get(g: HostCalls, s: Services, key: int, key_len: int) -> Answer:
    return s.state_get(g.text(key, key_len))


def _state_put(g: HostCalls, s: Services, key: int, key_len: int, ptr: int, length: int) -> Answer:
    return s.state_put(g.text(key, key_len), g.read(ptr, length))


def _state_delete(g: HostCalls, s: Services, key: int, key_len: int) -> Answer:
    return s.state_delete(g.text(key, key_len))


def _state_keys(g: HostCalls, s: Services, prefix: int, prefix_len: int) -> Answer:
    return s.state_keys(g.text(prefix, prefix_len))


def _set_timer(g: HostCalls, s: Services, delay: int, period: int, ptr: int, length: int) -> Answer:
    return s.set_timer(delay, period, g.payload(ptr, length))


def _cancel_timer(g: HostCalls, s: Services, timer: int) -> Answer:
    return s.cancel_timer(_signed(timer))


def _now_ms(g: HostCalls, s: Services) -> int:
    return s.now_ms()


def _monotonic_ns(g: HostCalls, s: Services) -> int:
    return s.monotonic_ns()


def _random(g: HostCalls, s: Services, ptr: int, length: int) -> None:
    if length > MAX_RANDOM:
        raise ProtocolError("abi.protocol", f"random gives at most {MAX_RANDOM} bytes at once")
    g.write(ptr, s.random(length))


def _sleep_ms(g: HostCalls, s: Services, milliseconds: int) -> Answer:
    return s.sleep(milliseconds)


def _signed(value: int) -> int:
    return value - (1 << 32) if value & (1 << 31) else value


_P2: Final = "i32 i32"
_P4: Final = "i32 i32 i32 i32"


def _row(
    name: str, parameters: str, result: str, pairs: tuple[int, ...], handler: Handler, *, local: bool = False
) -> Import:
    return Import("caxton", name, parameters, result, pairs, handler, local)


CAXTON: Final[tuple[Import, ...]] = (
    _row("log", "i32 i32 i32", "", (READ | 1,), _log, local=True),
    _row("read_result", _P2, "i32", (WRITE | 0,), _read_result, local=True),
    _row("result_info", "", "i32", (), _result_info, local=True),
    _row("context", "", "i32", (), _context, local=True),
    _row("envelope", "", "i32", (), _envelope, local=True),
    _row("tell", _P4, "i32", (READ | 0, READ | 2), _tell),
    _row("send_envelope", _P4, "i32", (READ | 0, READ | 2), _send_envelope),
    _row("publish", _P4, "i32", (READ | 0, READ | 2), _publish),
    _row("subscribe", _P2, "i32", (READ | 0,), _subscribe),
    _row("unsubscribe", _P2, "i32", (READ | 0,), _unsubscribe),
    _row("ask", f"{_P4} i64", "i32", (READ | 0, READ | 2), _ask),
    _row("call_tool", _P4, "i32", (READ | 0, READ | 2), _call_tool),
    _row("ask_start", f"{_P4} i64", "i32", (READ | 0, READ | 2), _ask_start),
    _row("tool_start", f"{_P4} i64", "i32", (READ | 0, READ | 2), _tool_start),
    _row("wait", "i32 i32 i64", "i32", (READ | WORDS | 0,), _wait),
    _row("cancel", "i32", "i32", (), _cancel),
    _row("list_tools", "", "i32", (), _list_tools),
    _row("emit", _P2, "i32", (READ | 0,), _emit),
    _row("defer", "", "i32", (), _defer),
    _row("state_get", _P2, "i32", (READ | 0,), _state_get, local=True),
    _row("state_put", _P4, "i32", (READ | 0, READ | 2), _state_put, local=True),
    _row("state_delete", _P2, "i32", (READ | 0,), _state_delete, local=True),
    _row("state_keys", _P2, "i32", (READ | 0,), _state_keys, local=True),
    _row("set_timer", "i64 i64 i32 i32", "i32", (READ | 2,), _set_timer),
    _row("cancel_timer", "i32", "i32", (), _cancel_timer),
    _row("now_ms", "", "i64", (), _now_ms, local=True),
    _row("monotonic_ns", "", "i64", (), _monotonic_ns, local=True),
    _row("random", _P2, "", (WRITE | 0,), _random, local=True),
    _row("sleep_ms", "i64", "i32", (), _sleep_ms),
)
"""The import module ``caxton``, row by row as docs/reference/host-calls.md tells it."""


class Row(Protocol):
    """An import, as far as answering it needs to know."""

    @property
    def handler(self) -> Handler:
        """What answers it."""


def answer(g: HostCalls, s: Services, row: Row, arguments: Sequence[int]) -> int | Pending:
    """Runs a row; an error of the guest's making becomes its number.

    Raises:
        ProtocolError: the turn ends here.
    """
    try:
        outcome = row.handler(g, s, *arguments)
    except ProtocolError:
        raise
    except CaxtonError as error:
        return g.settle(error)
    if outcome is None:
        return 0
    if isinstance(outcome, Pending):
        return outcome
    return g.settle(outcome) if isinstance(outcome, bytes) or outcome < 0 else outcome
