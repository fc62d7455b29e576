"""The tools that a server says it has, looked at before anybody else sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from caxton import jsontext
from caxton.text import quoted, safe
from caxton.tools.mcp.clean import Redact, clean_text, clean_value
from caxton.tools.provider import ToolInfo

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import Tool

MAX_TOOLS: Final = 1_000
MAX_PAGES: Final = 200
DEFINITION_LIMIT: Final = 256 << 10
"""Bytes of one tool's definition, as JSON."""

LISTING_LIMIT: Final = 4 << 20
"""Bytes of all definitions of a server."""

_NAME: Final = re.compile(r"[A-Za-z0-9._/-]{1,128}")
_DEFINING: Final = {"name", "title", "description", "input_schema", "output_schema", "annotations"}


class _SecretKeyError(Exception):
    """A key of a definition has a secret in it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One tool: as agents see it, and as its server has defined it."""

    info: ToolInfo
    definition: dict[str, Any]


async def fetch(
    client: Client, server: str, hidden: Mapping[str, Mapping[str, Any]], redact: Redact
) -> tuple[dict[str, Listed], list[str]]:
    """All tools by name (without the server's), and what was left out and why.

    ``hidden``: arguments that the host adds, by tool: they are taken out of the schemas that agents see.

    Raises:
        Exception: the SDK's, of the first page that did not come.
    """
    found: dict[str, Listed] = {}
    remarks: list[str] = []
    room, cursor = LISTING_LIMIT, None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        for tool in page.tools:
            if len(found) >= MAX_TOOLS:
                return found, [*remarks, f"only its first {MAX_TOOLS} tools are known"]
            try:
                data = _data(tool, found, redact)
            except ValueError as error:
                if len(remarks) < 20:
                    remarks.append(f"{_called(tool, redact)} is left out: {error}")
                continue
            room -= len(data)
            if room < 0:
                return found, [*remarks, f"only the first {LISTING_LIMIT} bytes of its tools are known"]
            found[tool.name] = _listed(server, jsontext.loads(data), hidden.get(tool.name, {}))
        if page.next_cursor is None:
            return found, [*remarks, *islice(_strays(server, found, hidden), 20)]
        cursor = page.next_cursor
    return found, [*remarks, f"only the first {MAX_PAGES} pages of its tools are known"]


def _strays(server: str, found: Mapping[str, Listed], hidden: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Arguments that are added to no call, as the server has no tool of that name; and what was perhaps meant."""
    for name, arguments in hidden.items():
        if name in found:
            continue
        hint = ""
        dotted = next((f"{name}.{key}" for key in arguments if f"{name}.{key}" in found), None)
        if dotted is not None:
            hint = f"; a name with a dot stands in quotes: arguments.{quoted(dotted)}"
        elif name.removeprefix(f"{server}.") in found:
            hint = f"; the name is without the server's: {quoted(name.removeprefix(f'{server}.'))}"
        yield f"there is no tool {quoted(name)} for the arguments that are to be added to its calls{hint}"


def _called(tool: Tool, redact: Redact) -> str:
    """A tool for a remark: not by a name that has a secret in it."""
    if _secret_in(redact, tool.name):
        return "a tool"
    return f"the tool {quoted(clean_text(redact, tool.name))}"


def _secret_in(redact: Redact, name: str) -> bool:
    data = name.encode("utf-8", "replace")
    return redact(data) != data


def _secret_key(redact: Redact, value: Any) -> bool:
    """Whether a key somewhere in it has a secret: taken out, it would not be what the server means any more."""
    if isinstance(value, Mapping):
        return any(_secret_in(redact, key) or _secret_key(redact, one) for key, one in value.items())
    return isinstance(value, list) and any(_secret_key(redact, one) for one in value)


def _data(tool: Tool, found: Mapping[str, Listed], redact: Redact) -> bytes:
    """The definition as canonical JSON.

    Raises:
        ValueError: the tool will not do; the message says why.
    """
    if _secret_in(redact, tool.name):
        raise ValueError("its name has a secret in it")
    if not _NAME.fullmatch(tool.name):
        raise ValueError("no tool may have that name")
    if tool.name in found:
        raise ValueError("there is one of that name already")
    definition = tool.model_dump(by_alias=True, mode="json", exclude_none=True, include=_DEFINING)
    try:
        data = canonical(definition)
        if redact(data) != data:
            if _secret_key(redact, definition):
                raise _SecretKeyError
            data = canonical(clean_value(redact, definition))
        jsontext.loads(b"[[[[%b]]]]" % data)  # room for what it will be a part of: the file of pins, agents' lists
    except _SecretKeyError:
        raise ValueError("a key of its definition has a secret in it") from None
    except (TypeError, ValueError, RecursionError) as error:
        said = clean_text(redact, str(error))
        raise ValueError(f"its definition is no acceptable JSON: {safe(said, 200)}") from None
    if len(data) > DEFINITION_LIMIT:
        raise ValueError(f"its definition has more than {DEFINITION_LIMIT} bytes")
    return data


def canonical(definition: Mapping[str, Any]) -> bytes:
    """A definition as JSON that is the same for the same definition: keys in order, no spaces.

    Raises:
        ValueError, TypeError, RecursionError: it is no JSON.
    """
    return jsontext.dumps(_sorted(definition))


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _listed(server: str, definition: dict[str, Any], hidden: Mapping[str, Any]) -> Listed:
    description = definition.get("description", definition.get("title", ""))
    schema = definition.get("inputSchema", {"type": "object"})
    return Listed(ToolInfo(f"{server}.{definition['name']}", description, _without(schema, hidden)), definition)


def _without(schema: dict[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` for those who do not give the arguments that the host gives."""
    if not hidden:
        return schema
    shown = dict(schema)
    if isinstance(properties := shown.get("properties"), dict):
        shown["properties"] = {name: one for name, one in properties.items() if name not in hidden}
    if isinstance(required := shown.get("required"), list):
        shown["required"] = [name for name in required if name not in hidden]
    return shown
