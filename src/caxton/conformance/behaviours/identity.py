"""What an agent is told about itself, what it tells its log, and chance."""

from __future__ import annotations

import json

from caxton.agents.grants import Grants
from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.stage import Stage, message, then


@behaviour("context/self", "An agent is told its name, its parameters and its grants")
async def _self(s: Stage) -> None:
    params = {"style": "kurz & knapp 🦊", "nested": {"list": [1, -2, 2.5, True, None], "empty": ""}}
    one = await s.agent(params=params, grants=Grants(tools=["a.*"], peers=["two"], topics=["news.>"]))
    found = json.loads(await one.say("context"))
    same("one", found["agent"], "the name")
    same(params, found["params"], "the parameters")
    lists = (found["grants"]["tools"], found["grants"]["peers"], found["grants"]["topics"])
    same((["a.*"], ["two"], ["news.>"]), lists, "the grants")


@behaviour("context/left", "An agent is told how much time and fuel its turn has left")
async def _left(s: Stage) -> None:
    one = await s.agent(deadline=20.0)
    task = one.asked(then(message("context"), message("sleep 5000"), message("context")))
    before, _, after = (await s.after(5.0, task)).split(b"\n")
    first, second = json.loads(before), json.loads(after)
    left = (first["deadline_ms"], second["deadline_ms"])
    holds(abs(left[0] - 20_000) <= 1 and abs(left[1] - 15_000) <= 1, f"the time left is {left[0]}, then {left[1]} ms")
    holds(first["fuel"] > second["fuel"] > 0, f"the fuel left is {first['fuel']}, then {second['fuel']}")


@behaviour("context/attempt", "An agent is told how many instances it has had")
async def _attempt(s: Stage) -> None:
    one = await s.agent()
    same(1, json.loads(await one.say("context"))["attempt"], "the attempt")
    await one.error(message("panic", "x"))
    same(2, json.loads(await one.say("context"))["attempt"], "the attempt")


@behaviour("envelope/request", "An agent is told who asks: performative, sender, receiver, id")
async def _request(s: Stage) -> None:
    one = await s.agent()
    found = json.loads(await one.say("envelope"))
    same(("request", "@user"), (found["performative"], found["sender"]), "the performative and the sender")
    holds(found["receiver"] in ("one", ["one"]), f"the receiver is {found['receiver']!r}")
    holds(isinstance(found.get("id"), str) and found["id"], f"the id is {found.get('id')!r}")
    holds("content" not in found, "the payload is in it")


@behaviour("envelope/of-agents", "An agent that is asked by another is told its name")
async def _of_agents(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    performative, _, payload = (await one.say("ask two 1000", "envelope")).partition(b"\n")
    same(b"inform", performative, "the performative")
    same("one", json.loads(payload)["sender"], "the sender")


@behaviour("log/levels", "Each of the five levels reaches the log as itself")
async def _levels(s: Stage) -> None:
    one = await s.agent()
    for level in ("trace", "debug", "info", "warning", "error"):
        same(b"", await one.say(f"log {level}", f"a line at {level}"))
        same([f"a line at {level}"], s.lines(level=level), f"the log at {level}")


@behaviour("log/text", "A line may be empty, of any text, and long; many come in order")
async def _text(s: Stage) -> None:
    one = await s.agent()
    lines = ["", "Grüße 世界 🦊", "x" * 4_000, *(f"line {n}" for n in range(50))]
    for line in lines:
        await one.say("log info", line)
    same(lines, s.lines(level="info"), "the log")


@behaviour("log/failed", "What a turn has logged stays, however the turn ends")
async def _failed(s: Stage) -> None:
    one = await s.agent()
    await one.failure(then(message("log info", "first"), message("fail", "x")))
    await one.error(then(message("log info", "second"), message("panic", "x")))
    same(["first", "second"], s.lines(level="info"), "the log")


@behaviour("log/limit", "Lines beyond the turn's budget are dropped with one warning, and the turn goes on")
async def _limit(s: Stage) -> None:
    one = await s.agent(log=100)
    line = message("log info", "x" * 60)
    same(b"\n\n\ndone", await one.answer(then(line, line, line, message("echo", "done"))))
    same((1, 1), (len(s.lines(level="info")), len(s.lines(level="warning"))), "the lines and the warnings")
    same(b"", await one.answer(line))
    same(2, len(s.lines(level="info")), "the lines after the next turn")


@behaviour("log/print", "What is written to standard output is in the log")
async def _print(s: Stage) -> None:
    one = await s.agent()
    same(b"", await one.say("print", "printed: Grüße 🦊"))
    found = s.lines()
    holds(any("printed: Grüße 🦊" in line for line in found), f"the log is {found}")


@behaviour("random/bytes", "Random bytes come in any number up to 65,536, and are not the same twice")
async def _bytes(s: Stage) -> None:
    one = await s.agent()
    for count in (0, 1, 7, 4_096, 65_536):
        same(count, len(await one.say(f"random {count}")), "the number of bytes")
    holds(await one.say("random 16") != await one.say("random 16"), "the same bytes came twice")
    found = await one.say("random 65536")
    holds(len(set(found)) == 256, "some byte is not among 65,536 random ones")
