"""The AssemblyScript SDK: what is thrown is told before the trap, errors are values, memory stays flat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.testing import ECHO, ManualClock
from caxton.toolchain import ToolchainError
from tests.conftest import Run
from tests.sandbox.guests import Box, watched_box
from tests.sdk.projects import built

HALVES: Final = [b"[", b'{"a"', b'"\\u12', b"[1,]x", b'{"a" 1', b"[" * 40]
"""What begins like JSON."""

PROGRAM: Final = r"""
import {
  Envelope, Kind, Level, Reply, Result, ask, context, contextJson, envelope, isText, log, quote, send, sleep, stateGet,
  text, utf8, Json,
} from "../caxton";

const kept: string[] = [];
const bytes: Uint8Array[] = [];

export function start(): string | null {
  const how = context().value.params.get("start").text;
  if (how == "panic") throw new Error("not so");
  return how == "refuse" ? "not today" : null;
}

export function handle(message: Uint8Array): Reply {
  const space = message.indexOf(0x20);
  const command = text(space < 0 ? message : message.subarray(0, space));
  const body = space < 0 ? new Uint8Array(0) : message.subarray(space + 1);
  if (command == "echo") return Reply.bytes(body);
  const rest = text(body);
  if (command == "keep") {
    bytes.push(message);
    let all = "";
    for (let i = 0; i < bytes.length; i++) all += text(bytes[i]) + ",";
    return Reply.text(all);
  }
  if (command == "index") return Reply.text(kept[message.length]);
  if (command == "throw") throw new Error(rest); // this line
  if (command == "divide") return Reply.text(divide(rest).toString());
  if (command == "assert") assert(rest.length == 0, rest);
  if (command == "value") return Reply.bytes(stateGet(rest).value);
  if (command == "deep") return Reply.text(deep(<i32>I32.parseInt(rest)).toString());
  if (command == "fail") return Reply.failBytes(body);
  if (command == "garbage") {
    for (let i = 0; i < 1000; i++) kept[0] = rest.repeat(1000) + i.toString();
    return Reply.none();
  }
  if (command == "refused") {
    const asked = ask(rest, utf8("fail no"), 1000);
    const error = asked.error;
    if (error === null) return Reply.bytes(asked.value.payload);
    return Reply.text([
      (error.kind == Kind.Denied).toString(), (error.kind == Kind.Failed).toString(), error.code, text(error.data),
      error.performative, error.toString(),
    ].join("|"));
  }
  if (command == "error") return Reply.error(ask(rest, body, 0).error!);
  if (command == "print") {
    console.log("one\ntwo");
    console.error("three");
    trace("four", 2, 1.5, 2);
    log(Level.Warning, "five");
    return Reply.text((Math.random() != Math.random()).toString());
  }
  if (command == "json") {
    const made = new Envelope("propose");
    made.receiver = ["a", "b"];
    made.conversationId = 'quote " and \x01 and é';
    made.replyWith = "r";
    made.headers.set("z", "1");
    made.headers.set("a", "2");
    send(made, body).expect();
    return Reply.text(made.toString());
  }
  if (command == "envelope") {
    const got = envelope().value;
    return Reply.text([got.performative, got.sender, got.receiver.join(","), got.headers.size.toString()].join(" "));
  }
  if (command == "context") {
    const self = context().value;
    return Reply.text([self.agent, self.params.get("style").text, self.attempt.toString(), self.deadline.toString(),
      self.grants.get("peers").list().join(",")].join(" "));
  }
  if (command == "params") return Reply.text(written(Json.parse(text(contextJson().value)).get("params")));
  if (command == "parse") return Reply.text(written(Json.parse(rest)));
  if (command == "text") return Reply.text(isText(body).toString() + rest);
  return Reply.fail("unknown");
}

function divide(by: string): i32 {
  return 100 / <i32>I32.parseInt(by); // that line
}

function deep(n: i32): i32 {
  const held = new Uint8Array(1);
  return n == 0 ? held.length : deep(n - 1) + held.length;
}

