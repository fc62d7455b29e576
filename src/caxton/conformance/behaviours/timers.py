"""Timers, clocks, and what stands still during a turn."""

from __future__ import annotations

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.stage import Stage, message, refused, then


@behaviour("timer/once", "A timer sends its message once, after its time")
async def _once(s: Stage) -> None:
    one = await s.agent()
    holds(int(await one.say("timer 1000 0", "count")) > 0, "the id is not above 0")
    await s.elapse(0.999)
    same(b"1", await one.say("count"))
    await s.elapse(0.001)
    same(b"3", await one.say("count"))
    await s.elapse(10.0)
    same(b"4", await one.say("count"))


@behaviour("timer/message", "A timer's message has its payload, byte for byte, and comes from `@timer`")
async def _message(s: Stage) -> None:
    one = await s.agent()
    value = bytes(range(256))
    await one.say("timer 10 0", message("put key", value))
    await one.say("timer 20 0", message("ask echoer 1000", "x"))
    await s.elapse(0.05)
    same(value, await one.say("get key"), "the value that it has put")


@behaviour("timer/again", "A timer with a period sends its message again and again")
async def _again(s: Stage) -> None:
    one = await s.agent()
    await one.say("timer 1000 200", "count")
    await s.elapse(1.9)
    same(b"6", await one.say("count"))


@behaviour("timer/several", "Several timers are apart, and fire in the order of their times")
async def _several(s: Stage) -> None:
    one = await s.agent()
    ids = {await one.say(f"timer {delay} 0", message(f"put at-{delay}", "x")) for delay in (300, 100, 200)}
    same(3, len(ids), "the number of different ids")
    for keys in (b"[]", b'["at-100"]', b'["at-100","at-200"]', b'["at-100","at-200","at-300"]'):
        same(keys, (await one.say("keys at")).replace(b", ", b","), "the keys")
        await s.elapse(0.1)


@behaviour("timer/cancel", "A timer that was cancelled does not fire; one that is not there is not-found")
async def _cancel(s: Stage) -> None:
    one = await s.agent()
    number = (await one.say("timer 1000 100", "count")).decode()
    same(b"ok", await one.say(f"untimer {number}"))
    await s.elapse(5.0)
    same(b"1", await one.say("count"))
    refused(await one.say(f"untimer {number}"), "not-found", "-")
    refused(await one.say("untimer 12345"), "not-found", "-")


@behaviour("timer/bad-time", "Less than 10 ms and more than 366 days are a bad argument")
async def _bad_time(s: Stage) -> None:
    one = await s.agent()
    for times in ("9 0", f"{366 * 86_400_000 + 1} 0", "10 9"):
        refused(await one.say(f"timer {times}", "count"), "bad-argument", "config.invalid")
    holds(int(await one.say("timer 10 10", "count")) > 0, "10 ms is not enough")


@behaviour("timer/restart", "Timers survive a restart")
async def _restart(s: Stage) -> None:
    one = await s.agent()
    await one.say("timer 1000 0", message("put rang", "yes"))
    await one.error(message("panic", "x"))
    await s.elapse(1.0)
    same(b"yes", await one.say("get rang"))


@behaviour("clock/now", "The agent's clock is the host's")
async def _now(s: Stage) -> None:
    one = await s.agent()
    for seconds in (0.0, 1.5, 86_400.0):
        await s.elapse(seconds)
        same(round(s.clock.time() * 1000), int(await one.say("now")), "the time")


@behaviour("clock/monotonic", "The monotonic clock begins at 0 with each instance")
async def _monotonic(s: Stage) -> None:
    one = await s.agent()
    same(0, int(await one.say("monotonic")), "the time at first")
    await s.elapse(2.5)
    same(2_500_000_000, int(await one.say("monotonic")), "the time after 2.5 s")
    await one.error(message("panic", "x"))
    same(0, int(await one.say("monotonic")), "the time after a restart")


@behaviour("clock/still", "During a turn both clocks stand still, however long it takes; they move on with each wait")
async def _still(s: Stage) -> None:
    one = await s.agent()
    s.on_log = lambda line: s.clock.advance(1.0)  # time goes by while the agent computes
    both = (message("now"), message("monotonic"))
    turn = then(*both, message("log info", "tick"), *both, message("sleep 500"), *both)
    task = one.asked(turn)
    await s.elapse(1.0)
    found = (await s.finished(task)).payload.split(b"\n")
    del found[5], found[2]  # what `log` and `sleep` answered
    same(found[:2], found[2:4], "the clocks after a second of work")
    same((1_500, 1_500_000_000), (int(found[4]) - int(found[0]), int(found[5]) - int(found[1])), "how far they moved")
