"""``tell``, ``send_envelope``, topics: what is queued until the turn commits."""

from __future__ import annotations

import json
from typing import Any

from caxton.conformance.behaviour import behaviour, holds, same
from caxton.conformance.behaviours.payloads import UNICODE
from caxton.conformance.stage import NONE, Stage, message, refused, then
from caxton.testing import Result, call, perform


def envelope(body: bytes | str, **fields: Any) -> bytes:
    """A ``send`` of an envelope with these fields; ``reply_with`` becomes ``reply-with``."""
    meta = json.dumps({key.replace("_", "-"): value for key, value in fields.items()}, ensure_ascii=False).encode()
    return message(f"send {len(meta)}", meta + (body.encode() if isinstance(body, str) else body))


@behaviour("tell/delivers", "A message to another agent arrives, from this one, as an `inform`")
async def _tell(s: Stage) -> None:
    one, _ = await s.agent(), await s.observer()
    same(b"ok", await one.say("tell observer", UNICODE))
    await s.settle()
    (found,) = s.observed()
    same(("inform", "one"), (found.envelope["performative"], found.envelope["sender"]), "the envelope")
    holds(found.text[:12] == UNICODE[:12], f"it says {found.text!r}")


@behaviour("tell/bytes", "Its payload may be any bytes, or none")
async def _bytes(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    for value in (bytes(range(256)), b"", b"\xff" * 100_000):
        await one.say("tell two", message("put key", value))
        await s.settle()
        same(value, await two.say("get key"), "what arrived")


@behaviour("tell/order", "Several messages of one turn arrive in order, when the turn ends")
async def _order(s: Stage) -> None:
    one, _ = await s.agent(), await s.observer()
    told = [message("tell observer", f"number {n}") for n in range(5)]
    task = one.asked(then(*told, message("sleep 1000")))
    await s.elapse(0.5)
    same([], s.observed(), "what has arrived before the turn ends")
    await s.elapse(0.5)
    holds(task.done(), "the turn does not end")
    same([f"number {n}" for n in range(5)], [each.text for each in s.observed()], "what has arrived")


@behaviour("tell/denied", "A message to an agent that is not granted is denied, there or not")
async def _denied(s: Stage) -> None:
    one = await s.agent(grants=NONE)
    await s.agent("two")
    refused(await one.say("tell two", "x"), "denied", "grant.denied")
    refused(await one.say("tell nobody", "x"), "denied", "grant.denied")


@behaviour("tell/unknown", "A message to an agent that is not there is unknown; to what is no name, a bad argument")
async def _unknown(s: Stage) -> None:
    one = await s.agent()
    refused(await one.say("tell nobody", "x"), "unknown", "agent.unknown")
    refused(await one.say("tell No_Body!", "x"), "bad-argument", "agent.bad-name")
    refused(await one.say("tell ", "x"), "bad-argument", "agent.bad-name")


@behaviour("tell/limit", "How many messages a turn may queue has a limit; what is within it leaves")
async def _limit(s: Stage) -> None:
    one, _ = await s.agent(outbox=2), await s.observer()
    answer = await one.answer(then(*[message("tell observer", f"number {n}") for n in range(3)]))
    same(b"ok\nok\nerror limit limit.outbox", b"\n".join(answer.split(b"\n")[:3]), "the answers")
    await s.settle()
    same(["number 0", "number 1"], [each.text for each in s.observed()], "what has arrived")


@behaviour("send/fields", "An envelope arrives with every field that it was given, and with its real sender")
async def _fields(s: Stage) -> None:
    one, _ = await s.agent(), await s.observer()
    fields = {
        "conversation-id": "talk-7", "reply-by": "2030-01-01T00:00:00Z", "ontology": "wetter 🌦",
        "language": "de", "content-type": "text/plain", "headers": {"x-note": "ä"},
    }  # fmt: skip
    sent = envelope("Regen", performative="propose", receiver="observer", sender="two", **fields)
    same(b"ok", await one.answer(sent))
    await s.settle()
    (found,) = s.observed()
    same(fields, {key: found.envelope.get(key) for key in fields}, "the fields")
    same(("propose", "one"), (found.envelope["performative"], found.envelope["sender"]), "performative and sender")
    same("Regen", found.text, "the payload")


@behaviour("send/several", "An envelope may go to several agents")
async def _several(s: Stage) -> None:
    one = await s.agent()
    await s.observer("left")
    await s.observer("right")
    same(b"ok", await one.answer(envelope("both", performative="inform", receiver=["left", "right"])))
    await s.settle()
    same((["both"], ["both"]), tuple([each.text for each in s.observed(n)] for n in ("left", "right")), "what arrived")


@behaviour("send/bytes", "An envelope's payload may be any bytes")
async def _send_bytes(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    value = bytes(range(256)) * 4
    same(b"ok", await one.answer(envelope(message("put key", value), performative="inform", receiver="two")))
    await s.settle()
    same(value, await two.say("get key"), "what arrived")


@behaviour("send/invalid", "What is no envelope is a bad argument")
async def _invalid(s: Stage) -> None:
    one, _ = await s.agents("one", "two")
    wrong = (
        envelope("x", performative="shout", receiver="two"),
        envelope("x", receiver="two"),
        envelope("x", performative="inform"),
        envelope("x", performative="inform", receiver="two", reply_by="tomorrow"),
    )
    for sent in wrong:
        refused(await one.answer(sent), "bad-argument", "envelope.invalid")


@behaviour("send/refused", "An envelope needs grants as a message does, and a receiver that is there")
async def _refused(s: Stage) -> None:
    one, none = await s.agent(), await s.agent("none", grants=NONE)
    await s.agent("two")
    refused(await one.answer(envelope("x", performative="inform", receiver="nobody")), "unknown", "agent.unknown")
    refused(await none.answer(envelope("x", performative="inform", receiver="two")), "denied", "grant.denied")


async def _driven(s: Stage, *body: bytes) -> None:
    """Sends requests from the observer, which wants replies."""
    sent = [
        call("send_envelope", json.dumps({"performative": "request", "receiver": "one", "reply-with": f"q{n}"}), each)
        for n, each in enumerate(body)
    ]
    done: list[Result] = await perform(s.host.agent("observer"), *sent)
    same([0] * len(body), [each.number for each in done], "what sending came to")
    await s.settle()


@behaviour("send/reply", "An envelope with the request's token is its reply, and the one reply")
async def _reply(s: Stage) -> None:
    await s.agent(grants=NONE)
    await s.observer()
    await _driven(s, envelope("agreed", performative="agree", in_reply_to="q0", receiver="observer"))
    (found,) = s.observed()
    replied = (found.envelope["performative"], found.envelope.get("in-reply-to"), found.text)
    same(("agree", "q0", "agreed"), replied, "the reply")


@behaviour("send/replies", "An agent's request with a token gets the response, or the failure, with that token")
async def _replies(s: Stage) -> None:
    await s.agent()
    await s.observer()
    await _driven(s, message("echo", "fine"), message("fail", "not fine"), message("panic", "x"))
    found = [(e.envelope["performative"], e.envelope.get("in-reply-to"), e.envelope["sender"]) for e in s.observed()]
    same([("inform", "q0", "one"), ("failure", "q1", "one"), ("failure", "q2", "@host")], found, "the replies")
    same(["fine", "not fine"], [each.text for each in s.observed()[:2]], "what they say")


@behaviour("topic/delivers", "What is published reaches every subscriber, but not the publisher")
async def _topic(s: Stage) -> None:
    one, two, three = await s.agents("one", "two", "three")
    for each in (one, two):
        same(b"ok", await each.say("subscribe news.today"))
    same(b"ok", await one.say("publish news.today", message("put heard", UNICODE)))
    await s.settle()
    same(UNICODE.encode(), await two.say("get heard"))
    refused(await one.say("get heard"), "not-found", "-")
    refused(await three.say("get heard"), "not-found", "-")


@behaviour("topic/patterns", "In a subscription `*` stands for one token and `>` for the rest")
async def _patterns(s: Stage) -> None:
    one, two, three = await s.agents("one", "two", "three")
    await two.say("subscribe news.*")
    await three.say("subscribe news.>")
    for topic in ("news.today", "news.today.sport", "olds.today"):
        await one.say(f"publish {topic}", message("count"))
    await s.settle()
    same((b"2", b"3"), (await two.say("count"), await three.say("count")), "the counts")


@behaviour("topic/unsubscribe", "After a subscription's end nothing comes; what was none is not-found")
async def _unsubscribe(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    refused(await two.say("unsubscribe news.today"), "not-found", "-")
    await two.say("subscribe news.today")
    same(b"ok", await two.say("unsubscribe news.today"))
    await one.say("publish news.today", message("count"))
    await s.settle()
    same(b"1", await two.say("count"))


@behaviour("topic/restart", "Subscriptions survive a restart")
async def _topic_restart(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    await two.say("subscribe news.today")
    await two.error(message("panic", "x"))
    await one.say("publish news.today", message("count"))
    await s.settle()
    same(b"2", await two.say("count"))


@behaviour("topic/refused", "Topics are denied without a grant, and a bad argument where they are none")
async def _topic_refused(s: Stage) -> None:
    one, none = await s.agent(), await s.agent("none", grants=NONE)
    for command in ("publish news.today", "subscribe news.today"):
        refused(await none.say(command, "x"), "denied", "grant.denied")
    for command in ("publish news..today", "publish news.*", "subscribe news.>.x", "unsubscribe ..."):
        refused(await one.say(command, "x"), "bad-argument", "envelope.invalid")
