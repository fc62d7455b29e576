"""A server that never stops writing is read slowly: the host's other work goes on, and its memory stays bounded."""

from __future__ import annotations

import asyncio
import logging
import resource
import statistics
import time

import pytest

from caxton.tools.mcp.bounds import LINE_LIMIT
from tests.conftest import Run
from tests.tools.mcp.lab import hostile, refused, serving, text

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
def test_a_flood(run: Run, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of messages nobody asked for, of lines that are none, of log: the event loop is seldom late, the process uses
    little of a processor for it, and another server answers as always."""
    caplog.set_level(logging.INFO, "caxton.tools.mcp")

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
    assert late < 0.02
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


def test_a_large_answer_holds_others_up_for_a_moment_only(run: Run) -> None:
    """The largest that is taken: others wait for as long as it takes to read it."""

    async def main() -> float:
        async with serving(hostile()) as servers:
            await text(servers, "h.echo")
            watching = asyncio.create_task(delays(1.5))
            await text(servers, "h.large", bytes=8_000_000)
            return max(await watching)

    late = run(main())
    print(f"late {late * 1e3:.0f} ms")
    assert late < 1.0
