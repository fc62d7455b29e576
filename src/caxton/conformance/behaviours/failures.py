"""Failures that an agent reports, and those that it does not survive."""

from __future__ import annotations

from typing import Final

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.behaviours.payloads import INVALID, UNICODE
from caxton.conformance.stage import Actor, Stage, message, refused, then

_EFFECTS: Final = (
    message("put key", "value"),
    message("tell observer", "told"),
    message("publish news.today", "published"),
    message("subscribe news.*"),
    message("timer 1000 0", message("put rang", "yes")),
)


async def _no_effects(s: Stage, one: Actor) -> None:
    """Nothing of ``_EFFECTS`` has happened, nor does it later."""
    await s.elapse(2.0)
    refused(await one.say("get key"), "not-found", "-")
    refused(await one.say("get rang"), "not-found", "-")
    refused(await one.say("unsubscribe news.*"), "not-found", "-")
    same([], [each.text for each in s.observed()], "what others got")


async def _crashed(one: Actor, text: bytes) -> None:
    error = await one.error(text)
    holds(error.code.startswith("trap."), f"a panic ends with {error}, which is no trap")


@behaviour("failure/payload", "A failure that the agent reports reaches the asker with its payload")
async def _payload(s: Stage) -> None:
    one = await s.agent()
    for body in (b"no, thank you", UNICODE.encode(), b"", b"a\0b\n"):
        same(body, await one.failure(message("fail", body)), "the failure's payload")


@behaviour("failure/binary", "A failure's payload may be bytes that are no text")
async def _binary(s: Stage) -> None:
    one = await s.agent()
    for body in (bytes(range(256)), *INVALID):
        same(body, await one.failure(message("fail", body)), "the failure's payload")


@behaviour("failure/large", "A failure's payload may be large")
async def _large(s: Stage) -> None:
    one = await s.agent()
    same(b"why? " * 40_000, await one.failure(message("fail", b"why? " * 40_000)), "the failure's payload")


@behaviour("failure/unknown", "A command that the agent does not know is a failure that names it")
async def _unknown(s: Stage) -> None:
    one = await s.agent()
    same(b"unknown command: dance", await one.failure(message("dance 1 2", "body")), "the failure's payload")


@behaviour("failure/goes-on", "After a failure that it reports, the instance goes on as it is")
async def _goes_on(s: Stage) -> None:
    one = await s.agent()
    same(b"1", await one.say("count"))
    await one.failure(message("fail", "x"))
    same(b"2", await one.say("count"))
    same((1, 0, 0), _figures(one), "the failures, traps and restarts")


def _figures(one: Actor) -> tuple[int, int, int]:
    found = one.ref.statistics()
    return found.failures, found.traps, found.restarts


@behaviour("failure/no-effects", "What a turn has queued before it fails does not happen")
async def _failed_effects(s: Stage) -> None:
    one, observer = await s.agent(), await s.observer()
    await s.agent("two")
    same(b"why", await one.failure(then(*_EFFECTS, message("fail", "why"))), "the failure's payload")
    await _no_effects(s, one)
    same(0, observer.statistics().failures, "the observer's failures")


@behaviour("panic/trap", "A panic ends the turn with a trap")
async def _trap(s: Stage) -> None:
    one = await s.agent()
    await _crashed(one, message("panic", "the sky falls"))
    same(1, one.ref.statistics().traps, "the traps")


@behaviour("panic/message", "A panic's message is in the agent's log, at level error")
async def _message(s: Stage) -> None:
    one = await s.agent()
    for text in ("the sky falls", "Grüße 世界 🦊", "100% {} {0} %s %n"):
        s.logs.clear()
        await _crashed(one, message("panic", text))
        found = s.lines(level="error")
        holds(any(text in line for line in found), f"{text!r} is not in what was logged as error: {found}")


@behaviour("panic/fresh-instance", "After a panic a new instance goes on, which remembers nothing")
async def _fresh(s: Stage) -> None:
    one = await s.agent()
    same([b"1", b"2"], [await one.say("count"), await one.say("count")], "the counts")
    await _crashed(one, message("panic", "x"))
    same(b"1", await one.say("count"))
    same(1, one.ref.statistics().restarts, "the restarts")


@behaviour("panic/no-effects", "What a turn has queued before it panics does not happen")
async def _crash_effects(s: Stage) -> None:
    one, _ = await s.agent(), await s.observer()
    await s.agent("two")
    await _crashed(one, then(*_EFFECTS, message("panic", "x")))
    await _no_effects(s, one)


@behaviour("panic/again", "Twenty panics in a row end as the first did")
async def _again(s: Stage) -> None:
    one = await s.agent()
    for number in range(20):
        await _crashed(one, message("panic", f"number {number}."))
        holds(any(f"number {number}." in line for line in s.lines(level="error")), f"panic {number} was not logged")
    same(b"1", await one.say("count"))


@behaviour("panic/after-wait", "A panic after a wait ends the turn in the same way")
async def _after_wait(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(then(message("sleep 100"), message("panic", "late")))
    await s.elapse(0.1)
    holds(task.done(), "the turn goes on")
    error = task.exception()
    holds(str(getattr(error, "code", "")).startswith("trap."), f"it ended with {error}")
    holds(any("late" in line for line in s.lines(level="error")), "the message is not in the log")
    same(b"1", await one.say("count"))
