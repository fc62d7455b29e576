"""Standard input and output as a wire: lines are cut right, and neither side's greed costs more than its bound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from caxton.serving.pipes import MOST_BUFFERED, Lines, Wire
from tests.conftest import Run

LONGEST: Final = 1_000


async def nothing() -> None:
    """Nothing is to be done before the end."""


def passed(line: str | None) -> str | None:
    """Every line is in order but one that is too long."""
    return "refused\n" if line is None else None


@contextlib.contextmanager
def pipe() -> Iterator[list[int]]:
    """A pipe: its reader and its writer, which may be closed before."""
    ends = list(os.pipe())
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[tuple[Wire, list[int], list[int]]]:
    """A wire, and the pipes that it reads from and writes to."""
    with pipe() as there, pipe() as back:
        wire = Wire(there[0], back[1], LONGEST, nothing, passed)
        try:
            yield wire, there, back
        finally:
            wire.give_up()


@given(st.lists(st.binary(max_size=30)), st.integers(1, 12))
def test_lines(chunks: list[bytes], longest: int) -> None:
    """However the bytes arrive, the lines are those between line feeds, and None where one is too long."""
    lines = Lines(longest)
    found = [line for chunk in chunks for line in lines.split(chunk)]
    ended = b"".join(chunks).split(b"\n")[:-1]
    assert [line.decode("utf-8", "replace") if len(line) <= longest else None for line in ended] == found


def test_reading(run: Run) -> None:
    """Lines come as they are written, until the other side closes."""

    async def main() -> None:
        async with wired() as (wire, there, _):
            lines = aiter(wire)
            os.write(there[1], b"one\ntwo\nthr")
            assert ["one", "two"] == [await anext(lines), await anext(lines)]
            waiting = asyncio.ensure_future(anext(lines))
            await asyncio.sleep(0)
            os.write(there[1], b"ee\nfour")
            assert "three" == await waiting
            os.close(there[1])
            assert [] == [line async for line in lines]  # what has no end is no line

    run(main())


def test_lines_that_are_refused(run: Run) -> None:
    """Are answered where they stand; "" is no answer, and no line either."""

    def refuse(line: str | None) -> str | None:
        return {None: "long\n", "bad": "no\n", "": ""}.get(line)

    async def main() -> None:
        with pipe() as there, pipe() as back:
            wire = Wire(there[0], back[1], LONGEST, nothing, refuse)
            os.write(there[1], b"one\nbad\n\n" + b"x" * (LONGEST + 1) + b"\ntwo\nbad\n")
            os.close(there[1])
            assert ["one", "two"] == [line async for line in wire]
            assert b"no\nlong\nno\n" == os.read(back[0], 100)

    run(main())


def test_reading_a_file(run: Run) -> None:
    """Standard input may be a file."""

    async def main() -> None:
        with tempfile.TemporaryFile() as file, pipe() as back:
            file.write(b"one\n" * 100_000)
            file.flush()
            file.seek(0)
            wire = Wire(file.fileno(), back[1], LONGEST, nothing, passed)
            assert 100_000 == len([line async for line in wire])

    run(main())


def test_the_end_comes_from_outside(run: Run) -> None:
    """``end`` ends the lines, though the other side has not closed; what is to be done before is done first."""

    async def main() -> None:
        done = []

        async def last() -> None:
            done.append("last")

        with pipe() as there, pipe() as back:
            wire = Wire(there[0], back[1], LONGEST, last, passed)
            waiting = asyncio.ensure_future(anext(aiter(wire), None))
            await asyncio.sleep(0)
            assert [] == done
            wire.end()
            assert await waiting is None
            assert ["last"] == done

    run(main())


def test_who_does_not_read_is_not_read_from(run: Run) -> None:
    """When more than the bound waits to be taken, writers wait, and so do the lines; then everything comes."""

    async def main() -> None:
        async with wired() as (wire, there, back):
            lines = aiter(wire)
            os.write(there[1], b"line\n")
            await wire.write("x" * (MOST_BUFFERED + 1_000_000))
            writing = asyncio.ensure_future(wire.write("y"))
            reading = asyncio.ensure_future(anext(lines))
            for _ in range(100):
                await asyncio.sleep(0)
            assert (False, False) == (writing.done(), reading.done())
            taken = 0
            loop = asyncio.get_running_loop()
            while taken < MOST_BUFFERED + 1_000_001:
                taken += len(await loop.run_in_executor(None, os.read, back[0], 1 << 16))
            await writing
            assert "line" == await reading
            await wire.finish(1.0)

    run(main())


def test_a_reader_that_is_gone(run: Run) -> None:
    """Is as good as the end of input; what is written then is nobody's."""

    async def main() -> None:
        async with wired() as (wire, _, back):
            os.close(back[0])
            await wire.write("x")
            await wire.write("y" * 1_000_000)
            assert [] == [line async for line in wire]
            await wire.finish(1.0)

    run(main())


def test_giving_up(run: Run) -> None:
    """Who waits for a reader that never reads waits no longer than it said."""

    async def main() -> None:
        async with wired() as (wire, _, _back):
            await wire.write("x" * 1_000_000)
            await wire.finish(0.01)
            wire.give_up()
            await asyncio.wait_for(wire.finish(60.0), 1.0)

    run(main())
