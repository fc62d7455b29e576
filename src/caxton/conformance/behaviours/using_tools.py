"""Tools: granted and not, failing, slow, several at once."""

from __future__ import annotations

import json

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.behaviours.asking import TOO_LONG
from caxton.conformance.behaviours.payloads import UNICODE
from caxton.conformance.stage import NONE, Stage, message, refusal, refused, then


@behaviour("tool/result", "A tool that is granted is called with JSON and answers with JSON")
async def _result(s: Stage) -> None:
    one = await s.agent()
    same(5, json.loads(await one.say("call test.add", '{"a": 2, "b": 3}')), "the sum")
    said = json.dumps({"text": UNICODE}, ensure_ascii=False)
    same(UNICODE, json.loads(await one.say("call test.echo", said)), "the result")


@behaviour("tool/large", "Arguments and results may be large")
async def _large(s: Stage) -> None:
    one = await s.agent()
    text = "Grüße " * 50_000
    said = json.dumps({"text": text}, ensure_ascii=False)
    same(text, json.loads(await one.say("call test.echo", said)), "the result")


@behaviour("tool/list", "An agent sees the tools that it was granted, with their schemas, and no others")
async def _list(s: Stage) -> None:
    one, none = await s.agent(grants=Grants(tools=["test.add"])), await s.agent("none", grants=NONE)
    (found,) = json.loads(await one.say("tools"))
    same("test.add", found["name"], "the name")
    same({"a", "b"}, set(found["inputSchema"]["properties"]), "the arguments")
    same(b"[]", await none.say("tools"))


@behaviour("tool/denied", "A tool that is not granted is denied, there or not")
async def _denied(s: Stage) -> None:
    one = await s.agent(grants=NONE)
    for name in ("test.add", "test.nothing"):
        refused(await one.say(f"call {name}", "{}"), "denied", "grant.denied")
        refused(await one.say(f"tools-race 1000 {name}", "{}"), "denied", "grant.denied")


@behaviour("tool/unknown", "A tool that is granted, but not there, is unknown")
async def _unknown(s: Stage) -> None:
    one = await s.agent()
    refused(await one.say("call test.nothing", "{}"), "unknown", "tool.unknown")
    refused(await one.say("tools-race 1000 test.nothing", "{}"), "unknown", "tool.unknown")


@behaviour("tool/bad-arguments", "Arguments that are no JSON object, or not the tool's, are a bad argument")
async def _bad_arguments(s: Stage) -> None:
    one = await s.agent()
    for said in ("", "{", "[1, 2]", '{"a": 1, "a": 2}', '{"a": "x", "b": 1}', '{"a": 1}', '{"a": NaN, "b": 1}'):
        found = refusal(await one.say("call test.add", said))
        same("bad-argument", found.kind, f"the error for {said}")


@behaviour("tool/failed", "A tool that fails is `failed`, with what it said")
async def _failed(s: Stage) -> None:
    one = await s.agent()
    refused(
        await one.say("call test.fail", '{"why": "out of paper 🦊"}'),
        "failed",
        "tool.failed",
        "out of paper 🦊".encode(),
    )
    same(5, json.loads(await one.say("call test.add", '{"a": 2, "b": 3}')), "the sum afterwards")


@behaviour("tool/waits", "While a tool works, the agent waits, and other agents go on")
async def _waits(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    task = one.asked(then(message("count"), message("call test.wait", '{"name": "gate"}'), message("count")))
    await s.settle()
    same("waiting", one.ref.statistics().state, "the state of the agent")
    same(b"1", await two.say("count"))
    s.tools.open("gate")
    await s.settle()
    same(b'1\n"gate"\n2', (await s.finished(task)).payload)


@behaviour(
    "tool/timeout", "A tool that takes too long is a timeout, shortly before the turn's end or at its own time limit"
)
async def _timeout(s: Stage) -> None:
    one = await s.agent(deadline=20.0)
    task = one.asked(message("call test.wait", '{"name": "never"}'))
    refused(await s.after(19.9, task), "timeout", "tool.timeout")
    task = one.asked(message("tools-race 500 test.wait", '{"name": "never"}'))
    refused(await s.after(0.5, task), "timeout", "tool.timeout")


@behaviour("tool/bad-time", "A time limit of more than 366 days is a bad argument")
async def _bad_time(s: Stage) -> None:
    one = await s.agent()
    refused(await one.say(f"tools-race {TOO_LONG} test.add", '{"a": 1, "b": 1}'), "bad-argument", "config.invalid")


@behaviour("tool/race", "Of several calls the first that ends wins")
async def _race(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(message("tools-race 1000 test.wait test.left test.right", '{"name": "never"}'))
    await s.settle()
    s.tools.open("right")
    await s.settle()
    same(b'2\n"right"', (await s.finished(task)).payload)


@behaviour("tool/race-failed", "A call that fails may be what comes first")
async def _race_failed(s: Stage) -> None:
    one = await s.agent()
    said = '{"why": "no"}'
    refused(await one.say("tools-race 1000 test.fail", said), "failed", "tool.failed", b"no")


@behaviour("tool/cancelled", "A call that nobody waits for any more is cancelled")
async def _cancelled(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(message("tools-race 500 test.wait", '{"name": "never"}'))
    await s.settle()
    holds("never" in s.tools.waiting, "the tool was not called")
    await s.elapse(0.5)
    holds(task.done() and "never" not in s.tools.waiting, "the tool's call goes on")


@behaviour("tool/rule", "Beyond a rule's rate a tool answers with a limit")
async def _rule(s: Stage) -> None:
    one = await s.agent(grants=Grants(tools=["test.*"], rules={"test.*": Rule(rate="1/h")}))
    said = message("call test.add", '{"a": 2, "b": 3}')
    same(b"5", await one.answer(said))
    refused(await one.answer(said), "limit", "rate.exceeded")
