"""The log, the agent itself, timers, clocks and random numbers."""

from __future__ import annotations

import json
from typing import Any, Final, Literal, get_args

from wit_world.imports import host

from caxton_agent import machine
from caxton_agent.crossing import call, clean, milliseconds, to_wit
from caxton_agent.messages import Payload

Level = Literal["trace", "debug", "info", "warning", "error"]

_LEVELS: Final = {name: host.Level[name.upper()] for name in get_args(Level)}


def log(level: Level, message: str) -> None:
    """Writes a line to the agent's log. ``print`` and ``logging`` do too."""
    machine.need_host()
    host.log(_LEVELS[level], clean(message))


def context() -> dict[str, Any]:
    """This agent: ``agent``, ``params``, ``attempt``, ``deadline_ms`` and ``fuel`` left, ``grants``."""
    found: dict[str, Any] = json.loads(call(host.context))
    return found


def envelope() -> dict[str, Any]:
    """The current envelope as the host has it, without its payload."""
    found: dict[str, Any] = json.loads(call(host.envelope))
    return found


def set_timer(delay: float, payload: Payload = "", period: float = 0.0) -> int:
    """A message to the agent itself after ``delay`` seconds, and then every ``period`` if that is not 0; its id.

    Raises:
        HostError: ``bad-argument``, a time is below 10 ms or above 366 days; ``limit``, there are too many.
    """
    return call(host.set_timer, milliseconds(delay), milliseconds(period), to_wit(payload))


def cancel_timer(timer: int) -> None:
    """Ends a timer.

    Raises:
        HostError: ``not-found``, there is none of that id.
    """
    call(host.cancel_timer, timer)


def now_ms() -> int:
    """Unix time in milliseconds, as ``time.time``. Clocks stand still while a turn computes."""
    machine.need_host()
    return host.now_ms()


def monotonic_ns() -> int:
    """Nanoseconds since the instance began, as ``time.monotonic_ns``."""
    machine.need_host()
    return host.monotonic_ns()


def random_bytes(count: int) -> bytes:
    """Random bytes from the host, as ``os.urandom``."""
    machine.need_host()
    return machine.random_bytes(count)


def sleep(seconds: float) -> None:
    """Waits without computing, as ``time.sleep``.

    Raises:
        HostError: ``timeout``, the turn's time is over first.
    """
    call(host.sleep_ms, milliseconds(seconds))
