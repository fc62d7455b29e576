"""Agents built from the SDKs, for tests, in the way that users build theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from caxton.toolchain import build, create_project, language


def project(folder: Path, name: str, files: Mapping[str, str], options: Sequence[str] = ()) -> Path:
    """A project in some language whose sources are these files, in place of the template's."""
    create_project(language(name), folder, name="agent")
    for path in (folder / "src").iterdir():
        path.unlink()
    for place, text in files.items():
        (folder / place).write_text(text)
    (folder / "agent.toml").write_text("\n".join(['name = "agent"', f'language = "{name}"', "[options]", *options]))
    return folder


def module(
    folder: Path, name: str, files: Mapping[str, str], options: Sequence[str] = (), *, debug: bool = False
) -> Path:
    """The module of such a project."""
    return build(project(folder / "project", name, files, options), debug=debug).module


def conformance(folder: Path, name: str) -> Path:
    """The module of a language's conformance agent."""
    return build(create_project(language(name), folder / "conformance", template="conformance")).module
