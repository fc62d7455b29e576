"""The C SDK: one header, with and without a C library, in any number of source files; its texts, JSON and memory."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from tests.conftest import Run
from tests.sdk.building import conformance, module

STRICT: Final = 'flags = ["-Wextra", "-Werror"]'
SYSTEMS: Final = {"freestanding": [STRICT], "libc": [STRICT, "libc = true"]}

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


class Agent:
    """An agent on a loop of its own, for property tests."""

    def __init__(self, module: Path) -> None:
        self.logs: list[tuple[str, str, str]] = []
        self.runner = asyncio.Runner()
        self.host = caxton.Host(log=lambda *line: self.logs.append(line))
        self.runner.run(self.host.__aenter__())
        self._agent = self.runner.run(self.host.spawn("agent", module))

    def ask(self, message: bytes | str) -> caxton.Reply:
        """The answer to a message."""
        return self.runner.run(self._agent.ask(message, timeout=60))

    def close(self) -> None:
        """Ends all of it."""
        self.runner.run(self.host.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module", params=SYSTEMS)
def texts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An agent that lets the header's texts and JSON be tried."""
    agent = Agent(module(tmp_path_factory.mktemp("texts"), "c", {"src/agent.c": TEXTS}, SYSTEMS[request.param]))
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An agent that uses the header's heap."""
    agent = Agent(module(tmp_path_factory.mktemp("heap"), "c", {"src/agent.c": HEAP}, [STRICT]))
    yield agent
    agent.close()


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
    assert [("agent", "error")] == [entry[:2] for entry in texts.logs]
    assert texts.logs[0][2] in {line.format(""), line.format("caxton_handle: ")}


@given(steps=st.binary(max_size=400))
@settings(max_examples=200)
def test_heap(heap: Agent, steps: bytes) -> None:
    """Blocks are aligned, apart from each other, and moved whole, in whatever order they come and go."""
    assert heap.ask(steps).payload == b""


@pytest.mark.parametrize("system", SYSTEMS)
def test_many_sources(system: str, tmp_path: Path, run: Run) -> None:
    """Several source files may include the header; what they keep between messages they share."""
    built = module(tmp_path, "c", MANY, SYSTEMS[system])
    logs = []

    async def main() -> list[str]:
        async with caxton.Host(log=lambda *line: logs.append(line)) as host:
            agent = await host.spawn("agent", built)
            return [(await agent.ask(message)).text for message in ("Hello", "")]

    assert run(main()) == ["hELLO 1", " 2"]
    assert logs == [("agent", "info", "ready")]


def test_memory_is_flat(tmp_path: Path, run: Run) -> None:
    """Ten thousand messages of all sizes leave the agent's memory as large as a few did."""
    built = conformance(tmp_path, "c")

    async def main() -> tuple[int, int]:
        async with caxton.Host() as host:
            agent = await host.spawn("agent", built)

            async def messages(count: int) -> int:
                for number in range(count):
                    await agent.ask(b"repeat 2\n" + b"x" * (number * 37 % 20_000))
                return (await agent.ask("empty")).usage.memory

            return await messages(600), await messages(10_000)

    few, many = run(main())
    assert few == many


TRAP: Final = """#include "caxton.h"
static int share(int whole, size_t parts) {
  return whole / (int)parts;
}
caxton_reply caxton_handle(caxton_bytes message) {
  return caxton_ok(caxton_format("%d", share(100, message.size)));
}
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_lines_of_a_trap(system: str, tmp_path: Path, run: Run) -> None:
    """With --debug a trap's stack names files as they are in the project, and the line that failed."""
    built = module(tmp_path, "c", {"src/agent.c": TRAP}, SYSTEMS[system], debug=True)

    async def main() -> caxton.CaxtonError:
        async with caxton.Host() as host:
            agent = await host.spawn("agent", built)
            assert (await agent.ask("four")).text == "25"
            with pytest.raises(caxton.TrapError) as raised:
                await agent.ask("")
            return raised.value

    error = run(main())
    assert error.code == "trap.divide-by-zero"
    assert (error.frames[0].file, error.frames[0].line) == ("src/agent.c", 3)


def test_files_are_not_for_flags(tmp_path: Path) -> None:
    """A project's flags cannot make the compiler load or write other files."""
    for flag in ("-fplugin=x.so", "-Wl,-o,x", "-ftime-trace=x", "-o", "@file", "-include", "-B.", "-MF"):
        with pytest.raises(caxton.HostError, match=r"config\.invalid"):
            module(tmp_path / flag.strip("-@.=,"), "c", {"src/agent.c": TRAP}, [f'flags = ["{flag}"]'])
