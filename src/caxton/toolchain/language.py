"""What a language is to the toolchain: one class per language, in ``languages/``.

It knows how to find its compiler, what to say where there is none, and the commands that make a module of a project.
Everything else (placing the module, debug information, wasm-opt, sizes) is done once, for all of them (building.py).
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from caxton.config.kinds import Kind
from caxton.errors import HostError
from caxton.toolchain import running
from caxton.toolchain.files import find
from caxton.toolchain.machine import Machine

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Option:
    """A key of ``[options]`` in a project's ``agent.toml``: what it takes, what it is without, what it means."""

    kind: Kind
    default: Any
    meaning: str


@dataclass(frozen=True, slots=True)
class Tools:
    """A toolchain that was found.

    Attributes:
        command: the compiler, and the arguments that it always has.
        version: as it names itself; for people.
        environment: variables that it needs.
        more: whatever else the language's own ``build`` wants to know.
    """

    command: tuple[str, ...]
    version: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """One build: what is built, how, and where the result goes.

    Attributes:
        folder: the project's folder, absolute, links resolved.
        name: the agent's name.
        options: the language's options, each with its value or its default.
        output: where the module is to be written: outside the project, not there yet.
        cache: a folder that stays between builds of this project; its content is the language's own.
        aside: an empty folder that goes when the build ends.
        debug: whether debug information is wanted (DWARF in the module, or a source map at ``source_map``).
        optimize: ``size`` or ``speed`` where the user has said so: also the compiler's own choice.
        machine: finds programs and packages.
    """

    folder: Path
    name: str
    options: Mapping[str, Any]
    output: Path
    cache: Path
    aside: Path
    debug: bool = False
    optimize: str | None = None
    machine: Machine = field(default_factory=Machine)

    @property
    def source_map(self) -> Path:
        """Where a source map is to be written, if the language has one: beside the module."""
        return self.output.with_name(self.output.name + ".map")

    def sources(self, place: str, *suffixes: str) -> list[str]:
        """The files below ``place`` (a folder of the project) whose names end so, relative to the project, sorted.

        Raises:
            HostError: ``config.invalid``, there is none, or there are too many.
        """
        found = find(self.folder / place, suffixes, frozenset({"node_modules"}))
        if not found:
            kinds = " or ".join(suffixes)
            raise HostError("config.invalid", f"there is nothing to build: no {kinds} file in {place}/")
        return [str(path.relative_to(self.folder)) for path in found]

    def run(
        self,
        command: Sequence[str | os.PathLike[str]],
        what: str,
        environment: Mapping[str, str] = NOTHING,
        folder: Path | None = None,
    ) -> str:
        """Runs a command, in the project's folder if in no other; answers what it has printed.

        Raises:
            ToolchainError: ``toolchain.failed``.
        """
        return running.run(command, what=what, folder=folder or self.folder, more=environment)


class Language(ABC):
    """A language in which agents can be written."""

    name: ClassVar[str]
    """As ``caxton new`` and ``agent.toml`` have it."""

    title: ClassVar[str]
    """As people write it."""

    options: ClassVar[Mapping[str, Option]] = NOTHING
    """The keys of ``[options]``."""

    sdk: ClassVar[Mapping[str, str]] = NOTHING
    """What ``caxton new`` copies: a file or folder of ``sdk/``, and the place that it gets in the project."""

    makes_components: ClassVar[bool] = False
    """Whether its modules are components, which wasm-opt does not read: then ``task.optimize`` is all there is."""

    @abstractmethod
    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """The toolchain.

        Args:
            project: a project's folder, for languages whose tools a project may bring in its ``node_modules``.

        Raises:
            ToolchainError: ``toolchain.missing``, with what to install.
        """

    @abstractmethod
    def build(self, task: Task, tools: Tools) -> None:
        """Writes ``task.output``.

        Raises:
            ToolchainError: ``toolchain.failed``, with what the compiler said.
            HostError: ``config.invalid``, the project lacks what a build needs (a source file, say).
        """

    def sdk_files(self, sdk: Path) -> Mapping[str, Path]:
        """Place in the project, and the file or folder that is copied there."""
        return {place: sdk / source for source, place in self.sdk.items()}
