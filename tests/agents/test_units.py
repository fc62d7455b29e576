"""Sizes, times and counts as people write them: read, or refused as config.invalid, and never anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.agents.units import count, seconds, size
from tests.agents.lab import refusal

ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=5)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1)
    | st.from_regex(r"[\d_ .]{0,25} ?(B|KiB|MiB|GiB|kB|MB|GB|ms|s|m|h|x)?", fullmatch=True)
    | st.sampled_from([10**400, -(10**400), 1 << 63])
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("16 MiB", 16 << 20),
        ("64KiB", 64 << 10),
        ("1_000_000", 1_000_000),
        ("2 GiB", 2 << 30),
        ("1kB", 1_000),
        ("3 MB", 3_000_000),
        ("4 GB", 4 * 10**9),
        ("7 B", 7),
        ("0", 0),
        (" 5 ", 5),
        (0, 0),
        (4096, 4096),
    ],
)
def test_sizes(text: int | str, wanted: int) -> None:
    """Decimal and binary units; a plain number is bytes."""
    assert wanted == size(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("300ms", 0.3), ("1s", 1.0), ("2m", 120.0), ("1.5 s", 1.5), ("1h", 3600.0), (2, 2.0), (0.25, 0.25), (0, 0.0)],
)
def test_times(text: float | str, wanted: float) -> None:
    """Milliseconds to hours; a plain number is seconds."""
    assert wanted == pytest.approx(seconds(text))


@pytest.mark.parametrize(
    "text",
    ["", "MiB", "-1", "1.5 MiB", "1 mib", "16  MiB", "1e3", "0x10", "1 TiB", "_1", "1\n2", "१२", None, 1.0, True],
)
def test_what_is_no_size(text: Any) -> None:
    """Is refused, by a message that shows it and an example."""
    with pytest.raises(caxton.HostError) as caught:
        size(text, "limits.memory")
    assert "config.invalid" == caught.value.code
    assert "limits.memory" in str(caught.value)
    assert "16 MiB" in str(caught.value)


@pytest.mark.parametrize(
    ("read", "text", "meant"),
    [
        (size, "16mib", "16MiB"),
        (size, "1_000 KIB", "1_000KiB"),
        (size, "5 mb", "5MB"),
        (size, "5KB", "5kB"),
        (size, "3gb", "3GB"),
        (size, "7b", "7B"),
        (seconds, "300MS", "300ms"),
        (seconds, "1.5 S", "1.5s"),
        (seconds, "2M", "2m"),
    ],
)
def test_a_unit_in_other_letters(read: Callable[[str], float], text: str, meant: str) -> None:
    """Is refused, with the right form in the message, and that form is read."""
    with pytest.raises(caxton.HostError) as caught:
        read(text)
    assert "config.invalid" == caught.value.code
    assert str(caught.value).endswith(f" (did you mean {meant}?)")
    assert read(meant) > 0


@pytest.mark.parametrize("text", ["1 TiB", "1 potatoes", "5 mibs"])
def test_a_unit_that_there_is_not(text: str) -> None:
    """Nothing is guessed then."""
    for read in (size, seconds):
        with pytest.raises(caxton.HostError) as caught:
            read(text)
        assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "s", "5", "-1s", "1 d", "1,5s", "inf", "nan", "1e3s", "१s", None, True, -0.1])
def test_what_is_no_time(text: Any) -> None:
    """Is refused too."""
    with pytest.raises(caxton.HostError) as caught:
        seconds(text, "limits.deadline")
    assert "config.invalid" == caught.value.code


@given(ANYTHING)
def test_nothing_but_config_invalid(value: Any) -> None:
    """Whatever is given: a number that makes sense, or config.invalid."""
    for read in (size, seconds, lambda given: count(given, "n", 0, 10)):
        code = refusal(lambda: read(value))  # noqa: B023 - called at once
        assert code in (None, "config.invalid")
        if code is None:
            assert 0 <= read(value) < float("inf")


@given(st.integers(0, 10**15), st.sampled_from(["", "B", "KiB", "MiB", "GiB", "kB", "MB", "GB"]), st.booleans())
def test_underscores_and_blanks_change_nothing(number: int, unit: str, spaced: bool) -> None:
    """As in Python's own numbers."""
    text = f"{number:_}" + (" " if spaced and unit else "") + unit
    assert size(text) == size(f"{number}{unit}")


LIMITS = [
    "memory",
    "fuel",
    "deadline",
    "message",
    "response",
    "host_calls",
    "outbox",
    "outbox_bytes",
    "pending",
    "log",
    "mailbox",
    "mailbox_bytes",
    "held",
    "table_elements",
    "module_size",
]


@given(st.sampled_from(LIMITS), ANYTHING)
def test_limits_from_anything(name: str, value: Any) -> None:
    """Each limit takes a value that makes sense, or names itself in config.invalid."""
    code = refusal(lambda: caxton.Limits(**{name: value}))
    if code is None:
        assert isinstance(getattr(caxton.Limits(**{name: value}), name), int | float)
    else:
        with pytest.raises(caxton.HostError, match=rf"config\.invalid: limits\.{name}"):
            caxton.Limits(**{name: value})


@given(ANYTHING, ANYTHING, ANYTHING)
def test_restart_from_anything(strategy: Any, max_restarts: Any, within: Any) -> None:
    """The same for restart policies."""
    assert refusal(lambda: caxton.Restart(strategy, max_restarts, within)) in (None, "config.invalid")


def test_the_defaults_are_the_contracts() -> None:
    """Section 6, number by number."""
    limits = caxton.Limits()
    mib = 1 << 20
    assert (64 * mib, 10_000_000_000, 30.0, mib, mib) == (
        limits.memory,
        limits.fuel,
        limits.deadline,
        limits.message,
        limits.response,
    )
    assert (10_000, 1_000, 8 * mib, 64, 64 << 10) == (
        limits.host_calls,
        limits.outbox,
        limits.outbox_bytes,
        limits.pending,
        limits.log,
    )
    assert (1_000, 16 * mib, 32 * mib, 64 * mib, 20_000) == (
        limits.mailbox,
        limits.mailbox_bytes,
        limits.held,
        limits.module_size,
        limits.table_elements,
    )
    restart = caxton.Restart()
    assert ("permanent", 100, 60.0) == (restart.strategy, restart.max_restarts, restart.within)


def test_limits_are_frozen_and_compare() -> None:
    """Two with the same values are the same, however these were written."""
    assert caxton.Limits(memory="16 MiB", deadline="1s") == caxton.Limits(memory=16 << 20, deadline=1)
    with pytest.raises(AttributeError):
        caxton.Limits().fuel = 5  # type: ignore[misc]
