"""With --json every outcome is exactly one JSON object a message, always of the same shape (contract, section 8)."""

from __future__ import annotations

import base64
from typing import Any

from tests.cli.command import Guests, caxton, caxton_each


def check_shape(found: Any) -> None:
    """Holds an object against the contract's words."""
    (payload,) = {"payload", "payload-base64"} & set(found)
    assert {"ok", payload, "performative", "error", "usage"} == set(found)
    assert isinstance(found["ok"], bool)
    assert found["ok"] == (found["error"] is None)
    assert {"fuel", "wall_us", "memory_bytes", "host_calls"} == set(found["usage"])
    assert all(type(value) is int and value >= 0 for value in found["usage"].values())
    if found["error"] is not None:
        assert {"code", "message", "frames"} == set(found["error"])
        assert isinstance(found["error"]["frames"], list)


RUNS: list[tuple[int, str | None, tuple[str, ...]]] = [
    (0, None, ("echo",)),
    (1, "agent.failed", ("failing",)),
    (1, "agent.refused-start", ("refusing",)),
    (2, "config.invalid", ("echo", "--foo")),
    (2, "config.invalid", ("echo", "--fuel", "x")),
    (2, "config.invalid", ("echo", "--config", "caxton.toml")),
    (3, "module.not-found", ("nowhere",)),
    (3, "module.unknown-import", ("unknown-import",)),
    (4, "trap.unreachable", ("trapping",)),
    (4, "trap.unreachable", ("start-trapping",)),
    (4, "abi.protocol", ("lying",)),
    (5, "limit.fuel", ("spinning", "--fuel", "100_000")),
    (5, "limit.memory", ("hungry", "--memory", "1MiB")),
    (6, "ask.timeout", ("deferring", "--deadline", "100ms")),
]
WRONG: list[tuple[str, ...]] = [(), ("run",), ("up",), ("nonsense",), ("inspect",), ("check", "a", "b"), ("run", "-x")]


def test_one_object(guest: Guests) -> None:
    """One object for one message, whatever becomes of it, and the exit status as without --json."""
    outcomes = caxton_each([("run", guest(name), *options, "--json") for _, _, (name, *options) in RUNS])
    for (status, code, run), done in zip(RUNS, outcomes, strict=True):
        check_shape(done.object)
        error = done.object["error"]
        assert (run, status, code) == (run, done.status, None if error is None else error["code"])


def test_wrong_usage_of_anything() -> None:
    """--json among the arguments makes wrong usage an object, even where the verb is wrong."""
    for done in caxton_each([(*arguments, "--json") for arguments in WRONG]):
        check_shape(done.object)
        assert (done.status, done.object["error"]["code"]) == (2, "config.invalid")


def test_an_object_for_each_message(guest: Guests) -> None:
    """Objects come in the order of the messages, also for those that fail."""
    messages = [part for text in ("a", "bb", "ccc", "dddd") for part in ("--message", text)]
    done = caxton("run", guest("picky"), *messages, "--json")
    for found in done.objects:
        check_shape(found)
    assert [(found["ok"], found["payload"], found["performative"]) for found in done.objects] == [
        (True, "1", "inform"),
        (False, "2", "failure"),
        (False, None, "failure"),
        (True, "4", "inform"),
    ]


def test_one_object_where_no_agent_starts(guest: Guests) -> None:
    """However many messages there were to be; it says that nothing was delivered."""
    messages = ("--message", "a", "--message", "b")
    for name in ("refusing", "nowhere", "start-trapping"):
        found = caxton("run", guest(name), *messages, "--json").object
        check_shape(found)
        assert (found["ok"], found["performative"]) == (False, None)


def test_binary_payload(guest: Guests) -> None:
    """What is no UTF-8 comes as base64."""
    found = caxton("run", guest("binary"), "--json").object
    check_shape(found)
    assert base64.b64decode(found["payload-base64"]) == b"\xfe\x80\xff\x00"


def test_usage_of_a_turn(guest: Guests) -> None:
    """A turn that failed has cost something, and says how much; a turn that was answered, too."""
    trapped = caxton("run", guest("trapping"), "--json").object
    assert trapped["usage"]["fuel"] > 0
    assert trapped["usage"]["memory_bytes"] >= 65_536
    assert [frame["function"] for frame in trapped["error"]["frames"][:2]] == ["inner", "outer"]
    assert caxton("run", guest("spinning"), "--fuel", "100_000", "--json").object["usage"]["fuel"] == 100_000
    assert caxton("run", guest("context"), "--json").object["usage"]["host_calls"] == 2
