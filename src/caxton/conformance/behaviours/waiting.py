"""Several asks at once, giving one up, and sleeping."""

from __future__ import annotations

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.behaviours.asking import TOO_LONG
from caxton.conformance.stage import NONE, Actor, Stage, message, refused, then


async def _crew(s: Stage, **busy: int) -> Actor:
    """One, and others that are busy for so many milliseconds before they can tell their names."""
    for name, time in busy.items():
        other = await s.agent(name)
        await other.say("put name", name)
        if time:
            other.asked(message(f"sleep {time}"))
    return await s.agent()


@behaviour("race/first", "Of several asks the first answer wins, whoever was asked first")
async def _first(s: Stage) -> None:
    one = await _crew(s, two=300, three=100, four=200)
    task = one.asked(message("race 1000 two three four", "get name"))
    same(b"1\nthree", await s.after(0.1, task))


@behaviour("race/at-once", "An answer that is there already needs no waiting")
async def _at_once(s: Stage) -> None:
    one = await _crew(s, two=0)
    same(b"0\ntwo", await one.say("race 1000 two", "get name"))


@behaviour("race/timeout", "When none of several answers in time, that is a timeout")
async def _timeout(s: Stage) -> None:
    one = await _crew(s, two=300, three=300)
    task = one.asked(message("race 200 two three", "get name"))
    # The handles have the same time limit: whichever comes first, it is a timeout.
    refused(await s.after(0.2, task), "timeout", "ask.timeout")


@behaviour("race/failed", "A failure may be what comes first")
async def _failed(s: Stage) -> None:
    one = await _crew(s, two=0)
    refused(await one.say("race 1000 two", message("fail", "no")), "failed", "agent.failed", b"no")


@behaviour("race/refused", "Asks that do not wait are refused as asks are")
async def _refused(s: Stage) -> None:
    one = await _crew(s, two=0)
    none = await s.agent("none", grants=NONE)
    refused(await none.say("race 1000 two", "count"), "denied", "grant.denied")
    refused(await one.say("race 1000 two nobody", "count"), "unknown", "agent.unknown")
    refused(await one.say(f"race {TOO_LONG} two", "count"), "bad-argument", "config.invalid")


@behaviour("race/limit", "How many asks may be under way at once has a limit")
async def _limit(s: Stage) -> None:
    await _crew(s, two=100, three=100, four=100)
    few = await s.agent("few", pending=2)
    refused(await few.say("race 1000 two three four", "count"), "limit", "limit.pending")


@behaviour("race/cycle", "Waiting for an ask that could never be answered is a cycle")
async def _cycle(s: Stage) -> None:
    one = await _crew(s)
    refused(await one.say("race 1000 one", "count"), "cycle", "ask.cycle")


@behaviour("gather/all", "The answers to several asks can all be had, in any order of coming")
async def _all(s: Stage) -> None:
    one = await _crew(s, two=300, three=100, four=200, five=0)
    task = one.asked(message("gather 1000 two three four five", "get name"))
    same(b"two\nthree\nfour\nfive", await s.after(0.3, task))


@behaviour("gather/many", "Sixty asks at once")
async def _many(s: Stage) -> None:
    names = [f"other-{n}" for n in range(60)]
    one = await _crew(s, **dict.fromkeys(names, 0))
    same("\n".join(names).encode(), await one.say(f"gather 1000 {' '.join(names)}", "get name"))


@behaviour("gather/same", "One agent may be asked several times at once; each ask has its own answer")
async def _same(s: Stage) -> None:
    one = await _crew(s, two=0)
    same(b"1\n2\n3", await one.say("gather 1000 two two two", "count"))


@behaviour("cancel/handle", "An ask that was given up cannot be waited for; the agent that was asked goes on")
async def _handle(s: Stage) -> None:
    one = await _crew(s, two=0)
    refused(await one.say("cancel two", "count"), "bad-argument", "envelope.invalid")
    await s.settle()
    same(b"2", await s.actor("two").say("count"))


@behaviour("cancel/twice", "What was given up already is not-found")
async def _twice(s: Stage) -> None:
    one = await _crew(s, two=0)
    refused(await one.say("cancel-twice two", "count"), "not-found", "-")


@behaviour("sleep/time", "An agent that sleeps goes on after that time, and takes no other message meanwhile")
async def _time(s: Stage) -> None:
    one = await s.agent()
    task, other = one.asked(message("sleep 1500")), one.asked(message("count"))
    same(b"ok", await s.after(1.5, task))
    same(b"1", (await s.finished(other)).payload)
    same(b"ok", await one.say("sleep 0"))


@behaviour("sleep/deadline", "A sleep beyond the turn's time ends before it, with a timeout")
async def _deadline(s: Stage) -> None:
    one = await s.agent(deadline=20.0)
    task = one.asked(message("sleep 60000"))
    refused(await s.after(19.9, task), "timeout", "ask.timeout")


@behaviour("sleep/bad-time", "More than 366 days is a bad argument")
async def _bad_time(s: Stage) -> None:
    one = await s.agent()
    refused(await one.say(f"sleep {TOO_LONG}"), "bad-argument", "config.invalid")


@behaviour("sleep/fuel", "While an agent waits, its fuel stands still")
async def _fuel(s: Stage) -> None:
    one = await s.agent()
    used = []
    for time in (1, 1, 9_999):  # once to get used to it
        task = one.asked(message(f"sleep {time}"))
        await s.elapse(time / 1000)
        used.append((await s.finished(task)).usage.fuel)
    holds(used[2] < used[1] + 1_000_000, f"a sleep of 1 ms costs {used[1]:,}, one of 10 s {used[2]:,}")


@behaviour("wait/effects", "What a turn has queued before it waits happens when it ends, not before")
async def _effects(s: Stage) -> None:
    one, _ = await s.agent(), await s.observer()
    task = one.asked(then(message("put key", "value"), message("tell observer", "x"), message("sleep 1000")))
    await s.elapse(0.9)
    same([], s.observed(), "what has arrived")
    await s.elapse(0.1)
    holds(task.done(), "the turn goes on")
    same(["x"], [each.text for each in s.observed()], "what has arrived")
    same(b"value", await one.say("get key"))
