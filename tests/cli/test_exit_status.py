"""The exit status says what kind of thing happened (contract, section 8)."""

from __future__ import annotations

import pytest

from tests.cli.command import Done, Guests, caxton, caxton_each

CASES: list[tuple[int, str, tuple[str, ...]]] = [
    (1, "agent.failed", ("failing",)),
    (1, "agent.refused-start", ("refusing",)),
    (3, "module.missing-export", ("no-response",)),
    (3, "module.unknown-import", ("unknown-import",)),
    (3, "module.no-message-buffer", ("no-buffer",)),
    (3, "module.invalid", ("ill-typed",)),
    (3, "module.not-found", ("nowhere",)),
    (4, "trap.unreachable", ("trapping",)),
    (4, "trap.unreachable", ("start-trapping",)),
    (4, "abi.protocol", ("lying",)),
    (5, "limit.fuel", ("spinning", "--fuel", "1_000_000")),
    (5, "limit.deadline", ("spinning", "--deadline", "50ms")),
    (5, "limit.deadline", ("start-spinning", "--deadline", "50ms")),
    (5, "limit.memory", ("hungry", "--memory", "1MiB")),
    (6, "ask.timeout", ("deferring", "--deadline", "100ms")),
]


@pytest.fixture(scope="module")
def outcomes(guest: Guests) -> dict[tuple[str, ...], Done]:
    """What became of all the cases."""
    lines = [case for _, _, case in CASES]
    return dict(zip(lines, caxton_each([("run", guest(name), *more) for name, *more in lines]), strict=True))


@pytest.mark.parametrize(("status", "code", "case"), CASES)
def test_exit_status(outcomes: dict[tuple[str, ...], Done], status: int, code: str, case: tuple[str, ...]) -> None:
    """Each group of codes has its exit status, and the code stands in the first line that is no log."""
    done = outcomes[case]
    assert done.status == status
    assert next(line for line in done.lines if line.startswith("caxton")).startswith(f"caxton: {code}: ")


def test_answered(guest: Guests) -> None:
    """0 is an answer, and nothing on standard error."""
    done = caxton("run", guest("echo"), "--message", "hello")
    assert (done.status, done.out, done.err) == (0, b"hello", "")


def test_wrong_usage(guest: Guests) -> None:
    """2 is wrong usage; nothing is run."""
    done = caxton("run", guest("echo"), "--message", "hello", "--fuel", "much")
    assert (done.status, done.out) == (2, b"")


def test_first_failure_counts(guest: Guests) -> None:
    """Every message is delivered, also after failures; the exit status is the first failure's."""
    messages = [part for text in ("a", "bb", "ccc", "dddd") for part in ("--message", text)]
    done = caxton("run", guest("picky"), *messages)
    assert (done.status, done.out) == (1, b"124")
    assert [line.split(":")[1].strip() for line in done.lines if line.startswith("caxton")] == [
        "agent.failed",
        "trap.unreachable",
    ]


def test_stack_below_the_error(guest: Guests) -> None:
    """The guest's stack stands below its error, innermost first, a line a frame."""
    done = caxton("run", guest("trapping"))
    assert len(done.lines) == 4
    assert [line.split()[0] for line in done.lines[1:3]] == ["inner", "outer"]
    assert all(line.startswith("    ") for line in done.lines[1:])
