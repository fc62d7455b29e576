"""The page about the command line has every verb and every option that there is, and no other."""

from __future__ import annotations

import argparse
import re
from typing import Any

import pytest
from typer.main import get_command

from caxton.bench.command import _parser
from caxton.cli import usage, verbs, verbs_build, verbs_host
from caxton.cli.app import app
from caxton.errors import CODES, exit_status
from tests.docs.pages import REFERENCE, plain, read

PAGE = read(REFERENCE / "cli.md")
VERBS_ARE_IN = (verbs, verbs_build, verbs_host)  # importing them is what makes the verbs known
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
BELOW: dict[str, Any] = {
    f"{verb} {name}": command
    for verb, group in COMMANDS.items()
    for name, command in getattr(group, "commands", {}).items()
}
"""The verbs below a verb: ``config check``, say."""


def _named(verb: str) -> list[str]:
    """The options and arguments of a verb's table, in its order."""
    return [plain(row[0]) for row in PAGE.rows(f"caxton {verb}")]


def _of_typer(verb: str) -> list[str]:
    found = []
    for parameter in (COMMANDS | BELOW)[verb].params:
        metavar = parameter.metavar or ""
        if parameter.param_type_name == "argument":
            found.append(metavar)
        else:
            found.append(f"{parameter.opts[0]} {metavar}".strip())
    return found


def _of_argparse(parser: argparse.ArgumentParser) -> list[str]:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    return [f"{action.option_strings[0]} {_metavar(action)}".strip() for action in actions]


def _metavar(action: argparse.Action) -> str:
    name = "" if action.metavar is None else str(action.metavar)
    return f"[{name}]" if action.nargs == "?" else name


@pytest.mark.parametrize("verb", [*(verb for verb in usage.VERBS if verb != "bench"), *BELOW])
def test_every_option_of_a_verb(verb: str) -> None:
    """The table of a verb has its arguments and options, with what they take."""
    assert sorted(_named(verb)) == sorted(_of_typer(verb))


def test_every_option_of_bench() -> None:
    """The benchmark's options are read by its own parser; the table has those."""
    assert _named("bench") == _of_argparse(_parser())


def test_every_verb() -> None:
    """There is a section for each verb, and those to come are named."""
    sections = {heading.removeprefix("caxton ") for heading in PAGE.headings() if heading.startswith("caxton ")}
    later = re.findall(r"`([a-z-]+)`", " ".join(PAGE.section("Verbs of later versions")))
    assert sections == set(COMMANDS) | set(BELOW)
    assert set(usage.VERBS) == set(COMMANDS)
    assert tuple(later) == usage.LATER


def test_exit_statuses() -> None:
    """The page gives each group of codes the exit status that it has."""
    rows = {row[0]: re.findall(r"`(\w+)\.\*`", row[1]) for row in PAGE.rows("The command line")}
    for group, names in CODES.items():
        status = str(exit_status(f"{group}.{next(iter(names))}"))
        assert group in rows[status] or (status == "6" and rows["6"] == [])
