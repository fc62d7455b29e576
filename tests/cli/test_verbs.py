"""The verbs are there, each with help and an example, however the command is called."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import caxton as package
from tests.cli.command import SECONDS, caxton, caxton_each

VERBS = ("new", "build", "dev", "run", "inspect", "check", "wit", "up", "config", "tools", "mcp", "demo", "bench")
BELOW = {"config": ("check", "schema", "keys"), "tools": ("list", "explain", "accept", "audit")}
ALL = (*((verb,) for verb in VERBS), *((verb, below) for verb, names in BELOW.items() for below in names))


def test_help_with_an_example() -> None:
    """--help of each verb, and of those below a verb, has an example that begins with it."""
    for verb, done in zip(ALL, caxton_each([(*verb, "--help") for verb in ALL]), strict=True):
        assert (done.status, done.err) == (0, "")
        assert re.search(rf"(?im)^ *examples?:\n +caxton {' '.join(verb)}\b", done.out.decode()), verb


def test_help_in_short() -> None:
    """-h is --help, of each verb and of the whole."""
    both = caxton_each([(*verb, flag) for verb in ((), *ALL) for flag in ("-h", "--help")])
    for short, long in zip(both[::2], both[1::2], strict=True):
        assert (short.status, short.err, short.out) == (0, "", long.out)


def test_help_of_the_whole() -> None:
    """Without a verb, and with --help, the verbs are listed."""
    bare, asked = caxton(), caxton("--help")
    assert (bare.status, bare.err, bare.out) == (0, "", asked.out)
    assert _listed(asked.out) == VERBS


def test_help_of_a_group() -> None:
    """So it is with a verb that has others below it."""
    for verb, names in BELOW.items():
        bare, asked = caxton_each([(verb,), (verb, "--help")])
        assert (bare.status, bare.err, bare.out) == (0, "", asked.out)
        assert _listed(asked.out) == names


def _listed(text: bytes) -> tuple[str, ...]:
    return tuple(re.findall(r"(?m)^  ([a-z]+)  ", text.decode().partition("Commands:")[2]))


def test_version() -> None:
    """--version is the package's."""
    assert caxton("--version").out.decode() == f"caxton {package.__version__}\n"


def test_console_script() -> None:
    """The console script that packaging installs is the same command."""
    settings = tomllib.loads(Path(__file__, "../../../pyproject.toml").resolve().read_text())
    assert settings["project"]["scripts"] == {"caxton": "caxton.cli:main"}
    code = "import sys; from caxton.cli import main; sys.argv = ['caxton', '--version']; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, caxton("--version").out)
