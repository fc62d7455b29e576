"""The page about limits is what the code limits: every field with its default and range, and the fixed bounds."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

import caxton
from caxton import jsontext, messages, text
from caxton.agents import topics
from caxton.agents.units import seconds, size
from caxton.host import loading, reference
from caxton.routing import router
from caxton.sandbox import cache, compilation, engine, hostcalls, traps
from caxton.tools import provider, threads
from caxton.tools.builtin import places
from tests.docs.pages import REFERENCE, plain, read

PAGE = read(REFERENCE / "limits.md")
LIMITS = PAGE.rows("`caxton.Limits`")
TEBI = 1 << 40

FIXED = {
    "compiling one module: wall time": compilation.COMPILE_SECONDS,
    "compiling one module: memory of the child process": compilation.COMPILE_BYTES,
    "the guest's stack": engine.WASM_STACK,
    "tables of a module": engine.TABLES,
    "handles in one `wait`": hostcalls.MAX_HANDLES,
    "bytes of one `random`": hostcalls.MAX_RANDOM,
    "levels of JSON from guests and tools": jsontext.MAX_DEPTH,
    "receivers of an envelope": messages.MAX_RECEIVERS,
    "an envelope without its payload": messages.META_LIMIT,
    "a topic": topics.MAX_TOPIC,
    "tokens of a topic": topics.MAX_TOKENS,
    "a tool's result": provider.RESULT_LIMIT,
    "plain functions of a host that run at once": threads.THREADS,
    "of those, one agent's": threads.SHARE,
    "connections of `http.fetch` that a host has open": places.CONNECTIONS,
    "of those, an agent's": places.SHARE,
    "calls of `llm.complete` that a host has under way": places.COMPLETIONS,
    "an agent's, of those": places.COMPLETIONS_SHARE,
    "a guest's text in a log or an error": text.TEXT_LIMIT,
    "a guest's name in a log or an error": text.NAME_LIMIT,
    "frames of a guest's stack": traps.MAX_FRAMES,
    "dead letters that are kept": router.DEAD_LETTERS,
    "their payloads": router.DEAD_LETTER_BYTES,
    "parts of a stream that wait to be taken": reference._MAX_PARTS,
    "their payloads, of the parts": reference._PART_BYTES,
    "compiled modules that a host keeps in memory": loading._KEPT,
    "compiled modules in the cache on disk": cache._MAX_TOTAL,
}


def _value(cell: str) -> float:
    """A figure of the page as a number: bytes, seconds, or a count."""
    figure = plain(cell).replace(",", "")
    if figure.endswith(" TiB"):
        return int(figure.removesuffix(" TiB")) * TEBI
    if figure.endswith(" day"):
        return seconds(f"{24 * int(figure.removesuffix(' day'))}h")
    return seconds(figure) if figure.endswith(" s") else size(figure)


def _defaults(kind: Any) -> dict[str, Any]:
    """Each field's default as an instance has it: sizes in bytes, times in seconds."""
    made = kind()
    return {field.name: getattr(made, field.name) for field in fields(kind)}


def test_every_limit_is_there_with_its_default() -> None:
    """The table of ``Limits`` has each field with its default, and no other."""
    assert {plain(row[0]): _value(row[1]) for row in LIMITS} == _defaults(caxton.Limits)


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: plain(row[0]))
def test_the_range_is_the_one_that_is_accepted(row: list[str]) -> None:
    """The ends of a limit's range are accepted, and what lies just beyond is ``config.invalid``."""
    name = plain(row[0])
    accepted: list[Any]
    refused: list[Any]
    if name == "deadline":
        accepted, refused = [0.001, _value("1 day")], [0.0, _value("1 day") + 1]
    else:
        low, high = (_value(end) for end in row[2].split(" to "))
        accepted, refused = [int(low), int(high)], [int(low) - 1, int(high) + 1]
    for value in accepted:
        assert getattr(caxton.Limits(**{name: value}), name) == value
    for value in refused:
        with pytest.raises(caxton.HostError, match=r"config\.invalid"):
            caxton.Limits(**{name: value})


def test_restart() -> None:
    """The table of ``Restart`` has each field with its default."""
    rows = {plain(row[0]): plain(row[1]) for row in PAGE.rows("Restart")}
    found = {name: value if name == "strategy" else _value(value) for name, value in rows.items()}
    assert found == _defaults(caxton.Restart)


def test_grants() -> None:
    """The table of ``Grants`` has each field; all are empty at first."""
    assert [plain(row[0]) for row in PAGE.rows("Grants")] == [field.name for field in fields(caxton.Grants)]
    assert all(len(value) == 0 for value in _defaults(caxton.Grants).values())


def test_the_host() -> None:
    """The table of the host's arguments has each of them."""
    assert [plain(row[0]) for row in PAGE.rows("The host")] == list(inspect.signature(caxton.Host).parameters)


def test_fixed_bounds() -> None:
    """The table of fixed bounds has the figures of the code."""
    rows = [(row[0], _value(row[1])) for row in PAGE.rows("Fixed bounds")]
    assert rows == [(name.removesuffix(", of the parts"), value) for name, value in FIXED.items()]
