"""For programs that test what they build on Caxton: a clock that the test moves, and agents that do as they are told.

::

    clock = ManualClock()
    async with caxton.Host(clock=clock) as host:
        agent = await host.spawn("a", DRIVER)
        stored, = await perform(agent, call("state_put", "key", "value"))
        assert stored.number == 0
        await agent.tell(program(call("set_timer", 1_000, 0, "ring")))
        await clock.elapse(host, 1.0)       # the timer has fired, and its message has been handled

``ECHO`` answers with the message, ``UPPER`` with its ASCII letters in upper case, ``DRIVER`` carries out a ``program``
of host calls, one after another, and answers with what they returned; ``driver`` makes one that begins with some in
turn 0.
"""

from caxton.testing.clock import ManualClock, ManualTimer, settle
from caxton.testing.driver import DRIVER
from caxton.testing.guests import ECHO, UPPER
from caxton.testing.programs import Result, ResultOf, Step, act, call, driver, perform, program, results

__all__ = [
    "DRIVER",
    "ECHO",
    "UPPER",
    "ManualClock",
    "ManualTimer",
    "Result",
    "ResultOf",
    "Step",
    "act",
    "call",
    "driver",
    "perform",
    "program",
    "results",
    "settle",
]
