"""How a granted tool may be used: plain data; tools/policy decides by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from caxton import jsontext
from caxton.agents.units import count, seconds, size
from caxton.errors import HostError
from caxton.text import safe_name

_RATE: Final = re.compile(r"(\d{1,9}) ?/ ?(s|m|h|d)", re.ASCII)
_PERIODS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MAX: Final = 1_000_000_000_000
APPROVALS: Final = ("never", "ask")
_COUNTS: Final = (
    ("burst", 1, 1_000_000),
    ("concurrency", 1, 1_000_000),
    ("calls", 0, _MAX),
    ("tokens", 0, _MAX),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits of one agent's use of one tool, or of all that a glob names. What is None limits nothing.

    Attributes:
        arguments: a JSON Schema (draft 2020-12) that a call's arguments must satisfy, beside the tool's own.
        rate: calls in a time, such as ``"10/s"``, ``"100/m"``, ``"5/h"``: a token bucket, counted per agent and tool.
        burst: how many calls may come at once; by default as many as ``rate`` names.
        concurrency: calls of a tool that may go on at the same time.
        calls, bytes, tokens: budgets for as long as the agent lives, per tool: calls, bytes of arguments and results,
            tokens of a language model.
        approve: ``"ask"`` holds every call until a person agrees.
        timeout: seconds (or ``"5s"``) that one call may take.
        hosts: for ``http.fetch``: names of hosts, as globs, each with a port or without (443 and 80):
            ``"docs.python.org"``, ``"*.example.org"``, ``"localhost:8080"``.
        private: for ``http.fetch``: those hosts that may lie in a private, loopback or link-local network.
        root: for ``fs.*``: the directory that is the agent's.
        quota: for ``fs.*``: bytes that may lie there.
        namespace: for ``memory.*``: one that agents share; by default each has its own.

    Raises:
        HostError: ``config.invalid``.
    """

    arguments: Mapping[str, Any] | bool | None = None
    rate: str | None = None
    burst: int | None = None
    concurrency: int | None = None
    calls: int | None = None
    bytes: int | str | None = None
    tokens: int | None = None
    approve: str = "never"
    timeout: float | str | None = None
    hosts: tuple[str, ...] | None = None
    private: tuple[str, ...] | None = None
    root: str | None = None
    quota: int | str | None = None
    namespace: str | None = None

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_texts()
        self.bucket()
        if self.arguments is not None:
            object.__setattr__(self, "arguments", _schema(self.arguments))

    def _check_numbers(self) -> None:
        for name, low, high in _COUNTS:
            value = getattr(self, name)
            if value is not None:
                count(value, f"rule.{name}", low, high)
        for name in ("bytes", "quota"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, count(size(value, f"rule.{name}"), f"rule.{name}", 0, _MAX))
        if self.timeout is not None:
            object.__setattr__(self, "timeout", seconds(self.timeout, "rule.timeout"))

    def _check_texts(self) -> None:
        if self.approve not in APPROVALS:
            raise HostError("config.invalid", f"rule.approve: {safe_name(repr(self.approve))} is not never or ask")
        for name in ("hosts", "private"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _texts(value, f"rule.{name}"))
        for name in ("root", "namespace"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value or "\0" in value):
                raise HostError("config.invalid", f"rule.{name}: {safe_name(repr(value))} is no text")

    def bucket(self) -> tuple[float, int] | None:
        """The bucket that ``rate`` and ``burst`` describe: calls that come back a second, and its capacity.

        Raises:
            HostError: ``config.invalid``, it is no rate.
        """
        if self.rate is None:
            if self.burst is not None:
                raise HostError("config.invalid", "rule.burst: there is no rate")
            return None
        match = _RATE.fullmatch(self.rate.strip()) if isinstance(self.rate, str) else None
        if match is None or int(match[1]) == 0:
            raise HostError("config.invalid", f'rule.rate: {safe_name(repr(self.rate))} is not a rate such as "10/s"')
        calls = int(match[1])
        return calls / _PERIODS[match[2]], self.burst or calls


def _texts(value: Iterable[str], what: str) -> tuple[str, ...]:
    found = () if isinstance(value, str) else tuple(value)
    if isinstance(value, str) or not all(isinstance(text, str) and 0 < len(text) <= 256 for text in found):
        raise HostError("config.invalid", f"{what}: {safe_name(repr(value))} is not a list of texts")
    return found


def _schema(value: Mapping[str, Any] | bool) -> Any:
    """A copy of a schema, as JSON has it."""
    try:
        return jsontext.loads(jsontext.dumps(dict(value) if isinstance(value, Mapping) else value))
    except (TypeError, ValueError, RecursionError) as error:
        raise HostError("config.invalid", f"rule.arguments: {error}") from None
