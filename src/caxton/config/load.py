"""``caxton.toml``: read, checked, and made into settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from caxton.config.build import build
from caxton.config.environment import PLACE, overlay
from caxton.config.problems import ConfigProblems, Enough, Problem, Problems
from caxton.config.settings import Configuration
from caxton.config.source import Document, read
from caxton.config.walk import Checked
from caxton.errors import HostError
from caxton.text import safe_name
from caxton.tools.secrets import read_file

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
    # By line; what is about the whole file comes first, the environment last.
    found = sorted(problems.found, key=lambda one: (one.file == PLACE, one.line or 0))
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
    return found


def _look_at_secrets(file: Path | None, variables: Mapping[str, str], checked: Checked, problems: Problems) -> None:
    """Says now what would keep the host from reading its secrets; of what stands there it says nothing."""
    try:
        if file is not None:
            read_file(file)
    except HostError as error:
        if _SECRETS_FILE in variables:
            problems.add(None, _SECRETS_FILE, error.message, file=PLACE)
        else:
            checked.wrong(error.message, "", "secrets", "file")
