"""What the driver is told to do, and what it answers."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NewType, TypeAlias

from caxton.host.reference import AgentRef
from caxton.sandbox.hostcalls import CAXTON, Import
from caxton.testing.driver import ACTS, ALWAYS, MAGIC, NEVER, RAW, WHEN_NEGATIVE, driver_text, kinds_of

Step = NewType("Step", bytes)
"""One thing for the driver to do: ``call`` and ``act`` make them."""


@dataclass(frozen=True, slots=True)
class ResultOf:
    """The number that an earlier step of the same program got, as an argument. The first step is 0."""

    step: int


class Result(NamedTuple):
    """What one step came to: the number that the host call returned, and the data that went with it."""

    number: int
    data: bytes

    @property
    def text(self) -> str:
        """The data as text."""
        return self.data.decode("utf-8")

    @property
    def json(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data)


_Number: TypeAlias = int | ResultOf
Argument: TypeAlias = bytes | str | _Number | Sequence[_Number]

_ROWS: Final[dict[str, tuple[int, Import]]] = {row.name: (number, row) for number, row in enumerate(CAXTON)}
_WITH_DATA: Final = frozenset(
    "ask call_tool context defer envelope list_tools result_info state_get state_keys wait".split()
)
_TAKING_ONE: Final = frozenset("finish respond burn load grow exit".split())


def _number(value: object) -> bytes:
    if isinstance(value, ResultOf):
        return struct.pack("<BQ", 1, value.step)
    if isinstance(value, int):
        return struct.pack("<BQ", 0, value & (1 << 64) - 1)
    raise TypeError(f"a number or ResultOf, not {value!r}")


def _data(value: object) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8")
    if isinstance(value, bytes):
        return struct.pack("<I", len(value)) + value
    raise TypeError(f"bytes or text, not {value!r}")


def _list(value: object) -> bytes:
    if isinstance(value, Sequence) and not isinstance(value, bytes | str):
        return struct.pack("<I", len(value)) + b"".join(map(_number, value))
    raise TypeError(f"a list of numbers, not {value!r}")


_ENCODE: Final = {"data": _data, "list": _list, "room": _number, "i32": _number, "i64": _number}


def call(name: str, *arguments: Argument, read: bool = True, raw: bool = False) -> Step:
    """A host call: ``call("ask", "peer", b"question", 1_000)``.

    Args:
        name: of the import in module ``caxton``.
        arguments: bytes or text where the call takes a pointer and a length; a list of handles for ``wait``; how many
            bytes for ``random`` and ``read_result``; else a number, or the ``ResultOf`` an earlier step.
        read: whether to read the data, or an error's message, that the call leaves (which is a host call more).
        raw: all arguments are numbers and are passed as they are, pointers too.

    Raises:
        ValueError: there is no such host call, or it takes another number of arguments.
        TypeError: an argument is of the wrong kind.
    """
    if name not in _ROWS:
        raise ValueError(f"there is no host call {name!r}")
    number, row = _ROWS[name]
    kinds = row.parameters.split() if raw else kinds_of(row)
    if len(kinds) != len(arguments):
        raise ValueError(f"{name} takes {len(kinds)} arguments: {', '.join(kinds)}")
    reading = NEVER if not read else ALWAYS if name in _WITH_DATA else WHEN_NEGATIVE
    encoded = (_ENCODE[kind](value) for kind, value in zip(kinds, arguments, strict=True))
    return Step(bytes([number + (RAW if raw else 0), reading]) + b"".join(encoded))


def act(name: str, *arguments: _Number | bytes | str) -> Step:
    """Something that is no host call.

    ``finish`` ends the program with a status; ``respond`` sets the bytes to answer with, in place of the results.
    ``trap`` (unreachable), ``divide`` (by zero), ``load`` (from an address), ``recurse`` (without end), ``spin``
    (likewise) and ``exit`` (WASI's ``proc_exit``, with a status) do what they say. ``burn`` loops so many times,
    ``grow`` adds pages of memory, ``count`` tells how many times this instance was asked to count.

    Raises:
        ValueError: there is no such thing to do.
    """
    if name not in ACTS:
        raise ValueError(f"there is nothing like {name!r} to do")
    encoded = b"".join(_data(value) if isinstance(value, bytes | str) else _number(value) for value in arguments)
    if len(arguments) != (name in _TAKING_ONE):
        raise ValueError(f"{name} takes {'one argument' if name in _TAKING_ONE else 'no argument'}")
    return Step(bytes([2 * RAW + ACTS.index(name), NEVER]) + encoded)


def program(*steps: Step) -> bytes:
    """A message that makes ``DRIVER`` take these steps."""
    return MAGIC + b"".join(steps)


def driver(*steps: Step) -> str:
    """The text of a ``DRIVER`` that takes these steps in turn 0, before it takes any message.

    Raises:
        ValueError: these are too many.
    """
    return driver_text(program(*steps) if steps else b"")


def results(payload: bytes) -> list[Result]:
    """What ``DRIVER`` answered, step by step."""
    found = []
    at = 0
    while at < len(payload):
        number, length = struct.unpack_from("<qI", payload, at)
        at += 12
        found.append(Result(number, payload[at : at + length]))
        at += length
    return found


async def perform(agent: AgentRef, *steps: Step, timeout: float | None = None) -> list[Result]:
    """Makes an agent that runs ``DRIVER`` take these steps, in one turn; what they came to.

    Raises:
        CaxtonError: as for ``AgentRef.ask``.
    """
    return results((await agent.ask(program(*steps), timeout=timeout)).payload)
