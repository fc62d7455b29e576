"""A server that has died is started again, with backoff: nobody waits for it, and nobody starts it more often."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.testing import ManualClock
from caxton.tools.mcp.bounds import Backoff
from tests.conftest import Run
from tests.tools.mcp.lab import eventually, hostile, is_alive, notes, noting, refused, serving, text


def starts(path: Path) -> int:
    """How often the server was started."""
    return sum("started" in note for note in notes(path))


def test_the_waits() -> None:
    """Twice as long after each failure, up to half a minute; a minute of health starts over."""
    backoff, waits = Backoff(), []
    for _ in range(11):
        backoff.failed(0.0)
        waits.append(backoff.left(0.0))
    assert [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30] == pytest.approx(waits)
    backoff.failed(1000.0, lived=59.9)
    assert 30 == backoff.left(1000.0)
    backoff.failed(2000.0, lived=60.0)
    assert 0.1 == pytest.approx(backoff.left(2000.0))
    assert 0.0 == backoff.left(2000.2)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=2_000))
def test_a_wait_is_never_long(ends: list[tuple[float, float]]) -> None:
    """However often it fails."""
    backoff = Backoff()
    for now, lived in ends:
        backoff.failed(now, lived)
        assert 0 < backoff.left(now) <= 30


def test_one_that_dies(run: Run, tmp_path: Path) -> None:
    """Calls fail at once until its time has come, then the next one starts it; each death doubles the wait."""
    path = tmp_path / "notes"

    async def main() -> None:
        clock = ManualClock()
        async with serving(hostile(env=noting(path)), clock=clock) as servers:
            for number, wait in enumerate((0.1, 0.2, 0.4), 1):
                await text(servers, "h.echo")
                assert number == starts(path)
                await refused(servers, "h.die")
                for _ in range(3):
                    error = await refused(servers, "h.echo")
                    assert "tool.failed" == error.code
                    assert f"h is not running; next try in {wait:.1f} s (it ended with status 7" in error.message
                clock.advance(wait)
            await text(servers, "h.echo")
            clock.advance(61)
            await refused(servers, "h.die")
            assert "next try in 0.1 s" in (await refused(servers, "h.echo")).message

    run(main())


def test_callers_share_a_start(run: Run, tmp_path: Path) -> None:
    """However many come while it starts."""
    path = tmp_path / "notes"

    async def main() -> None:
        async with serving(hostile(env=noting(path))) as servers:
            await asyncio.gather(*(text(servers, "h.echo") for _ in range(20)))
            assert 1 == starts(path)

    run(main())


def test_one_that_never_answers(run: Run, tmp_path: Path) -> None:
    """Its start is given up after half a minute, and its process ended; a caller waits no longer than its own limit."""
    path = tmp_path / "notes"

    async def main() -> None:
        clock = ManualClock()
        async with serving(hostile("silent", env=noting(path)), clock=clock) as servers:
            calls = [asyncio.create_task(refused(servers, "h.echo", timeout=limit)) for limit in (5, None)]
            await eventually(lambda: notes(path))
            clock.advance(6)
            assert "tool.timeout" == (await calls[0]).code
            clock.advance(25)
            assert "h cannot start: it did not start within 30 s" in (await calls[1]).message
            await eventually(lambda: not is_alive(notes(path)[0]["pid"]))

    run(main())


def test_a_lazy_one(run: Run, tmp_path: Path) -> None:
    """Is started by the first use, and not again before the next."""
    path = tmp_path / "notes"

    async def main() -> None:
        async with serving(hostile(env=noting(path))) as servers:
            servers.start()
            assert servers.owns("h.echo")
            await asyncio.sleep(0)
            assert 0 == starts(path)
            await servers.tools()
            assert 1 == starts(path)

    run(main())


def test_an_eager_one(run: Run, tmp_path: Path) -> None:
    """Is started with the host, and again by itself."""
    path = tmp_path / "notes"

    async def main() -> None:
        clock = ManualClock()
        async with serving(hostile(start="eager", env=noting(path)), clock=clock) as servers:
            servers.start()
            await eventually(lambda: starts(path) == 1)
            await refused(servers, "h.die")
            await eventually(lambda: clock.timers)
            clock.advance(0.1)
            await eventually(lambda: starts(path) == 2)

    run(main())


def test_an_eager_one_that_cannot_start(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Keeps nobody waiting, and is tried less and less often."""
    caplog.set_level(logging.WARNING, "caxton.tools.mcp")

    async def main() -> None:
        clock = ManualClock()
        async with serving(hostile("die", start="eager"), clock=clock) as servers:
            keeper = servers.server("h")._keeper
            servers.start()
            for wait in (0.1, 0.2, 0.4):
                await eventually(lambda: clock.timers == 1 and keeper._backoff.left(clock.monotonic()))
                assert f"next try in {wait} s" in (await refused(servers, "h.echo")).message
                clock.advance(wait)
            await eventually(lambda: len(caplog.messages) == 4)

    run(main())
