"""A task that begins at once has run until it first waits when whoever began it goes on."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import anyio
import pytest

from caxton.tools.prompt import begin
from tests.conftest import Run

_seen: ContextVar[str] = ContextVar("seen", default="nothing")


def test_until_it_waits(run: Run) -> None:
    """No round of the event loop passes before."""

    async def main() -> list[str]:
        told: list[str] = []
        gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> str:
            told.append("began")
            told.append(await gate)
            return "result"

        task = begin(work(), asyncio.get_running_loop())
        told.append("begun")
        gate.set_result("went on")
        told.append(await task)
        return told

    assert ["began", "begun", "went on", "result"] == run(main())


def test_to_its_end(run: Run) -> None:
    """What never waits has ended; callbacks come later, as with any task."""

    async def main() -> None:
        told: list[str] = []

        async def work() -> int:
            return 7

        task = begin(work(), asyncio.get_running_loop())
        assert task.done()
        task.add_done_callback(lambda _: told.append("called back"))
        assert [] == told
        assert await task == 7
        await asyncio.sleep(0)
        assert ["called back"] == told

    run(main())


def test_the_current_task(run: Run) -> None:
    """Is the new one inside, also after a wait, and the old one after."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        inside: list[asyncio.Task[object] | None] = []

        async def work() -> None:
            inside.append(asyncio.current_task())
            await asyncio.sleep(0)
            inside.append(asyncio.current_task())

        outer = asyncio.current_task()
        task = begin(work(), loop)
        assert asyncio.current_task() is outer
        assert task in asyncio.all_tasks()
        await task
        assert [task, task] == inside
        assert task not in asyncio.all_tasks()

    run(main())


def test_outside_of_any_task(run: Run) -> None:
    """From a callback of the event loop."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        made: asyncio.Future[asyncio.Task[int]] = loop.create_future()

        async def work() -> int:
            await asyncio.sleep(0)
            return 3

        def callback() -> None:
            made.set_result(begin(work(), loop))
            assert asyncio.current_task() is None

        loop.call_soon(callback)
        return await (await made)

    assert run(main()) == 3


def test_an_error(run: Run) -> None:
    """Is the task's, before a wait and after."""

    async def main() -> None:
        async def fail(waits: bool) -> None:
            if waits:
                await asyncio.sleep(0)
            raise ValueError("no")

        for waits in (False, True):
            task = begin(fail(waits), asyncio.get_running_loop())
            with pytest.raises(ValueError, match="no"):
                await task

    run(main())


def test_cancelling(run: Run) -> None:
    """Ends it where it waits."""

    async def main() -> None:
        ended: list[str] = []

        async def work() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        task = begin(work(), asyncio.get_running_loop())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ["cancelled"] == ended
        assert task.cancelled()

    run(main())


def test_the_context(run: Run) -> None:
    """It begins with its beginner's, and changes its own."""

    async def main() -> list[str]:
        told: list[str] = []

        async def work() -> None:
            told.append(_seen.get())
            token = _seen.set("inside")
            await asyncio.sleep(0)
            told.append(_seen.get())
            _seen.reset(token)

        _seen.set("outside")
        task = begin(work(), asyncio.get_running_loop())
        told.append(_seen.get())
        await task
        return told

    assert ["outside", "outside", "inside"] == run(main())


def test_scopes_of_anyio(run: Run) -> None:
    """Work inside: the SDK's requests are made of them."""

    async def main() -> str:
        async def work() -> str:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep(3600)
            with anyio.move_on_after(0):
                await anyio.sleep(3600)
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
            return "all well"

        return await begin(work(), asyncio.get_running_loop())

    assert "all well" == run(main())
