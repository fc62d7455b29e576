"""The JavaScript SDK: what programs expect comes from the host, and exceptions are told in lines of the sources."""

from __future__ import annotations

import json
from typing import Final

import pytest

import caxton
from caxton.testing import ManualClock
from tests.sandbox.guests import Box, watched_box
from tests.sdk.components import agent, component

SOURCE: Final = """
import * as caxton from "../caxton/index.js";
import { inner } from "./inner.js";

const born = [Date.now(), Math.random()];
let early = "";
try {
  caxton.log("info", "too early");
} catch (error) {
  early = error.message;
}

const commands = {
  clocks() {
    const dates = [Date.now(), new Date().getTime(), new Date(5).getTime(), Date.UTC(1970, 0, 1), born[0]];
    return [...dates, caxton.now(), performance.now(), typeof Date(), new Date() instanceof Date];
  },
  random: () => [Math.random(), crypto.randomUUID(), born[1]],
  early: () => [early],
  texts() {
    const encoded = [...new TextEncoder().encode("aé😀\\ud800")];
    const marked = new TextDecoder().decode(new Uint8Array([239, 187, 191, 97, 255]));
    const kept = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([239, 187, 191, 195, 169]));
    return [encoded, marked, kept];
  },
  console() {
    console.log("a", { b: 1 }, [2n]);
    console.warn("two\\nlines");
    console.error(new TypeError("shown"));
  },
  arguments() {
    const wrong = [() => caxton.tell("x", 5), () => caxton.ask("x", "", -1), () => caxton.log("loud", "x")];
    wrong.push(() => caxton.tell(undefined, ""), () => caxton.cancelTimer(1.5), () => caxton.emit({}));
    return wrong.map((call) => caught(call).name);
  },
  refused() {
    const error = caught(() => caxton.ask("nobody", "x"));
    return [error instanceof caxton.HostError, error.name, error.kind, error.code, error.message, error.retryable];
  },
  state() {
    caxton.state.put("k", new Uint8Array([0, 255]));
    caxton.state.put("t", "ü");
    const none = caxton.state.get("none") ?? "undefined";
    return [none, [...caxton.state.get("k")], caxton.state.get("t"), caxton.state.keys()];
  },
  json: (message) => message.json(),
  deep: () => inner("boom\\nand more"),
  string() {
    throw "a string";
  },
  cause() {
    throw new Error("outer", { cause: new RangeError("the cause") });
  },
  host: () => caxton.tell("nobody", ""),
  promise: async () => 1,
  bytes: () => new Uint8Array([1, 255]).subarray(1),
  text: (message) => `${message.bytes.length} ${message.sender} ${message.performative}`,
};

function caught(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
}

export default function handle(message) {
  const [name] = typeof message.payload === "string" ? message.text.split(" ") : ["json"];
  const found = (commands[name] ?? commands.json)(message);
  return Array.isArray(found) ? JSON.stringify(found) : found;
}
"""
INNER: Final = """
export function inner(text) {
  const words = text;
  throw new Error(words);
}
"""
LINE: Final = SOURCE[: SOURCE.index('inner("boom')].count("\n") + 1


@pytest.fixture(scope="module")
def module() -> bytes:
    """The program above."""
    return agent("javascript", {"src/agent.js": SOURCE, "src/inner.js": INNER})


def found(box: Box, module: bytes, message: str | bytes, **options: object) -> list[object]:
    """What a new agent answers, as JSON."""
    answer: list[object] = json.loads(box.ask(box.spawn(module, **options), message).text)  # type: ignore[arg-type]
    return answer


@pytest.mark.parametrize("name", ["javascript", "typescript"])
def test_the_template_answers(box: Box, name: str) -> None:
    """As it is made."""
    ref = box.spawn(component(name))
    assert box.ask(ref, "world").text == "hello, world"
    assert box.fails(ref).code == "agent.failed"
    assert "this message is not text" in str(box.fails(ref, b"\xff"))


