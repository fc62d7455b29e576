"""The table is whole: every setting of every class has its key, with the range and the default that the class has."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import pytest

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.agents.spec import Limits, Restart
from caxton.config import AgentSettings, HostSettings
from caxton.config.table import FEATURES, SETTINGS, Setting
from caxton.errors import HostError
from caxton.sandbox import engine
from caxton.tools.settings import FsSettings, HttpServer, HttpSettings, LlmSettings, MemorySettings, StdioServer
from tests.config.files import Here

BY_PATH = {setting.path: setting for setting in SETTINGS}


def _keys(prefix: str) -> set[str]:
    return {path.removeprefix(f"{prefix}.") for path in BY_PATH if path.startswith(f"{prefix}.")}


def _fields(*kinds: Any) -> set[str]:
    return {field.name for kind in kinds for field in fields(kind)}


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("agents.*.limits", Limits),
        ("agents.*.restart", Restart),
        ("agents.*.rules.*", Rule),
        ("tools.http", HttpSettings),
        ("tools.fs", FsSettings),
        ("tools.llm", LlmSettings),
        ("tools.memory", MemorySettings),
    ],
)
def test_every_field_is_a_key(prefix: str, kind: Any) -> None:
    """No more, and no less; and its default is the field's."""
    assert _keys(prefix) == _fields(kind)
    for field in fields(kind):
        default = BY_PATH[f"{prefix}.{field.name}"].default
        assert default == (None if field.default is MISSING else field.default)


def test_servers_and_agents() -> None:
    """What is not a key of the same name is known by another."""
    assert _keys("tools.*") == _fields(StdioServer, HttpServer) - {"name"}
    agent = {key.partition(".")[0] for key in _keys("agents.*")}
    named = {"grants", "name", "input_schema"}
    assert agent == (_fields(AgentSettings) - named) | (_fields(Grants)) | {"input", "mailbox", "durable"}
    assert _keys("host") == _fields(HostSettings) - {"secrets"}


def test_features() -> None:
    """They are the engine's."""
    assert FEATURES == engine.FEATURES


def test_every_key_is_explained() -> None:
    """By a sentence."""
    for setting in SETTINGS:
        assert setting.help[0].isupper() or setting.help[0] == "`", setting.path
        assert setting.help.endswith((".", "`.")), setting.path
    assert len(BY_PATH) == len(SETTINGS)


def _bounds(setting: Setting) -> tuple[Any, Any] | None:
    schema = setting.kind.schema.get("anyOf", [setting.kind.schema])[0]
    if "maximum" not in schema:
        return None
    return schema.get("minimum", schema.get("exclusiveMinimum")), schema["maximum"]


def _takes(kind: Any, name: str, value: Any) -> bool:
    more = {"rate": "1/s"} if name == "burst" else {}
    try:
        kind(**{name: value}, **more)
    except HostError:
        return False
    return True


@pytest.mark.parametrize(
    ("prefix", "kind"), [("agents.*.limits", Limits), ("agents.*.restart", Restart), ("agents.*.rules.*", Rule)]
)
def test_ranges_are_those_of_the_class(prefix: str, kind: Any) -> None:
    """What the table takes the class takes; one less and one more neither does, but for times, which have no end."""
    looked_at = 0
    for name in _keys(prefix):
        setting = BY_PATH[f"{prefix}.{name}"]
        bounds = _bounds(setting)
        if bounds is None:
            continue
        looked_at += 1
        low, high = bounds
        exclusive = "exclusiveMinimum" in str(setting.kind.schema)
        assert _takes(kind, name, low) is not exclusive, name
        assert _takes(kind, name, high), name
        assert not _takes(kind, name, low - 1), name
        if setting.kind.word != "time" or exclusive:
            assert not _takes(kind, name, high + 1), name
    assert looked_at >= 2


def _pair(setting: Setting, start: int) -> str | None:
    """``key = default`` where the page has the default as TOML; the key without so many of its first parts."""
    text = setting.default_text()
    is_code = text.startswith("`") and text.endswith("`") and text.count("`") == 2
    return f"{'.'.join(setting.keys[start:])} = {text[1:-1]}" if is_code else None


def test_a_default_can_be_written(here: Here) -> None:
    """What the page says of a default can stand in a file, and means the same as nothing."""
    needed = "tools.llm.base_url = 'http://x/'\ntools.llm.model = 'm'\n"
    pairs = [pair for setting in SETTINGS if "*" not in setting.path and (pair := _pair(setting, 0))]
    assert here.load(needed + "\n".join(pairs)) == here.load(needed)
    assert len(pairs) >= 10


@pytest.mark.parametrize(
    ("table", "needed", "others"),
    [
        ("agents", "module = 'x'", "limits.mailbox "),
        ("tools", "command = ['x']", "headers "),
        ("tools", "url = 'http://x/'", "env "),
    ],
)
def test_a_named_ones_default_can_be_written(here: Here, table: str, needed: str, others: str) -> None:
    """The same of an agent and of servers, but for what does not go together."""
    plain = f"[{table}.a]\n{needed}\n"
    settings = [one for one in SETTINGS if one.keys[:2] == (table, "*") and "rules" not in one.keys]
    pairs = [pair for one in settings if (pair := _pair(one, 2)) and not pair.startswith(others)]
    assert here.load(plain + "\n".join(pairs)) == here.load(plain)
    assert len(pairs) >= 4
