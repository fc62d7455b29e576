"""Python functions as tools: what agents see of them, and what becomes of a call."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

import caxton
from caxton.testing import Result, act, call, perform
from caxton.tools.settings import StdioServer
from tests.agents.lab import asking, lab, numbers
from tests.conftest import Run

BAD, DENIED, FAILED, UNKNOWN = -3, -2, -6, -9


@pytest.fixture(autouse=True)
def _quiet_tools() -> Iterator[None]:
    """Tools that fail are logged as warnings, with their traceback: not in the way of the tests' own output."""
    logger = logging.getLogger("caxton.tools")
    before, logger.level = logger.level, logging.ERROR
    yield
    logger.level = before


async def _called(agent: caxton.AgentRef, name: str, arguments: str = "{}") -> tuple[Result, Any]:
    """What a call returned, and what `result_info` says of it."""
    result, info = await perform(agent, call("call_tool", name, arguments), call("result_info"))
    return result, info.json


def test_a_plain_function_runs_on_a_thread(run: Run) -> None:
    """It may block: the event loop, and other agents, go on meanwhile."""

    async def main() -> None:
        async with lab() as a:
            go = threading.Event()
            began = asyncio.Event()
            loop = asyncio.get_running_loop()
            threads: list[int] = []

            @a.host.tool
            def blocking(text: str) -> str:
                threads.append(threading.get_ident())
                loop.call_soon_threadsafe(began.set)
                assert go.wait(30)
                return text.upper()

            agent, other = await a.drivers("agent", "other")
            waiting = asking(agent, call("call_tool", "blocking", '{"text": "hi"}'))
            await began.wait()
            assert b"still here" == (await other.ask(b"still here")).payload
            assert "waiting" == agent.statistics().state
            go.set()
            assert ["HI"] == [result.json for result in await waiting]
            assert threading.get_ident() not in threads

    run(main())


def test_a_coroutine_function_runs_on_the_loop(run: Run) -> None:
    """As a task of its own."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            async def where() -> bool:
                await asyncio.sleep(0)
                return threading.current_thread() is threading.main_thread()

            agent = await a.driver("agent")
            result, info = await _called(agent, "where")
            assert result.json is True
            assert info["code"] is None

    run(main())


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


@dataclasses.dataclass
class Point:
    """What a tool may give."""

    x: int
    y: int


class City(BaseModel):
    """What a tool may take."""

    name: str
    people: Annotated[int, Field(ge=0)] = 0


def test_results_of_every_kind(run: Run) -> None:
    """Whatever has a JSON form; models and dataclasses too."""

    async def main() -> None:
        async with lab() as a:
            results: dict[str, tuple[Any, Any]] = {
                "none": (None, None),
                "number": (1.5, 1.5),
                "text": ("räder 😀", "räder 😀"),
                "list": ([1, [2], {}], [1, [2], {}]),
                "tuple": ((1, 2), [1, 2]),
                "dataclass": (Point(1, 2), {"x": 1, "y": 2}),
                "model": (City(name="Ulm", people=3), {"name": "Ulm", "people": 3}),
                "many": ([City(name="Ulm")], [{"name": "Ulm", "people": 0}]),
            }
            for name, (value, _) in results.items():
                _constant(a.host, name, value)
            agent = await a.driver("agent")
            for name, (_, wanted) in results.items():
                result, _info = await _called(agent, name)
                assert result.number == len(result.data)
                assert wanted == result.json

    run(main())


def _constant(host: caxton.Host, name: str, value: Any) -> None:
    def function() -> Any:
        return value

    host.tool(name=name)(function)


def test_the_schema_comes_from_the_annotations(run: Run) -> None:
    """And the description from the docstring, unless one is given."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            def find(city: City, unit: Literal["c", "f"] = "c", *, exact: bool = False) -> str:
                """Finds the weather.

                Somewhere.
                """
                return f"{type(city).__name__} {city.name} {unit} {exact}"

            @a.host.tool(name="time.now", description="the time")
            def now() -> float:
                """Not this."""
                return 0.0

            agent = await a.driver("agent")
            (listed,) = await perform(agent, call("list_tools"))
            tools = {tool["name"]: tool for tool in listed.json}
            assert ["find", "time.now"] == sorted(tools)
            assert "Finds the weather.\n\nSomewhere." == tools["find"]["description"]
            assert "the time" == tools["time.now"]["description"]
            schema = tools["find"]["inputSchema"]
            assert "object" == schema["type"]
            assert ["city"] == schema["required"]
            assert schema["additionalProperties"] is False
            assert ["c", "f"] == schema["properties"]["unit"]["enum"]
            assert "boolean" == schema["properties"]["exact"]["type"]
            result, _ = await _called(agent, "find", '{"city": {"name": "Ulm"}, "exact": true}')
            assert "City Ulm c True" == result.json

    run(main())


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{",
        "[]",
        "null",
        '"a"',
        "{}",
        '{"a": "one"}',
        '{"a": null}',
        '{"a": 1.5}',
        '{"a": 1, "b": 2}',
        '{"a": 1, "a": 1}',
        '{"a": NaN}',
        '{"a": 1, "\\ud800": 1}',
        '{"a": ' + "[" * 40 + "]" * 40 + "}",
        '{"a": ' + "9" * 5_000 + "}",
    ],
)
def test_bad_arguments(run: Run, arguments: str) -> None:
    """-3, tool.bad-arguments: no JSON, no object, not what the function takes. It is not called."""

    async def main() -> None:
        async with lab() as a:
            calls = []

            @a.host.tool
            def double(a: int) -> int:
                calls.append(a)
                return a * 2

            agent = await a.driver("agent")
            result, info = await _called(agent, "double", arguments)
            assert BAD == result.number
            assert "tool.bad-arguments" == info["code"]
            assert "double" in result.text
            assert calls == []
            result, _ = await _called(agent, "double", '{"a": 21}')
            assert 42 == result.json

    run(main())


