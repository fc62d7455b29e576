"""A project: a folder with ``agent.toml``, which says what the agent is called and what it is written in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from caxton.config.kinds import shown, text
from caxton.config.problems import ConfigProblems, Enough, Problems, key_text, meant
from caxton.config.source import Document, read
from caxton.errors import AgentError, CaxtonError, HostError
from caxton.messages import agent_name
from caxton.text import safe_name
from caxton.toolchain.language import Language
from caxton.toolchain.languages import language

NAME: Final = "agent.toml"
"""The file that makes a folder a project."""

KEYS: Final = ("name", "language", "options")
_TEXT: Final = text(256)


@dataclass(frozen=True, slots=True)
class Project:
    """What ``agent.toml`` says.

    Attributes:
        folder: the project's, absolute, links resolved.
        name: the agent's name; the module is called ``NAME.wasm``.
        options: the language's options, each with its value or its default.
    """

    folder: Path
    name: str
    language: Language
    options: Mapping[str, Any]

    @property
    def module(self) -> Path:
        """Where ``caxton build`` puts the module."""
        return self.folder / f"{self.name}.wasm"


def load_project(folder: Path) -> Project:
    """The project in a folder.

    Raises:
        AgentError: ``agent.bad-name``, the name in ``agent.toml`` can be no agent's, and nothing else is wrong.
        ConfigProblems: ``config.invalid``, there is no project there, or ``agent.toml`` has mistakes; ``problems`` has
            all of them.
    """
    file = folder / NAME
    problems = Problems(str(file))
    project = reader = None
    try:
        document = read(file, problems) if _is_there(file, problems) else None
        if document is not None:
            reader = _Reader(document, problems)
            project = reader.project(folder.resolve())
    except Enough:
        pass
    if len(problems.found) == 1 and reader is not None and reader.bad_name:
        raise AgentError("agent.bad-name", str(problems.found[0]))
    if problems.found:
        raise ConfigProblems(sorted(problems.found, key=lambda one: one.line or 0))
    assert project is not None
    return project


def _is_there(file: Path, problems: Problems) -> bool:
    """Whether there is something to read; what there is instead is a problem."""
    folder = file.parent
    if not folder.is_dir():
        why = "is no folder" if os.path.lexists(folder) else "there is no such folder"
        problems.add(None, "", f"{why}; caxton new makes a project", file=safe_name(str(folder)))
        return False
    try:
        os.lstat(file)
    except FileNotFoundError:
        problems.add(None, "", "is not there, so this folder is no project; caxton new makes one")
        return False
    except (OSError, ValueError):  # which reading it will tell of
        return True
    if Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder)):
        return True
    # A project may come from anybody, and mistakes in what it leads to would be shown.
    problems.add(None, "", "is a link that leads out of the project's folder")
    return False


class _Reader:
    """Takes a document apart, and notes every mistake in it."""

    def __init__(self, document: Document, problems: Problems) -> None:
        self._document = document
        self._problems = problems
        self.bad_name = False

    def project(self, folder: Path) -> Project | None:
        values = self._document.values
        for key in values.keys() - set(KEYS):
            self._wrong("unknown key", meant(key, KEYS), key)
        name, found = self._name(), self._language()
        options = self._options(found) if found is not None else {}
        return None if name is None or found is None else Project(folder, name, found, MappingProxyType(options))

    def _wrong(self, message: str, hint: str, *where: str | int) -> None:
        self._problems.add(self._document.lines.line(where), key_text(where), message, hint)

    def _text(self, key: str) -> str | None:
        value = self._document.values.get(key)
        if value is None:
            self._problems.add(None, key, "is missing")
            return None
        found = _TEXT.read(value, lambda message, hint="", *at: self._wrong(message, hint, key, *at))
        return found if isinstance(found, str) else None

    def _name(self) -> str | None:
        name = self._text("name")
        try:
            return None if name is None else agent_name(name)
        except CaxtonError as error:
            self.bad_name = True
            self._wrong(error.message, "", "name")
            return None

    def _language(self) -> Language | None:
        name = self._text("language")
        try:
            return None if name is None else language(name)
        except HostError as error:
            self._wrong(error.message, "", "language")
            return None

    def _options(self, found: Language) -> dict[str, Any]:
        options = {key: option.default for key, option in found.options.items()}
        given = self._document.values.get("options", {})
        if not isinstance(given, dict):
            self._wrong(f"wants a table, not {shown(given)}", "", "options")
            return options
        for key, value in given.items():
            self._option(found, key, value, options)
        return options

    def _option(self, found: Language, key: str, value: Any, options: dict[str, Any]) -> None:
        option = found.options.get(key)
        if option is None:
            self._wrong(f"{found.title} has no such option", meant(key, found.options), "options", key)
            return
        options[key] = option.kind.read(
            value, lambda message, hint="", *at: self._wrong(message, hint, "options", key, *at)
        )
