"""Takes secrets out of what comes back from where they went.

A server may write a secret into a result, an error or a log, as it is or in another form. Found are: the value itself;
written with JSON's or URLs' escapes, any of its characters, up to five times over; its base64 (both alphabets, and
wherever in a longer text it begins); its hexadecimal form. Each becomes ``[secret:NAME]``.

This is against accidents. Whoever has a secret and means to give it away can always write it in a way of his own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from caxton import jsontext

NOTHING: Final = "[...]"
"""What is left where not even a secret's name can be told."""

_ROUNDS: Final = 4
_LONG_LINE: Final = 16
_SHORT: Final = 6
_RUN: Final = re.compile(r"\\+|[^\\]", re.DOTALL)
_DOUBLED: Final = 5
_SHORT_ESCAPES: Final = {'"': '"', "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}

# At most 32 backslashes: a longer run must not be read again from each of its places.
_BACKSLASHES: Final = r"\\\\{0,31}"
_ASCII: Final = re.compile(_BACKSLASHES + r"u00([2-7][0-9a-fA-F])|%(?:25)*([2-7][0-9a-fA-F])")


class Redactor:
    """Knows some secrets and takes them out of texts, bytes and JSON. Threads may share it."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._of_text = self._of_bytes = _Known({}, of_bytes=False)
        self._known_of = 0

    def add(self, name: str, value: str) -> None:
        """Makes a secret known. Texts that were cleaned before stay as they are.

        Raises:
            ValueError: another value has that name.
        """
        if self._secrets.setdefault(name, value) != value:
            raise ValueError(f"there is another secret {name} already")

    @property
    def empty(self) -> bool:
        """Whether it knows no secret."""
        return not self._secrets

    def _known(self, of_bytes: bool) -> _Known:
        count = len(self._secrets)
        if self._known_of != count:  # made anew when it is first used, not for each of many secrets
            secrets = dict(self._secrets)
            self._of_text = _Known(secrets, of_bytes=False)
            is_ascii = "".join(secrets.values()).isascii()
            self._of_bytes = self._of_text if is_ascii else _Known(secrets, of_bytes=True)
            self._known_of = len(secrets)
        return self._of_bytes if of_bytes else self._of_text

    def finds(self, text: str | bytes) -> bool:
        """Whether there is a secret in the text."""
        if not self._secrets:
            return False
        if isinstance(text, str):
            return self._known(False).found_in(text)
        return self._known(True).found_in(text.decode("latin-1"))

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._known(False).removed(text) if self.finds(text) else text

    def data(self, data: bytes) -> bytes:
        """The bytes without secrets. For JSON there is ``json``, which leaves it JSON."""
        if not self.finds(data):
            return data
        return self._known(True).removed(data.decode("latin-1")).encode("latin-1")

    def value(self, value: Any) -> Any:
        """JSON's data without secrets, keys included; the rest as it was."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key) if isinstance(key, str) else key: self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and self.finds(str(value)):
            return self.text(str(value))
        return value

    def json(self, data: bytes) -> bytes:
        """JSON without secrets, and still JSON; the very same bytes where there was none.

        Raises:
            InvalidJson: there is a secret in it, and it is no JSON.
        """
        if not self.finds(data):
            return data
        found = jsontext.dumps(self.value(jsontext.loads(data)))
        # A secret with quotes, commas or brackets in it may also lie across values. Then nothing is left of them.
        return jsontext.dumps(NOTHING) if self.finds(found) else found


class _Needle:
    """One text that is looked for, with each of its characters as it is or escaped."""

    def __init__(self, value: str, name: str, *, of_bytes: bool) -> None:
        self.value = value
        self.name = name
        self._of_bytes = of_bytes
        self._pattern: re.Pattern[str] | None = None
        # Of these an escape can only be one of those that ``_ASCII`` undoes.
        self.is_plain = value.isascii() and value.isprintable() and not set(' "/\\') & set(value)
        more = [f"\\{letter}" for special, letter in _SHORT_ESCAPES.items() if special in value]
        more += ["\\\\"] if "\\" in value else []
        more += ["+"] if " " in value else []
        self._marks = ["\\u", "%", *more]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when it is needed, which for most is never."""
        if self._pattern is None:
            parts = _RUN.findall(self.value)
            self._pattern = re.compile("".join(_characters(part, self._of_bytes) for part in parts))
        return self._pattern

    def found_in(self, text: str, undone: str | None) -> bool:
        if self.is_plain:
            return undone is not None and self.value in undone
        return any(mark in text for mark in self._marks) and self.pattern.search(text) is not None


class _Known:
    """Some secrets in all their forms, for texts, or for bytes (each a character of the same number)."""

    def __init__(self, secrets: Mapping[str, str], *, of_bytes: bool) -> None:
        forms: dict[str, str] = {}
        needles: list[_Needle] = []
        for name, value in secrets.items():
            for needle in _needles(value):
                needles.append(_Needle(needle, name, of_bytes=of_bytes))
                for form in _forms(needle):
                    forms.setdefault(_as_bytes(form) if of_bytes else form, name)
        # Longer ones first: what is a part of another must not spoil it.
        self._forms = sorted(forms.items(), key=lambda one: -len(one[0]))
        self._needles = sorted(needles, key=lambda one: -len(one.value))
        self._shown = {name: f"[secret:{name}]" for name in secrets}
        if any(self.found_in(shown) for shown in self._shown.values()):
            # A secret that is a part of what it would be replaced by.
            self._shown = dict.fromkeys(secrets, NOTHING)

    def found_in(self, text: str) -> bool:
        # Looking for fixed texts is many times faster than any expression; escapes are seldom there to be undone.
        if any(form in text for form, _ in self._forms):
            return True
        undone = _undone(text)
        return any(needle.found_in(text, undone) for needle in self._needles)

    def removed(self, text: str) -> str:
        for _ in range(_ROUNDS):
            for form, name in self._forms:
                text = text.replace(form, self._shown[name])
            undone = _undone(text)
            for needle in self._needles:
                if needle.found_in(text, undone):
                    text = needle.pattern.sub(self._shown[needle.name], text)
            if not self.found_in(text):  # else what was put in made another one, with what stands around it
                return text
        return NOTHING


def _undone(text: str) -> str | None:
    """The text with escapes of ASCII undone; None where there are none."""
    if "\\u00" not in text and "%" not in text:
        return None
    undone, number = _ASCII.subn(lambda match: chr(int(match[1] or match[2], 16)), text)
    return undone if number else None


def _as_bytes(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _needles(value: str) -> Iterator[str]:
    """What is looked for: the value, and of one with several lines each that is long enough to be told from others."""
    yield value
    if value.strip() != value and len(value.strip()) >= _SHORT:
        yield value.strip()
    for line in map(str.strip, value.splitlines()):  # who prints a line likes to take away what nobody sees
        if line != value.strip() and len(line) >= _LONG_LINE and not line.startswith("-----"):
            yield line


def _forms(value: str) -> Iterator[str]:
    """The ways in which the whole value is written by common programs."""
    data = value.encode("utf-8", "surrogateescape")
    yield value
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped, ensure_ascii=False)[1:-1]
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield data.hex()
    yield data.hex().upper()
    for skipped in range(3):
        encoded = base64.b64encode(bytes(skipped) + data).decode()
        # Only characters that are made of nothing but the secret's bits.
        plain = encoded[-(-8 * skipped // 6) : 8 * (skipped + len(data)) // 6]
        for form in (plain, plain.replace("+", "-").replace("/", "_")):
            yield form
            yield form.replace("/", "\\/")
            yield quote(form, safe="")


def _characters(text: str, of_bytes: bool) -> str:
    """An expression for one character, or for a run of backslashes, as it is or escaped.

    JSON inside of JSON has its backslashes escaped again. A run of them is read as a whole: an expression that could
    split it in many ways would try them all. Every alternative begins with a fixed character, which ``re`` finds fast.
    """
    data = text.encode("utf-8", "surrogateescape")
    units = text.encode("utf-16-be", "surrogatepass")
    forms = [re.escape(_as_bytes(text) if of_bytes else text)]
    if text[0] == "\\":
        forms = [re.escape(text * (1 << doubled)) for doubled in range(_DOUBLED, -1, -1)]
    forms.append("".join(_BACKSLASHES + "u" + _hex(units[at : at + 2]) for at in range(0, len(units), 2)))
    forms.append("".join(f"%(?:25)*{_hex(data[at : at + 1])}" for at in range(len(data))))
    if text in _SHORT_ESCAPES:
        forms.append(_BACKSLASHES + _SHORT_ESCAPES[text])
    if text == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _hex(data: bytes) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in data.hex())
