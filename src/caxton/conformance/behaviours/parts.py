"""A reply in parts, and a reply in a later turn."""

from __future__ import annotations

import asyncio

from caxton.conformance.behaviour import Unkept, behaviour, holds, same
from caxton.conformance.behaviours.payloads import INVALID, UNICODE
from caxton.conformance.stage import Actor, Stage, message, refused, then
from caxton.errors import CaxtonError


class _Streamed:
    """What an agent emits, as it comes."""

    def __init__(self, one: Actor, text: bytes) -> None:
        self.parts: list[bytes] = []
        self.end: bytes | str | None = None
        self.task = asyncio.create_task(self._take(one, text))

    async def _take(self, one: Actor, text: bytes) -> None:
        try:
            async for reply in one.ref.stream(text):
                if reply.final:
                    self.end = reply.payload
                else:
                    self.parts.append(reply.payload)
        except CaxtonError as error:
            self.end = error.code


async def _streamed(s: Stage, one: Actor, text: bytes) -> tuple[list[bytes], bytes | str]:
    found = _Streamed(one, text)
    await s.settle()
    if found.end is None:
        found.task.cancel()
        raise Unkept("the stream does not end")
    return found.parts, found.end


@behaviour("emit/parts", "What an agent emits comes before its reply, in order, byte for byte")
async def _parts(s: Stage) -> None:
    one = await s.agent()
    for body in (UNICODE.encode(), b"", bytes(range(256)), *INVALID):
        same(([body] * 3, b"done"), await _streamed(s, one, message("emit 3", body)), "parts and reply")


@behaviour("emit/at-once", "A part is there at once, while the turn goes on")
async def _at_once(s: Stage) -> None:
    one = await s.agent()
    found = _Streamed(one, then(message("emit 1", "first"), message("sleep 1000"), message("emit 1", "second")))
    await s.settle()
    same(([b"first"], None), (found.parts, found.end), "what is there while the agent sleeps")
    await s.elapse(1.0)
    same(([b"first", b"second"], b"done\nok\ndone"), (found.parts, found.end), "what is there at last")


@behaviour("emit/many", "A turn may emit hundreds of parts")
async def _many(s: Stage) -> None:
    one = await s.agent()
    parts, end = await _streamed(s, one, message("emit 500", "x" * 100))
    same((500, b"done"), (len(parts), end), "the number of parts, and the reply")


@behaviour("emit/failed", "Parts that were emitted stay, when the turn fails afterwards")
async def _failed(s: Stage) -> None:
    one = await s.agent()
    turn = then(message("emit 2", "part"), message("fail", "x"))
    same(([b"part"] * 2, "agent.failed"), await _streamed(s, one, turn), "parts and end")
    parts, end = await _streamed(s, one, then(message("emit 1", "part"), message("panic", "x")))
    holds(parts == [b"part"] and str(end).startswith("trap."), f"a panic left {parts} and {end!r}")


@behaviour("emit/unwanted", "Where nobody wants parts, emitting does nothing")
async def _unwanted(s: Stage) -> None:
    one = await s.agent()
    same(b"done", await one.say("emit 3", "part"))
    await one.tell("emit 3", "part")
    same((2, 0), (one.ref.statistics().turns, one.ref.statistics().failures), "turns and failures")


@behaviour("emit/limit", "How much a turn may emit has a limit")
async def _limit(s: Stage) -> None:
    one = await s.agent(outbox=2)
    parts, end = await _streamed(s, one, message("emit 3", "part"))
    same([b"part"] * 2, parts, "the parts")
    holds(isinstance(end, bytes), f"the turn ended with {end!r}")
    refused(end if isinstance(end, bytes) else b"", "limit", "limit.outbox")


@behaviour("defer/resume", "A reply that was kept for later reaches the asker from a later turn")
async def _resume(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(message("defer"))
    await s.elapse(1.0)
    holds(not task.done(), "there is a reply already")
    same("idle", one.ref.statistics().state, "the state of the agent")
    same(b"ok", await one.say("resume", UNICODE))
    await s.settle()
    same(UNICODE.encode(), (await s.finished(task)).payload)


@behaviour("defer/bytes", "Its payload may be any bytes")
async def _bytes(s: Stage) -> None:
    one = await s.agent()
    for body in (bytes(range(256)), b"", *INVALID):
        task = one.asked(message("defer"))
        await s.settle()
        await one.tell("resume", body)
        same(body, (await s.finished(task)).payload)


@behaviour("defer/agents", "An agent that asks waits until the deferred reply comes")
async def _agents(s: Stage) -> None:
    one, two = await s.agents("one", "two")
    task = one.asked(message("ask two 9000", "defer"))
    await s.elapse(1.0)
    holds(not task.done(), "there is a reply already")
    same(b"ok", await two.say("resume", "at last"))
    await s.settle()
    same(b"inform\nat last", (await s.finished(task)).payload)


@behaviour("defer/nothing", "Where no reply is owed, there is nothing to defer")
async def _nothing(s: Stage) -> None:
    one = await s.agent()
    await one.tell("defer")
    refused(await one.say("get token"), "not-found", "-")
    refused(await one.say("resume", "x"), "not-found", "-")


@behaviour("defer/failed", "A turn that fails after it has deferred its reply has failed")
async def _defer_failed(s: Stage) -> None:
    one = await s.agent()
    same(b"why", await one.failure(then(message("defer"), message("fail", "why"))), "the failure's payload")
    refused(await one.say("resume", "x"), "not-found", "-")


@behaviour("defer/once", "A deferred reply is given once; a second one goes nowhere")
async def _once(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(message("defer"))
    await s.settle()
    same(b"ok", await one.say("resume", "first"))
    holds(await one.say("resume", "second") != b"ok", "the second reply was taken")
    same(b"first", (await s.finished(task)).payload)


@behaviour("defer/stopped", "If the agent stops before it has answered, the asker is told")
async def _stopped(s: Stage) -> None:
    one = await s.agent()
    task = one.asked(message("defer"))
    await s.settle()
    await one.ref.stop()
    await s.settle()
    holds(task.done(), "the asker waits for ever")
    same("agent.stopped", getattr(task.exception(), "code", None), "the code")
