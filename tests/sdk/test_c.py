"""The C SDK: one header, with and without a C library, in any number of source files; its texts, JSON and memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from tests.sandbox.guests import Box, watched_box
from tests.sdk.projects import built

PROJECT: Final = 'name = "agent"\nlanguage = "c"\n[options]\n'
STRICT: Final = PROJECT + 'flags = ["-Wextra", "-Werror"]\n'
SYSTEMS: Final = {"freestanding": STRICT, "libc": f"{STRICT}libc = true\n"}

TEXTS: Final = r"""
#include "caxton.h"

caxton_reply caxton_handle(caxton_bytes message) {
  caxton_bytes command = caxton_cut(&message, '\n');
  if (caxton_equal(command, "get")) {
    caxton_bytes key = caxton_cut(&message, '\n');
    return caxton_ok(caxton_json_text(caxton_json_get(message, key)));
  }
  if (caxton_equal(command, "raw")) {
    caxton_bytes key = caxton_cut(&message, '\n');
    return caxton_ok(caxton_json_get(message, key));
  }
  if (caxton_equal(command, "string")) return caxton_ok(caxton_json_string(message));
  if (caxton_equal(command, "number")) {
    int64_t number;
    if (!caxton_number(message, &number)) return caxton_fail("no number");
    return caxton_ok(caxton_format("%lld", (long long)number));
  }
  if (caxton_equal(command, "format"))
    return caxton_ok(caxton_format("%s|%.*s|%d|%u|%x|%lld|%llu|%zu|%c|%%|%ld", "text", CAXTON_ARG(message), INT32_MIN,
                                   UINT32_MAX, 0xbeefu, (long long)INT64_MIN, (unsigned long long)UINT64_MAX, (size_t)7,
                                   'c', -5L));
  if (caxton_equal(command, "assert")) assert(message.size == 1);
  if (caxton_equal(command, "abort")) abort();
  if (caxton_equal(command, "huge")) caxton_take(0x7fffffff);
  return caxton_nothing();
}
"""

ASSERT_LINE: Final = TEXTS[: TEXTS.index("assert(")].count("\n") + 1

MANY: Final = {
    "src/agent.c": """
#include "caxton.h"
caxton_bytes shout(caxton_bytes text);
int kept(void);
CAXTON_START { caxton_log(CAXTON_INFO, "ready"); return 0; }
caxton_reply caxton_handle(caxton_bytes message) {
  caxton_bytes loud = shout(message);
  return caxton_ok(caxton_format("%.*s %d", CAXTON_ARG(loud), kept()));
}""",
    "src/shout.c": """
#include "caxton.h"
static int calls;
int kept(void) { return calls; }
caxton_bytes shout(caxton_bytes text) {
  uint8_t *all = caxton_take(text.size);
  for (size_t i = 0; i < text.size; i++) all[i] = text.data[i] ^ 32;
  calls++;
  return (caxton_bytes){all, text.size};
}""",
}

# Takes and gives back blocks of the sizes that the message's bytes stand for, and looks whether any was disturbed.
HEAP: Final = """
#include "caxton.h"
caxton_reply caxton_handle(caxton_bytes message) {
  uint8_t *blocks[16] = {0};
  size_t sizes[16] = {0};
  for (size_t i = 0; i + 1 < message.size; i += 2) {
    size_t at = message.data[i] & 15, size = (size_t)message.data[i + 1] << (message.data[i] >> 4 & 7);
    for (size_t j = 0; j < sizes[at]; j++)
      if (blocks[at][j] != (uint8_t)(at + 1)) return caxton_fail("a block was overwritten");
    if (message.data[i] & 128) {
      blocks[at] = realloc(blocks[at], size ? size : 1);
      for (size_t j = 0; j < size && j < sizes[at]; j++)
        if (blocks[at][j] != (uint8_t)(at + 1)) return caxton_fail("a block was not moved whole");
    } else {
      free(blocks[at]);
      blocks[at] = size & 1 ? calloc(size, 1) : malloc(size);
    }
    if (!blocks[at]) return caxton_fail("no memory");
    if ((uintptr_t)blocks[at] % 8) return caxton_fail("a block is not aligned");
    memset(blocks[at], (int)at + 1, size);
    sizes[at] = size;
  }
  for (size_t at = 0; at < 16; at++) free(blocks[at]);
  return caxton_nothing();
}"""


def module(files: Mapping[str, str], project: str = STRICT, *, debug: bool = False) -> bytes:
    """The module of a project with these files and this ``agent.toml``."""
    return built("c", {**files, "agent.toml": project}, debug=debug)[0]


class Agent:
    """An agent on a host of its own, for property tests."""

    def __init__(self, box: Box, code: bytes) -> None:
        self.logs = box.logs
        self._box = box
        self._agent = box.spawn(code)

    def ask(self, message: bytes | str) -> caxton.Reply:
        """The answer to a message."""
        return self._box.ask(self._agent, message)


@pytest.fixture(scope="module", params=SYSTEMS)
def texts(request: pytest.FixtureRequest) -> Iterator[Agent]:
    """An agent that lets the header's texts and JSON be tried."""
    with watched_box() as box:
        yield Agent(box, module({"src/agent.c": TEXTS}, SYSTEMS[request.param]))