def _raises(error: Callable[[], BaseException]) -> Callable[[], None]:
    def function() -> None:
        raise error()

    return function


def test_exceptions(run: Run) -> None:
    """-6, tool.failed, with the exception's kind and words, made safe; the agent lives on."""

    async def main() -> None:
        async with lab() as a:
            a.host.tool(name="value")(_raises(lambda: ValueError("no\x1b[31m such\u202e thing")))
            a.host.tool(name="exit")(_raises(lambda: OSError(5, "gone")))
            a.host.tool(name="stop")(_raises(StopIteration))
            a.host.tool(name="long")(_raises(lambda: RuntimeError("x" * 100_000)))
            a.host.tool(name="own")(_raises(lambda: caxton.ToolError("tool.timeout", "the service is slow")))
            a.host.tool(name="other")(_raises(lambda: caxton.LimitError("limit.fuel", "as if it were the guest's")))

            @a.host.tool(name="later")
            async def later() -> None:
                await asyncio.sleep(0)
                raise KeyError("missing")

            agent = await a.driver("agent")
            result, info = await _called(agent, "value")
            assert (FAILED, "tool.failed") == (result.number, info["code"])
            assert "value: ValueError: no\\x1b[31m such\\u202e thing" == result.text
            for name in ("exit", "stop", "long", "other", "later"):
                result, info = await _called(agent, name)
                assert (FAILED, "tool.failed") == (result.number, info["code"])
                assert len(result.data) <= 4096
            result, info = await _called(agent, "own")
            assert (-5, "tool.timeout", "the service is slow") == (result.number, info["code"], result.text)
            assert 0 == agent.statistics().restarts

    run(main())


def _nested(depth: int) -> Any:
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


