"""``caxton.toml``: read, checked, and made into settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from caxton.config import doubts, names
from caxton.config.build import build
from caxton.config.environment import overlay
from caxton.config.kinds import texts_in
from caxton.config.places import Places
from caxton.config.problems import ENVIRONMENT, ConfigProblems, Enough, Problem, Problems, Where, by_line
from caxton.config.settings import Configuration
from caxton.config.source import Document, read
from caxton.config.table import VARIABLES
from caxton.config.walk import TREE, Checked, Node
from caxton.errors import HostError
from caxton.text import safe_name
from caxton.tools.secrets import read_file, references

NAME = "caxton.toml"
"""The file's usual name."""

_SECRETS_FILE: Final = "CAXTON_SECRETS_FILE"


def load(path: str | os.PathLike[str] = NAME, environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration that a file describes, with what the environment says in its place.

    Args:
        path: the file; paths in it are relative to its directory.
        environment: by default the process's.

    Raises:
        ConfigProblems: ``config.invalid``: the first mistake, and how many there are; ``problems`` has all of them.
    """
    configuration, problems = examine(path, environment)
    if configuration is None:
        raise ConfigProblems(problems)
    return configuration


def check(path: str | os.PathLike[str] = NAME, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """Every mistake in a file and in the environment, in the order of the file; of very many the first thousand."""
    return examine(path, environment)[1]


def examine(
    path: str | os.PathLike[str] = NAME, environment: Mapping[str, str] | None = None
) -> tuple[Configuration | None, list[Problem]]:
    """The configuration, or None and its mistakes, of which there is then at least one."""
    variables = os.environ if environment is None else environment
    problems = Problems(os.fspath(path))
    configuration = None
    try:
        document = read(Path(path), problems)
        configuration = _checked(Path(os.path.abspath(path)), document, variables, problems)
    except Enough:
        pass
    found = by_line(problems.found)
    return (None, found) if found else (configuration, [])


def _checked(
    path: Path, document: Document | None, variables: Mapping[str, str], problems: Problems
) -> Configuration | None:
    checked = Checked(document or Document(), problems)
    overlay(checked.values, variables, problems)
    if document is None:
        return None
    try:
        found = build(path, checked)
    except HostError as error:  # the settings' own checks, which the table's should have come before
        problems.add(None, "", safe_name(error.message))
        return None
    _look_at_secrets(found.tools.secrets, variables, checked, problems)
    for one in names.mistakes(found):
        checked.wrong(one.message, one.hint, *one.where)
    if problems.found:
        return None
    given: dict[Where, str] = {setting.keys: name for name, setting in VARIABLES.items() if name in variables}
    places = Places(problems.file, document.lines, given)
    found = replace(found, places=places, secrets=tuple(_secrets(TREE, checked.values, ())))
    return replace(found, warnings=doubts.warnings(found))


def _secrets(node: Node, value: Any, where: Where) -> Iterator[tuple[str, Where]]:
    """The secrets that settings name, with their places."""
    if node.setting is not None:
        for text, at, _ in texts_in(value) if node.setting.kind.secrets else ():
            for name in references(text):
                yield name, (*where, *at)
        return
    for key, one in value.items():
        child = node.keys.get(key) or node.any
        if child is not None:
            yield from _secrets(child, one, (*where, key))


def _look_at_secrets(file: Path | None, variables: Mapping[str, str], checked: Checked, problems: Problems) -> None:
    """Says now what would keep the host from reading its secrets; of what stands there it says nothing."""
    try:
        if file is not None:
            read_file(file)
    except HostError as error:
        if _SECRETS_FILE in variables:
            problems.add(None, _SECRETS_FILE, error.message, file=ENVIRONMENT)
        else:
            checked.wrong(error.message, "", "secrets", "file")
