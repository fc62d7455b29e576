"""Projects made by ``create_project`` and built as ``caxton build`` builds them, for tests of the SDKs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from caxton.toolchain import Machine, build, create_project, language

MACHINE: Final = Machine(install=True)
"""This machine, on which what npm has may be installed."""

NOTHING: Final[Mapping[str, str]] = {}


def built(
    name: str,
    files: Mapping[str, str] = NOTHING,
    *,
    template: str = "template",
    debug: bool = False,
    optimize: str | None = None,
) -> tuple[bytes, bytes]:
    """A module of a new project in a language, with some files replaced, and its source map (empty if it has none)."""
    with TemporaryDirectory() as place:
        folder = Path(place, "agent")
        create_project(language(name), folder, template=template)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        done = build(folder, debug=debug, optimize=optimize, machine=MACHINE)
        return done.module.read_bytes(), done.source_map.read_bytes() if done.source_map else b""
