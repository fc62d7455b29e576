"""The C++ SDK: results for errors, what would be an exception in the log, JSON, several source files, traps' lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from tests.sandbox.guests import Box, watched_box
from tests.sdk.projects import built

PROJECT: Final = 'name = "agent"\nlanguage = "cpp"\n[options]\nflags = ["-Wextra", "-Werror"]\n'

AGENT: Final = r"""
#include "caxton.hpp"

std::string kept();  // in another file

static int started;
CAXTON_START {
  started++;
  caxton::log(caxton::level::info, "ready");
  return {};
}

using strings = std::vector<std::string>;

caxton::result<std::string> caxton::handle(std::string_view message) {
  auto end = message.find('\n');
  auto command = message.substr(0, end);
  auto body = end == message.npos ? "" : message.substr(end + 1);
  if (command == "get") {
    auto at = body.find('\n');
    return caxton::json::text(body.substr(at + 1), body.substr(0, at));
  }
  if (command == "quote") return caxton::json::quote(body);
  if (command == "started") return std::to_string(started) + kept();
  if (command == "denied") CAXTON_TRY(caxton::tell("someone", "hello"));
  if (command == "sender") return CAXTON_TRY(caxton::current_envelope()).sender;
  if (command == "defer") CAXTON_TRY(caxton::state::put("token", CAXTON_TRY(caxton::defer())));
  if (command == "later") CAXTON_TRY(caxton::reply_later(CAXTON_TRY(caxton::state::get("token")), "at last"));
  if (command == "find") return CAXTON_TRY(caxton::state::find("none")).value_or("nothing");
  if (command == "assert") assert(body == "x");
  if (command == "abort") std::abort();
  if (command == "at") return strings{"a"}.at(message.size());
  if (command == "index") return strings{"a"}[message.size()];
  if (command == "memory") return std::string(1u << 30, 'x');
  return "";
}
"""

OTHER: Final = """
#include "caxton.hpp"
std::string kept() { return " and " + std::to_string(caxton::state::keys("x").value().size()); }
"""


@pytest.fixture(scope="module")
def code() -> bytes:
    """The agent above."""
    return built("cpp", {"src/agent.cpp": AGENT, "src/other.cpp": OTHER, "agent.toml": PROJECT})[0]


class Agent:
    """An agent on a host of its own, for property tests."""

    def __init__(self, box: Box, code: bytes) -> None:
        self._box = box
        self._agent = box.spawn(code)

    def ask(self, message: bytes | str) -> caxton.Reply:
        """The answer to a message."""
        return self._box.ask(self._agent, message)


@pytest.fixture(scope="module")
def texts(code: bytes) -> Iterator[Agent]:
    """The agent, kept through many examples."""
    with watched_box() as box:
        yield Agent(box, code)


def test_template(box: Box) -> None:
    """What ``caxton new`` writes greets, and refuses to greet nobody."""
    agent = box.spawn(built("cpp")[0])
    assert box.ask(agent, "world").text == "hello, world"
    error = box.fails(agent)
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text == "whom shall I greet?"


def test_start(box: Box, code: bytes) -> None:
    """The start function runs once; several source files may include the header."""
    agent = box.spawn(code)
    assert ["ready"] == box.lines()
    assert box.ask(agent, "started").text == "1 and 2"


def test_results(box: Box, code: bytes) -> None:
    """An error that is passed on is the agent's failure; what is not there is nothing, where that was asked for."""
    agent = box.spawn(code)
    error = box.fails(agent, "denied")
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text.startswith("grant.denied: ")
    assert box.ask(agent, "find").text == "nothing"


def test_envelopes(box: Box, code: bytes) -> None:
    """The envelope is read, and a reply that was put off is sent later."""
    agent = box.spawn(code)
    assert box.ask(agent, "sender").text == "@user"

    async def put_off() -> str:
        first, _ = await asyncio.gather(agent.ask("defer"), agent.ask("later"))
        return first.text

    assert box.run(put_off()) == "at last"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("assert", "assertion failed: body == "),
        ("abort", "abort() was called"),
        ("at", "out_of_range was thrown in -fno-exceptions mode"),
        ("index", "vector[] index out of bounds"),
        ("memory", "bad_alloc was thrown in -fno-exceptions mode"),
    ],
)
def test_panics(box: Box, code: bytes, message: str, said: str) -> None:
    """What would be an exception, an abort and an assertion leave their message in the log, and trap."""
    agent = box.spawn(code)
    box.logs.clear()
    assert box.fails(agent, message).code == "trap.unreachable"
    _, level, line = box.logs[0]
    assert level == "error"
    assert said in line


KEY: Final = st.text(
    st.characters(codec="ascii", exclude_characters='"\\', min_codepoint=32, max_codepoint=126), max_size=8
)
TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=30)


@given(value=st.dictionaries(KEY, TEXT, min_size=1, max_size=5), data=st.data())
@settings(max_examples=60)
def test_json_members(texts: Agent, value: dict[str, Any], data: st.DataObject) -> None:
    """Each member of an object is found, however it is written, and is the text that it stands for."""
    key = data.draw(st.sampled_from(sorted(value)))
    written = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 2])))
    assert value[key] == texts.ask(f"get\n{key}\n{written}").text


@given(text=TEXT | st.text(st.characters(max_codepoint=130)))
@settings(max_examples=60)
def test_json_strings(texts: Agent, text: str) -> None:
    """Any text becomes a JSON string of just that text."""
    assert text == json.loads(texts.ask(f"quote\n{text}").payload)


@given(noise=st.binary(max_size=40) | st.text('{}[]":,\\u0dD8c ', max_size=40).map(str.encode))
@settings(max_examples=100)
def test_json_noise(texts: Agent, noise: bytes) -> None:
    """What is no JSON is read without a trap."""
    texts.ask(b"get\na\n" + noise)
    texts.ask(b'get\na\n{"a":' + noise)
    texts.ask(b'get\na\n{"a":"' + noise + b'"}')


TRAP: Final = """#include "caxton.hpp"
static std::size_t share(std::size_t whole, std::size_t parts) {
  return whole / parts;
}
caxton::result<std::string> caxton::handle(std::string_view message) {
  return std::to_string(share(100, message.size()));
}
"""


def test_lines_of_a_trap(box: Box) -> None:
    """With --debug a trap's stack names files as they are in the project, and the line that failed."""
    agent = box.spawn(built("cpp", {"src/agent.cpp": TRAP}, debug=True)[0])
    assert box.ask(agent, "four").text == "25"
    error = box.fails(agent)
    assert error.code == "trap.divide-by-zero"
    assert (error.frames[0].file, error.frames[0].line) == ("src/agent.cpp", 3)
