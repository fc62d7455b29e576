"""A tool's parameters: any name, any type that JSON can be read into; what the function gets is what they say."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import threading
from typing import Annotated, Any, Literal

import pydantic
import pytest

from caxton.testing import act, call, perform, program
from tests.agents.lab import asking, lab, numbers
from tests.conftest import Run

BAD, TIMEOUT = -3, -5


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Model(pydantic.BaseModel):
    name: str
    tags: list[str] = []


def test_arguments_become_what_the_annotations_say(run: Run) -> None:
    """Dates, enumerations, models, constraints; defaults where nothing is given."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            seen: list[Any] = []

            @a.host.tool
            def tool(
                day: datetime.date,
                colour: Colour,
                model: Model,
                point: Point,
                size: Annotated[int, pydantic.Field(ge=1)],
                unit: Literal["c", "f"] = "c",
                *,
                extra: list[int] | None = None,
            ) -> None:
                seen.extend((day, colour, model, point, size, unit, extra))

            good = (
                '{"day": "2026-01-02", "colour": "red", "model": {"name": "m"}, "point": {"x": 1, "y": 2}, "size": 1, '
                '"extra": [1]}'
            )
            found = await perform(
                agent,
                call("call_tool", "tool", good),
                call("call_tool", "tool", good.replace('"size": 1', '"size": 0')),
            )
            assert [4, BAD] == numbers(found)
            assert [datetime.date(2026, 1, 2), Colour.RED, Model(name="m"), Point(1, 2), 1, "c", [1]] == seen
            assert "size" in found[1].text

    run(main())


@pytest.mark.parametrize(
    "name",
    ["copy", "json", "schema", "dict", "model_dump", "model_config", "validate", "construct", "_x", "p1", "self"],
)
def test_a_parameter_may_have_any_name(run: Run, name: str) -> None:
    """Also one that means something to the library that checks it; nobody is warned."""

    async def main() -> None:
        namespace: dict[str, Any] = {}
        exec(f"def tool({name}: int) -> int: return {name}", namespace)  # noqa: S102 - the name is the point
        async with lab() as a:
            agent = await a.driver("agent")
            a.host.tool(namespace["tool"])
            answer, wrong, tools = await perform(
                agent,
                call("call_tool", "tool", f'{{"{name}": 5}}'),
                call("call_tool", "tool", '{"p0": 5}'),
                call("list_tools"),
            )
            assert (1, b"5") == answer
            assert BAD == wrong.number
            assert name in wrong.text or "p0" in wrong.text
            assert [name] == list(tools.json[0]["inputSchema"]["properties"])

    run(main())


def test_a_tool_that_is_slow_to_be_cancelled(run: Run) -> None:
    """Holds up nobody; what it returns afterwards goes nowhere."""

    async def main() -> None:
        async with lab() as a:
            gate, began = asyncio.Event(), asyncio.Event()

            @a.host.tool
            async def stubborn() -> str:
                try:
                    began.set()
                    await a.host.loop.create_future()
                except asyncio.CancelledError:
                    await gate.wait()
                return "late"

            agent = await a.driver("agent")
            asked = asking(agent, call("tool_start", "stubborn", "{}", 10_000), call("sleep_ms", 10))
            await a.elapse(0.01)
            await asked
            assert began.is_set()
            assert [1] == numbers(await perform(agent, act("count")))
            gate.set()
            await a.settle()

    run(main())


def test_a_plain_function_that_blocks_holds_up_nobody(run: Run) -> None:
    """Its turn ends in time; the thread goes on until the function returns."""

    async def main() -> None:
        async with lab() as a:
            gate, began = threading.Event(), threading.Event()

            @a.host.tool
            def block() -> str:
                began.set()
                assert gate.wait(30)
                return "late"

            agent = await a.driver("agent", limits={"deadline": 1.0})
            asked = asking(agent, call("call_tool", "block", "{}"))
            await a.settle()
            assert await asyncio.to_thread(began.wait, 30)
            await a.elapse(1.0)
            assert [TIMEOUT] == numbers(await asked)
            assert [1] == numbers(await perform(agent, act("count")))
            gate.set()

    run(main())


def test_a_tool_may_ask_another_agent(run: Run) -> None:
    """And answer with what that one said."""

    async def main() -> None:
        async with lab() as a:
            agent, other = await a.drivers("agent", "other")

            @a.host.tool
            async def relay() -> int:
                return len((await other.ask(program(act("respond", "five!")))).payload)

            (answer,) = await perform(agent, call("call_tool", "relay", "{}"))
            assert b"5" == answer.data

    run(main())
