"""Whatever the path names and the file holds, reading it ends soon, with a mistake that says why."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caxton.config import check
from caxton.config.load import examine
from caxton.config.problems import MOST
from caxton.config.source import SIZE_LIMIT
from tests.config.files import NOTHING, Here, written


def _only(path: Path) -> str:
    (problem,) = check(path, NOTHING)
    assert problem.key == ""
    return str(problem).removeprefix(f"{path.parent}/")


def test_it_is_not_there(tmp_path: Path) -> None:
    """The system's own words."""
    assert _only(tmp_path / "caxton.toml") == "caxton.toml: No such file or directory"


def test_it_is_a_directory(tmp_path: Path) -> None:
    """Which can be opened, but not read."""
    assert _only(tmp_path) == f"{tmp_path.name}: it is a directory"


def test_it_is_a_pipe(tmp_path: Path) -> None:
    """One that nobody writes to keeps nobody waiting, and one that somebody writes to is not read."""
    path = tmp_path / "caxton.toml"
    os.mkfifo(path)
    assert _only(path) == "caxton.toml: it is not a regular file"
    writer = threading.Thread(target=lambda: os.close(os.open(path, os.O_WRONLY)))
    writer.start()
    while writer.is_alive():
        assert _only(path) == "caxton.toml: it is not a regular file"
    writer.join()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_it_is_a_device(device: str) -> None:
    """One without an end among them."""
    assert (
        "not a regular file" in _only(Path(device))
        or not os.access(device, os.R_OK)
        or "No such" in _only(Path(device))
    )


def test_a_link_is_followed_and_paths_begin_where_it_lies(tmp_path: Path) -> None:
    """A link's own folder is where the configuration is."""
    (tmp_path / "far").mkdir()
    target = written(tmp_path / "far", "[agents.a]\nmodule = 'a.wasm'")
    (tmp_path / "caxton.toml").symlink_to(target)
    found, _ = examine(tmp_path / "caxton.toml", NOTHING)
    assert found is not None
    assert found.agents[0].module == tmp_path / "a.wasm"


def test_a_link_to_itself(tmp_path: Path) -> None:
    """It leads nowhere."""
    (tmp_path / "caxton.toml").symlink_to(tmp_path / "caxton.toml")
    assert _only(tmp_path / "caxton.toml") == "caxton.toml: Too many levels of symbolic links"


def test_a_name_that_no_file_has() -> None:
    """NUL in a path is no crash."""
    (problem,) = check("a\0b", NOTHING)
    assert problem.file == "a\\x00b"


def test_its_size(tmp_path: Path) -> None:
    """A mebibyte is read, a byte more is not."""
    path = written(tmp_path, "#" * SIZE_LIMIT)
    assert check(path, NOTHING) == []
    path.write_text("#" * (SIZE_LIMIT + 1))
    assert _only(path) == "caxton.toml: it has more than 1 MiB"


def test_what_is_not_utf8(tmp_path: Path) -> None:
    """The line is told."""
    path = tmp_path / "caxton.toml"
    path.write_bytes(b"[host]\n# fine\ndata = '\xff'\n")
    assert _only(path) == "caxton.toml:3: not UTF-8"


def test_its_depth(here: Here) -> None:
    """Levels are bounded, where they are."""
    assert here.told("[host]\nx = " + "[" * 100_000) == ["caxton.toml:2: more than 40 levels"]
    assert here.told("a" + ".a" * 400_000 + " = 1") == ["caxton.toml:1: more than 40 levels"]


@pytest.mark.parametrize("text", ["fuel = {}", "fuel = -{}", "x = [\n1, # {}\n{}]", "x = { y = {} }"])
def test_a_number_of_thousands_of_digits(here: Here, text: str) -> None:
    """It is refused before it is read, with its line; in a text or a comment so many digits are no matter."""
    text = text.replace("{ y = {} }", "{ y = DIGITS }").replace("{}", "DIGITS")
    lines = f"# {'9' * 5_000}\n[host]\n{text}\n".replace("DIGITS", "9" * 5_000)
    line = 2 + text.count("\n") + 1
    assert here.told(lines) == [f"caxton.toml:{line}: a number of more than 1,000 digits"]


