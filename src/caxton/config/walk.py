"""A file's values against the table: every key known, every value of its kind; all mistakes are found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from caxton.agents import globs
from caxton.config.kinds import NO_SECRET, SECRET, shown
from caxton.config.problems import Problems, Where, key_text, meant
from caxton.config.source import Document
from caxton.config.table import SETTINGS, Setting
from caxton.errors import AgentError
from caxton.messages import agent_name

SERVER_NAME: Final = "[a-z0-9][a-z0-9_-]{0,63}"
_SERVER: Final = re.compile(SERVER_NAME)
_GLOB_LIMIT: Final = 256


@dataclass(slots=True)
class Node:
    """A level of the table: its keys, and what stands under names that the author gives; or one setting."""

    keys: dict[str, Node] = field(default_factory=dict)
    any: Node | None = None
    setting: Setting | None = None


def _tree() -> Node:
    root = Node()
    for setting in SETTINGS:
        node = root
        for key in setting.keys:
            if key == "*":
                node.any = node = node.any or Node()
            else:
                node = node.keys.setdefault(key, Node())
        node.setting = setting
    return root


TREE: Final = _tree()


class Checked:
    """The checked values of a document, as nested dictionaries; what was wrong is not among them."""

    def __init__(self, document: Document, problems: Problems) -> None:
        self._document = document
        self._problems = problems
        self.values: dict[str, Any] = {}
        self._walk(TREE, document.values, (), self.values)

    def has(self, *where: str) -> bool:
        """Whether there is a value, right or wrong."""
        return _at(self._document.values, where) is not None or self.get(*where) is not None

    def get(self, *where: str) -> Any:
        """A checked value; None where there is none."""
        return _at(self.values, where)

    def wrong(self, message: str, hint: str = "", *where: str | int) -> None:
        """Notes a mistake at a place of the file."""
        self._problems.add(self._document.lines.line(where), key_text(where), message, hint)

    def _walk(self, node: Node, table: Mapping[str, Any], where: Where, found: dict[str, Any]) -> None:
        for key, value in table.items():
            here = (*where, key)
            child = node.keys.get(key)
            if child is None and node.any is not None:
                good, child = self._name(key, here), node.any
                self._value(child, value, here, found if good else {})
            elif child is None:
                self._unknown(node, key, value, here)
            else:
                self._value(child, value, here, found)

    def _value(self, node: Node, value: Any, where: Where, found: dict[str, Any]) -> None:
        key = str(where[-1])
        if node.setting is None:
            if isinstance(value, dict):
                self._walk(node, value, where, found.setdefault(key, {}))
            else:
                self.wrong(f"wants a table, not {shown(value)}", "", *where)
            return
        mistakes = len(self._problems.found)
        read = node.setting.kind.read(value, lambda message, hint="", *at: self.wrong(message, hint, *where, *at))
        if len(self._problems.found) == mistakes:
            found[key] = read

    def _name(self, name: str, where: Where) -> bool:
        """Whether an author's name will do: an agent's, a server's, a glob."""
        if SECRET in name:
            self.wrong(NO_SECRET, "", *where)
        elif len(where) > 2:
            if not 0 < len(name) <= _GLOB_LIMIT:
                self.wrong(f"wants a glob of 1 to {_GLOB_LIMIT} characters", "", *where)
            elif wrong := globs.fault(name):
                self.wrong(f"is no glob: it {wrong}", "", *where)
            else:
                return True
        elif where[0] == "tools":
            if _SERVER.fullmatch(name):
                return True
            why = "is no server's name: 1 to 64 of a-z 0-9 _ -, starting with a letter or a digit"
            self.wrong(why, "", *where)
        else:
            try:
                return bool(agent_name(name))
            except AgentError as error:
                self.wrong(error.message.partition(" is ")[2].join(("is ", "")), "", *where)
        return False

    def _unknown(self, node: Node, key: str, value: Any, where: Where) -> None:
        servers = TREE.keys["tools"].any
        if len(where) == 3 and where[0] == "tools" and servers is not None and key in servers.keys:
            self.wrong(f"unknown key: {where[1]} is built in, and no server", "give the server another name", *where)
            return
        self.wrong("unknown key", _hint(node, key, value, where), *where)


def _hint(node: Node, key: str, value: Any, where: Where) -> str:
    """Where the key belongs, or what was meant by it."""
    inner = [f"{name}.{key}" for name, child in node.keys.items() if key in child.keys]
    if len(inner) == 1:
        return f"did you mean {inner[0]}?"
    if len(where) == 3 and where[0] == "agents" and isinstance(value, dict):
        agent = TREE.keys["agents"].any
        if agent is not None and value.keys() & agent.keys.keys():
            return f"a name with a dot stands in quotes: {key_text((where[0], f'{where[1]}.{key}'))}"
    if len(where) == 5 and "." not in str(where[3]) and isinstance(value, dict) and not meant(key, node.keys):
        whole = key_text((*where[:3], _without_quotes(value, f"{where[3]}.{key}", node)))
        return f"a name with a dot stands in quotes: {whole}"
    return meant(key, node.keys)


def _without_quotes(value: Any, name: str, rule: Node) -> str:
    """A name with dots that TOML has taken for tables in tables."""
    while isinstance(value, dict) and len(value) == 1 and not value.keys() & rule.keys.keys():
        ((key, value),) = value.items()
        if not isinstance(value, dict):
            break
        name = f"{name}.{key}"
    return name


def _at(values: Any, where: tuple[str, ...]) -> Any:
    for key in where:
        values = values.get(key) if isinstance(values, dict) else None
    return values
