"""``caxton run --trace-calls`` shows every host call: arguments, answer and fuel, and nothing that harms a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import HOSTILE, MARK, caxton, is_harmless
from tests.sandbox.guests import agent, imports, wasi

CALLS = agent(
    """
    (call $log (i32.const 2) (i32.const 16) (i32.const 5))
    (drop (call $tell (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 2)))
    (drop (call $state_put (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 2)))
    (drop (call $state_get (i32.const 16) (i32.const 5)))
    (drop (call $read_result (i32.const 1000) (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 2) (i32.const 80)))
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0)
      (i64.const -1) (i64.const 0) (i32.const 0) (i32.const 80)))
    (drop (call $call_tool (i32.const 96) (i32.const 8) (i32.const 112) (i32.const 2)))
    (drop (call $sleep_ms (i64.const 1)))
    (i32.const 0)""",
    uses=imports("log", "tell", "state_put", "state_get", "read_result", "call_tool", "sleep_ms", "context")
    + wasi("fd_write", "path_open"),
    items=r"""
    (data (i32.const 16) "hello") (data (i32.const 32) "\ff\00")
    (data (i32.const 64) "\10\00\00\00\05\00\00\00\10\00\00\00\02\00\00\00")
    (data (i32.const 96) "time.now") (data (i32.const 112) "{}")
    (func (export "caxton_init") (result i32) (drop (call $context)) (i32.const 0))""",
)

WANTED = [
    ("caxton", "log", [2, "hello"], 0, None, None),
    ("caxton", "tell", ["hello", {"base64": "/wA=", "bytes": 2}], -2, "grant.denied", str),
    ("caxton", "state_put", ["hello", {"base64": "/wA=", "bytes": 2}], 0, None, None),
    ("caxton", "state_get", ["hello"], 2, None, {"base64": "/wA=", "bytes": 2}),
    ("caxton", "read_result", [{"at": 1000, "bytes": 8}], 2, None, None),
    ("wasi_snapshot_preview1", "fd_write", [1, "hellohe", 80], 0, None, None),
    ("wasi_snapshot_preview1", "path_open", [3, 0, 16, 5, 0, -1, 0, 0, 80], 63, None, None),
    ("caxton", "call_tool", ["time.now", "{}"], 17, None, '"twelve o\'clock" '),
    ("caxton", "sleep_ms", [1], 0, None, None),
]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the agent ``calls.wat``, and what a tool answers."""
    folder = tmp_path_factory.mktemp("calls")
    (folder / "calls.wat").write_text(CALLS)
    (folder / "now.json").write_text('"twelve o\'clock" ')
    return folder


def test_every_call_is_in_the_json(calls: Path) -> None:
    """In order, each with what the guest meant and got; the fuel only grows; the next object has its own calls."""
    done = caxton(
        "run", "calls.wat", "--json", "--trace-calls", "--stub", "time.now=now.json", "--message", "", "--message", "x",
        cwd=calls,
    )  # fmt: skip
    assert done.status == 0
    first, second = (one["calls"] for one in done.objects)
    assert (first[0]["name"], first[0]["answer"]) == ("context", len(first[0]["result"].encode()))
    for found in (first[1:], second):
        assert len(WANTED) == len(found)
        for call, (module, name, arguments, answer, code, result) in zip(found, WANTED, strict=True):
            assert (module, name, arguments, answer, code) == (
                call["module"], call["name"], call["arguments"], call["answer"], call["code"]
            )  # fmt: skip
            assert isinstance(call["result"], str) if result is str else call["result"] == result
            assert call["wall_us"] >= 0
        fuel = [call["fuel"] for call in found]
        assert fuel == sorted(fuel)
        assert fuel[0] > 1000
    assert [one["calls_lost"] for one in done.objects] == [0, 0]
    assert done.lines == ["info: hello", "info: hellohe"] * 2


