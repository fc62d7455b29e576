"""What an agent is doing, what follows when its instance ends, and what it has done so far."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What an agent is doing."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPED = "stopped"
    FAILED = "failed"


class Verdict(Enum):
    """What a supervisor says when an instance has ended."""

    RESTART = "restart"
    STOP = "stop"
    FAIL = "fail"


class Counters:
    """What an agent has done so far. ``fuel`` and ``wall`` (seconds) are sums over its turns."""

    __slots__ = ("failures", "fuel", "host_calls", "log_dropped", "memory_peak", "restarts", "traps", "turns", "wall")

    def __init__(self) -> None:
        self.turns = 0
        self.failures = 0
        self.traps = 0
        self.restarts = 0
        self.fuel = 0
        self.wall = 0.0
        self.host_calls = 0
        self.memory_peak = 0
        self.log_dropped = 0
