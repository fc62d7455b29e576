"""The table as a JSON Schema (draft 2020-12), for editors and for whoever writes such files with a program.

It takes every file that is right. What it cannot say (that a time is not too long, that a glob is of use, that a
schema is one) only ``caxton config check`` finds.
"""

from __future__ import annotations

import json
from typing import Any, Final

from caxton.config.shapes import TOOL_NAME
from caxton.config.table import HTTP_KEYS, STDIO_KEYS, Setting
from caxton.config.walk import SERVER_NAME, TREE, Node
from caxton.tools.settings import BUILT_IN

AGENT_NAME: Final = "[a-z0-9][a-z0-9._-]{0,63}"
_NAMES: Final[dict[tuple[str, ...], str]] = {
    ("agents",): f"^{AGENT_NAME}$",
    ("tools",): f"^(?!(?:{'|'.join(BUILT_IN)})$){SERVER_NAME}$",
}


def schema() -> dict[str, Any]:
    """The whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "caxton.toml",
        "description": "A Caxton host: its settings, its tools and its agents.",
        **_node(TREE, ()),
    }


def schema_text() -> str:
    """The schema as it is published: indented JSON, with a line feed at its end."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _node(node: Node, where: tuple[str, ...]) -> dict[str, Any]:
    if node.setting is not None:
        return _leaf(node.setting)
    found: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if node.keys:
        found["properties"] = {key: _node(child, (*where, key)) for key, child in node.keys.items()}
    if node.any is not None:
        found["patternProperties"] = {_NAMES.get(where, TOOL_NAME): _node(node.any, (*where, "*"))}
    return found | _together(where)


def _leaf(setting: Setting) -> dict[str, Any]:
    found = {**setting.kind.schema, "description": setting.help}
    if setting.default is not None:
        value = setting.default
        found["default"] = list(value) if isinstance(value, tuple) else value
    return found


def _together(where: tuple[str, ...]) -> dict[str, Any]:
    """Which keys of a table need or exclude each other."""
    if where == ("tools", "*"):
        return {
            "oneOf": [
                {"required": ["command"], "properties": dict.fromkeys(HTTP_KEYS, False)},
                {"required": ["url"], "properties": dict.fromkeys(STDIO_KEYS, False)},
            ]
        }
    if where == ("agents", "*"):
        return {"oneOf": [{"required": ["module"]}, {"required": ["sha256"]}]}
    if where == ("agents", "*", "rules", "*"):
        return {"dependentRequired": {"burst": ["rate"]}}
    return {}
