"""One turn, without mailbox and event loop: message in, two calls, response out."""

from __future__ import annotations

import time

from caxton.agents.ports import RESPONSE, YIELD, Guest
from caxton.agents.spec import Limits
from caxton.bench import sources
from caxton.bench.contestants import NO_EXTISM, PlainModule, extism_plugins
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest, per_call, ratios
from caxton.bench.job import MESSAGE, BenchError, check
from caxton.host.loading import guest_limits
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.module import load

MANY_SLICES = 0x7FFFFFFF


def started(module: str | bytes, limits: Limits | None = None) -> Guest:
    """An instance, as agents have them, that has done its turn 0."""
    data = module.encode() if isinstance(module, str) else module
    guest = load(data, ModuleCache()).guest(guest_limits(limits or Limits()))
    status = guest.start(0)
    while status == YIELD:
        status = guest.run(MANY_SLICES, 0)
    if status:
        raise BenchError(f"a guest did not start: status {status}")
    return guest


def response(guest: Guest, message: bytes, deadline_ns: int = 0) -> bytes:
    """One turn of a guest that makes no host calls, to its end."""
    status = guest.deliver(message, deadline_ns)
    while status == YIELD:
        status = guest.run(MANY_SLICES, 0)
    if status != RESPONSE:
        raise BenchError(f"a guest's turn ended with status {status}")
    answer = guest.response()
    if guest.has_allocator:
        guest.run(MANY_SLICES, 0)
    return answer


async def measure(effort: Effort) -> Result:
    """The turn of a guest without and with an allocator, and the same job through the plain binding and Extism."""
    result = Result()
    turns = {"turn": _guest_turn(sources.text("upper"), effort), "turn-plain": _plain_turn(effort)}
    if sources.has_ziglang():
        with sources.workplace() as where:
            turns["turn-allocator"] = _guest_turn(sources.guest("upper", where), effort)
    else:
        result.notes.append(sources.NO_ZIGLANG)
    extism = _extism_turn(effort)
    if extism is None:
        result.notes.append(NO_EXTISM)
    else:
        turns["turn-extism"] = extism
    found = await contest(turns, effort.rounds)
    result.add("turn", "deliver and response, Caxton's guest", "µs", found["turn"])
    if "turn-allocator" in found:
        result.add("turn-allocator", "the same, a guest in C with an allocator", "µs", found["turn-allocator"])
    result.add("turn-plain", "the two calls, plain wasmtime binding", "µs", found["turn-plain"], "other")
    if extism is not None:
        result.add("turn-extism", "one call, Extism's Python SDK", "µs", found["turn-extism"], "other")
    result.add("turn-ratio", "plain binding / Caxton", "times", ratios(found["turn-plain"], found["turn"]), "ratio")
    return result


def _guest_turn(module: str | bytes, effort: Effort) -> Turn:
    guest = started(module)
    check(response(guest, MESSAGE))
    deadline = time.monotonic_ns() + 3_600 * 10**9
    deliver, answer, run = guest.deliver, guest.response, guest.run

    def bare() -> None:
        deliver(MESSAGE, deadline)
        answer()

    def freed() -> None:
        deliver(MESSAGE, deadline)
        answer()
        run(1, 0)

    call = freed if guest.has_allocator else bare
    return lambda: per_call(call, effort.seconds)


def _plain_turn(effort: Effort) -> Turn:
    instance = PlainModule(sources.text("upper")).instance()
    check(instance.call(MESSAGE))
    return lambda: per_call(lambda: instance.call(MESSAGE), effort.seconds)


def _extism_turn(effort: Effort) -> Turn | None:
    plugins = extism_plugins()
    if plugins is None:
        return None
    plugin = plugins()
    check(plugin.call("upper", MESSAGE))
    return lambda: per_call(lambda: plugin.call("upper", MESSAGE), effort.seconds)
