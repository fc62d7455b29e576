"""Promise: an agent in Python or JavaScript that recurses too deep meets its language's exception, and can catch it."""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest

import caxton
from tests.sandbox.guests import Box
from tests.sdk.projects import built

PYTHON: Final = """
import functools
import json
import re

from caxton_agent import Message


class Attribute:
    def __getattr__(self, name):
        return getattr(self, name + "x")


class Equal:
    def __eq__(self, other):
        return [self] == [Equal()]


class Shown:
    def __repr__(self):
        return "x" + repr([self])


def functions():
    return functions() + 1


def sorting():
    return sorted([1], key=lambda _: sorting())


def mapping(_=0):
    return list(map(mapping, [1]))


def replaced():
    return re.sub("a", lambda _: replaced(), "a")


def partial():
    return functools.partial(partial)()


def loads():
    return json.loads('{"a":[' * 20_000)


def dumps():
    class Value: ...
    return json.dumps(Value(), default=lambda _: [Value()])


CASES = {
    **{one.__name__: one for one in (functions, sorting, mapping, replaced, partial, loads, dumps)},
    "attribute": lambda: Attribute().x,
    "equal": lambda: Equal() == Equal(),
    "shown": lambda: repr(Shown()),
}


def handle(message: Message) -> str:
    what = message.text
    if what.startswith(("[", "{", '"')):
        return type(message.json()).__name__
    if what.startswith("uncaught "):
        return str(CASES[what.removeprefix("uncaught ")]())
    try:
        CASES[what]()
    except RecursionError as error:
        return "caught"
    return "no error"
"""

JAVASCRIPT: Final = """
const nested = (count) => "[".repeat(count) + "]".repeat(count);
const list = (count) => JSON.parse(nested(count));
const cases = {
  functions: () => cases.functions() + 1,
  sort: () => [2, 1].sort(cases.sort),
  map: () => [1].map(cases.map),
  replace: () => "a".replace(/a/, cases.replace),
  getter: () => ({ get x() { return cases.getter(); } }).x,
  json: () => JSON.stringify({ toJSON: cases.json }),
  spread: (...values) => cases.spread(...values, 1),
  generator: () => [...(function* all() { yield* all(); })()],
  created: () => new (class { constructor() { cases.created(); } })(),
  bound: () => cases.bound.bind(null)(),
  text: () => String({ toString: cases.text }),
  parse: () => JSON.parse(nested(100000)),
  unclosed: () => JSON.parse('{"a":['.repeat(50000)),
  object: () => JSON.parse({ toString: () => nested(100000) }),
};

export default function handle(message) {
  const what = message.text;
  if (/^["[{]/.test(what)) return typeof message.json();
  if (what === "echo") return String(JSON.stringify(list(2500)).length);
  if (what.startsWith("uncaught ")) return cases[what.slice(9)]();
  try {
    cases[what]();
  } catch (error) {
    return error instanceof RangeError ? "caught" : `${error}`;
  }
  return "no error";
}
"""

SOURCES: Final = {"python": ("src/agent.py", PYTHON), "javascript": ("src/agent.js", JAVASCRIPT)}
CASES: Final = {
    "python": "functions sorting mapping replaced partial loads dumps attribute equal shown",
    "javascript": "functions sort map replace getter json spread generator created bound text parse unclosed object",
}
DEEP: Final = "[" * 40_000 + "]" * 40_000


@cache
def _module(name: str, optimize: str | None = None) -> bytes:
    path, source = SOURCES[name]
    return built(name, {path: source}, optimize=optimize)[0]


@pytest.mark.parametrize(("name", "optimize"), [("python", None), ("javascript", None), ("javascript", "speed")])
def test_it_can_be_caught(box: Box, name: str, optimize: str | None) -> None:
    """Whatever it is that recurses; and the instance goes on."""
    ref = box.spawn(_module(name, optimize))
    found = {case: box.ask(ref, case).text for case in CASES[name].split()}
    assert {"caught"} == set(found.values()), found
    assert 0 == ref.statistics().restarts


@pytest.mark.parametrize("name", SOURCES)
def test_json_that_is_nested_too_deep(box: Box, name: str) -> None:
    """Of a message it is a failure that says so; what is less deep is read."""
    ref = box.spawn(_module(name))
    for text in (
        DEEP,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "[" * 5_000,
        '["' + '","'.join(["]" * 999] * 5) + '",' + DEEP,
    ):
        error = box.fails(ref, text)
        assert isinstance(error, caxton.AgentFailed)
        assert error.reply is not None
        assert ("agent.failed", "this message is nested too deep") == (error.code, error.reply.text)
    kinds = {"python": "list", "javascript": "object"}
    for text in (
        "[" * 990 + "]" * 990,
        "[" + ",".join(['{"a":["[[[","\\\\"]}'] * 5_000) + "]",
        '["' + "[" * 9_000 + '"]',
    ):
        assert kinds[name] == box.ask(ref, text).text
    assert 0 == ref.statistics().restarts


@pytest.mark.parametrize(("name", "says"), [("python", "RecursionError"), ("javascript", "RangeError")])
def test_what_nobody_catches_is_logged(box: Box, name: str, says: str) -> None:
    """As every exception is."""
    error = box.fails(box.spawn(_module(name)), "uncaught functions")
    assert "trap.unreachable" == error.code
    assert any(line.startswith(says) for line in box.lines()), box.lines()


def test_what_could_be_read_can_be_written(box: Box) -> None:
    """As deep as ``JSON.parse`` reads, ``JSON.stringify`` writes."""
    assert "5000" == box.ask(box.spawn(_module("javascript")), "echo").text
