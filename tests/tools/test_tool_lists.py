"""`list_tools`: what is granted, from whoever can say, and nobody is disturbed for the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

import caxton
from caxton.testing import call, perform
from caxton.tools.provider import RESULT_LIMIT, ToolInfo
from caxton.tools.registry import Registry
from tests.agents.lab import Lab, asking, lab
from tests.conftest import Run
from tests.tools.lab import Scripted, nothing, quiet, spawn


class Source(Scripted):
    """A source of tools that may take its time, or fail."""

    def __init__(self, prefix: str, *names: str, error: BaseException | None = None, size: int = 0) -> None:
        super().__init__(nothing, prefix)
        self.asked = 0
        self.may_say = asyncio.Event()
        self.may_say.set()
        self._names = names
        self._error = error
        self._size = size

    async def tools(self) -> Sequence[ToolInfo]:
        """What it has."""
        self.asked += 1
        await self.may_say.wait()
        if self._error is not None:
            raise self._error
        return [ToolInfo(f"{self._prefix}{name}", "x" * self._size, {"type": "object"}) for name in self._names]


def _add(a: Lab, *sources: Source) -> None:
    for source in sources:
        a.host._tooling.registry.add(source, source._prefix)


async def _names(agent: caxton.AgentRef) -> list[str]:
    (found,) = await perform(agent, call("list_tools"))
    return [tool["name"] for tool in found.json]


@pytest.mark.parametrize(
    ("grants", "asked"),
    [
        ([], ""),
        (["one.*"], "one"),
        (["one.a"], "one"),
        (["one"], ""),
        (["on*"], "one"),
        (["*"], "one two"),
        (["?ne.a"], "one two"),  # a glob that may be anything
        (["o[a-z]e.*"], "one"),
        (["onex.*"], ""),
        (["two.b", "one.?"], "one two"),
    ],
)
def test_only_those_are_asked_whose_tools_are_granted(run: Run, grants: list[str], asked: str) -> None:
    """Asking starts a server: an agent that may call none of its tools cannot make it start, nor wait for it."""

    async def main() -> None:
        async with lab() as a:
            sources = [Source("one", "a", "b"), Source("two", "b")]
            _add(a, *sources)
            agent = await spawn(a, tools=grants)
            names = await _names(agent)
            assert asked.split() == [one._prefix[:-1] for one in sources if one.asked]
            registry = Registry()
            for source in sources:
                registry.add(source)
            everything = [tool.name for tool in await registry.tools()]
            assert names == sorted(name for name in everything if caxton.Grants(tools=grants).may_call(name))

    run(main())


def test_a_source_that_cannot_say_has_none(run: Run) -> None:
    """Whatever it raises: the others' tools are listed."""

    async def main() -> None:
        async with lab() as a:
            errors = [caxton.ToolError("tool.failed", "it is ill"), RuntimeError("a mistake"), TimeoutError()]
            _add(a, Source("good", "a"), *(Source(f"bad{n}", "a", error=error) for n, error in enumerate(errors)))
            assert ["good.a"] == await _names(await spawn(a))

    with quiet():
        run(main())


def test_a_source_that_takes_its_time(run: Run) -> None:
    """The agent waits, as for a call; no longer than its turn may."""

    async def main() -> None:
        async with lab() as a:
            slow = Source("slow", "a")
            slow.may_say.clear()
            _add(a, slow)
            agent = await spawn(a, limits={"deadline": 2.0})
            waiting = asking(agent, call("list_tools"), call("result_info"))
            await a.elapse(2)
            found = await waiting
            assert (-5, "tool.timeout") == (found[0].number, found[1].json["code"])
            waiting = asking(agent, call("list_tools"))
            await a.settle()
            slow.may_say.set()
            assert ["slow.a"] == [tool["name"] for tool in (await waiting)[0].json]

    run(main())


def test_a_list_that_is_too_long_is_cut(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """At 8 MiB, in the order of names; the log says where."""
    caplog.set_level(logging.WARNING, "caxton.tools")

    async def main() -> None:
        async with lab() as a:
            _add(a, Source("s", *(f"t{number:02}" for number in range(20)), size=1 << 20))
            agent = await spawn(a, limits={"memory": "64 MiB"})
            found = await perform(agent, call("list_tools", read=False))
            assert RESULT_LIMIT - (1 << 20) - 1_000 < found[0].number <= RESULT_LIMIT

    run(main())
    assert ["a list of tools is cut before s.t07"] == [record.getMessage() for record in caplog.records]
