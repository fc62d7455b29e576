"""What an agent remembers: in its memory, and in its state."""

from __future__ import annotations

import json

from caxton.conformance.behaviour import behaviour, same
from caxton.conformance.behaviours.payloads import INVALID, UNICODE
from caxton.conformance.stage import Stage, message, refused, then


@behaviour("memory/variables", "Variables keep their values from message to message")
async def _variables(s: Stage) -> None:
    one = await s.agent()
    same([b"%d" % n for n in range(1, 201)], [await one.say("count") for _ in range(200)], "the counts")


@behaviour("memory/apart", "Agents of one module share nothing")
async def _apart(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    same([b"1", b"2"], [await one.say("count"), await one.say("count")], "the counts")
    await one.say("put key", "of one")
    same(b"1", await two.say("count"))
    refused(await two.say("get key"), "not-found", "-")


@behaviour("state/put-get", "A value that was put is there in later turns, and the last one counts")
async def _put_get(s: Stage) -> None:
    one = await s.agent()
    same(b"ok", await one.say("put key", "value"))
    same(b"value", await one.say("get key"))
    same(b"ok", await one.say("put key", "another"))
    same([b"another"] * 2, [await one.say("get key"), await one.say("get key")], "the values")


@behaviour("state/values", "A value may be empty, binary, nearly text, or large")
async def _values(s: Stage) -> None:
    one = await s.agent()
    for value in (b"", UNICODE.encode(), bytes(range(256)), *INVALID, b"\xfe" * 700_000):
        same(b"ok", await one.say("put key", value))
        same(value, await one.say("get key"), "the value")


@behaviour("state/keys", "Keys may be of any text; `state_keys` lists those with a prefix, in order")
async def _keys(s: Stage) -> None:
    one = await s.agent()
    names = ["b.2", "a", "b.10", "ключ", "🦊", "B", "b"]
    same(b"[]", await one.say("keys "))
    for name in names:
        same(b"ok", await one.say(f"put {name}", f"value of {name}"))
    same(sorted(names), json.loads(await one.say("keys ")), "the keys")
    same(["b", "b.10", "b.2"], json.loads(await one.say("keys b")), "the keys with b")
    same([], json.loads(await one.say("keys c")), "the keys with c")
    same("value of 🦊".encode(), await one.say("get 🦊"))


@behaviour("state/absent", "A value that is not there is not-found: to get and to delete")
async def _absent(s: Stage) -> None:
    one = await s.agent()
    refused(await one.say("get key"), "not-found", "-")
    refused(await one.say("delete key"), "not-found", "-")


@behaviour("state/delete", "A value that was deleted is not there any more")
async def _delete(s: Stage) -> None:
    one = await s.agent()
    await one.say("put key", "value")
    same(b"ok", await one.say("delete key"))
    refused(await one.say("get key"), "not-found", "-")
    same(b"[]", await one.say("keys "))


@behaviour("state/own-writes", "A turn sees what it has itself put and deleted")
async def _own_writes(s: Stage) -> None:
    one = await s.agent()
    turn = then(message("put a", "1"), message("get a"), message("keys "), message("delete a"), message("keys "))
    same(b'ok\n1\n["a"]\nok\n[]', await one.answer(turn))


@behaviour("state/restart", "State survives a restart")
async def _restart(s: Stage) -> None:
    one = await s.agent()
    await one.say("put key", UNICODE)
    await one.error(message("panic", "x"))
    same(UNICODE.encode(), await one.say("get key"))
    same(b"1", await one.say("count"))


@behaviour("state/bad-key", "A key of more than 4,096 bytes is a bad argument")
async def _bad_key(s: Stage) -> None:
    one = await s.agent()
    long = "k" * 4_097
    for answer in (await one.say(f"put {long}", ""), await one.say(f"get {long}"), await one.say(f"keys {long}")):
        refused(answer, "bad-argument", "envelope.invalid")
    same(b"ok", await one.say(f"put {long[1:]}", "fits"))


@behaviour("state/limit", "What an agent may hold has a limit; what was there before stays")
async def _limit(s: Stage) -> None:
    one = await s.agent(held=2_000)
    same(b"ok", await one.say("put small", "value"))
    refused(await one.say("put large", bytes(2_000)), "limit", "limit.held")
    same(b'["small"]', await one.say("keys "))
