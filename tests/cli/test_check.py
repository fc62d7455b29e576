"""``caxton check`` says point by point whether a module keeps the ABI; the exit status is the first failure's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caxton.cli import check, check_trial
from tests.cli.command import Done, Guests, caxton, caxton_each

POINTS = (
    "file valid imports exports buffer start empty text unicode binary large long-response repeated memory fuel stop"
).split()


def failures(done: Done) -> dict[str, str]:
    """The points that failed, with their codes."""
    points = done.object["points"]
    assert [point["name"] for point in points] == POINTS
    assert all((point["status"] == "failed") == (point["code"] is not None) for point in points)
    return {point["name"]: point["code"] for point in points if point["status"] == "failed"}


def statuses(done: Done) -> dict[str, str]:
    """Each point's status."""
    return {point["name"]: point["status"] for point in done.object["points"]}


def test_an_agent_that_keeps_it(guest: Guests) -> None:
    """An agent without fault passes every point."""
    done = caxton("check", guest("echo"), "--json")
    assert (done.status, done.err, done.object["ok"], done.object["error"]) == (0, "", True, None)
    assert set(statuses(done).values()) == {"ok"}
    table = caxton("check", guest("echo"))
    assert (table.status, table.out.decode().splitlines()[-1]) == (0, "it keeps the ABI")


def test_a_failure_is_an_answer(guest: Guests) -> None:
    """An agent may answer whatever it likes with a failure."""
    done = caxton("check", guest("failing"), "--json")
    assert (done.status, failures(done)) == (0, {})
    assert statuses(done)["long-response"] == "not applicable"


def test_a_deferred_reply_is_an_answer(guest: Guests) -> None:
    """So it may keep its reply for later."""
    done = caxton("check", guest("deferring"), "--json")
    assert (done.status, failures(done)) == (0, {})


def test_an_agent_that_never_rests(
    guest: Guests, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that defers its replies and keeps itself busy with timers fails at a point, in bounded time."""
    monkeypatch.setattr(check_trial, "BUSY", 1.0)
    assert check.check(Path(guest("restless")), json=True) == 6
    out, err = capfdbinary.readouterr()
    found = json.loads(out)
    # At which message depends on when the first timer fires.
    failed = [at for at, point in enumerate(found["points"]) if point["status"] == "failed"]
    assert [found["points"][at]["code"] for at in failed] == ["ask.timeout"]
    assert found["error"]["code"] == "ask.timeout"
    rest = found["points"][failed[0] + 1 :]
    untried = {point["detail"] for point in rest if point["status"] == "not applicable"}
    assert untried <= {"not tried, after what failed before"}
    assert err.startswith(b"caxton: ask.timeout: the agent gave no reply, and its own messages left it no rest")


def test_room_for_less(guest: Guests) -> None:
    """A memory that has no room for 1 MiB keeps the ABI; the check says how much fits."""
    done = caxton("check", guest("small"), "--json")
    assert (done.status, failures(done)) == (0, {})
    large = next(point for point in done.object["points"] if point["name"] == "large")
    assert large["status"] == "not applicable"
    assert "KiB" in large["detail"]


FAULTS = {
    "nowhere": (3, "file", "module.not-found"),
    "ill-typed": (3, "valid", "module.invalid"),
    "unknown-import": (3, "imports", "module.unknown-import"),
    "no-response": (3, "exports", "module.missing-export"),
    "no-buffer": (3, "buffer", "module.no-message-buffer"),
    "refusing": (1, "start", "agent.refused-start"),
    "start-trapping": (4, "start", "trap.unreachable"),
    "trapping": (4, "empty", "trap.unreachable"),
    "lying": (4, "empty", "abi.protocol"),
    "spinning": (5, "empty", "limit.fuel"),
    "growing": (5, "memory", "limit.memory"),
}


@pytest.fixture(scope="module")
def outcomes(guest: Guests) -> dict[str, Done]:
    """What the check says of each module with a fault."""
    lines = [("check", guest(name), "--json") for name in FAULTS]
    return dict(zip(FAULTS, caxton_each(lines, preload=["caxton.cli.check"]), strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_faults(outcomes: dict[str, Done], name: str) -> None:
    """Each fault is found at its point, with its code, and points that make no sense after it are not tried."""
    status, point, code = FAULTS[name]
    done = outcomes[name]
    found = failures(done)
    if name == "spinning" and found[point] == "limit.deadline":  # on a machine with much else to do
        code = "limit.deadline"
    assert (done.status, next(iter(found)), found[point]) == (status, point, code)
    assert (done.object["ok"], done.object["error"]["code"]) == (False, code)
    assert done.err.startswith(f"caxton: {code}: ")
