"""A core module's instance: ``handle_message`` and ``get_response``, driven through the shim."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from caxton.agents.ports import Addressed, Services
from caxton.agents.tracing import TraceSink
from caxton.agents.waiting import Chosen, Outcome, Pending
from caxton.errors import CaxtonError, LimitError, ProtocolError
from caxton.sandbox import traps
from caxton.sandbox.engine import MAX_MEMORY, PAGE
from caxton.sandbox.hostcalls import CAXTON, HostCalls, Import, answer
from caxton.sandbox.native import ffi, shim
from caxton.sandbox.tracing import Tracer, core_answer, core_arguments
from caxton.sandbox.wasi import WASI, Exit

if TYPE_CHECKING:
    from caxton.sandbox.facts import Facts

IMPORTS: Final[tuple[Import, ...]] = (*CAXTON, *WASI)
"""Every import there is; a pending host call is an index into it."""

_AS_IT_WAS: Final = -1
_WASI: Final = "wasi_snapshot_preview1"
_FIRST_BUFFER: Final = 4096
_RESULTS: Final = struct.Struct("<ii6Q")
"""What a slot tells of a job, from ``trap_code`` to ``window_len``; read at once, which is cheaper than one by one."""

_CALL: Final = struct.Struct("<II10q")
"""The pending host call and its arguments, from ``call`` on."""

_CALL_AT: Final = ffi.offsetof("cx_slot_t", "call")
_RESULTS_AT: Final = ffi.offsetof("cx_slot_t", "trap_code")
_BYTES: Final = ffi.typeof("char *")

_ARITY: Final = tuple(len(row.parameters.split()) for row in IMPORTS)
_LOCAL: Final = tuple(row.local for row in IMPORTS)


class Origin(Protocol):
    """A module, as far as its instances know it."""

    @property
    def facts(self) -> Facts:
        """What is known of it."""

    @property
    def lines(self) -> traps.Places:
        """Where its code comes from."""

    @property
    def first_memory(self) -> int:
        """Bytes of memory that an instance begins with."""


class CoreGuest:
    """One instance of a core module (the ``Guest`` of agents/ports.py). Not thread-safe: one driver at a time."""

    __slots__ = (
        "_call",
        "_calls",
        "_cap",
        "_exit",
        "_memory",
        "_module",
        "_program",
        "_reason",
        "_results",
        "_slot",
        "_tracer",
        "has_allocator",
    )

    def __init__(self, program: Any, module: Origin) -> None:
        self._program = program
        self._module = module  # whose code the instance runs: it must outlive it
        self.has_allocator = bool(program.allocator)
        self._slot = ffi.NULL
        self._memory: Any = None
        self._results: Any = b""
        self._call: Any = b""
        self._calls: HostCalls | None = None
        self._reason: CaxtonError | str | None = None
        self._exit = 0
        self._cap: int | None = None
        self._tracer: Tracer | None = None

    # -- the job

    def start(self, deadline_ns: int, room: int | None = None) -> int:
        """Makes the instance and begins turn 0, in which its memory may grow by ``room``. Answers a status.

        Raises:
            LimitError: ``limit.host``, there is no memory for it.
        """
        self._slot = shim.cx_new(self._program, deadline_ns)
        if not self._slot:
            raise LimitError("limit.host", "this process has no memory for another instance")
        self._results = ffi.buffer(ffi.cast(_BYTES, self._slot) + _RESULTS_AT, _RESULTS.size)
        if room is not None:
            self.limit_memory(room)
        return int(shim.cx_run(self._slot, 1, 0))

    def deliver(self, payload: bytes, deadline_ns: int, message: Addressed | None = None) -> int:
        """Begins a turn. Answers a status; INTERRUPTED where the instance is not idle."""
        if self._calls is not None:
            self._calls.forget()
        status: int = shim.cx_deliver(self._slot, payload, len(payload), deadline_ns)
        return status

    def run(self, slices: int, quantum_ns: int) -> int:
        """Goes on. Answers a status."""
        return int(shim.cx_run(self._slot, slices, quantum_ns))

    def response(self) -> bytes:
        """The response, after RESPONSE."""
        _, _, pointer, length, _, _, _, _ = _RESULTS.unpack_from(self._results)
        memory = self._memory
        if memory is None:
            memory = self._memory = ffi.buffer(self._slot.base, MAX_MEMORY)  # it never moves
        found: bytes = memory[pointer : pointer + length]  # the shim has checked them
        return found

    @property
    def slot(self) -> Any:
        """The shim's side of the instance, for who reads its state between two jobs (freeze/state.py)."""
        return self._slot

    # -- host calls

    @property
    def pending_call(self) -> int:
        """Which of ``IMPORTS`` the pending host call is of."""
        return int(self._slot.call)

    @property
    def call_is_local(self) -> bool:
        """Whether the pending host call may be answered on any thread."""
        return _LOCAL[int(self._slot.call)]

    def answer_call(self, services: Services) -> Pending | None:
        """Answers the pending host call; where it waits, answers what for."""
        slot = self._slot
        calls = self._calls
        if calls is None:
            calls = self._calls = HostCalls(slot, ffi.buffer(slot.base, MAX_MEMORY) if slot.base else None)
            self._call = ffi.buffer(ffi.cast(_BYTES, slot) + _CALL_AT, _CALL.size)
        number, _, *arguments = _CALL.unpack_from(self._call)
        row = IMPORTS[number]
        del arguments[_ARITY[number] :]
        if self._tracer is not None:
            self._tracer.begin(calls, row.module, row.name, core_arguments(slot, row, arguments))
        try:
            outcome = answer(calls, services, row, arguments)
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

    def settle(self, outcome: Outcome) -> None:
        """Answers the host call that waited."""
        assert self._calls is not None
        if isinstance(outcome, Chosen):
            self._calls.settle(outcome.outcome)
            number = outcome.index
        else:
            number = self._calls.settle(outcome)
        if IMPORTS[self._slot.call].module == _WASI:
            number = 0  # a sleep that was cut short has slept
        self._give(number)

    def _give(self, number: int) -> None:
        """Hands the guest the answer to its call.

        Every answer passes here, the numbers and, in ``HostCalls``, what was written into the memory and what was kept
        to be read: this is where a recorder would listen, and a player would speak.
        """
        if self._tracer is not None and self._calls is not None:
            self._tracer.answered(self._calls, core_answer(IMPORTS[self._slot.call], number))
        shim.cx_answer(self._slot, number)

    def fail_call(self, error: CaxtonError) -> None:
        """Ends the turn instead of answering the pending host call."""
        self._end(traps.FAULT_HOST, error, error.code)

    def _end(self, fault: int, reason: CaxtonError | str, code: str) -> None:
        if self._tracer is not None:
            self._tracer.ended(self._slot, reason, code)
        self._slot.fault = fault
        self._reason = reason
        shim.cx_answer(self._slot, 0)

    def trace(self, agent: str, sink: TraceSink | None) -> None:
        """From the next host call on, tells ``sink`` of every one; None: nobody any more."""
        self._tracer = None if sink is None else Tracer(agent, sink)

    # -- the end

    def fault(self) -> CaxtonError | int:
        """Why the job failed; a number is the status that the guest exited with."""
        if self._slot.fault == traps.FAULT_EXIT:
            return self._exit
        if isinstance(self._reason, CaxtonError):
            return self._reason
        limit = int(self._program.memory_limit)
        error = traps.fault_error(self._slot, self._cap or limit, self._module.lines, self._reason)
        if self._slot.refused and self._tracer is not None:
            self._tell_refused(self._tracer, error.code)
        if self._cap is not None and error.code == "limit.memory":
            return LimitError(
                "limit.host",
                "the agents of this host have no memory left",
                frames=error.frames,
                memory_used=error.memory_used,
                memory_limit=limit,
            )
        return error

    def _tell_refused(self, tracer: Tracer, code: str) -> None:
        """Tells of the call that the shim did not let through."""
        row, slot = IMPORTS[self._slot.call], self._slot
        arguments = core_arguments(slot, row, list(slot.arguments[0 : _ARITY[slot.call]]))
        tracer.refused(slot, row.module, row.name, arguments, code)

    def write_dump(self, file: BinaryIO, error: CaxtonError, name: str, module: str) -> None:
        """Writes what is left of the instance as a core dump.

        Raises:
            OSError: the file takes nothing more.
        """
        from caxton.sandbox.coredump import CoreDump  # which most hosts never need

        CoreDump(self._slot, self._module.facts, error, name, module).write(file)

    def interrupt(self) -> None:
        """Makes ``run`` on another thread end soon."""
        self._slot.interrupt = 1

    def limit_memory(self, bytes_: int | None) -> None:
        """Allows less memory than the limit, until told otherwise with None."""
        slot, program = self._slot, self._program
        limit = int(program.memory_limit)
        size = int(slot.size) or self._module.first_memory
        if not self.has_allocator and not slot.window_len:  # which is still to come
            size += -(-(program.message_limit + program.response_limit + _FIRST_BUFFER) // PAGE) * PAGE
        cap = limit if bytes_ is None else min(limit, size + bytes_)
        self._cap = cap if cap < limit else None
        shim.cx_limit_memory(self._slot, cap)

    def compact(self, pagemap: int, least: int) -> int | None:
        """Makes the memory of an instance that is between two turns small, where that frees ``least`` bytes or more;
        ``pagemap`` is an open /proc/self/pagemap. The next turn finds all as it was (shim_compact.c).

        Answers the bytes that are kept aside; ``MORE``: another call goes on; None: all is as it was.
        """
        kept = int(shim.cx_compact(self._slot, pagemap, least))
        return None if kept == _AS_IT_WAS else kept

    @property
    def is_compact(self) -> bool:
        """Whether the memory is small just now."""
        return bool(self._slot) and int(shim.cx_kept_length(self._slot)) >= 0

    def close(self) -> None:
        """Frees the instance, whatever it is doing."""
        slot, self._slot = self._slot, ffi.NULL
        self._calls = None
        self._memory, self._results, self._call = None, b"", b""
        if slot:
            shim.cx_delete(slot)

    def __del__(self) -> None:
        if self._slot and shim is not None:  # which it is while the interpreter shuts down
            self.close()

    # -- figures

    def figures(self) -> tuple[int, int, int, int, int]:
        """Of the job that has ended: what ``handle_message`` (or ``caxton_init``) returned, fuel and host calls; bytes
        of memory, and those without the window.

        The window costs address space, but no memory until a message comes that large.
        """
        _, status, _, _, fuel, calls, size, window = _RESULTS.unpack_from(self._results)
        return status, fuel, calls, size, size - window

    @property
    def charged_bytes(self) -> int:
        """Bytes of memory without the window, also in the middle of a job."""
        if not self._results:
            return self._module.first_memory
        _, _, _, _, _, _, size, window = _RESULTS.unpack_from(self._results)
        # In a start function the memory is there, but not to be seen yet.
        return size - window if size else self._module.first_memory

    @property
    def fuel_left(self) -> int:
        """Fuel left for the job."""
        return int(shim.cx_fuel_left(self._slot))

    @property
    def memory_bytes(self) -> int:
        """The size of the linear memory."""
        return int(self._slot.size) if self._slot else 0

    @property
    def failed(self) -> bool:
        """Whether the instance is of no further use."""
        return not self._slot or bool(self._slot.fault)
