"""What the arguments of ``caxton run`` mean: checked, and with every file that they name read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from caxton import jsontext
from caxton.agents.grants import Grants
from caxton.agents.spec import Limits
from caxton.agents.units import seconds, size
from caxton.errors import HostError
from caxton.text import safe_name

STUB_SIZE: Final = 8 << 20
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d[\d_]{0,30}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Job:
    """What ``caxton run`` is to do. ``clock`` is Unix time in seconds; ``stubs`` are tools' names and their JSON;
    ``config`` is the file that has the tools; ``trace_calls``: host calls are shown;
    ``profile``, ``flamegraph``: the files for a profile;
    ``coredump``: that for a core dump; ``event``: what each JSON object calls itself, where there are others beside."""

    module: Path
    messages: Sequence[bytes]
    limits: Limits
    grants: Grants
    stubs: dict[str, bytes]
    params: dict[str, Any]
    seed: int | None
    clock: float | None
    json: bool
    config: Path | None = None
    trace_calls: bool = False
    profile: Path | None = None
    flamegraph: Path | None = None
    coredump: Path | None = None
    event: str | None = None


def invalid(message: str) -> HostError:
    """The error for an argument that will not do."""
    return HostError("config.invalid", message)


def path(text: str, what: str = "MODULE") -> Path:
    """A file's path. Never text that is a module itself, which a Python program may pass.

    Raises:
        HostError: ``config.invalid``, it is empty.
    """
    if not text:
        raise invalid(f"{what} is empty")
    return Path(text)


def limits(memory: str | None, fuel: str | None, deadline: str | None) -> Limits:
    """The limits that these texts stand for; the contract's defaults where there is none.

    Raises:
        HostError: ``config.invalid``.
    """
    given: dict[str, Any] = {}
    if memory is not None:
        given["memory"] = size(memory, "--memory")
    if fuel is not None:
        given["fuel"] = whole(fuel, "--fuel")
    if deadline is not None:
        # A bare number is seconds, as in Python.
        given["deadline"] = float(deadline) if _NUMBER.fullmatch(deadline) else seconds(deadline, "--deadline")
    try:
        return Limits(**given)
    except HostError as error:
        raise invalid(error.message.replace("limits.", "--", 1)) from None


def whole(text: str, option: str) -> int:
    """A whole number.

    Raises:
        HostError: ``config.invalid``.
    """
    if not _WHOLE.fullmatch(text):
        raise invalid(f"{option}: {safe_name(repr(text))} is not a whole number")
    return int(text.replace("_", ""))


def moment(text: str) -> float:
    """Unix time in seconds, from an RFC 3339 time.

    Raises:
        HostError: ``config.invalid``.
    """
    try:
        if _RFC3339.fullmatch(text):
            # An agent reads milliseconds that are not negative; 2**53 of them is what everybody can count.
            found = datetime.fromisoformat(text.upper()).timestamp()
            if found >= 0:
                return found
    except (ValueError, OverflowError):
        pass
    raise invalid(f"--clock: {safe_name(repr(text))} is no time since 1970 such as 2026-01-31T12:00:00Z")


def pairs(given: Iterable[str], option: str, example: str) -> dict[str, str]:
    """``K=V`` texts as a dictionary.

    Raises:
        HostError: ``config.invalid``, one is something else, or a key comes twice.
    """
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise invalid(f"{option}: {safe_name(repr(text))} is not {example}")
        if key in found:
            raise invalid(f"{option}: {safe_name(key)} is given twice")
        found[key] = value
    return found


def params(given: Iterable[str]) -> dict[str, Any]:
    """The agent's parameters: a value is JSON where it is, else text.

    Raises:
        HostError: ``config.invalid``.
    """
    return {key: _json_or_text(value) for key, value in pairs(given, "--param", "K=V").items()}


def _json_or_text(value: str) -> Any:
    try:
        return jsontext.loads(value)
    except jsontext.InvalidJson:
        return os.fsencode(value).decode("utf-8", "replace")


def stubs(given: Iterable[str]) -> dict[str, bytes]:
    """Tools, each with the JSON that its file holds; what is no JSON is a JSON text.

    Raises:
        HostError: ``config.invalid``.
    """
    return {name: _stub(name, file) for name, file in pairs(given, "--stub", "TOOL=FILE").items()}


def _stub(name: str, file: str) -> bytes:
    data = read_file(file, STUB_SIZE, "--stub")
    if len(data) > STUB_SIZE:
        raise invalid(f"--stub: {safe_name(file)} has more than {STUB_SIZE >> 20} MiB")
    try:
        jsontext.loads(data)
    except jsontext.InvalidJson:
        return jsontext.dumps(data.decode("utf-8", "replace"))
    return data


def messages(order: Iterable[str], texts: Sequence[str], files: Sequence[str], most: int) -> list[bytes]:
    """The messages, in the order in which the options stand; one empty message where there is none.

    Args:
        order: ``message`` and ``message_file``, as often as they were given.
        most: bytes that one message may have; of a longer one that many and one are read, and the host refuses it.

    Raises:
        HostError: ``config.invalid``.
    """
    if files.count("-") > 1:
        raise invalid("--message-file: standard input can be read once")
    text, file = iter(texts), iter(files)
    found = [
        os.fsencode(next(text)) if which == "message" else read_file(next(file), most, "--message-file")
        for which in order
    ]
    return found or [b""]


def read_file(path: str, most: int, option: str) -> bytes:
    """At most ``most`` bytes of a file and one more; ``-`` is standard input.

    Raises:
        HostError: ``config.invalid``.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                raise invalid(f"{option}: standard input is closed")
            return sys.stdin.buffer.read(most + 1)
        with open(path, "rb") as file:
            return file.read(most + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        name = "standard input" if path == "-" else safe_name(path)
        raise invalid(f"{option}: {name}: {why}") from None


def grants(tools: Iterable[str], stubs: Iterable[str]) -> Grants:
    """The tools that may be called: those named, as globs, and every stub.

    Raises:
        HostError: ``config.invalid``.
    """
    try:
        return Grants(tools=[*tools, *stubs])  # no tool's name has a character that means something in a glob
    except HostError as error:
        raise invalid(error.message.replace("grants.tools", "--grant", 1)) from None
