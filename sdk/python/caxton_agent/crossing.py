"""The boundary: payloads, times and errors between Python's types and those of the WIT package."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar, cast, get_args

from componentize_py_types import Err
from wit_world.imports import host, types

from caxton_agent.errors import ErrorKind, HostError
from caxton_agent.machine import need_host

LONGEST: Final = 366 * 24 * 3600 * 1000
"""The longest time that the host takes, in milliseconds."""

P = ParamSpec("P")
R = TypeVar("R")

_KINDS: Final = {one: cast(ErrorKind, one.name.lower().replace("_", "-")) for one in host.ErrorKind}
assert sorted(_KINDS.values()) == sorted(get_args(ErrorKind))
PERFORMATIVES: Final = {one: one.name.lower().replace("_", "-") for one in types.Performative}


def to_wit(payload: str | bytes | bytearray | memoryview | None) -> types.Payload:
    """A payload for the host.

    Raises:
        TypeError: it is of another type.
    """
    if payload is None:
        return types.Payload_Text("")
    if isinstance(payload, str):
        return types.Payload_Text(clean(payload))
    if isinstance(payload, bytes | bytearray | memoryview):
        data = bytes(payload)
        try:
            # The same to whoever gets it; and what leaves as bytes is never freed (componentize-py 0.25.1).
            return types.Payload_Text(data.decode())
        except UnicodeDecodeError:
            return types.Payload_Bytes(data)
    if hasattr(payload, "__await__"):
        raise TypeError("a payload is str or bytes, not something to await: write it without async, host calls wait")
    raise TypeError(f"a payload is str or bytes, not {type(payload).__name__}: json.dumps makes a str of it")


def clean(text: str) -> str:
    """Text without lone surrogates, which UTF-8 cannot say.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"expected str, got {type(text).__name__}")
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def milliseconds(seconds: float | None) -> int:
    """A time for the host; None is the longest that it takes.

    Raises:
        ValueError: it is negative, or not a number.
    """
    if seconds is None:
        return LONGEST
    if not seconds >= 0:
        raise ValueError(f"a time is a number of seconds from 0 on, not {seconds!r}")
    return LONGEST if math.isinf(seconds) else math.ceil(round(seconds * 1000, 6))


def failed(error: host.CallError) -> HostError:
    """A host call's error, to raise."""
    performative = None if error.performative is None else PERFORMATIVES[error.performative]
    return HostError(
        _KINDS[error.kind],
        error.data.value,
        code=error.code,
        performative=performative,
        retryable=error.retryable,
        headers=dict(error.headers),
    )


def call(what: Callable[P, R], *values: P.args, **named: P.kwargs) -> R:
    """Calls the host.

    Raises:
        HostError: it has refused, or what was asked for has failed.
        RuntimeError: there is no host, for the agent is being built.
    """
    need_host()
    try:
        return what(*values, **named)
    except Err as error:
        raise failed(error.value) from None