function written(json: Json): string {
  if (json.isNull) return "null";
  const parts: string[] = [];
  for (let i = 0; i < json.items.length; i++) {
    parts.push((json.keys.length > 0 ? quote(json.keys[i]) + ":" : "") + written(json.items[i]));
  }
  if (json.kind == 5) return "{" + parts.join(",") + "}";
  if (json.kind == 4) return "[" + parts.join(",") + "]";
  if (json.kind == 3) return quote(json.text);
  if (json.kind == 1) return json.isTrue.toString();
  return json.number.toString();
}
"""


@pytest.fixture(scope="module")
def made() -> tuple[bytes, bytes]:
    """The program above in a debug build, and its source map."""
    return built("assemblyscript", {"assembly/index.ts": PROGRAM}, debug=True)


@pytest.fixture(scope="module")
def module(made: tuple[bytes, bytes]) -> bytes:
    """The program above."""
    return made[0]


def errors(box: Box) -> list[str]:
    """What was logged at level error."""
    return [line for _, level, line in box.logs if level == "error"]


def line_of(text: str) -> int:
    """The line of the program in which this is."""
    (found,) = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if text in line]
    return found


def test_the_template_answers_and_no_program_of_a_project_runs(box: Box, tmp_path: Path) -> None:
    """As it is made. Neither a transform that its settings name is run, nor a compiler in its node_modules."""
    mark = tmp_path / "ran"
    program = f"import fs from 'fs'; fs.writeFileSync({json.dumps(str(mark))}, ''); export default class {{}}"
    module, source_map = built(
        "assemblyscript",
        {
            "asconfig.json": json.dumps({"options": {"transform": ["./evil.mjs"]}}),
            "evil.mjs": program,
            "node_modules/assemblyscript/package.json": '{"name": "assemblyscript", "type": "module"}',
            "node_modules/assemblyscript/bin/asc.js": program,
            "node_modules/assemblyscript/dist/asc.js": program,
        },
    )
    ref = box.spawn(module)
    assert source_map == b""
    assert box.ask(ref, "Ann").text == "hello, Ann"
    assert box.fails(ref).code == "agent.failed"
    assert not mark.exists()


def test_what_is_thrown_is_logged_with_its_message_and_its_line(box: Box, module: bytes) -> None:
    """Before the trap, at level error; so are failed assertions, and values that are not there."""
    ref = box.spawn(module)
    for message, said in (
        ("throw at the disco\n", f"panic: at the disco\\x0a (assembly/index.ts:{line_of('this line')}:"),
        ("assert too long", "panic: too long (assembly/index.ts:"),
        ("index", "panic: Index out of range (~lib/array.ts:"),
        ("value nothing", "panic: state_get: not-found: "),
    ):
        box.logs.clear()
        assert box.fails(ref, message).code == "trap.unreachable"
        assert errors(box)[0].startswith(said)
    assert box.ask(ref, "echo again").text == "again"


def test_deep_recursion_is_told(box: Box, module: bytes) -> None:
    """What functions hold has its own room, which can be used up before the stack is."""
    ref = box.spawn(module)
    assert box.ask(ref, "deep 500").text == "501"
    assert box.fails(ref, "deep 100000").code == "trap.unreachable"
    assert "stack overflow" in errors(box)[0].lower()


def test_the_trap_shows_files_and_lines(box: Box, made: tuple[bytes, bytes], tmp_path: Path) -> None:
    """In a debug build, by the source map beside it: of the failing statement, and of the call that led there."""
    (tmp_path / "agent.wasm").write_bytes(made[0])
    (tmp_path / "agent.wasm.map").write_bytes(made[1])
    ref = box.spawn(tmp_path / "agent.wasm")
    top, caller, *_ = box.fails(ref, "divide 0").frames
    assert (top.function, top.file, top.line) == ("assembly/index/divide", "assembly/index.ts", line_of("that line"))
    assert (caller.file, caller.line) == ("assembly/index.ts", line_of("divide(rest)"))
    called = box.fails(ref, "index").frames[2]
    assert (called.file, called.line) == ("assembly/index.ts", line_of("kept[message.length]"))
    assert not json.loads(made[1]).get("sourceRoot")


def test_failures_and_refusals(box: Box, module: bytes) -> None:
    """A failure carries its bytes; a call that fails answers with a value that says why."""
    ref = box.spawn(module, grants=caxton.Grants(peers=["other"]))
    box.spawn(module, name="other")
    error = box.fails(ref, b"fail \0\xff")
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply is not None
    assert error.reply.payload == b"\0\xff"
    assert box.ask(ref, "refused other").text == ("false|true|agent.failed|no|failure|ask: failed (agent.failed): no")
    denied = box.ask(ref, "refused stranger").text.split("|")
    assert (denied[0], denied[2]) == ("true", "grant.denied")
    assert "grant.denied" in str(box.fails(ref, "error stranger"))


def test_what_is_printed_is_logged(box: Box, module: bytes) -> None:
    """`console`, `trace` and `log`; and random numbers come from the host."""
    assert box.ask(box.spawn(module, name="it"), "print").text == "true"
    assert [(level, line) for _, level, line in box.logs] == [
        ("info", "one"),
        ("info", "two"),
        ("error", "three"),
        ("trace", "four 1.5 2.0"),
        ("warning", "five"),
    ]


def test_messages_may_be_kept(box: Box, module: bytes) -> None:
    """The bytes that the handler got are the agent's for good, however much garbage there is after them."""
    ref = box.spawn(module)
    whole = ""
    for i in range(20):
        whole += f"keep {i},"
        assert box.ask(ref, f"keep {i}").text == whole
    box.ask(ref, f"garbage {'x' * 20}")
    assert box.ask(ref, "keep x").text == f"{whole}keep x,"


