"""Thousands of instances that are spawned, trap, wait or are ended leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.component import Component
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.module import load
from tests.components.guests import ECHO_TEXT, text_agent

CYCLES: Final = 2_000
LIMITS: Final = GuestLimits(64 << 20, 20_000, 10**9, 1 << 20, 1 << 20, 10_000)
BUSY: Final = text_agent(
    f"""(if (i32.eq (local.get $n) (i32.const 4)) (then unreachable))
    (if (i32.eq (local.get $n) (i32.const 5)) (then (loop (br 0)))) {ECHO_TEXT}"""
)


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def cycle(component: Component, message: bytes) -> int:
    """One instance, one message; the status it came to. The instance is closed in the midst of it where it spins."""
    guest = component.guest(LIMITS)
    assert guest.start(0) == 0
    status = guest.deliver(message, 0)
    guest.close()
    return status


def test_instances_leave_nothing_behind() -> None:
    """Answered, trapped and ended while they compute, in turn."""
    component = load(BUSY.encode(), ModuleCache())
    assert isinstance(component, Component)
    statuses = {cycle(component, message) for _ in range(200) for message in (b"x", b"trap", b"spins")}
    assert statuses == {3, 4, 2}
    before = resident()
    for _ in range(CYCLES):
        for message in (b"x" * 1000, b"trap", b"spins"):
            cycle(component, message)
    assert resident() - before < 4 << 20
