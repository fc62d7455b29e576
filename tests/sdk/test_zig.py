"""The Zig SDK: errors, envelopes, the log, panics, and debug information whose paths are the project's own."""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.toolchain.debug_paths import with_relative_paths
from tests.sandbox.guests import Box
from tests.sdk.projects import built

AGENT: Final = """
const std = @import("std");
const caxton = @import("caxton");

var started = false;

pub fn start() !void {
    started = true;
    std.log.scoped(.starting).warn("at {d}", .{0});
}

fn is(message: []const u8, word: []const u8) bool {
    return std.mem.eql(u8, message, word);
}

pub fn handle(turn: std.mem.Allocator, message: []const u8) ![]const u8 {
    if (is(message, "started")) return if (started) "yes" else "no";
    if (is(message, "denied")) try caxton.tell("someone", "hello");
    if (is(message, "own")) return error.TooBad;
    if (is(message, "other")) return error.Timeout; // no host call has failed
    if (is(message, "sender")) return (try caxton.envelope(turn)).sender.?;
    if (is(message, "defer")) {
        try caxton.state.put("token", try caxton.deferReply(turn));
        const kept = try caxton.state.find(turn, "token");
        if (kept == null or try caxton.state.find(turn, "none") != null) return error.Wrong;
    }
    if (is(message, "later")) try caxton.replyLater(turn, try caxton.state.get(turn, "token"), "at last");
    if (is(message, "panic")) return message[message.len..][1..];
    if (is(message, "memory")) _ = try turn.alloc(u8, 1 << 30);
    if (is(message, "all memory")) while (true) {
        _ = try caxton.allocator.alloc(u8, 1 << 16);
    };
    return "";
}
"""


@pytest.fixture(scope="module")
def agent_module() -> bytes:
    """The agent above."""
    return built("zig", {"src/agent.zig": AGENT})[0]


def test_template(box: Box) -> None:
    """What ``caxton new`` writes greets, and refuses to greet nobody."""
    agent = box.spawn(built("zig")[0])
    assert box.ask(agent, "world").text == "hello, world"
    error = box.fails(agent)
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text == "whom shall I greet?"


def test_start_and_log(box: Box, agent_module: bytes) -> None:
    """``start`` is called once, before the first message; std.log writes to the agent's log."""
    agent = box.spawn(agent_module)
    assert [("warning", "(starting) at 0")] == [line[1:] for line in box.logs]
    assert box.ask(agent, "started").text == "yes"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("denied", "grant.denied: "),
        ("own", "TooBad"),
        ("other", "Timeout"),
    ],
)
def test_errors_are_failures(box: Box, agent_module: bytes, message: str, said: str) -> None:
    """An error that the agent returns is its failure, and says what is known of it."""
    error = box.fails(box.spawn(agent_module), message)
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text.startswith(said)


def test_envelopes(box: Box, agent_module: bytes) -> None:
    """The envelope is read, and a reply that was put off is sent later."""
    agent = box.spawn(agent_module)
    assert box.ask(agent, "sender").text == "@user"

    async def put_off() -> str:
        first, _ = await asyncio.gather(agent.ask("defer"), agent.ask("later"))
        return first.text

    assert box.run(put_off()) == "at last"


def test_no_memory(box: Box, agent_module: bytes) -> None:
    """An error like others: what ``handle`` returns is the agent's failure, and it goes on. Where no memory is left to
    hand the answer over in, the host says so."""
    agent = box.spawn(agent_module)
    error = box.fails(agent, "memory")
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply is not None
    assert "OutOfMemory" == error.reply.text
    assert "yes" == box.ask(agent, "started").text
    assert 0 == agent.statistics().restarts
    assert "limit.memory" == box.fails(box.spawn(agent_module), "all memory").code


@pytest.mark.parametrize(("message", "line"), [("panic", "start index 1 is larger than end index 0")])
def test_panics(box: Box, agent_module: bytes, message: str, line: str) -> None:
    """A panic leaves its message in the log, and traps."""
    agent = box.spawn(agent_module)
    box.logs.clear()
    assert box.fails(agent, message).code == "trap.unreachable"
    assert ("error", line) == box.logs[0][1:]


TRAP: Final = """const std = @import("std");

fn share(whole: usize, parts: usize) usize {
    return @divTrunc(whole, parts);
}

pub fn handle(turn: std.mem.Allocator, message: []const u8) ![]const u8 {
    return std.fmt.allocPrint(turn, "{d}", .{share(100, message.len)});
}
"""


def test_lines_of_a_trap(box: Box) -> None:
    """With --debug a trap's stack names files as they are in the project, and the line that failed."""
    code, _ = built("zig", {"src/agent.zig": TRAP}, debug=True)
    agent = box.spawn(code)
    assert box.ask(agent, "four").text == "25"
    error = box.fails(agent)
    assert error.code == "trap.unreachable"  # safety checks panic before the instruction would trap
    frames = [(frame.file, frame.line) for frame in error.frames]
    assert ("src/agent.zig", 4) in frames
    assert ("src/agent.zig", 8) in frames
    assert not [file for file, _ in frames if file and file.startswith("/")]
    assert os.fsencode(tempfile.gettempdir()) not in code


MODULE: Final = b"\0asm\1\0\0\0"


def section(name: str, content: bytes) -> bytes:
    """A custom section of at most 16,000 bytes."""
    data = bytes([len(name)]) + name.encode() + content
    return b"\0" + bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data


@given(content=st.binary(max_size=200), name=st.sampled_from([".debug_str", ".debug_line"]))
def test_paths_in_noise(content: bytes, name: str) -> None:
    """Whatever stands in the debug sections, a module keeps its size and all of its other parts."""
    given = MODULE + section(name, content) + section("other", b"/folder/a\0")
    found = with_relative_paths(given, {"/folder": "", "/": "no"})
    assert len(given) == len(found)
    assert found.endswith(section("other", b"/folder/a\0"))
    assert found.startswith(given[: len(given) - len(section("other", b"/folder/a\0")) - len(content)])


@given(content=st.binary(max_size=60))
def test_no_module_is_left_alone(content: bytes) -> None:
    """What is no module stays as it is, or keeps its size at least."""
    assert len(content) == len(with_relative_paths(content, {"/folder": ""}))


def test_strings() -> None:
    """A path below the folder loses it; what only begins alike does not."""
    paths = b"/folder/src/a\0/folder\0/folders/b\0x/folder/c\0/folder/d"
    found = with_relative_paths(MODULE + section(".debug_str", paths), {"/folder": ""})
    assert found.endswith(b"src/a" + b"\0" * 9 + b"." + b"\0" * 7 + b"/folders/b\0x/folder/c\0/folder/d")