@pytest.fixture(scope="module")
def heap() -> Iterator[Agent]:
    """An agent that uses the header's heap."""
    with watched_box() as box:
        yield Agent(box, module({"src/agent.c": HEAP}))


def test_format(texts: Agent) -> None:
    """Text is made as printf makes it; what %.*s takes may hold any bytes."""
    assert texts.ask(b"format\na\0\xffb").payload == (
        b"text|a\0\xffb|-2147483648|4294967295|beef|-9223372036854775808|18446744073709551615|7|c|%|-5"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("17", 17), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None), ("", None), ("-1", None)],
)
def test_numbers(texts: Agent, text: str, number: int | None) -> None:
    """A number that is none, or too large, is told apart from one."""
    if number is None:
        with pytest.raises(caxton.AgentFailed):
            texts.ask(f"number\n{text}")
    else:
        assert str(number) == texts.ask(f"number\n{text}").text


KEY: Final = st.text(
    st.characters(codec="ascii", exclude_characters='"\\', min_codepoint=32, max_codepoint=126), max_size=8
)
TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=30)
VALUE: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(KEY, VALUE, min_size=1, max_size=5), data=st.data())
@settings(max_examples=80)
def test_json_members(texts: Agent, value: dict[str, Any], data: st.DataObject) -> None:
    """Each member of an object is found, however it is written, and texts are what they stand for."""
    key = data.draw(st.sampled_from(sorted(value)))
    written = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 2])))
    found = texts.ask(f"raw\n{key}\n{written}").payload
    assert value[key] == json.loads(found)
    text = texts.ask(f"get\n{key}\n{written}").payload
    expected = value[key] if isinstance(value[key], str) else "" if value[key] is None else found.decode()
    assert expected == text.decode()


@given(text=TEXT | st.text(st.characters(max_codepoint=130)))
@settings(max_examples=100)
def test_json_strings(texts: Agent, text: str) -> None:
    """Any text becomes a JSON string of just that text."""
    assert text == json.loads(texts.ask(f"string\n{text}").payload)


@given(noise=st.binary(max_size=40) | st.text('{}[]":,\\u0dD8c ', max_size=40).map(str.encode))
@settings(max_examples=200)
def test_json_noise(texts: Agent, noise: bytes) -> None:
    """What is no JSON is read without a trap."""
    texts.ask(b"get\na\n" + noise)
    texts.ask(b'get\na\n{"a":' + noise)
    texts.ask(b'get\na\n{"a":"' + noise + b'"}')


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("assert", f"src/agent.c:{ASSERT_LINE}: {{}}assertion failed: message.size == 1"),
        ("abort", "abort() was called"),
        ("huge", "out of memory: 2147483647 bytes are not to be had"),
    ],
)
def test_panics(texts: Agent, message: str, line: str) -> None:
    """An assertion, an abort and an allocation that cannot be leave their message in the log, and trap."""
    texts.logs.clear()
    with pytest.raises(caxton.TrapError) as raised:
        texts.ask(message)
    assert raised.value.code == "trap.unreachable"
    assert ["error"] == [level for _, level, _ in texts.logs]
    assert texts.logs[0][2] in {line.format(""), line.format("caxton_handle: ")}


@given(steps=st.binary(max_size=400))
@settings(max_examples=200)
def test_heap(heap: Agent, steps: bytes) -> None:
    """Blocks are aligned, apart from each other, and moved whole, in whatever order they come and go."""
    assert heap.ask(steps).payload == b""


@pytest.mark.parametrize("system", SYSTEMS)
def test_many_sources(system: str, box: Box) -> None:
    """Several source files may include the header; what they keep between messages they share."""
    agent = box.spawn(module(MANY, SYSTEMS[system]))
    assert ["ready"] == box.lines()
    assert [box.ask(agent, message).text for message in ("Hello", "")] == ["hELLO 1", " 2"]


def test_template(box: Box) -> None:
    """What ``caxton new`` writes greets, and refuses to greet nobody."""
    agent = box.spawn(built("c")[0])
    assert box.ask(agent, "world").text == "hello, world"
    error = box.fails(agent)
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text == "whom shall I greet?"


TRAP: Final = """#include "caxton.h"
static int share(int whole, size_t parts) {
  return whole / (int)parts;
}
caxton_reply caxton_handle(caxton_bytes message) {
  return caxton_ok(caxton_format("%d", share(100, message.size)));
}
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_lines_of_a_trap(system: str, box: Box) -> None:
    """With --debug a trap's stack names files as they are in the project, and the line that failed."""
    agent = box.spawn(module({"src/agent.c": TRAP}, SYSTEMS[system], debug=True))
    assert box.ask(agent, "four").text == "25"
    error = box.fails(agent)
    assert error.code == "trap.divide-by-zero"
    assert (error.frames[0].file, error.frames[0].line) == ("src/agent.c", 3)


def test_files_are_not_for_flags() -> None:
    """A project's flags cannot make the compiler load or write other files."""
    for flag in ("-fplugin=x.so", "-Wl,-o,x", "-ftime-trace=x", "-o", "@file", "-include", "-B.", "-MF"):
        with pytest.raises(caxton.HostError, match=r"config\.invalid"):
            module({"src/agent.c": TRAP}, f'{PROJECT}flags = ["{flag}"]\n')