SLOW = {
    "unknown keys": "\n".join(f"memroy{number} = 1" for number in range(60_000)),
    "unknown long keys": "\n".join("k" * 10_000 + f"{number} = 1" for number in range(100)),
    "agents without modules": "\n".join(f"[agents.a{number}]" for number in range(50_000)),
    "agents": "\n".join(f"[agents.a{number}]\nmodule = 'x'" for number in range(8_000)),
    "one agent's tools": "[agents.a]\nmodule='x'\ntools = [" + "'a'," * 250_000 + "]",
    "wrong tools": "[agents.a]\nmodule='x'\ntools = [" + "1," * 500_000 + "]",
    "rules": "[agents.a]\nmodule='x'\n" + "\n".join(f"rules.t{n}.rate = '1/s'" for n in range(40_000)),
    "parameters": "[agents.a]\nmodule='x'\nparams.x = [" + "{a=1}," * 170_000 + "]",
    "rules and tools": "[agents.a]\nmodule='x'\ntools = ["
    + "".join(f"'{'*a' * 100}*{n}'," for n in range(2_000))
    + "]\n"
    + "\n".join(f"rules.'{'*b' * 100}*{n}'.rate = '1/s'" for n in range(2_000)),
    "globs of built-in tools": "[agents.a]\nmodule='x'\ntools = ["
    + "".join(f"'fs.{'*' * (n % 200)}?{'*' * (n // 200)}'," for n in range(4_000))
    + "]",
    "servers and globs": "\n".join(f"[tools.a{n}]\ncommand=['x']" for n in range(10_000))
    + "\n[agents.a]\nmodule='x'\ntools = ["
    + "".join(f"'*a{n}'," for n in range(40_000))
    + "]",
    "peers": "\n".join(f"[agents.a{n}]\nmodule='x'" for n in range(1_000))
    + "\n[agents.a]\nmodule='x'\npeers = ["
    + "".join(f"'?b{n}'," for n in range(60_000))
    + "]",
    "a schema": "[agents.a]\nmodule='x'\nrules.t.arguments.enum = [" + "1.5," * 100_000 + "2]",
    "names of two kinds": "[agents.a]\nmodule='x'\nrules.t.arguments.required = [" + "1,'a'," * 150_000 + "]",
    "the same": "[agents.a]\nmodule='x'\ninput.type='object'\ninput.required = [" + "1,'a'," * 150_000 + "]",
    "properties": "[agents.a]\nmodule='x'\n[agents.a.input]\ntype='object'\n"
    + "\n".join(f"properties.a{number}.type = 'string'" for number in range(8_000)),
    "a pattern": "[agents.a]\nmodule='x'\ninput.type='object'\ninput.pattern = '" + "(" * 500_000 + "'",
    "branches": "[agents.a]\nmodule='x'\nrules.t.arguments.pattern = '" + "a|" * 100_000 + "'",
    "branches of another": "[agents.a]\nmodule='x'\ninput.type='object'\ninput.pattern = '" + "a|" * 100_000 + "'",
    "a rule's pattern": "[agents.a]\nmodule='x'\nrules.t.arguments.pattern = '" + "(" * 500_000 + "'",
    "secrets": "[agents.a]\nmodule='" + "${secret:A}" * 90_000 + "'",
    "secrets of a header": "[tools.a]\nurl='http://x/'\nheaders.a='" + "${secret" * 120_000 + "'",
    "servers": "\n".join(f"[tools.a{number}]\ncommand=['x']" for number in range(30_000)),
    "a URL": "[tools.a]\nurl='http://" + "[" * 1_000_000 + "'",
    "digits": "[host]\nmemory = '" + "1" * 1_000_000 + "'",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_a_megabyte_of_anything(here: Here, text: str) -> None:
    """However it is filled, it is read in seconds, and few mistakes are told."""
    assert len(text) <= SIZE_LIMIT
    began = time.process_time()
    assert len(here.check(text)) <= MOST
    assert time.process_time() - began < 30


_VALUES = st.recursive(
    st.sampled_from(["1", "-1", "true", "'x'", "'${secret:A}'", "'1 MiB'", "'1s'", "1979-05-27", "nan", '""', "1e400"]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(st.sampled_from("ab"), inner), max_size=2, unique_by=lambda pair: pair[0]).map(
            lambda items: "{" + ", ".join(f"{key} = {value}" for key, value in items) + "}"
        )
    ),
    max_leaves=4,
)
_HEADERS = ["host", "secrets", "tools", "tools.http", "tools.llm", "tools.a", "agents", "agents.a", "agents.A", "x"]
_KEYS = ["data", "memory", "file", "url", "command", "env", "key", "model", "module", "limits", "rules", "rules.a.rate"]
_MORE = [
    "params",
    "input",
    "mailbox",
    "mailbox.capacity",
    "restart",
    "tools",
    "a",
    "a.b.c",
    "'${secret:A}'",
    "arguments",
]
_DOCUMENTS = st.lists(
    st.tuples(st.sampled_from(_HEADERS), st.lists(st.tuples(st.sampled_from([*_KEYS, *_MORE]), _VALUES), max_size=4)),
    max_size=4,
).map(lambda tables: "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in pairs) for name, pairs in tables))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_DOCUMENTS)
def test_any_values_under_any_keys(here: Here, text: str) -> None:
    """Either settings or mistakes, never both or neither; every mistake has a line of the file."""
    configuration, problems = examine(written(here.folder, text), NOTHING)
    assert (configuration is None) == bool(problems)
    for problem in problems:
        assert problem.line is not None
        assert 1 <= problem.line <= text.count("\n") + 1
        assert "nternal" not in problem.message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes(here: Here, data: bytes) -> None:
    """Whatever they are."""
    path = here.folder / "caxton.toml"
    path.write_bytes(data)
    configuration, problems = examine(path, NOTHING)
    assert (configuration is None) == bool(problems)
