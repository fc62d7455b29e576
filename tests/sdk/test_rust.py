"""The Rust SDK: errors and ``?``, panics in the log, JSON, traps' lines; a build that runs nothing of the project's."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from tests.sandbox.guests import Box, watched_box
from tests.sdk.projects import built

AGENT: Final = r"""
use caxton::{fail, json, Failure};

caxton::agent!(handle, start);

mod other;

fn start() -> Result<(), Failure> {
    caxton::info!("ready, {}", 1);
    Ok(())
}

fn handle(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = String::from_utf8_lossy(message);
    let (command, body) = text.split_once('\n').unwrap_or((&text, ""));
    match command {
        "get" => {
            let (key, value) = body.split_once('\n').unwrap_or((body, ""));
            return Ok(json::member(value, key).into());
        }
        "quote" => return Ok(json::quote(body).into()),
        "fail" => fail!("why {}", "not"),
        "denied" => caxton::tell("someone", "hello")?,
        "number" => return Ok(body.parse::<i32>()?.to_string().into()),
        "sender" => return Ok(caxton::envelope()?.sender.into()),
        "defer" => caxton::state::put("token", caxton::defer()?)?,
        "later" => caxton::reply_later(&String::from_utf8(caxton::state::get("token")?)?, "at last")?,
        "find" => return Ok(caxton::state::find("none")?.unwrap_or_else(|| b"nothing".to_vec())),
        "panic" => panic!("no\nway"),
        "index" => return Ok(vec![message[message.len()]]),
        "other" => return Ok(other::bytes().into()),
        _ => {}
    }
    Ok(Vec::new())
}
"""

PANIC_LINE: Final = AGENT[: AGENT.index("panic!(")].count("\n") + 1
OTHER: Final = "pub fn bytes() -> &'static [u8] {\n    &[0, 255]\n}\n"


@pytest.fixture(scope="module")
def code() -> bytes:
    """The agent above."""
    return built("rust", {"src/lib.rs": AGENT, "src/other.rs": OTHER})[0]


@pytest.fixture(scope="module")
def ask(code: bytes) -> Iterator[Callable[[bytes | str], caxton.Reply]]:
    """The agent, kept through many examples."""
    with watched_box() as box:
        agent = box.spawn(code)
        yield lambda message: box.ask(agent, message)


def test_template(box: Box) -> None:
    """What ``caxton new`` writes greets, and refuses to greet nobody."""
    agent = box.spawn(built("rust")[0])
    assert box.ask(agent, "world").text == "hello, world"
    error = box.fails(agent)
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text == "whom shall I greet?"


def test_start(box: Box, code: bytes) -> None:
    """The start function runs before the first message, the macros of the log format."""
    box.spawn(code)
    assert [("info", "ready, 1")] == [line[1:] for line in box.logs]


@pytest.mark.parametrize(
    ("message", "said"),
    [("fail", "why not"), ("denied", "grant.denied: "), ("number\nx", "invalid digit found in string")],
)
def test_errors_are_failures(box: Box, code: bytes, message: str, said: str) -> None:
    """An error that is passed on with ``?``, the host's or any other, is the agent's failure."""
    error = box.fails(box.spawn(code), message)
    assert isinstance(error, caxton.AgentFailed)
    assert error.reply.text.startswith(said)


def test_replies(box: Box, code: bytes) -> None:
    """Replies may be any bytes; what is not in the state is nothing, where that was asked for."""
    agent = box.spawn(code)
    assert box.ask(agent, "other").payload == b"\0\xff"
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
    [("panic", f"panicked at src/lib.rs:{PANIC_LINE}:20: no way"), ("index", "the len is 5 but the index is 5")],
)
def test_panics(box: Box, code: bytes, message: str, said: str) -> None:
    """A panic leaves its message and its place in the log, and traps."""
    agent = box.spawn(code)
    box.logs.clear()
    assert box.fails(agent, message).code == "trap.unreachable"
    _, level, line = box.logs[0]
    assert level == "error"
    assert said in line


PRINTABLE: Final = st.characters(codec="ascii", exclude_characters='"\\', min_codepoint=32, max_codepoint=126)
KEY: Final = st.text(PRINTABLE, max_size=8)
TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=30)


@given(value=st.dictionaries(KEY, TEXT, min_size=1, max_size=5), data=st.data())
@settings(max_examples=60)
def test_json_members(ask: Callable[[str], caxton.Reply], value: dict[str, Any], data: st.DataObject) -> None:
    """Each member of an object is found, however it is written, and is the text that it stands for."""
    key = data.draw(st.sampled_from(sorted(value)))
    written = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 2])))
    assert value[key] == ask(f"get\n{key}\n{written}").text


@given(text=TEXT | st.text(st.characters(max_codepoint=130)))
@settings(max_examples=60)
def test_json_strings(ask: Callable[[str], caxton.Reply], text: str) -> None:
    """Any text becomes a JSON string of just that text."""
    assert text == json.loads(ask(f"quote\n{text}").payload)


@given(noise=st.binary(max_size=40) | st.text('{}[]":,\\u0dD8cé ', max_size=40).map(str.encode))
@settings(max_examples=150)
def test_json_noise(ask: Callable[[bytes], caxton.Reply], noise: bytes) -> None:
    """What is no JSON is read without a panic."""
    ask(b"get\na\n" + noise)
    ask(b'get\na\n{"a":' + noise)
    ask(b'get\na\n{"a":"' + noise + b'"}')


TRAP: Final = """caxton::agent!(handle);

fn share(whole: usize, parts: usize) -> usize {
    whole / parts
}

fn handle(message: &[u8]) -> Result<String, caxton::Failure> {
    Ok(share(100, message.len()).to_string())
}
"""


def test_lines_of_a_trap(box: Box) -> None:
    """With --debug a trap's stack names files as they are in the project, and the line that failed."""
    code, _ = built("rust", {"src/lib.rs": TRAP}, debug=True)
    agent = box.spawn(code)
    assert box.ask(agent, "four").text == "25"
    error = box.fails(agent)
    assert error.code == "trap.unreachable"  # Rust looks before it divides, and panics
    frames = [(frame.file, frame.line) for frame in error.frames]
    assert ("src/lib.rs", 4) in frames
    assert ("src/lib.rs", 8) in frames
    assert os.fsencode(tempfile.gettempdir()) not in code


def test_nothing_of_the_project_runs(tmp_path: Path) -> None:
    """A build script, a toolchain of the project's own and cargo's configuration are left alone."""
    mark = tmp_path / "ran"
    program = tmp_path / "bin" / "rustc"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    files = {
        "build.rs": f'fn main() {{ std::fs::write("{mark}", "").unwrap(); }}\n',
        "rust-toolchain.toml": f'[toolchain]\npath = "{tmp_path}"\n',
        "config.toml": f'[build]\nrustc = "{program}"\n',
    }
    assert built("rust", files)[0].startswith(b"\0asm")
    assert not mark.exists()