def test_memory_stays_flat(run: Run, module: bytes) -> None:
    """Over ten thousand messages of 2 KiB, and over much that nobody needs any more."""

    async def main() -> None:
        async with caxton.Host() as host:
            ref = await host.spawn("echo", module, limits=caxton.Limits(memory="4 MiB"))
            message = b"echo " + bytes(range(256)) * 8
            memory = set()
            for i in range(10_000):
                reply = await ref.ask(message)
                assert reply.payload == message[5:]
                if i >= 1_000:
                    memory.add(reply.usage.memory)
            assert len(memory) == 1
            await ref.ask("garbage xxxx")

    run(main())


def test_it_runs_on_a_clock_that_stands_still(run: Run, module: bytes) -> None:
    """Nothing in it needs time."""

    async def main() -> None:
        async with caxton.Host(clock=ManualClock()) as host:
            assert (await (await host.spawn("it", module)).ask("echo x")).text == "x"

    run(main())


def test_envelopes_both_ways(box: Box, module: bytes) -> None:
    """What the SDK writes is the JSON that the host takes; what the host writes the SDK reads."""
    ref = box.spawn(module, grants=caxton.Grants(peers=["a", "b"]), params={"style": "short"}, name="it")
    for name in ("a", "b"):
        box.spawn(ECHO, name=name)
    assert json.loads(box.ask(ref, "json").payload) == {
        "performative": "propose",
        "receiver": ["a", "b"],
        "conversation-id": 'quote " and \x01 and é',
        "reply-with": "r",
        "headers": {"z": "1", "a": "2"},
    }
    assert box.ask(ref, "envelope").text == "request @user it 0"
    assert box.ask(ref, "context").text == "it short 1 30000 a,b"


def test_the_sdk_reads_the_hosts_json(box: Box, module: bytes) -> None:
    """Every escape, pairs of halves, numbers, nesting."""
    values: dict[str, Any] = {
        "style": 'q"\\/\b\f\n\r\t\x01é\U0001f600',
        "deep": [1, -2.5, True, None, {"a": [], "b": {}}],
    }
    assert json.loads(box.ask(box.spawn(module, params=values), "params").payload) == values


@pytest.fixture(scope="module")
def shared(module: bytes) -> Iterator[tuple[Box, caxton.AgentRef]]:
    """One agent for the property test."""
    with watched_box() as box:
        yield box, box.spawn(module)


@settings(max_examples=150)
@given(raw=st.binary(max_size=40) | st.text(max_size=20).map(str.encode) | st.sampled_from(HALVES))
def test_any_bytes_are_some_text(shared: tuple[Box, caxton.AgentRef], raw: bytes) -> None:
    """What is UTF-8 is read as Python reads it, what is not is told, and neither that nor half a JSON traps."""
    box, ref = shared
    said = box.ask(ref, b"text " + raw).text
    try:
        assert said == f"true{raw.decode('utf-8')}"
    except UnicodeDecodeError:
        assert said.startswith("false")
    box.ask(ref, b"parse " + raw)


@pytest.mark.parametrize(
    ("start", "code", "said"),
    [("refuse", "agent.refused-start", "not today"), ("panic", "trap.unreachable", "panic: not so")],
)
def test_an_agent_may_refuse_to_start(box: Box, module: bytes, start: str, code: str, said: str) -> None:
    """And says why; what is thrown there is told as in any turn."""
    assert box.refused(module, params={"start": start}).code == code
    assert errors(box)[0].startswith(said)


def test_what_does_not_compile_is_told() -> None:
    """With the compiler's words: a type that does not fit, and an agent without a handler."""
    for text, said in (("export function handle(): Reply {}", "handle"), ("export const x: i32 = 1;", "handle")):
        with pytest.raises(ToolchainError) as caught:
            built("assemblyscript", {"assembly/index.ts": text})
        assert caught.value.code == "toolchain.failed"
        assert said in caught.value.output
