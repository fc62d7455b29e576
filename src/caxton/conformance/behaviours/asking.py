"""``ask``: a request to another agent, and its reply, while the guest waits."""

from __future__ import annotations

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.behaviours.payloads import INVALID, UNICODE
from caxton.conformance.stage import NONE, Stage, message, refusal, refused, then

TOO_LONG = 366 * 86_400_000 + 1


@behaviour("ask/answer", "An ask answers with the other agent's reply: its performative and its payload")
async def _answer(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    same(b"inform\n" + UNICODE.encode(), await one.say("ask two 1000", message("echo", UNICODE)))
    same(b"inform\n", await one.say("ask two 1000", message("empty")))


@behaviour("ask/bytes", "Requests and replies may be any bytes, and large")
async def _bytes(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    for body in (bytes(range(256)), *INVALID, b"\xfe" * 500_000):
        same(b"inform\n" + body, await one.say("ask two 1000", message("echo", body)))


@behaviour(
    "ask/waits", "An agent that waits keeps its variables, takes no other message, and goes on when the reply comes"
)
async def _waits(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    turn = then(message("count"), message("ask two 9000", message("sleep 1000")), message("count"))
    task = one.asked(turn)
    other = one.asked(message("count"))
    await s.elapse(0.5)
    same("waiting", one.ref.statistics().state, "the state of the agent")
    holds(not other.done(), "another message was handled in between")
    same(b"1\ninform\nok\n2", await s.after(0.5, task))
    same(b"3", (await s.finished(other)).payload)


@behaviour("ask/often", "A turn may ask many times, one after another")
async def _often(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    turn = then(*[message("ask two 1000", "count")] * 30)
    same(b"\n".join(b"inform\n%d" % n for n in range(1, 31)), await one.answer(turn))


@behaviour("ask/nested", "An agent that is asked may ask on; the answers come back all the way")
async def _nested(s: Stage) -> None:
    one, *_ = await s.agents("one", "two", "three", "four")
    asked = message("ask two 1000", message("ask three 1000", message("ask four 1000", message("echo", "deep"))))
    same(b"inform\ninform\ninform\ndeep", await one.answer(asked))


@behaviour("ask/denied", "An ask of an agent that is not granted is denied, there or not")
async def _denied(s: Stage) -> None:
    one = await s.agent(grants=NONE)
    await s.agent("two")
    refused(await one.say("ask two 1000", "count"), "denied", "grant.denied")
    refused(await one.say("ask nobody 1000", "count"), "denied", "grant.denied")


@behaviour("ask/unknown", "An ask of an agent that is not there is unknown; of what is no name, a bad argument")
async def _unknown(s: Stage) -> None:
    one = await s.agent()
    refused(await one.say("ask nobody 1000", "count"), "unknown", "agent.unknown")
    refused(await one.say("ask No_Body! 1000", "count"), "bad-argument", "agent.bad-name")


@behaviour("ask/bad-time", "A time limit of more than 366 days is a bad argument")
async def _bad_time(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    refused(await one.say(f"ask two {TOO_LONG}", "count"), "bad-argument", "config.invalid")
    same(b"1", await two.say("count"))


@behaviour("ask/timeout", "An ask that takes too long is a timeout, at that time, and the turn goes on")
async def _timeout(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    task = one.asked(message("ask two 500", then(message("sleep 1000"), message("count"))))
    refused(await s.after(0.5, task), "timeout", "ask.timeout")
    await s.elapse(0.5)
    same(b"2", await two.say("count"))


@behaviour("ask/no-time", "A time limit of 0 does not wait for an agent that needs time")
async def _no_time(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    refused(await one.say("ask two 0", message("sleep 10")), "timeout", "ask.timeout")


@behaviour("ask/deadline", "Every wait ends a little before the turn's deadline, so that the agent can still answer")
async def _deadline(s: Stage) -> None:
    one, _ = await s.agent(deadline=20.0), await s.agent("two")
    task = one.asked(message("ask two 60000", message("sleep 25000")))
    refused(await s.after(19.9, task), "timeout", "ask.timeout")


@behaviour("ask/failed", "A failure that the other agent reports is `failed`, with its payload")
async def _failed(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    for body in (UNICODE.encode(), b"", bytes(range(256))):
        refused(await one.say("ask two 1000", message("fail", body)), "failed", "agent.failed", body)


@behaviour("ask/trapped", "A panic of the other agent is `failed`, with the trap's code")
async def _trapped(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    found = refusal(await one.say("ask two 1000", message("panic", "x")))
    holds(found.kind == "failed" and found.code.startswith("trap."), f"the error is {found.kind} {found.code}")


@behaviour("ask/exhausted", "A limit that the other agent reaches is `failed`, with the limit's code")
async def _exhausted(s: Stage) -> None:
    one, _ = await s.agent(), await s.agent("two", fuel=100_000_000)
    refused(await one.say("ask two 9000", message("spin")), "failed", "limit.fuel")


@behaviour("ask/cycle", "An ask that could never be answered, since all would wait for each other, is a cycle")
async def _cycle(s: Stage) -> None:
    one, *_ = await s.agents("one", "two", "three")
    refused(await one.say("ask one 1000", "count"), "cycle", "ask.cycle")
    for asked in (
        message("ask two 1000", message("ask one 1000", "count")),
        message("ask two 1000", message("ask three 1000", message("ask one 1000", "count"))),
    ):
        answer = await one.answer(asked)
        holds(b"inform\nerror cycle ask.cycle" in answer, f"the answer is {answer[:80]!r}")


@behaviour("ask/mailbox-full", "An ask of an agent whose mailbox is full says so")
async def _mailbox_full(s: Stage) -> None:
    one, two = await s.agent(), await s.agent("two", mailbox=1)
    two.asked(message("sleep 1000"))
    await s.settle()
    await two.tell("count")
    refused(await one.say("ask two 1000", "count"), "mailbox-full", "mailbox.full")


@behaviour("ask/stopped", "An ask of an agent that stops meanwhile says so")
async def _stopped(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    task = one.asked(message("ask two 9000", message("sleep 5000")))
    await s.elapse(1.0)
    await two.ref.stop()
    await s.settle()
    refused((await s.finished(task)).payload, "stopped", "agent.stopped")


@behaviour("ask/limit", "Asks count among the messages that a turn may send")
async def _limit(s: Stage) -> None:
    one, _ = await s.agent(outbox=1), await s.agent("two")
    answer = await one.answer(then(message("ask two 1000", "count"), message("ask two 1000", "count")))
    holds(answer.startswith(b"inform\n1\nerror limit limit.outbox"), f"the answers are {answer[:80]!r}")
