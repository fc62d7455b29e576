"""A component's instance: ``handle`` or ``handle-text``, driven through the shim."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from caxton.agents.ports import Addressed, Services
from caxton.agents.waiting import Chosen, Outcome, Pending
from caxton.errors import CaxtonError, MessagingError, ProtocolError
from caxton.messages import Envelope, Performative
from caxton.sandbox import traps
from caxton.sandbox.component_calls import CALLS, ComponentCall
from caxton.sandbox.component_values import Value, put, taken
from caxton.sandbox.component_wasi import WASI_CALLS, Waiting
from caxton.sandbox.core_abi import CoreGuest, Origin
from caxton.sandbox.hostcalls import HostCalls, answer
from caxton.sandbox.native import ffi, shim
from caxton.sandbox.tracing import Tracer, component_arguments, value_arguments
from caxton.sandbox.wasi import Exit

IMPORTS: Final[tuple[ComponentCall, ...]] = (*CALLS, *WASI_CALLS)
"""Every function that a component may import; a pending host call is an index into it."""

_LOCAL: Final = tuple(row.local for row in IMPORTS)
_ARITY: Final = tuple(len(row.shape) + sum(letter in "sph" for letter in row.shape) for row in IMPORTS)
_NONE: Final = 0xFFFFFFFF
_NOTHING: Final = _NONE.to_bytes(4, "little")
_ACTS: Final = {act: number for number, act in enumerate(Performative)}
_ACTS_BY_NAME: Final = {act.value: number for act, number in _ACTS.items()}
_THREE: Final = struct.Struct("<III")
_TWO: Final = struct.Struct("<II")
_UNSET: Final = _NOTHING * 7
_MOST_HEADERS: Final = 1_000


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return len(data).to_bytes(4, "little") + data


def _optional(text: str | None) -> bytes:
    return _NOTHING if text is None else _text(text)


def pack_envelope(found: Envelope) -> bytes:
    """What an envelope says besides its payload, as the shim reads it (``put_envelope``)."""
    headers = found.headers or {}
    optional = found[4:11]
    parts = [
        _THREE.pack(_ACTS[found.performative], len(found.receiver), len(headers)),
        _text(found.sender),
        *map(_text, found.receiver),
    ]
    if any(value is not None for value in optional):
        parts += [
            _optional(found.conversation_id),
            _optional(found.reply_with),
            _optional(found.in_reply_to),
            _optional(found.reply_by),
            _optional(found.ontology),
            _optional(found.language),
            _optional(found.content_type),
        ]
    else:
        parts.append(_UNSET)
    parts.append(_text(f"m{found.id}"))
    for key, value in headers.items():
        parts += [_text(key), _text(value)]
    return b"".join(parts)


def _pack_info(info: dict[str, Any]) -> bytes:
    headers = list((info.get("headers") or {}).items())[:_MOST_HEADERS]
    act = _ACTS_BY_NAME.get(str(info.get("performative")), _NONE)
    parts = [_TWO.pack(act, bool(info.get("retryable"))), _optional(info.get("code"))]
    parts.append(len(headers).to_bytes(4, "little"))
    for key, value in headers:
        parts += [_text(str(key)), _text(str(value))]
    return b"".join(parts)


class ComponentGuest(CoreGuest):
    """One instance of a component (the ``Guest`` of agents/ports.py). Not thread-safe: one driver at a time."""

    __slots__ = ("_then",)

    def __init__(self, program: Any, module: Origin) -> None:
        super().__init__(program, module)
        self._then: Callable[[], Value | None] | None = None

    def deliver(self, payload: bytes, deadline_ns: int, message: Addressed | None = None) -> int:
        """Begins a turn. Answers a status; INTERRUPTED where the instance is not idle."""
        meta = b""
        if message is not None and not self._program.origin.text_only:
            meta = pack_envelope(message.envelope)
        status: int = shim.cx_deliver_envelope(self._slot, payload, len(payload), meta, len(meta), deadline_ns)
        return status

    def response(self) -> bytes:
        """The response, after RESPONSE."""
        slot = self._slot
        length = slot.response_len
        return bytes(ffi.buffer(ffi.cast("char *", slot.response_ptr), length)) if length else b""

    @property
    def call_is_local(self) -> bool:
        """Whether the pending host call may be answered on any thread."""
        return _LOCAL[int(self._slot.call)]

    def answer_call(self, services: Services) -> Pending | None:
        """Answers the pending host call; where it waits, answers what for."""
        slot = self._slot
        calls = self._calls
        if calls is None:
            calls = self._calls = HostCalls(slot)
        calls.forget()
        number = slot.call
        row = IMPORTS[number]
        if self._tracer is not None and row.result != "v":
            self._tracer.begin(calls, row.interface, row.name, component_arguments(slot, row.shape))
        try:
            if row.result == "v":
                return self._answer_wasi(calls, services, row)
            outcome = answer(calls, services, row, list(slot.arguments[0 : _ARITY[number]]))
        except Exit as error:
            self._exit = error.status
            self._end(traps.FAULT_EXIT, f"the guest exited with status {error.status}", "")
            return None
        except ProtocolError as error:
            self._end(traps.FAULT_PROTOCOL, error.message, error.code)
            return None
        if isinstance(outcome, Pending):
            return outcome
        self._give(outcome)
        return None

    def _answer_wasi(self, calls: HostCalls, services: Services, row: ComponentCall) -> Pending | None:
        part = self._slot.part
        arguments = [taken(part.taken[i]) for i in range(part.ntaken)]
        if self._tracer is not None:
            self._tracer.begin(calls, row.interface, row.name, value_arguments(arguments))
        outcome = row.handler(calls, services, *arguments)
        if isinstance(outcome, Waiting):
            self._then = outcome.then
            return outcome.pending
        self._give_value(outcome)
        return None

    def _give_value(self, value: Value | None) -> None:
        """Hands the guest a value: here every answer of WASI passes."""
        slot = self._slot
        if value is not None and slot.part.results:
            if value[0] == "bytes":
                shim.cx_charge(slot, len(value[1]))
            put(slot, slot.part.results[0], value)
        if self._tracer is not None and self._calls is not None:
            self._tracer.answered(self._calls, 0)
        shim.cx_settle(slot)

    def settle(self, outcome: Outcome) -> None:
        """Answers the host call that waited."""
        assert self._calls is not None
        then, self._then = self._then, None
        if then is not None:
            self._give_value(then())
            return
        self._calls.forget()
        if isinstance(outcome, Chosen):
            self._give(self._calls.settle(outcome.outcome), outcome.index)
        else:
            self._give(self._calls.settle(outcome))

    def _give(self, number: int, index: int | None = None) -> None:
        """Hands the guest the answer to its call: every answer passes here (see ``CoreGuest._give``)."""
        calls = self._calls
        assert calls is not None
        row = IMPORTS[self._slot.call]
        if self._tracer is not None:
            self._tracer.answered(calls, number)
        data = calls.last
        info = b""
        if row.result[:1] == "r":
            # How long a call's data is says nothing of how it ended: only what is below 0 does.
            info = _pack_info(calls.about)
            if row.result == "rf":
                info = (_NONE if index is None else index).to_bytes(4, "little") + info
        if not shim.cx_reply(self._slot, number, data, len(data), info, len(info)):
            data = data.decode("utf-8", "replace").encode()
            shim.cx_reply(self._slot, number, data, len(data), info, len(info))

    def _tell_refused(self, tracer: Tracer, code: str) -> None:
        """Tells of the call that the shim did not let through. Its arguments may not have been taken."""
        row = IMPORTS[self._slot.call]
        tracer.refused(self._slot, row.interface, row.name, (), code)

    def write_dump(self, file: BinaryIO, error: CaxtonError, name: str, module: str) -> None:
        """Writes what is left of the instance as a core dump.

        Raises:
            OSError: the file takes nothing more.
        """
        from caxton.sandbox.component_dump import ComponentDump  # which most hosts never need

        ComponentDump(self._slot, self._module.facts, error, name, module).write(file)

    def fault(self) -> Any:
        """Why the job failed; a number is the status that the guest exited with."""
        if self._slot.fault == traps.FAULT_NOT_TEXT:
            return MessagingError("envelope.invalid", "the agent takes text only, and the message is none")
        return super().fault()

    @property
    def failed(self) -> bool:
        """Whether the instance is of no further use."""
        return super().failed and self._slot.fault != traps.FAULT_NOT_TEXT
