"""Kinds of values that have parts: lists, tables of texts, JSON, URLs."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from caxton.agents import globs
from caxton.agents.rules import Rule
from caxton.config.kinds import Kind, Say, named, shown, text, without_secrets
from caxton.config.problems import nearest, quoted
from caxton.errors import CaxtonError
from caxton.jsontext import MAX_DEPTH
from caxton.tools.settings import BUILT_IN, BUILT_IN_TOOLS

_BIG: Final = 1 << 63


# ---- lists ----------------------------------------------------------------------------------------------------------


def texts(item: Kind, *, least: int = 0, what: str = "texts", word: str = "list of texts") -> Kind:
    """A list of texts of one kind; the value is a tuple."""

    def check(value: Any, say: Say) -> Any:
        if not isinstance(value, list):
            say(f"wants a list of {what}, not {shown(value)}")
        elif len(value) < least:
            say(f"wants a list of {what}, with at least {least}")
        else:
            return tuple(item.check(one, inside(say, number)) for number, one in enumerate(value))
        return None

    schema: dict[str, Any] = {"type": "array", "items": item.schema}
    if least:
        schema["minItems"] = least
    return Kind(word, check, schema)


def inside(say: Say, *place: str | int) -> Say:
    """Says things of a place further in."""

    def deeper(message: str, hint: str = "", *at: str | int) -> None:
        say(message, hint, *place, *at)

    return deeper


def words(known: tuple[str, ...]) -> Kind:
    """A list of some of these words, each once at most counted; the value is a tuple in the order of the file."""

    def check(value: Any, say: Say) -> Any:
        if not isinstance(value, list):
            say(f"wants a list of {', '.join(known)}, not {shown(value)}")
            return None
        for number, one in enumerate(value):
            if one not in known:
                meant = nearest(one, known) if isinstance(one, str) else None
                say(f"{shown(one)} is not one of {', '.join(known)}", f"did you mean {meant}?" if meant else "", number)
        return tuple(dict.fromkeys(one for one in value if isinstance(one, str)))

    return Kind(f"list of {', '.join(known)}", check, {"type": "array", "items": {"enum": list(known)}})


_GLOB: Final = text(256, a="a glob of 1 to 256 characters")


def _glob(value: Any, say: Say) -> Any:
    found = _GLOB.check(value, say)
    wrong = "" if found is None else globs.fault(found)
    if wrong:
        say(f"{quoted(found)} is no glob: it {wrong}")
    return found


_FAMILIES: Final = rf"(?:{'|'.join(BUILT_IN)})(?:\.[^*?\[]*)?"
_TOOLS: Final = "|".join(re.escape(name) for name in BUILT_IN_TOOLS)
TOOL_NAME: Final = rf"^(?=[^\u0000]{{1,256}}$)(?:(?:{_TOOLS})$|(?!{_FAMILIES}$){globs.PATTERN}$)"
"""A glob of names of tools, for JSON Schemas: what begins like a built-in tool's is one, or has wild cards."""

GLOBS: Final = texts(
    replace(_GLOB, check=_glob, schema={**_GLOB.schema, "pattern": f"^{globs.PATTERN}$"}),
    what="globs",
    word="list of globs",
)
TOOLS: Final = replace(GLOBS, schema={"type": "array", "items": {"type": "string", "pattern": TOOL_NAME}})
"""Globs of names of tools. Whether they can mean one is for all of the file to say (names.py)."""

_HOST: Final = text(
    300,
    pattern=r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[^\s/:@\[\]]{1,253})(?::(?:[0-9]{1,5}|\*))?",
    a='the name of a host, such as "example.org", "*.example.org:8443" or "[::1]:*"',
)
_PORT: Final = re.compile(r"[^:]:([0-9]+)\Z")


def _host(value: Any, say: Say) -> Any:
    found = _HOST.check(value, say)
    if found is not None:
        port = _PORT.search(found)
        if port is not None and not 0 < int(port[1]) < 65_536:
            say(f"{quoted(found)} has no port from 1 to 65535")
        if found.startswith("["):
            try:
                IPv6Address(found[1 : found.index("]")])
            except ValueError:
                say(f"{quoted(found)} is no IPv6 address")
    return found


