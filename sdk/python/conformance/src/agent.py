"""The conformance agent (docs/reference/conformance.md): one command a message."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import caxton_agent as caxton
from caxton_agent import Failure, HostError, Message, Payload, Pending

counted = 0
kept: list[bytearray] = []


def handle(message: Message) -> Payload | None:
    """Carries a message out."""
    return answer(message.data)


def answer(data: bytes) -> Payload | None:
    """Carries a command out; what the host refuses is an answer."""
    line, _, body = data.partition(b"\n")
    name, *words = line.decode("utf-8", "replace").split(" ")
    command = COMMANDS.get(name)
    if command is None:
        raise Failure(f"unknown command: {name}")
    try:
        return command(natural(body), *words)
    except HostError as error:
        return joined(f"error {error.kind} {error.code or '-'}\n", error.payload)


def as_bytes(payload: Payload | None) -> bytes:
    """Any payload as bytes."""
    return payload.encode() if isinstance(payload, str) else payload or b""


def natural(data: bytes) -> Payload:
    """What is text as text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def joined(*parts: Payload | None) -> Payload:
    """One after the other."""
    return natural(b"".join(map(as_bytes, parts)))


def text(payload: Payload) -> str:
    """A payload that must be text."""
    return payload if isinstance(payload, str) else payload.decode()


def divided(body: Payload, length: str) -> tuple[bytes, bytes]:
    """A body's first bytes, and the rest."""
    data = as_bytes(body)
    return data[: int(length)], data[int(length) :]


def seconds(milliseconds: str) -> float:
    """A time."""
    return int(milliseconds) / 1000


def fail(body: Payload) -> None:
    raise Failure(body)


def panic(body: Payload) -> None:
    raise RuntimeError(text(body))


def spin(_: Payload) -> None:
    while True:
        pass


def eat(_: Payload) -> None:
    while True:
        kept.append(bytearray(1 << 20))


def count(_: Payload) -> str:
    global counted
    counted += 1
    return str(counted)


def then(body: Payload, length: str) -> Payload:
    first, second = divided(body, length)
    return joined(answer(first), "\n", answer(second))


def ok(call: Callable[..., object]) -> Callable[..., Payload]:
    """A command that answers with ok when it has gone well."""

    def command(body: Payload, *words: str) -> Payload:
        call(body, *words)
        return "ok"

    return command


def send(body: Payload, length: str) -> None:
    meta, payload = divided(body, length)
    caxton.send_envelope(text(meta), natural(payload))


def ask(body: Payload, to: str, timeout: str) -> Payload:
    found = caxton.ask(to, body, seconds(timeout))
    return joined(f"{found.performative}\n", found.payload)


def race(body: Payload, timeout: str, *names: str) -> Payload:
    started = [caxton.ask_start(name, body, seconds(timeout)) for name in names]
    done = caxton.wait(started, seconds(timeout))
    return joined(f"{started.index(done)}\n", done.result().payload)


def tools_race(body: Payload, timeout: str, *names: str) -> Payload:
    started: list[Pending[str]] = [caxton.tool_start_json(name, text(body), seconds(timeout)) for name in names]
    done = caxton.wait(started, seconds(timeout))
    return f"{started.index(done)}\n{done.result()}"


def gather(body: Payload, timeout: str, *names: str) -> Payload:
    found = caxton.gather([caxton.ask_start(name, body, seconds(timeout)) for name in names], seconds(timeout))
    return natural(b"\n".join(as_bytes(one.payload) for one in found))


def cancel(body: Payload, to: str) -> str:
    pending = caxton.ask_start(to, body)
    pending.cancel()
    caxton.wait([pending])
    return "ok"


def cancel_twice(body: Payload, to: str) -> None:
    pending = caxton.ask_start(to, body)
    pending.cancel()
    pending.cancel()


def emit(body: Payload, times: str) -> str:
    for _ in range(int(times)):
        caxton.emit(body)
    return "done"


def defer(_: Payload) -> None:
    caxton.state["token"] = caxton.defer()


def stored(key: str) -> Payload:
    try:
        return caxton.state[key]
    except KeyError:
        raise HostError("not-found", f"there is nothing under {key}") from None


def delete(_: Payload, key: str) -> None:
    try:
        del caxton.state[key]
    except KeyError:
        raise HostError("not-found", f"there is nothing under {key}") from None


COMMANDS: dict[str, Callable[..., Payload | None]] = {
    "conformance": lambda _: "caxton-conformance 1 python",
    "echo": lambda body: body,
    "empty": lambda _: None,
    "repeat": lambda body, times: body * int(times),
    "fail": fail,
    "panic": panic,
    "spin": spin,
    "eat": eat,
    "count": count,
    "log": lambda body, level: caxton.log(level, text(body)),
    "print": lambda body: print(text(body)),
    "then": then,
    "context": lambda _: json.dumps(caxton.context()),
    "envelope": lambda _: json.dumps(caxton.envelope()),
    "tell": ok(lambda body, to: caxton.tell(to, body)),
    "send": ok(send),
    "publish": ok(lambda body, topic: caxton.publish(topic, body)),
    "subscribe": ok(lambda _, topic: caxton.subscribe(topic)),
    "unsubscribe": ok(lambda _, topic: caxton.unsubscribe(topic)),
    "ask": ask,
    "call": lambda body, name: caxton.call_tool_json(name, text(body)),
    "race": race,
    "tools-race": tools_race,
    "gather": gather,
    "cancel": cancel,
    "cancel-twice": ok(cancel_twice),
    "tools": lambda _: json.dumps(caxton.list_tools()),
    "emit": emit,
    "defer": defer,
    "resume": ok(lambda body: caxton.reply_later(text(stored("token")), body)),
    "get": lambda _, key: stored(key),
    "put": ok(lambda body, key: caxton.state.__setitem__(key, body)),
    "delete": ok(delete),
    "keys": lambda _, prefix: json.dumps(caxton.state.names(prefix)),
    "timer": lambda body, delay, period: str(caxton.set_timer(seconds(delay), body, seconds(period))),
    "untimer": ok(lambda _, timer: caxton.cancel_timer(int(timer))),
    "now": lambda _: str(time.time_ns() // 1_000_000),
    "monotonic": lambda _: str(time.monotonic_ns()),
    "random": lambda _, length: natural(os.urandom(int(length))),
    "sleep": ok(lambda _, time: caxton.sleep(seconds(time))),
}
