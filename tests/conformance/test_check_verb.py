"""``caxton check`` of a conformance agent proves the whole list, and says what is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.conformance import BEHAVIOURS
from tests.cli.command import Done, caxton
from tests.conformance.agents import faulty, reference

LIAR = """(module
  (memory (export "memory") 1)
  (data (i32.const 0) "caxton-conformance 1 liar")
  (func (export "handle_message") (param i32 i32) (result i32) (i32.const 0))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (if (i32.ge_u (local.get $len) (i32.const 25))
      (then (memory.copy (local.get $ptr) (i32.const 0) (i32.const 25))))
    (i32.const 25)))"""


def check(folder: Path, module: bytes, *options: str) -> Done:
    """What the command says of a module."""
    path = folder / "agent.wasm"
    path.write_bytes(module)
    return caxton("check", str(path), *options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Of the reference agent."""
    return check(tmp_path_factory.mktemp("kept"), reference(), "--json")


def test_an_agent_that_keeps_all(kept: Done) -> None:
    """The JSON has the language and every behaviour, in the list's order."""
    assert (kept.status, kept.err, kept.object["ok"], kept.object["error"]) == (0, "", True, None)
    found = kept.object["conformance"]
    assert (found["language"], found["kept"], found["of"]) == ("reference", len(BEHAVIOURS), len(BEHAVIOURS))
    assert [(each.id, each.sentence, "ok", "") for each in BEHAVIOURS] == [
        tuple(each.values()) for each in found["behaviours"]
    ]


def test_an_agent_with_a_fault(tmp_path: Path) -> None:
    """It is `agent.failed`; the page tells of each behaviour that is not kept, and the others are there too."""
    done = check(tmp_path, faulty(5))
    assert (done.status, done.lines[0].startswith("caxton: agent.failed: ")) == (1, True)
    out = done.out.decode()
    assert "gather/all: The answers to several asks can all be had" in out
    assert "But the answer is" in out
    assert "behaviours, as an agent in reference\n" in out
    assert "it keeps the ABI" in out


def test_an_agent_that_is_none(tmp_path: Path) -> None:
    """What does not answer the question for it is held to the ABI alone; `conformance` is null."""
    done = check(tmp_path, LIAR.replace("caxton-conformance 1", "caxton conformance 1").encode(), "--json")
    assert (done.status, done.object["conformance"]) == (0, None)


def test_an_agent_that_only_says_so(tmp_path: Path) -> None:
    """It fails nearly all of it, as `agent.failed`."""
    done = check(tmp_path, LIAR.encode(), "--json")
    assert (done.status, done.object["error"]["code"]) == (1, "agent.failed")
    found = done.object["conformance"]
    assert (found["language"], found["kept"] < 10) == ("liar", True)
    assert {point["status"] for point in done.object["points"]} <= {"ok", "not applicable"}