def _circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "make",
    [
        object,
        threading.Lock,
        _circle,
        lambda: {"a": [object()]},
        lambda: float("nan"),
        lambda: [float("inf")],
        lambda: _nested(40),
        lambda: _nested(20_000),
        lambda: "\ud800",
        lambda: b"\xff",
    ],
)
def test_results_that_are_no_json(run: Run, make: Callable[[], Any]) -> None:
    """tool.failed: an agent never gets what it could not read."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            def strange() -> Any:
                return make()

            agent = await a.driver("agent")
            result, info = await _called(agent, "strange")
            assert (FAILED, "tool.failed") == (result.number, info["code"])
            assert "JSON" in result.text

    run(main())


def test_results_that_are_too_large(run: Run) -> None:
    """8 MiB of JSON are a result; one byte more is tool.failed."""

    async def main() -> None:
        async with lab() as a:

            @a.host.tool
            def text(size: int) -> str:
                return "x" * (size - 2)

            agent = await a.driver("agent")
            whole = 8 << 20
            fits, info = await perform(
                agent, call("call_tool", "text", f'{{"size": {whole}}}', read=False), call("result_info")
            )
            assert whole == fits.number
            result, info_ = await _called(agent, "text", f'{{"size": {whole + 1}}}')
            assert (FAILED, "tool.failed") == (result.number, info_["code"])
            assert info.number > 0

    run(main())


def test_a_call_ends_with_its_turn(run: Run) -> None:
    """What a handle stands for is cancelled when the turn is over, has trapped, or its agent is stopped."""

    async def main() -> None:
        async with lab() as a:
            running: set[str] = set()
            ended: list[str] = []

            @a.host.tool
            async def forever(label: str) -> None:
                running.add(label)
                try:
                    await asyncio.Event().wait()
                finally:
                    running.discard(label)
                    ended.append(label)

            agent = await a.driver("agent")
            start = call("tool_start", "forever", '{"label": "turn"}', 60_000)
            waiting = asking(agent, start, call("sleep_ms", 10))
            await a.settle()
            assert ({"turn"}, []) == (running, ended)
            await a.elapse(0.01)
            assert (set(), ["turn"]) == (running, ended)
            assert [1, 0] == numbers(await waiting)
            start = call("tool_start", "forever", '{"label": "trap"}', 60_000)
            waiting = asking(agent, start, call("sleep_ms", 10), act("trap"))
            await a.elapse(0.01)
            assert (set(), ["turn", "trap"]) == (running, ended)
            with pytest.raises(caxton.TrapError):
                await waiting
            waiting = asking(agent, call("call_tool", "forever", '{"label": "stop"}'))
            await a.settle()
            assert {"stop"} == running
            await agent.stop()
            await a.settle()
            assert (set(), ["turn", "trap", "stop"]) == (running, ended)
            with pytest.raises(caxton.AgentError):
                await waiting

    run(main())


def test_a_call_ends_with_its_handle(run: Run) -> None:
    """`cancel`, and the handle's own time, end what works on it."""

    async def main() -> None:
        async with lab() as a:
            ended = []

            @a.host.tool
            async def forever(label: str) -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(label)

            agent = await a.driver("agent")
            begun = asking(
                agent,
                call("tool_start", "forever", '{"label": "cancelled"}', 60_000),
                call("sleep_ms", 10),
                call("cancel", 1),
                call("tool_start", "forever", '{"label": "late"}', 1_000),
                call("wait", [2], 5_000),
                call("result_info"),
            )
            await a.elapse(0.01)
            assert ["cancelled"] == ended
            await a.elapse(1)
            assert ["cancelled", "late"] == ended
            found = await begun
            assert [1, 0, 0, 2, 0] == numbers(found)[:5]
            assert "tool.timeout" == found[5].json["code"]

    run(main())


def test_leaving_the_host_cancels_what_still_runs(run: Run) -> None:
    """No task of a tool outlives its host."""

    async def main() -> None:
        ended = []
        before = asyncio.all_tasks()
        async with lab() as a:

            @a.host.tool
            async def forever() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append("forever")

            agent = await a.driver("agent")
            waiting = asking(agent, call("call_tool", "forever", "{}"))
            await a.settle()
        assert ["forever"] == ended
        with pytest.raises(caxton.AgentError):
            await waiting
        assert before == asyncio.all_tasks()

    run(main())


def test_a_thousand_agents_wait_at_once(run: Run) -> None:
    """In a coroutine tool, without a thread each; one event lets all of them go on."""

    async def main() -> None:
        async with lab() as a:
            go = asyncio.Event()
            arrived = 0

            @a.host.tool
            async def gate(number: int) -> int:
                nonlocal arrived
                arrived += 1
                await go.wait()
                return number

            agents = [await a.driver(f"agent-{number}") for number in range(1_000)]
            threads = threading.active_count()
            waiting = [
                asking(agent, call("call_tool", "gate", f'{{"number": {number}}}'))
                for number, agent in enumerate(agents)
            ]
            await a.settle()
            assert 1_000 == arrived
            assert 1_000 == a.host.statistics().states["waiting"]
            assert threads == threading.active_count()
            go.set()
            found = [(await task)[0].json for task in waiting]
            assert list(range(1_000)) == found

    run(main())


def test_list_tools_shows_what_is_granted(run: Run) -> None:
    """No more than that; what is not granted is -2, there or not, and what is granted but missing -9."""

    async def main() -> None:
        async with lab() as a:
            for name in ("time.now", "time.zone", "math/add", "Secret"):
                _constant(a.host, name, name)
            a.host.stub("time.stub", b"7")
            some = await a.driver("some", tools=["time.*", "missing"])
            none = await a.driver("none", tools=[])
            (listed,) = await perform(some, call("list_tools"))
            assert ["time.now", "time.stub", "time.zone"] == sorted(tool["name"] for tool in listed.json)
            (listed,) = await perform(none, call("list_tools"))
            assert [] == listed.json
            codes = [
                (result.number, info["code"])
                for result, info in [await _called(some, name) for name in ("Secret", "nothing", "missing")]
            ]
            assert [(DENIED, "grant.denied"), (DENIED, "grant.denied"), (UNKNOWN, "tool.unknown")] == codes
            result, _ = await _called(some, "time.stub", '{"any": ["thing"]}')
            assert 7 == result.json

    run(main())


