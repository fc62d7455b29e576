"""The environment goes before the file, key by key, and a variable that means nothing is a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.config import load
from caxton.config.table import SETTINGS, VARIABLES
from tests.config.files import Here, written


def test_every_variable(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named by its key, and lands where the key does."""
    monkeypatch.chdir(here.folder)
    environment = {
        "CAXTON_HOST_DATA": "data",
        "CAXTON_HOST_MEMORY": "1_000_000",
        "CAXTON_HOST_WORKERS": "1_0",
        "CAXTON_HOST_SEED": "0",
        "CAXTON_HOST_COMPACT_AFTER": "1m",
        "CAXTON_SECRETS_FILE": str(here.secrets("of-the-host.toml")),
        "CAXTON_TOOLS_HTTP_MAX_BYTES": "1 MiB",
        "CAXTON_TOOLS_HTTP_TIMEOUT": "2.5",
        "CAXTON_TOOLS_HTTP_REDIRECTS": "1",
        "CAXTON_TOOLS_FS_ROOT": "../files",
        "CAXTON_TOOLS_FS_QUOTA": "3",
        "CAXTON_TOOLS_FS_MAX_BYTES": "4",
        "CAXTON_TOOLS_LLM_BASE_URL": "http://127.0.0.1:8000/v1",
        "CAXTON_TOOLS_LLM_MODEL": "large",
        "CAXTON_TOOLS_LLM_KEY": "${secret:KEY}",
        "CAXTON_TOOLS_LLM_TIMEOUT": "3m",
        "CAXTON_TOOLS_LLM_MAX_TOKENS": "5",
        "CAXTON_TOOLS_MEMORY_PATH": "m.db",
        "CAXTON_TOOLS_MEMORY_MAX_BYTES": "6",
    }
    assert environment.keys() == VARIABLES.keys()
    found = here.load("", environment)
    host, tools, folder = found.host, found.tools, here.folder
    assert (host.data, host.memory, host.workers, host.seed) == (folder / "data", 1_000_000, 10, 0)
    assert host.compact_after == 60.0
    assert host.secrets == tools.secrets == folder / "of-the-host.toml"
    assert (tools.http.max_bytes, tools.http.timeout, tools.http.redirects) == (1 << 20, 2.5, 1)
    assert (tools.fs.root, tools.fs.quota, tools.fs.max_bytes) == (folder.parent / "files", 3, 4)
    assert tools.llm is not None
    assert (tools.llm.base_url, tools.llm.model, tools.llm.key) == (
        "http://127.0.0.1:8000/v1",
        "large",
        "${secret:KEY}",
    )
    assert (tools.llm.timeout, tools.llm.max_tokens) == (180.0, 5)
    assert (tools.memory.path, tools.memory.max_bytes) == (folder / "m.db", 6)
    assert tools.pins == folder / "data/pins.json"


def test_it_goes_before_the_file(here: Here) -> None:
    """One key of a table; its others stay."""
    text = "[tools.llm]\nbase_url = 'http://x/'\nmodel = 'small'\nmax_tokens = 7\n[host]\nworkers = 2"
    found = here.load(text, {"CAXTON_TOOLS_LLM_MODEL": "large"})
    assert found.tools.llm is not None
    assert (found.tools.llm.model, found.tools.llm.max_tokens, found.host.workers) == ("large", 7, 2)


def test_a_path_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of who sets the variable; that of the file is relative to the file."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    path = written(tmp_path / "etc", "[tools.fs]\nroot = 'files'")
    found = load(path, {"CAXTON_HOST_DATA": "data"})
    assert (found.host.data, found.tools.fs.root) == (tmp_path / "run/data", tmp_path / "etc/files")


def test_the_process_is_asked_where_nobody_says_otherwise(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default it is the process's environment."""
    monkeypatch.setenv("CAXTON_HOST_WORKERS", "9")
    assert load(written(here.folder, "")).host.workers == 9


WRONG = {
    ("CAXTON_HOST_MEMROY", "1"): "unknown variable; did you mean CAXTON_HOST_MEMORY?",
    ("CAXTON_COLOUR", "1"): "unknown variable",
    ("CAXTON_AGENTS_PLANNER_MODULE", "x"): "unknown variable",
    ("CAXTON_TOOLS_TIME_COMMAND", "x"): "unknown variable",
    ("CAXTON_", ""): "unknown variable",
    ("CAXTON_HOST_WORKERS", "four"): 'wants a whole number from 1 to 1_024, not "four"',
    ("CAXTON_HOST_WORKERS", ""): 'wants a whole number from 1 to 1_024, not ""',
    ("CAXTON_HOST_DATA", ""): 'wants a path, not ""',
    ("CAXTON_HOST_DATA", "${secret:A}"): (
        "a secret may not stand here: only in env, headers, url, arguments and tools.llm.key"
    ),
    ("CAXTON_HOST_DATA", "\udcff"): "not UTF-8",
    ("CAXTON_TOOLS_HTTP_TIMEOUT", "-1"): (
        'wants a time of more than 0 and at most 24h, such as "300ms", "1s" or 2.5, not "-1"'
    ),
    ("CAXTON_TOOLS_LLM_KEY", "k\0"): "has a NUL, which no text may have here",
}


@pytest.mark.parametrize(("variable", "told"), WRONG.items(), ids=[f"{name}={value!r}" for name, value in WRONG])
def test_a_mistake(here: Here, variable: tuple[str, str], told: str) -> None:
    """It is told with the variable, which has no line."""
    assert here.told("", dict([variable])) == [f"environment: {variable[0]}: {told}"]


def test_mistakes_of_the_file_come_first(here: Here) -> None:
    """What is in the file is still looked at."""
    found = here.check("[host]\nworkers = 0", {"CAXTON_HOST_WORKERS": "0"})
    assert [(one.file == "environment", one.line) for one in found] == [(False, 2), (True, None)]


def test_secrets_and_others_variables_are_no_settings(here: Here) -> None:
    """Secrets have variables of their own, and what does not begin with CAXTON_ is nobody's business."""
    environment = {"CAXTON_SECRET_TOKEN": "swordfish", "CAXTON": "x", "caxton_host_data": "x", "HOME": "x"}
    assert here.check("", environment) == []


def test_the_rule() -> None:
    """CAXTON_, the key in capitals, _ for a dot: for what is one value and nobody's own name."""
    for setting in SETTINGS:
        scalar = setting.kind.word in ("text", "path", "size", "time", "whole number", "URL", "rate")
        free = "*" not in setting.path
        assert (setting.variable is not None) == (scalar and free), setting.path
        if setting.variable is not None:
            assert setting.variable == f"CAXTON_{setting.path.upper().replace('.', '_')}"
    assert len(VARIABLES) == len({setting.variable for setting in SETTINGS} - {None})