def test_every_call_is_a_line(calls: Path) -> None:
    """Without --json they stand on standard error, between the agent's own lines."""
    done = caxton("run", "calls.wat", "--trace-calls", "--stub", "time.now=now.json", cwd=calls)
    lines = [line.rpartition(" [fuel ")[0] for line in done.lines if line.startswith("call: ")]
    assert len(lines) == 1 + len(WANTED)
    assert lines[1] == 'call: caxton.log(2, "hello") = 0'
    assert lines[4] == 'call: caxton.state_get("hello") = 2 0xff00'
    assert lines[5] == "call: caxton.read_result(8 bytes at 0x3e8) = 2"
    assert lines[6] == 'call: wasi_snapshot_preview1.fd_write(1, "hellohe", 80) = 0'
    assert lines[8] == r'''call: caxton.call_tool("time.now", "{}") = 17 "\"twelve o'clock\" "'''
    assert "info: hello" in done.lines


def test_without_it_nothing_is_told(calls: Path) -> None:
    """Nor is there such a key."""
    done = caxton("run", "calls.wat", "--json", "--stub", "time.now=now.json", cwd=calls)
    assert "calls" not in done.object
    assert done.lines == ["info: hello", "info: hellohe"]


ENDING = {
    "a pointer outside": ("(call $log (i32.const 2) (i32.const -1) (i32.const 9))", "abi.protocol", 4),
    "proc_exit": ("(call $proc_exit (i32.const 7))", None, 1),
    "a refusal": ("(call $random (i32.const 0) (i32.const 65537))", "abi.protocol", 4),
    "one call too many": ("(loop $on (call $log (i32.const 2) (i32.const 0) (i32.const 0)) (br $on))", "limit", 5),
}


@pytest.mark.parametrize(("body", "code", "status"), ENDING.values(), ids=ENDING.keys())
def test_the_call_that_ends_the_turn(tmp_path: Path, body: str, code: str | None, status: int) -> None:
    """It is the last one, without an answer, and with the error's code."""
    text = agent(f"{body} (i32.const 0)", uses=imports("log", "random") + wasi("proc_exit"), memory="2")
    (tmp_path / "guest.wat").write_text(text)
    done = caxton("run", "guest.wat", "--json", "--trace-calls", cwd=tmp_path)
    assert done.status == status
    found = done.object
    last = found["calls"][-1]
    assert last["answer"] is None
    assert (last["code"] or "").startswith(code or "")
    assert len(found["calls"]) <= 10_000
    assert len(found["calls"]) + found["calls_lost"] == found["usage"]["host_calls"]
    assert last["fuel"] <= found["usage"]["fuel"]


def test_calls_of_an_agent_that_does_not_start(tmp_path: Path) -> None:
    """They are what one wants to see then; with --json they are in the one object."""
    text = agent(
        uses=imports("log"),
        items="""(func (export "caxton_init") (result i32)
          (call $log (i32.const 2) (i32.const 0) (i32.const 1)) (i32.const 1))""",
    )
    (tmp_path / "guest.wat").write_text(text)
    done = caxton("run", "guest.wat", "--json", "--trace-calls", cwd=tmp_path)
    assert (done.status, done.object["error"]["code"]) == (1, "agent.refused-start")
    assert [call["name"] for call in done.object["calls"]] == ["log"]
    done = caxton("run", "guest.wat", "--trace-calls", cwd=tmp_path)
    assert (done.status, len(done.lines)) == (1, 3)


def test_what_a_guest_says_harms_nobody(tmp_path: Path) -> None:
    """Control characters are escaped, a long text is cut, and no line begins another."""
    text = agent(
        """(drop (call $publish (i32.const 16) (i32.const 40) (i32.const 16) (i32.const 60000)))
        (i32.const 0)""",
        uses=imports("publish"),
        items=f'(data (i32.const 16) "{HOSTILE}a{MARK * 20}\\0a\\"call: caxton.log() = 0")',
    )
    (tmp_path / "guest.wat").write_text(text)
    done = caxton("run", "guest.wat", "--trace-calls", cwd=tmp_path)
    (line,) = done.lines
    assert is_harmless(line)
    assert len(line) < 4096
    assert "(60,000 bytes)" in line
    json = caxton("run", "guest.wat", "--trace-calls", "--json", cwd=tmp_path)
    assert json.out.isascii()
    assert json.object["calls"][0]["arguments"][1]["bytes"] == 60_000
