"""Secrets that are known again, whatever form they are found in."""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote_to_bytes

_WINDOW = 9


@dataclass(frozen=True)
class Canary:
    """A secret with random parts, so that a few characters of it say whose they are."""

    name: str
    value: str

    def forms(self) -> list[str]:
        """How an unlucky program may write it."""
        data = self.value.encode()
        padded = [b"a" * before + data + b"b" * after for before in range(3) for after in range(3)]
        return [
            self.value,
            json.dumps(self.value),
            json.dumps(json.dumps(self.value)),
            repr(self.value),
            quote(self.value, safe=""),
            quote_plus(self.value),
            quote(quote(self.value, safe=""), safe=""),
            "".join(f"%{byte:02x}" for byte in data),
            "".join(f"\\u{ord(character):04x}" for character in self.value),
            data.hex(),
            data.hex().upper(),
            f"Bearer {self.value}",
            *(base64.b64encode(one).decode() for one in padded),
            *(base64.urlsafe_b64encode(one).decode() for one in padded),
        ]

    def found_in(self, data: bytes) -> str | None:
        """What of it is there: a few characters of it are enough."""
        value = self.value.encode()
        raw = _windows(re.findall(rb"[0-9a-f]{16,}", value), _WINDOW)
        encoded = [base64.b64encode(b"a" * before + value).rstrip(b"=")[4:-4] for before in range(3)]
        in_hex = {window for window in _windows([value.hex().encode()], 2 * _WINDOW) if _is_random(window)}
        once = unquote_to_bytes(data) if b"%" in data else data
        twice = unquote_to_bytes(once) if b"%" in once else once
        unescaped = re.sub(rb"\\+u00([0-9a-fA-F]{2})", lambda match: bytes.fromhex(match[1].decode()), data)
        for how, text, characters, windows in (
            ("as it is", data, rb"[0-9a-f]", raw),
            ("behind %", once, rb"[0-9a-f]", raw),
            ("behind %25", twice, rb"[0-9a-f]", raw),
            ("behind \\u", unescaped, rb"[0-9a-f]", raw),
            ("in hexadecimal", data.lower(), rb"[0-9a-f]", in_hex),
            ("in base64", data.replace(b"-", b"+").replace(b"_", b"/"), rb"[A-Za-z0-9+/]", _windows(encoded, 12)),
        ):
            place = _place(text, characters, windows)
            if place is not None:
                return f"{self.name} {how}: {text[max(0, place - 80) : place + 80]!r}"
        return None


def _windows(parts: Iterable[bytes], size: int) -> set[bytes]:
    """All that is so long in the parts."""
    return {part[at : at + size] for part in parts for at in range(len(part) - size + 1)}


def _is_random(window: bytes) -> bool:
    """Whether it may be of the random part: nobody else's text has it."""
    return all(byte in b"0123456789abcdef" for byte in bytes.fromhex(window.decode()))


def _place(text: bytes, characters: bytes, windows: set[bytes]) -> int | None:
    size = len(next(iter(windows)))
    for match in re.finditer(characters + b"{%d,}" % size, text):
        run = match[0]
        if any(run[at : at + size] in windows for at in range(len(run) - size + 1)):
            return match.start()
    return None


def canary(name: str, shape: str = "kanari-{}") -> Canary:
    """A new one; each ``{}`` of its shape becomes random."""
    return Canary(name, re.sub(r"\{\}", lambda _: secrets.token_hex(8), shape))


class Log(logging.Handler):
    """All that any logger says, with tracebacks, arguments and extra fields."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a record."""
        self.lines.append(self.format(record))
        known = {"exc_info", "args", "msg"}
        self.lines.append(repr({key: value for key, value in vars(record).items() if key not in known}))
        self.lines.append(repr(record.args))


@contextmanager
def everything_logged() -> Iterator[Log]:
    """The whole process's log, from DEBUG up."""
    log, root = Log(), logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(log)
    try:
        yield log
    finally:
        root.removeHandler(log)
        root.setLevel(before)
