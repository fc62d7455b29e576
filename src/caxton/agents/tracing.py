"""Host calls as somebody who watches sees them: what was asked, what was answered, what it had cost by then."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from caxton.text import cut, safe, safe_name

SHOWN: Final = 256
"""Bytes that are kept of a text or of a payload."""


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes that a guest handed over, or got: the first of them, and how many there were."""

    first: bytes
    size: int

    @classmethod
    def of(cls, data: bytes) -> Data:
        """What is kept of ``data``."""
        return cls(data[:SHOWN], len(data))

    def __str__(self) -> str:
        text = self._text()
        shown = f"0x{self.first.hex()}" if text is None else f'"{_quoted(text)}"'
        return shown if self.size <= len(self.first) else f"{shown}... ({self.size:,} bytes)"

    def _text(self) -> str | None:
        """The bytes as text. What was cut in the middle of a character is text all the same."""
        try:
            return self.first.decode("utf-8")
        except UnicodeDecodeError as error:
            if self.size > len(self.first) and len(self.first) - error.start < 4 and error.reason.startswith("unexp"):
                return self.first[: error.start].decode("utf-8")
            return None

    def as_json(self) -> Any:
        """Text where it is one, all of it; else an object with ``text`` or ``base64``, and ``bytes``, its size."""
        text = self._text()
        if text is None:
            return {"base64": base64.b64encode(self.first).decode(), "bytes": self.size}
        return text if self.size <= len(self.first) else {"text": text, "bytes": self.size}


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of a guest's memory that the host was to write to, or should have read and could not."""

    address: int
    size: int

    def __str__(self) -> str:
        return f"{self.size:,} bytes at 0x{self.address:x}"

    def as_json(self) -> Any:
        """An object with ``at`` and ``bytes``."""
        return {"at": self.address, "bytes": self.size}


Argument: TypeAlias = int | Data | Room


@dataclass(frozen=True, slots=True)
class HostCall:
    """A host call that is over.

    Attributes:
        agent: whose.
        module, name: the import.
        arguments: numbers; text and payloads (``Data``); places to write to (``Room``).
        answer: the number that the guest got; None where the call has ended the turn.
        code: the error's code, where the answer is one or the turn has ended.
        result: what the guest can now read with ``read_result``; a message, where the call has failed.
        fuel: what the turn had used when the call was answered.
        wall: seconds from the call to its answer.
    """

    agent: str
    module: str
    name: str
    arguments: tuple[Argument, ...]
    answer: int | None
    code: str | None
    result: Data | None
    fuel: int
    wall: float

    def __str__(self) -> str:
        arguments = ", ".join(map(str, self.arguments))
        ended = "the turn ends" if self.answer is None else str(self.answer)
        details = [ended, *([self.code] if self.code else []), *([str(self.result)] if self.result else [])]
        return f"{safe_name(self.module)}.{safe_name(self.name)}({arguments}) = {' '.join(details)} [fuel {self.fuel}]"

    def as_json(self) -> dict[str, Any]:
        """The call as JSON-ready data."""
        return {
            "module": cut(self.module, SHOWN),
            "name": cut(self.name, SHOWN),
            "arguments": [one if isinstance(one, int) else one.as_json() for one in self.arguments],
            "answer": self.answer,
            "code": self.code,
            "result": None if self.result is None else self.result.as_json(),
            "fuel": self.fuel,
            "wall_us": round(self.wall * 1e6),
        }


TraceSink: TypeAlias = Callable[[HostCall], object]
"""Takes a call. On any thread, and while a turn is under way: it must be quick."""


def _quoted(text: str) -> str:
    return safe(text.replace("\\", "\\\\").replace('"', '\\"'), 4 * SHOWN)