def test_clocks_are_the_host_s(module: bytes) -> None:
    """Date, with and without new, and performance; when the agent is built the clock stands at 0."""
    with watched_box(clock=ManualClock(1_800_000_000.25)) as box:
        now = 1_800_000_000_250
        assert found(box, module, "clocks") == [now, now, 5, 0, 0, now, 0, "string", True]


def test_random_numbers_are_the_host_s(box: Box, module: bytes) -> None:
    """Every instance has its own; what is drawn when the agent is built is the same in all of them."""
    one, other = found(box, module, "random"), found(box, module, "random")
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert one[2] == other[2]


def test_there_is_no_host_while_the_agent_is_built(box: Box, module: bytes) -> None:
    """A host call at the top level says so."""
    (said,) = found(box, module, "early")
    assert "there is no host while the agent is built" in str(said)


def test_texts_are_encoded_and_decoded(box: Box, module: bytes) -> None:
    """As the standard says: surrogates alone, a byte order mark, and bytes that are not UTF-8."""
    bytes_ = [97, 195, 169, 240, 159, 152, 128, 239, 191, 189]
    assert found(box, module, "texts") == [bytes_, "a\ufffd", "\ufeffé"]


def test_the_console_is_the_log(box: Box, module: bytes) -> None:
    """Each line at its level; objects as JSON, errors with their stack."""
    box.ask(box.spawn(module, name="c"), "console")
    assert box.logs[:4] == [
        ("c", "info", 'a {"b":1} ["2n"]'),
        ("c", "warning", "two"),
        ("c", "warning", "lines"),
        ("c", "error", "TypeError: shown"),
    ]


@pytest.mark.parametrize(
    ("message", "first", "places"),
    [
        (
            "deep",
            "Error: boom",
            ["and more", "    at inner (src/inner.js:4:19)", f"    at deep (src/agent.js:{LINE}:15)"],
        ),
        ("string", "uncaught: a string", []),
        ("cause", "Error: outer", ["caused by:", "RangeError: the cause"]),
        ("host", "HostError: grant.denied: nobody is not among", []),
        ("promise", "TypeError: handle answers a promise", []),
    ],
)
def test_an_exception_is_logged_with_its_place_before_the_trap(
    box: Box, module: bytes, message: str, first: str, places: list[str]
) -> None:
    """In lines of the sources, whatever was thrown."""
    ref = box.spawn(module)
    assert box.fails(ref, message).code == "trap.unreachable"
    errors = [line for _, level, line in box.logs if level == "error"]
    assert errors[0].startswith(first)
    assert [place for place in places if place not in errors] == [], errors


def test_arguments_are_checked_before_they_cross(box: Box, module: bytes) -> None:
    """What the boundary would trap on is an error of JavaScript's."""
    expected = ["TypeError", "RangeError", "RangeError", "TypeError", "RangeError", "TypeError"]
    assert found(box, module, "arguments") == expected


def test_a_refused_call_says_what_the_host_says(box: Box, module: bytes) -> None:
    """Kind, code and sentence."""
    answer = found(box, module, "refused")
    assert answer == [True, "HostError", "denied", "grant.denied", "nobody is not among the agent's peers", False]


def test_state_keeps_text_and_bytes(box: Box, module: bytes) -> None:
    """And nothing where there is nothing."""
    assert found(box, module, "state") == ["undefined", [0, 255], "ü", ["k", "t"]]


def test_messages_are_text_bytes_or_json(box: Box, module: bytes) -> None:
    """What is not what the agent asks for is a failure that says so."""
    ref = box.spawn(module)
    assert box.ask(ref, "text é").text == "7 @user request"
    assert box.ask(ref, "bytes").payload == b"\xff"
    assert box.ask(ref, "[1, 2]").text == "[1,2]"
    for message, said in ((b"\xff", "not text"), ("{", "not JSON")):
        error = box.fails(ref, message)
        assert isinstance(error, caxton.AgentFailed)
        assert said in error.reply.text