@pytest.mark.parametrize("name", ["a", "A1", "time.now", "server/tool", "with-dash_and.dot", "x" * 128])
def test_good_names(run: Run, name: str) -> None:
    """MCP's names, and a server's before them."""

    async def main() -> None:
        async with lab() as a:
            _constant(a.host, name, 1)
            agent = await a.driver("agent")
            assert 1 == (await _called(agent, name))[0].json

    run(main())


@pytest.mark.parametrize("name", [" ", "a b", "-a", ".a", "/a", "ä", "a\n", "x" * 129, "a\x00", "*", "a,b"])
def test_bad_names(name: str) -> None:
    """config.invalid, for stubs too."""
    host = caxton.Host()
    with pytest.raises(caxton.HostError) as caught:
        _constant(host, name, 1)
    assert "config.invalid" == caught.value.code
    with pytest.raises(caxton.HostError):
        host.stub(name, b"1")


def _unnamed(*values: int) -> None: ...


def _rest(**values: int) -> None: ...


def _positional(value: int, /) -> None: ...


def _no_json(value: threading.Thread) -> None: ...


def _callback(value: Callable[[], int]) -> None: ...


@pytest.mark.parametrize("function", [_unnamed, _rest, _positional, _no_json, _callback, lambda: 1, 5, "text", None])
def test_functions_that_are_no_tools(function: Any) -> None:
    """Each parameter has a name and a type that JSON knows."""
    host = caxton.Host()
    with pytest.raises(caxton.HostError) as caught:
        host.tool(name=None)(function)
    assert "config.invalid" == caught.value.code


def test_a_name_is_taken_once() -> None:
    """By a tool or a stub."""
    host = caxton.Host()
    _constant(host, "one", 1)
    host.stub("two", b"2")
    for name in ("one", "two"):
        with pytest.raises(caxton.HostError, match="already"):
            _constant(host, name, 1)
        with pytest.raises(caxton.HostError, match="already"):
            host.stub(name, b"1")


def test_a_server_s_names_are_its_own() -> None:
    """A function is not put in the place of a server's tool, whichever came first; a stub is made for that."""
    added, given, first = (caxton.Host(), _with_server(), caxton.Host())
    added.add_server("stock", ["nowhere"])
    for host in (added, given):
        with pytest.raises(caxton.HostError, match="would be among the tools of the server stock") as caught:
            _constant(host, "stock.count", 1)
        assert "config.invalid" == caught.value.code
        for name in ("stock", "stocks.count", "count", "count.stock"):
            _constant(host, name, 1)
        host.stub("stock.count", b"1")
    _constant(first, "stock.count", 1)
    with pytest.raises(caxton.HostError, match="is there already") as caught:
        first.add_server("stock", ["nowhere"])
    assert "config.invalid" == caught.value.code
    first.add_server("stoc", ["nowhere"])


def _with_server() -> caxton.Host:
    return caxton.Host(tools=caxton.ToolSettings(servers=(StdioServer("stock", ("nowhere",)),)))


@pytest.mark.parametrize("answer", [b"", b"{", b"NaN", b'"\xff"', b"[" * 40 + b"]" * 40])
def test_a_stub_answers_json(answer: bytes) -> None:
    """Or it is config.invalid."""
    with pytest.raises(caxton.HostError) as caught:
        caxton.Host().stub("tool", answer)
    assert "config.invalid" == caught.value.code


def test_a_tool_stays_a_function(run: Run) -> None:
    """The decorator gives back what it got; a tool may be added while agents run, and sees its caller's context."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            assert UNKNOWN == (await _called(agent, "add"))[0].number

            @a.host.tool
            def add(a: int, b: int = 1) -> str:
                return f"{a + b} {VARIABLE.get()}"

            VARIABLE.set("set")
            assert "3 set" == add(1, b=2)
            assert 0 < (await _called(agent, "add", '{"a": 1}'))[0].number

    run(main())


def test_two_hosts_have_tools_of_their_own(run: Run) -> None:
    """What one agent is granted in one host is unknown in the other."""

    async def main() -> None:
        async with lab() as one, lab() as two:
            _constant(one.host, "only", 1)
            first, second = await one.driver("agent"), await two.driver("agent")
            assert 1 == (await _called(first, "only"))[0].json
            assert UNKNOWN == (await _called(second, "only"))[0].number
        gc.collect()

    run(main())
