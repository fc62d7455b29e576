"""What is wrong with a configuration: where it stands, and what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from caxton.errors import HostError
from caxton.text import safe, safe_name

MOST: Final = 1_000
"""Mistakes that are looked for in one file: a hostile one could have a million."""

_LONGEST: Final = 64
_NEAR: Final = 0.7  # memroy is memory, cmd is not cwd
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

ENVIRONMENT: Final = "environment"
"""What stands in the place of a file for what a variable says."""

Where = tuple[str | int, ...]
"""A place in the file: keys, and positions in arrays."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Attributes:
        file: the file as it was named, or ``environment``.
        line: of the key, counted from 1; None where there is none.
        key: the whole key (``agents.planner.limits.memory``), or the variable; empty for the whole file.
        message: what is wrong, safe to print.
        hint: what was perhaps meant, or nothing.
    """

    file: str
    line: int | None
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = ": ".join(part for part in (place, self.key, self.message) if part)
        return f"{text}; {self.hint}" if self.hint else text

    def as_json(self) -> dict[str, Any]:
        """What it says and where: JSON-ready."""
        return {name: getattr(self, name) for name in ("file", "line", "key", "message", "hint")}


class ConfigProblems(HostError):
    """``config.invalid`` for a configuration's mistakes: the message is the first one, ``problems`` has all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = len(problems) - 1
        super().__init__("config.invalid", f"{problems[0]} (and {more} more)" if more else str(problems[0]))
        self.problems = tuple(problems)


class Enough(Exception):
    """So many mistakes that nobody would read more of them."""


class Problems:
    """Collects the mistakes of one file and of the environment."""

    def __init__(self, file: str) -> None:
        self.file = safe_name(file)
        self.found: list[Problem] = []

    def add(self, line: int | None, key: str, message: str, hint: str = "", *, file: str | None = None) -> None:
        """A mistake.

        Raises:
            Enough: it is the last one of so many.
        """
        place = self.file if file is None else file
        self.found.append(Problem(place, line, safe(key, 1000), safe(message, 1000), safe(hint, 1000)))
        if len(self.found) >= MOST:
            raise Enough


P = TypeVar("P", bound=Problem)


def by_line(problems: Iterable[P]) -> list[P]:
    """In the order of the file: what is about all of it comes first, the environment last."""
    return sorted(problems, key=lambda one: (one.file == ENVIRONMENT, one.line or 0))


def key_text(where: Iterable[str | int]) -> str:
    """A place as TOML would write its key: ``agents.planner.rules."http.*"``, and ``tools[0]`` for array items."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _BARE.fullmatch(part) else quoted(part)
            text += f".{shown}" if text else shown
    return text


def quoted(text: str) -> str:
    """A text in double quotes, safe to print."""
    return '"' + safe_name(text).replace('"', '\\"') + '"'


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The one of the known words that was perhaps meant."""
    if len(given) > _LONGEST:
        return None
    words = {word.lower(): word for word in known}
    for wanted in (given.lower(), given.lower().replace("-", "_")):
        found = get_close_matches(wanted, words, n=1, cutoff=_NEAR)
        if found:
            return words[found[0]]
    return None


def meant(given: str, known: Iterable[str]) -> str:
    """``did you mean ...?``, or nothing."""
    word = nearest(given, known)
    return "" if word is None else f"did you mean {word}?"
