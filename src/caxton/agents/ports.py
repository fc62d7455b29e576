"""What this room needs of the others, as small protocols; ``host`` passes the real ones in.

A *guest* is an instance between ``start`` and ``close``. Driving it is a loop: ``start`` or ``deliver`` begins a job
and answers with a status; after ``CALL`` the pending host call is answered, after ``YIELD`` nothing is needed, and
``run`` goes on. Whoever drives a guest decides where: on the event loop, or on a worker thread, one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, Protocol, TypeAlias

from caxton.agents.grants import Grants
from caxton.agents.tracing import TraceSink
from caxton.agents.waiting import Outcome, Pending
from caxton.errors import CaxtonError
from caxton.messages import AgentName, Envelope

if TYPE_CHECKING:
    from caxton.agents.delivery import Delivery

# The statuses of a job. Plain numbers, since each turn compares a few; the shim's header has the same.
DONE: Final = 0
CALL: Final = 1
YIELD: Final = 2
RESPONSE: Final = 3
FAULT: Final = 4
INTERRUPTED: Final = 5
MORE: Final = -2
"""What ``Guest.compact`` answers where it has not come to its end."""

Answer: TypeAlias = int | bytes | Pending
"""What a service answers: a number, data that the guest will read, or something to wait for."""


class Guest(Protocol):
    """One instance of a module. With ``has_allocator`` a turn goes on after ``RESPONSE``, to free what it allocated."""

    has_allocator: bool

    def start(self, deadline_ns: int, room: int | None = None) -> int:
        """Begins turn 0: the start function and the initialisers, which may grow the memory by ``room`` bytes.

        Answers a status.
        """

    def deliver(self, payload: bytes, deadline_ns: int, message: Addressed | None = None) -> int:
        """Begins a turn. ``deadline_ns`` is the monotonic clock's; ``message`` has the envelope, for who asks. Answers
        a status."""

    def run(self, slices: int, quantum_ns: int) -> int:
        """Goes on for so many slices of fuel, or so long. Answers a status."""

    def answer_call(self, services: Services) -> Pending | None:
        """Answers the pending host call, or says what it waits for: then ``settle`` answers it."""

    @property
    def call_is_local(self) -> bool:
        """Whether the pending host call may be answered on any thread."""

    def settle(self, outcome: Outcome) -> None:
        """Answers the host call that waited."""

    def fail_call(self, error: CaxtonError) -> None:
        """Ends the turn with ``error`` instead of answering the pending host call."""

    def trace(self, agent: str, sink: TraceSink | None) -> None:
        """From the next host call on, tells ``sink`` of every one, as ``agent``'s; None: nobody any more."""

    def response(self) -> bytes:
        """The response, after ``RESPONSE``."""

    def fault(self) -> CaxtonError | int:
        """Why the job failed, after ``FAULT``; or the status that the guest exited with."""

    def write_dump(self, file: BinaryIO, error: CaxtonError, name: str, module: str) -> None:
        """Writes what is left of the instance, after ``fault`` gave ``error``, as a core dump. ``name``: what it is to
        be called; ``module``: its module's file.

        Raises:
            OSError: the file takes nothing more.
            ValueError: it cannot be dumped.
        """

    def interrupt(self) -> None:
        """Makes a running ``run`` on another thread end soon, with ``INTERRUPTED``."""

    def limit_memory(self, bytes_: int | None) -> None:
        """Holds the memory to less than its own limit until the next call; None takes that back."""

    def figures(self) -> tuple[int, int, int, int, int]:
        """Of the job that has ended: what ``handle_message`` returned; its fuel and its host calls; the bytes of linear
        memory, and how many of them count against the host (all but the pages that it added for messages itself)."""

    @property
    def charged_bytes(self) -> int:
        """The bytes of linear memory that count against the host, also before it starts and in the middle of a job."""

    @property
    def fuel_left(self) -> int:
        """Fuel left, while a host call is pending."""

    @property
    def memory_bytes(self) -> int:
        """The size of the linear memory."""

    def compact(self, pagemap: int, least: int) -> int | None:
        """Makes the memory small until the next turn, where that frees ``least`` bytes; ``pagemap``: an open
        /proc/self/pagemap. Answers the bytes that are kept aside; ``MORE``: it takes further calls, and a turn may
        come before them; None: all is as it was."""

    @property
    def is_compact(self) -> bool:
        """Whether the memory is small just now."""

    def close(self) -> None:
        """Frees everything, whatever the guest is doing. Not while another thread is inside ``run``."""


