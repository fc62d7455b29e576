"""Caxton for agents in Python.

An agent is a function ``handle`` in ``src/agent.py``: from a ``Message`` to the payload of its reply.

    from caxton_agent import Failure, Message, ask

    def handle(message: Message) -> str:
        answer = ask("clerk", message.text, timeout=1.0)
        if not answer.payload:
            raise Failure("the clerk knows nothing")
        return answer.text

Payloads are ``str`` where they are text and ``bytes`` elsewhere; times are seconds. A host call that is refused or
fails raises ``HostError``. ``print`` and ``logging`` write to the agent's log; ``time``, ``datetime``, ``random``,
``secrets`` and ``uuid`` have the host's clocks and random numbers.
"""

from caxton_agent import machine as _machine  # noqa: F401 - first: others take functions that it replaces
from caxton_agent.asking import Answer, Pending, as_completed, ask, ask_start, gather, wait
from caxton_agent.errors import ErrorKind, Failure, HostError
from caxton_agent.messages import Message, Payload, Performative
from caxton_agent.sending import defer, emit, publish, reply_later, send, send_envelope, subscribe, tell, unsubscribe
from caxton_agent.stored import State, state
from caxton_agent.system import (
    Level,
    cancel_timer,
    context,
    envelope,
    log,
    monotonic_ns,
    now_ms,
    random_bytes,
    set_timer,
    sleep,
)
from caxton_agent.tools import call_tool, call_tool_json, list_tools, tool_start, tool_start_json

__all__ = [
    "Answer",
    "ErrorKind",
    "Failure",
    "HostError",
    "Level",
    "Message",
    "Payload",
    "Pending",
    "Performative",
    "State",
    "as_completed",
    "ask",
    "ask_start",
    "call_tool",
    "call_tool_json",
    "cancel_timer",
    "context",
    "defer",
    "emit",
    "envelope",
    "gather",
    "list_tools",
    "log",
    "monotonic_ns",
    "now_ms",
    "publish",
    "random_bytes",
    "reply_later",
    "send",
    "send_envelope",
    "set_timer",
    "sleep",
    "state",
    "subscribe",
    "tell",
    "tool_start",
    "tool_start_json",
    "unsubscribe",
    "wait",
]
