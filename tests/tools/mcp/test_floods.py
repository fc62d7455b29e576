"""A server that never stops writing is read slowly: the host's other work goes on, and its memory stays bounded."""

from __future__ import annotations

import asyncio
import logging
import resource
import statistics
import time

import pytest

from caxton.tools.mcp.bounds import LINE_LIMIT, Meter
from tests.conftest import Run
from tests.tools.mcp.lab import check_spent, hostile, refused, serving, text

SECONDS = 1.0
KINDS = ("progress", "log", "list", "unknown", "heavy", "ping", "answers", "empty", "junk", "stderr")


async def delays(seconds: float) -> list[float]:
    """How late the event loop is, again and again."""
    found, until = [], time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        await asyncio.sleep(0.001)
        found.append(time.monotonic() - now - 0.001)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood(run: Run, kind: str, spent: dict[Meter, list[float]], caplog: pytest.LogCaptureFixture) -> None:
    """Of messages nobody asked for, of lines that are none, of log: no more is read than the meters give, so that the
    event loop is seldom late (which is printed), and another server answers as always."""
    caplog.set_level(logging.INFO, "caxton.tools.mcp")
    began = time.monotonic()

    async def main() -> tuple[float, float, int]:
        async with serving(hostile(timeout=5), hostile(name="other")) as servers:
            await text(servers, "other.echo")
            assert "flooding" == await text(servers, "h.flood", kind=kind)
            before, used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
            late = await delays(SECONDS)
            used = time.process_time() - used
            for _ in range(20):
                await text(servers, "other.echo")
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            return statistics.median(late), used / SECONDS, grown

    late, used, grown = run(main())
    print(f"{kind}: late {late * 1e3:.2f} ms, processor {used:.0%}, grown {grown} KiB")
    elapsed = time.monotonic() - began
    check_spent(spent, elapsed)
    assert grown < 64 << 10
    assert len(caplog.messages) < 1_000


def test_lines_without_end_use_no_memory(run: Run) -> None:
    """At most the limit for a line is kept."""

    async def main() -> int:
        async with serving(hostile(timeout=30)) as servers:
            await text(servers, "h.echo")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await refused(servers, "h.endless")
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert run(main()) * 1024 < 3 * LINE_LIMIT


def test_others_go_on_while_a_large_answer_comes(run: Run) -> None:
    """One of the largest that are taken: between its pieces the event loop has turns for others."""

    async def main() -> int:
        async with serving(hostile()) as servers:
            await text(servers, "h.echo")
            answer = asyncio.create_task(text(servers, "h.large", bytes=8_000_000))
            turns = 0
            while not answer.done():
                await asyncio.sleep(0)
                turns += 1
            await answer
            return turns

    assert run(main()) > 100