class Addressed(Protocol):
    """What has an envelope, which is perhaps written only when somebody asks for it."""

    @property
    def envelope(self) -> Envelope:
        """The envelope."""


class Services(Protocol):
    """What one turn does for its guest: the meaning of the host calls, whichever ABI carries them.

    A method raises ``CaxtonError`` where the guest gets an error number.
    """

    def log(self, level: int, text: bytes, size: int) -> None:
        """Writes to the agent's log, at once. ``size``: the line's bytes, of which ``text`` may be the first."""

    def output(self, level: int, piece: bytes) -> None:
        """Writes a piece of standard output or error to the agent's log, which gets whole lines."""

    def context(self, fuel: int) -> Answer:
        """Who and what this agent is, as JSON."""

    def envelope(self) -> Answer:
        """The current envelope without its payload, as JSON."""

    def tell(self, to: str, payload: bytes) -> Answer:
        """Queues an ``inform``."""

    def send_envelope(self, meta: bytes, payload: bytes) -> Answer:
        """Queues any envelope."""

    def publish(self, topic: str, payload: bytes) -> Answer:
        """Queues a message to a topic's subscribers."""

    def subscribe(self, topic: str) -> Answer:
        """Queues a subscription."""

    def unsubscribe(self, topic: str) -> Answer:
        """Queues the end of a subscription."""

    def ask(self, to: str, payload: bytes, timeout: int) -> Answer:
        """Sends a request now and waits for its reply."""

    def call_tool(self, name: str, arguments: bytes) -> Answer:
        """Calls a tool now and waits for its result."""

    def ask_start(self, to: str, payload: bytes, timeout: int) -> Answer:
        """Sends a request now; answers a handle."""

    def tool_start(self, name: str, arguments: bytes, timeout: int) -> Answer:
        """Calls a tool now; answers a handle."""

    def tool_refused(self, name: str, error: CaxtonError) -> None:
        """Notes a call that is not made for ``error``: its arguments cannot even be looked at.

        Raises:
            ToolError: the name alone is a reason, which goes before.
        """

    def wait(self, handles: tuple[int, ...], timeout: int) -> Answer:
        """Waits for the first of some handles."""

    def cancel(self, handle: int) -> Answer:
        """Gives up a handle."""

    def list_tools(self) -> Answer:
        """The tools that the agent may call, as JSON."""

    def emit(self, payload: bytes) -> Answer:
        """Sends a part of the reply, now."""

    def defer(self) -> Answer:
        """Keeps the reply for later; answers its token."""

    def state_get(self, key: str) -> Answer:
        """A value of the agent's state; -1 where there is none."""

    def state_put(self, key: str, value: bytes) -> Answer:
        """Queues a change of the agent's state."""

    def state_delete(self, key: str) -> Answer:
        """Queues a deletion; -1 where there is nothing."""

    def state_keys(self, prefix: str) -> Answer:
        """The keys with a prefix, as JSON."""

    def set_timer(self, delay: int, period: int, payload: bytes) -> Answer:
        """Queues a timer; answers its id. Milliseconds."""

    def cancel_timer(self, timer: int) -> Answer:
        """Queues the end of a timer; -1 where there is none."""

    def now_ms(self) -> int:
        """Unix time in milliseconds; it stands still between two waits."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since the instance began; it stands still between two waits."""

    def random(self, length: int) -> bytes:
        """So many random bytes."""

    def sleep(self, milliseconds: int) -> Answer:
        """Waits."""


class Clock(Protocol):
    """Time, and callbacks in time. The real one is the event loop's; ``caxton.testing`` has one that a test moves."""

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""

    def time(self) -> float:
        """Unix time in seconds."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Calls back at ``when`` on the monotonic clock."""

    def deadline_ns(self, when: float) -> int:
        """``when`` on the machine's own monotonic clock, in nanoseconds: what a guest that computes is held to.

        Any thread may ask.
        """


class Timer(Protocol):
    """A callback to come."""

    def cancel(self) -> None:
        """Takes it back."""