_HOST_SCHEMA: Final = {**_HOST.schema, "not": {"pattern": ":(?:0+|[7-9][0-9]{4})$"}}
HOSTS: Final = texts(replace(_HOST, check=_host, schema=_HOST_SCHEMA), what="hosts' names", word="list of hosts")
_PROGRAM: Final = texts(text(32_768, empty=True), least=1, what="the program and its arguments")


def _command(value: Any, say: Say) -> Any:
    found = _PROGRAM.check(value, say)
    if found and found[0] == "":
        say("wants the name of a program", "", 0)
    return found


COMMAND: Final = replace(_PROGRAM, check=_command)


# ---- tables of texts ------------------------------------------------------------------------------------------------


def named_texts(name: str, value: Kind, *, a: str) -> Kind:
    """A table of texts, with names of the pattern ``name``. Secrets may stand in the values."""
    wanted = re.compile(name, re.ASCII)

    def check(found: Any, say: Say) -> Any:
        if not isinstance(found, dict):
            say(f"wants a table of texts, not {named(found)}")
            return None
        for key, one in found.items():
            if not wanted.fullmatch(key):
                say(f"is not {a}", "", key)
            value.check(one, inside(say, key))
        return MappingProxyType(found)

    schema = {"type": "object", "patternProperties": {f"^(?:{name})$": value.schema}, "additionalProperties": False}
    return Kind("table of texts", check, schema, secrets=True)


VARIABLES: Final = named_texts(
    r"[^=\u0000]{1,1024}", text(131_072, empty=True, secrets=True), a="the name of a variable"
)
HEADERS: Final = named_texts(
    r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}",
    text(16_384, empty=True, pattern=r"[^\u0000-\u0008\u000a-\u001f\u007f]*", a="a text of one line", secrets=True),
    a="the name of a header (RFC 9110)",
)


# ---- JSON -----------------------------------------------------------------------------------------------------------


def check_json(value: Any, say: Say, depth: int = 1) -> None:
    """Says what of a TOML value JSON does not have."""
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        say(f"has more than {MAX_DEPTH} levels")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_json(item, inside(say, key), depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            check_json(item, inside(say, number), depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        say(f"{value} is not JSON")
    elif isinstance(value, int) and not -_BIG <= value < _BIG:
        say("has more than 64 bits")
    elif not isinstance(value, str | int | float | bool):
        say("a date or time is not JSON: write it as a text, in quotes")


def _json_table(value: Any, say: Say) -> Any:
    if not isinstance(value, dict):
        say(f"wants a table, not {shown(value)}")
        return None
    check_json(value, say)
    return MappingProxyType(value)


JSON: Final = Kind("table (JSON)", _json_table, {"type": "object"})


def _arguments(value: Any, say: Say) -> Any:
    if not isinstance(value, dict):
        say(f"wants a table of tables, not {named(value)}")
        return None
    for tool, arguments in value.items():
        if not isinstance(arguments, dict):
            say("wants a table of arguments: this is the name of a tool", "", tool)
        else:
            check_json(arguments, inside(say, tool))
    return MappingProxyType(value)


ARGUMENTS: Final = Kind(
    "table of tables (JSON), by tool",
    _arguments,
    {"type": "object", "additionalProperties": {"type": "object"}},
    secrets=True,
)


# ---- others ---------------------------------------------------------------------------------------------------------


def _url(value: Any, say: Say) -> Any:
    if not isinstance(value, str) or not 0 < len(value) <= 4096:
        say(f"wants a URL, not {named(value)}")
        return None
    plain = without_secrets(value)
    try:
        parts = urlsplit(plain)
        good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() for c in plain):
        say("wants a URL such as https://example.org/mcp")
    elif not value.startswith(("http://", "https://")):
        say("wants a URL that begins with http:// or https://")
    elif parts.fragment:
        say("wants a URL without a fragment (#)")
    return value


URL: Final = Kind("URL", _url, {"type": "string", "pattern": "^https?://", "maxLength": 4096}, str, secrets=True)
PLAIN_URL: Final = replace(URL, secrets=False)
"""One in which no secret may stand."""


def _rate(value: Any, say: Say) -> Any:
    try:
        Rule(rate=value)
    except CaxtonError:
        say(f'wants a rate such as "10/s", "100/m", "5/h" or "50/d", not {shown(value)}')
    return value


RATE: Final = Kind("rate", _rate, {"type": "string", "pattern": r"^\s*[0-9]{1,9} ?/ ?[smhd]\s*$"})
