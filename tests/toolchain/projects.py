"""Projects for the tests of the toolchain: small ones in C, which is built in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from caxton.errors import HostError
from caxton.toolchain import NAMES, Machine, create_project, language

MACHINE: Final = Machine(install=True)
"""This machine, where npm's packages may be installed."""

BROKEN: Final = "int broken( {\n"


def _is_landed(name: str) -> bool:
    try:
        return bool(language(name))
    except HostError:
        return False


LANDED: Final = tuple(name for name in NAMES if _is_landed(name))
"""The languages that there are."""


def c_project(place: Path, name: str = "hello") -> Path:
    """A new project in C."""
    return create_project(language("c"), place / name)


def everything(folder: Path) -> dict[str, bytes]:
    """The files below a folder, with what is in them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
