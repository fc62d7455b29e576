"""Conformance agents and templates of the languages whose agents are components: built once, which takes seconds."""

from __future__ import annotations

import functools
from pathlib import Path

from caxton.toolchain import create_project, language
from tests.sdk.projects import built


def project(name: str, folder: Path) -> Path:
    """A new project of a language in a folder."""
    return create_project(language(name), folder)


@functools.cache
def component(name: str, template: str = "template") -> bytes:
    """What a language's template, or its conformance agent, is built to."""
    return built(name, template=template)[0]
