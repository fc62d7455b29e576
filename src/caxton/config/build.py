"""From checked values to settings, and the mistakes that only two values together make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.agents.spec import COMPACT_AFTER, Limits, Restart
from caxton.config.settings import AgentSettings, Configuration, HostSettings
from caxton.config.table import HTTP_KEYS, STDIO_KEYS
from caxton.config.walk import Checked
from caxton.messages import AgentName
from caxton.tools.settings import (
    BUILT_IN,
    FsSettings,
    HttpServer,
    HttpSettings,
    LlmSettings,
    MemorySettings,
    Server,
    StdioServer,
    ToolSettings,
)

DATA: Final = ".caxton"
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_GRANTS: Final = ("tools", "peers", "topics", "services", "spawn", "deny")


@dataclass(frozen=True, slots=True)
class _Places:
    """Where paths begin: the file's directory, and the data directory."""

    base: Path
    data: Path

    def path(self, text: str | None) -> Path | None:
        return None if text is None else self.base / text


def build(path: Path, checked: Checked) -> Configuration:
    """The configuration. What does not fit together is noted with ``checked``; then the answer does not count.

    Args:
        path: of the file, absolute.
    """
    host: Mapping[str, Any] = checked.get("host") or {}
    places = _Places(path.parent, path.parent / host.get("data", DATA))
    secrets = places.path(checked.get("secrets", "file"))
    agents: Mapping[str, Any] = checked.get("agents") or {}
    return Configuration(
        path,
        HostSettings(
            places.data,
            host.get("memory"),
            host.get("workers"),
            host.get("seed"),
            secrets,
            host.get("warm", True),
            host.get("compact_after", COMPACT_AFTER),
        ),
        _tools(checked, places, secrets),
        tuple(_agent(checked, places, name, table) for name, table in agents.items()),
    )


# ---- tools ----------------------------------------------------------------------------------------------------------


def _tools(checked: Checked, places: _Places, secrets: Path | None) -> ToolSettings:
    tools: Mapping[str, Any] = checked.get("tools") or {}
    fs = dict(tools.get("fs", {}))
    memory = dict(tools.get("memory", {}))
    fs["root"] = places.path(fs.get("root")) or places.data / "files"
    memory["path"] = places.path(memory.get("path")) or places.data / "memory.db"
    servers = [_server(checked, places, name, table) for name, table in tools.items() if name not in BUILT_IN]
    return ToolSettings(
        servers=tuple(server for server in servers if server is not None),
        http=HttpSettings(**tools.get("http", {})),
        fs=FsSettings(**fs),
        llm=_llm(checked, tools.get("llm", {})),
        memory=MemorySettings(**memory),
        pins=places.data / "pins.json",
        audit=places.data / "audit.db",
        secrets=secrets,
    )


def _llm(checked: Checked, table: Mapping[str, Any]) -> LlmSettings | None:
    if checked.get("tools", "llm") is None:
        return None
    missing = [key for key in ("base_url", "model") if not checked.has("tools", "llm", key)]
    if missing:
        checked.wrong(f"wants {' and '.join(missing)}", "", "tools", "llm")
    return LlmSettings(**table) if {"base_url", "model"} <= table.keys() else None


def _server(checked: Checked, places: _Places, name: str, table: Mapping[str, Any]) -> Server | None:
    here = ("tools", name)
    command, url = (checked.has(*here, key) for key in ("command", "url"))
    if command == url:
        checked.wrong("wants either command or url" if command else "wants a command or a url", "", *here)
        return None
    strange, other = (HTTP_KEYS, "url") if command else (STDIO_KEYS, "command")
    for key in strange:
        if checked.has(*here, key):
            checked.wrong(f"belongs to a server with {other}", "", *here, key)
    if not {"command", "url"} & table.keys():
        return None  # it is wrong, which has been said
    kept = {key: value for key, value in table.items() if key not in strange}
    if command:
        return StdioServer(name, **kept | {"cwd": places.path(table.get("cwd")) or places.base})
    return HttpServer(name, **kept)


# ---- agents ---------------------------------------------------------------------------------------------------------


def _agent(checked: Checked, places: _Places, name: str, table: Mapping[str, Any]) -> AgentSettings:
    here = ("agents", name)
    module, sha256 = (checked.has(*here, key) for key in ("module", "sha256"))
    if module == sha256:
        checked.wrong("wants either module or sha256" if module else "wants a module or a sha256", "", *here)
    stored = table.get("sha256")
    given = table.get("rules", {})
    rules = {glob: _rule(checked, places, (*here, "rules", glob), rule) for glob, rule in given.items()}
    return AgentSettings(
        name=AgentName(name),
        module=places.path(table.get("module")),
        sha256=None if stored is None else stored.lower(),
        params=table.get("params", NOTHING),
        limits=_limits(checked, here, table),
        grants=Grants(**{key: table[key] for key in _GRANTS if key in table}, rules=rules),
        restart=Restart(**table.get("restart", {})),
        features=table.get("features", ()),
        warm=table.get("warm"),
        description=table.get("description", ""),
        input_schema=table.get("input"),
        expose=table.get("expose", False),
    )


def _limits(checked: Checked, here: tuple[str, ...], table: Mapping[str, Any]) -> Limits:
    limits = dict(table.get("limits", {}))
    if checked.has(*here, "mailbox", "capacity"):
        if checked.has(*here, "limits", "mailbox"):
            checked.wrong("is the same as limits.mailbox: give one of them", "", *here, "mailbox", "capacity")
        limits["mailbox"] = table.get("mailbox", {}).get("capacity", 1)
    return Limits(**limits)


def _rule(checked: Checked, places: _Places, here: tuple[str, ...], table: Mapping[str, Any]) -> Rule:
    found = dict(table)
    if "root" in found:
        found["root"] = str(places.path(found["root"]))
    if checked.has(*here, "burst") and not checked.has(*here, "rate"):
        checked.wrong("wants a rate beside it", "", *here, "burst")
    if "rate" not in found:
        found.pop("burst", None)
    return Rule(**found)
