"""What stops an agent that takes too much, or that nobody wants to go on."""

from __future__ import annotations

from typing import Final

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.stage import Actor, Stage, message, refused, then

MIB: Final = 1 << 20
ENDLESS: Final = 1 << 62
_MESSAGES: Final = 10_000
_FAILURES: Final = 3_000
_LEAK: Final = MIB
"""Bytes of growth that tell nothing: a collector takes what it finds worth taking, but not for ever. Half of the
messages are for it to find its size."""


async def _ends(one: Actor, command: str, *codes: str) -> None:
    """The turn ends with one of these codes and has no effects; a new instance goes on."""
    await one.say("count")
    error = await one.error(then(message("put key", "value"), message(command)))
    holds(error.code in codes, f"{command} ends with {error} instead of {' or '.join(codes)}")
    same(b"1", await one.say("count"))
    refused(await one.say("get key"), "not-found", "-")


@behaviour("limit/fuel", "A turn that computes without end runs out of fuel; a new instance goes on")
async def _fuel(s: Stage) -> None:
    await _ends(await s.agent(fuel=100_000_000), "spin", "limit.fuel")


@behaviour("limit/deadline", "A turn with all the fuel that it wants ends at its deadline")
async def _deadline(s: Stage) -> None:
    await _ends(await s.agent(fuel=ENDLESS, deadline=0.3), "spin", "limit.deadline")


@behaviour(
    "limit/memory",
    "An agent that takes memory without end gets no more than its limit, and ends; a new instance goes on",
)
async def _memory(s: Stage) -> None:
    first = (await s.agent("first")).ref.statistics().memory
    limit = first + 16 * MIB
    one = await s.agent(memory=limit)
    task = one.asked(message("eat"))
    await s.elapse(20.0)  # for a collector on a thread of the guest's own making, which sleeps now and then
    error = await s.error(task)
    ended = error.code == "limit.memory" or error.code == "agent.failed" or error.code.startswith("trap.")
    holds(ended, f"it ends with {error}")
    found = one.ref.statistics()
    holds(found.memory_peak <= limit, f"its memory was {found.memory_peak:,} bytes with a limit of {limit:,}")
    holds(found.memory_peak >= first + 4 * MIB, f"it took no more than {found.memory_peak - first:,} bytes")
    same(b"echo", await one.say("echo", "echo"))


@behaviour("limit/host-calls", "A turn that makes more host calls than it may ends; a new instance goes on")
async def _host_calls(s: Stage) -> None:
    await _ends(await s.agent(host_calls=50), "emit 100", "limit.host-calls")


@behaviour("limit/usage", "What a turn has cost is known: fuel, memory, host calls")
async def _usage(s: Stage) -> None:
    one = await s.agent()
    small, large = await one.reply(message("echo", "x")), await one.reply(message("echo", "x" * 100_000))
    holds(0 < small.usage.fuel < large.usage.fuel, f"fuel: {small.usage.fuel:,}, then {large.usage.fuel:,}")
    holds(large.usage.memory >= 65_536, f"the memory is {large.usage.memory:,}")
    few, many = await one.reply(message("emit 1", "x")), await one.reply(message("emit 11", "x"))
    same(10, many.usage.host_calls - few.usage.host_calls, "the host calls of ten parts more")


@behaviour("stop/waiting", "An agent that waits stops at once; its asker is told")
async def _stop_waiting(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(message("sleep 20000"))
    await s.settle()
    await one.ref.stop()
    await s.settle()
    holds(task.done(), "its asker still waits")
    same("agent.stopped", getattr(task.exception(), "code", None), "the code")


@behaviour("stop/computing", "An agent that computes without end stops at once; its asker is told")
async def _stop_computing(s: Stage) -> None:
    one = await s.agent(fuel=ENDLESS)
    task = one.asked(message("spin"))
    await s.until_running(one)
    await one.ref.stop()
    await s.settle()
    holds(task.done(), "its asker still waits")
    same("agent.stopped", getattr(task.exception(), "code", None), "the code")


@behaviour("cancel/waiting", "A turn that waits and is cancelled has no effects; a new instance goes on")
async def _cancel_waiting(s: Stage) -> None:
    one = await s.agent()
    await one.say("count")
    withdraw = s.withdrawable(one, then(message("put key", "value"), message("sleep 9000")))
    await s.elapse(1.0)
    withdraw()
    await s.settle()
    same(b"1", await one.say("count"))
    refused(await one.say("get key"), "not-found", "-")


@behaviour("cancel/computing", "A turn that computes without end and is cancelled ends; a new instance goes on")
async def _cancel_computing(s: Stage) -> None:
    one = await s.agent(fuel=ENDLESS)
    await one.say("count")
    withdraw = s.withdrawable(one, then(message("put key", "value"), message("spin")))
    await s.until_running(one)
    withdraw()
    await s.settle()
    same(b"1", await one.say("count"))
    refused(await one.say("get key"), "not-found", "-")


@behaviour("cancel/asking", "A turn that is cancelled while it asks leaves the other agent as it was")
async def _cancel_asking(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    withdraw = s.withdrawable(one, message("ask two 9000", then(message("sleep 1000"), message("count"))))
    await s.elapse(0.5)
    withdraw()
    await s.elapse(1.0)
    same(b"2", await two.say("count"))


@behaviour("flat/small", f"Over {_MESSAGES:,} messages of many kinds the memory reaches a size, and stays there")
async def _flat(s: Stage) -> None:
    one = await s.agent()
    await one.say("put value", "x" * 300)
    kinds = (
        message("echo", "Grüße " * 50), message("echo", b"\xff\xfe" * 700), message("get value"), message("count"),
        message("keys "), message("get nothing"), message("put value", "y" * 300), message("context"),
        then(message("envelope"), message("echo", "x" * 2_000), message("repeat 30", "abc")), message("emit 2", "part"),
    )  # fmt: skip
    await _stays_flat(one, kinds, _MESSAGES)


@behaviour("flat/failures", f"So it does over {_FAILURES:,} failures")
async def _flat_failures(s: Stage) -> None:
    one = await s.agent()
    kinds = (message("fail", "x" * 3_000), message("nothing " + "x" * 2_000))
    await _stays_flat(one, kinds, _FAILURES)


@behaviour("flat/large", "So it does over sixty messages of half a MiB, there and back")
async def _flat_large(s: Stage) -> None:
    one = await s.agent()
    kinds = (message("echo", "x" * (MIB // 2)), message("echo", b"\xff" * (MIB // 2)))
    await _stays_flat(one, kinds, 60)


async def _stays_flat(one: Actor, kinds: tuple[bytes, ...], count: int) -> None:
    """The memory does not grow in the second half of so many messages."""
    first = 0
    for number in range(count):
        text = kinds[number % len(kinds)]
        await (one.failure(text) if text.startswith((b"fail", b"nothing")) else one.answer(text))
        if number == count // 2:
            first = one.ref.statistics().memory
    last = one.ref.statistics().memory
    holds(last - first <= _LEAK, f"it grew from {first >> 10:,} to {last >> 10:,} KiB in {count // 2:,} messages")
    same(0, one.ref.statistics().traps, "the traps")
