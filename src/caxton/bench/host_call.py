"""One host call, answered by Python: turns with many of them, less turns with none, divided by their number."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import wasmtime

from caxton import AgentRef, Grants, Host
from caxton.bench import sources
from caxton.bench.contestants import PlainModule
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest, per_await, per_call, ratios
from caxton.bench.job import BenchError

CALLS: Final = 50
"""Host calls of a turn: few enough that it stays on the event loop."""


async def measure(effort: Effort) -> Result:
    """A call without arguments, one that hands over text, one that waits for a coroutine; the first in the plain
    binding too."""
    async with Host() as host:

        @host.tool
        async def hold() -> int:
            return 1

        turns = {
            "host-call": _calls(await host.spawn("calls", sources.text("calls")), effort),
            "host-call-text": _calls(await host.spawn("state", sources.text("state")), effort),
            "host-call-tool": _calls(await _tool_user(host), effort),
            "host-call-plain": _plain_calls(effort),
        }
        found = await contest(turns, effort.rounds)
    result = Result()
    result.add("host-call", "host call (now_ms)", "µs", found["host-call"])
    result.add("host-call-text", "host call with text (state_get)", "µs", found["host-call-text"])
    result.add("host-call-tool", "call_tool of a coroutine: schema, task, wake-up", "µs", found["host-call-tool"])
    result.add("host-call-plain", "host call, plain wasmtime binding", "µs", found["host-call-plain"], "other")
    title = "plain binding / Caxton (now_ms)"
    result.add("host-call-ratio", title, "times", ratios(found["host-call-plain"], found["host-call"]), "ratio")
    return result


async def _tool_user(host: Host) -> AgentRef:
    return await host.spawn("tools", sources.text("tools"), grants=Grants(tools=["hold"]))


def _calls(agent: AgentRef, effort: Effort) -> Turn:
    def asks(message: bytes) -> Callable[[], Awaitable[object]]:
        return lambda: agent.ask(message)

    async def turn() -> float:
        without = await per_await(asks(b""), effort.seconds / 2)
        usage = (await agent.ask(b"x" * CALLS)).usage
        if usage.host_calls != CALLS:
            raise BenchError(f"a turn made {usage.host_calls} host calls instead of {CALLS}")
        return (await per_await(asks(b"x" * CALLS), effort.seconds / 2, counts=CALLS)) - without / CALLS

    return turn


def _plain_calls(effort: Effort) -> Turn:
    plain = PlainModule(sources.text("calls"))
    kind = wasmtime.FuncType([], [wasmtime.ValType.i64()])
    plain.linker.define_func("caxton", "now_ms", kind, lambda: int(time.time() * 1000))
    instance = plain.instance()

    def turn() -> float:
        without = per_call(lambda: instance.handle(0), effort.seconds / 2)
        return (per_call(lambda: instance.handle(CALLS), effort.seconds / 2) - without) / CALLS

    return turn
