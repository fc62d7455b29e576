"""Places for connections: an agent has a share of them, and what waits is served in turn."""

from __future__ import annotations

import asyncio
import resource

import pytest

from caxton.tools.builtin.places import Places, connections
from tests.conftest import Run


class _Users:
    """Who holds a place until it is told to leave. ``begun``: in the order in which they got one."""

    def __init__(self, places: Places) -> None:
        self.begun: list[str] = []
        self._places = places
        self.doors: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Their first letter is their agent."""
        for name in names:
            self.doors[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._use(name))
        await settled()

    async def _use(self, name: str) -> None:
        async with self._places.place(name[0]):
            self.begun.append(name)
            await self.doors[name].wait()

    async def leave(self, *names: str) -> None:
        """Lets them go as soon as they have had their places."""
        for name in names:
            self.doors[name].set()
        await settled()

    async def cancel(self, *names: str) -> None:
        """Cancels them, and waits until they are gone."""
        for name in names:
            self._tasks[name].cancel()
        await settled()


async def settled() -> None:
    """Until everything has happened that can."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_an_agent_has_its_share(run: Run) -> None:
    """What it wants beyond that waits in order; another agent's does not."""

    async def main() -> None:
        users = _Users(Places(4, 2))
        await users.come("a0", "a1", "a2", "a3", "b0")
        assert ["a0", "a1", "b0"] == users.begun
        await users.leave("a1")
        assert ["a0", "a1", "b0", "a2"] == users.begun
        await users.leave("a0", "a2", "a3", "b0")
        assert "a3" == users.begun[-1]

    run(main())


def test_agents_are_served_in_turn(run: Run) -> None:
    """Who has many in line does not keep those waiting who have one."""

    async def main() -> None:
        users = _Users(Places(1, 1))
        names = ["z0", "a0", "a1", "a2", "b0", "c0", "c1"]
        await users.come(*names)
        await users.leave(*names)
        assert ["z0", "a0", "b0", "c0", "a1", "c1", "a2"] == users.begun

    run(main())


def test_who_is_cancelled_leaves_nothing_behind(run: Run) -> None:
    """While it waits, when it is just given a place, and while it holds one."""

    async def main() -> None:
        places = Places(1, 1)
        users = _Users(places)
        await users.come("a0", "a1", "b0", "c0")
        await users.cancel("a1")
        users.doors["a0"].set()
        await asyncio.sleep(0)
        await users.cancel("b0")
        assert "c0" == users.begun[-1]
        await users.cancel("c0")
        assert (1, {}, 0) == (places._free, places._taken, len(places._queues))

    run(main())


@pytest.mark.parametrize(
    ("soft", "found"), [(1024, 256), (100_000, 256), (256, 64), (3, 1), (resource.RLIM_INFINITY, 256)]
)
def test_a_quarter_of_the_descriptors(monkeypatch: pytest.MonkeyPatch, soft: int, found: int) -> None:
    """At most."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, soft))
    assert found == connections()