class Router(Protocol):
    """Where messages go."""

    def knows(self, name: AgentName) -> bool:
        """Whether there is such an agent."""

    def post(self, envelope: Envelope) -> bool:
        """Delivers to every receiver, or to the dead letters (False); not after the envelope's ``reply-by``."""

    def emit(self, delivery: Delivery, envelope: Envelope) -> None:
        """Takes a part of a reply there."""

    def ask(self, asker: AgentName, to: AgentName, payload: bytes, deadline: float) -> Pending:
        """Sends a request for a turn that will wait.

        Raises:
            CaxtonError: ``mailbox.full``, ``agent.unknown``, ``agent.stopped``, ``limit.host``.
        """

    def would_block(self, waiter: AgentName, targets: Iterable[AgentName]) -> bool:
        """Whether ``waiter``, waiting for any of ``targets``, could never go on."""

    def waiting(self, waiter: AgentName, targets: tuple[AgentName, ...] | None) -> None:
        """Notes whom an agent waits for; None: for nobody any more."""

    def subscribers(self, topic: str) -> list[AgentName]:
        """Who gets what is published there."""

    def subscribe(self, agent: AgentName, pattern: str) -> None:
        """Adds a subscription."""

    def unsubscribe(self, agent: AgentName, pattern: str) -> None:
        """Ends a subscription."""

    def publish(self, envelope: Envelope, topic: str) -> None:
        """Delivers to a topic's subscribers."""

    def next_id(self) -> int:
        """A number for an envelope, unlike all others of this host."""

    def next_token(self) -> str:
        """A token that nobody can guess, for a reply."""

    def call_key(self, agent: AgentName, message: int, number: int) -> str:
        """The idempotency key of the tool call that is number ``number`` of the turn for envelope ``message``."""

    def dead_letter(self, envelope: Envelope, receiver: AgentName, code: str) -> None:
        """Keeps what cannot be delivered, with the reason."""


class ToolRequest(NamedTuple):
    """A call of a tool that an agent wants to make.

    ``arguments`` is a JSON object, ``size`` its bytes as the agent wrote them. ``key`` names the call: the same one
    again, should the same turn be run again. By ``until`` (monotonic seconds) whoever calls has given up at the latest.
    """

    agent: AgentName
    grants: Grants
    name: str
    arguments: dict[str, Any]
    size: int
    key: str
    until: float = math.inf


class Tools(Protocol):
    """Tools, by name, behind the agents' grants."""

    def check(self, agent: AgentName, grants: Grants, name: str) -> None:
        """Looks at the name alone.

        Raises:
            ToolError: ``grant.denied``, or else ``tool.unknown``.
        """

    def refused(self, agent: AgentName, name: str, code: str) -> None:
        """Notes that a call which ``check`` has just let pass is not made after all: for its arguments, or for want of
        room. ``code`` is what the agent gets."""

    def call(self, request: ToolRequest) -> Pending:
        """Starts a call; it resolves to the result's JSON, or to a ``CaxtonError``. Cancelling it cancels the call.

        Raises:
            CaxtonError: it is not begun: ``grant.denied``, ``tool.*``, ``rate.exceeded``, ``limit.budget``.
        """

    def describe(self, grants: Grants) -> Answer:
        """The tools that the grants allow, as JSON: name, description, input schema of each."""

    def forget(self, agent: AgentName) -> None:
        """An agent is gone for good."""


class Scheduler(Protocol):
    """Decides when an agent runs, and where."""

    inside: bool
    """Whether a turn is being driven on the event loop at this moment, further up the stack."""

    def ready(self, step: Callable[[], None]) -> None:
        """Runs ``step`` on the event loop, soon."""

    def resume(self, step: Callable[[], None]) -> None:
        """The same, but now, where no turn is inside and nobody else is ready before it."""

    def at_once(self, last_round: int) -> int:
        """A number above 0 if a turn may begin inside its caller; ``last_round`` is the last one for this agent."""

    def work(self, job: Job) -> None:
        """Runs ``job.quantum`` on a worker thread until it answers a status, then ``job.done`` on the event loop."""


class Job(Protocol):
    """A turn that goes on away from the event loop."""

    def quantum(self) -> int | None:
        """Runs for a while, on a worker thread. None: there is more to do; else the status that the loop must see."""

    def done(self, status: int) -> None:
        """Takes the turn back, on the event loop."""


class Budget(Protocol):
    """The memory that all agents of a host share."""

    @property
    def scarce(self) -> bool:
        """Whether a guest that begins to run on the event loop must take a share; on a worker it always must."""

    def take_share(self, *, on_loop: bool) -> int:
        """Bytes by which a guest may grow, and nobody else, until it has given them back. On any thread."""

    def changed(self, before: int, after: int, share: int, *, on_loop: bool) -> None:
        """An agent's memory has grown or shrunk; it gives back its share. On any thread."""

    def keep(self, size: int) -> bool:
        """Takes ``size`` bytes for a result that a turn has not read yet; False where there is no room."""

    def drop(self, size: int) -> None:
        """Gives back what ``keep`` took."""
